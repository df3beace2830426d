//! Looking at providers.

use std::sync::PoisonError;
use std::sync::atomic::Ordering;

use loadlock_policy::breaker::{Breaker, BreakerSnapshot};

use crate::error::Result;
use crate::gateway::{Gateway, Inner};
use crate::principal::{Principal, Scope};
use crate::setup::ProviderUnit;
use crate::upkeep::gauges;
use crate::view::{Probe, ProviderView};

impl Gateway {
    /// Every configured provider.
    ///
    /// # Errors
    /// [`crate::ErrorCode::Forbidden`].
    pub async fn providers(&self, who: &Principal) -> Result<Vec<ProviderView>> {
        who.require(Scope::Read)?;
        let usage = self.0.usage_rows().await;
        let now = self.0.clock.now();
        Ok(self
            .0
            .providers
            .iter()
            .map(|unit| ProviderView {
                name: unit.name.clone(),
                component: unit.component.name().to_owned(),
                inspection: unit.component.inspection().clone(),
                profile: unit.profile.clone(),
                order: unit.order.map(|order| order + 1),
                account: unit.account.clone(),
                breaker: format!(
                    "{:?}",
                    unit.breaker.lock().unwrap_or_else(PoisonError::into_inner).label(now)
                )
                .to_lowercase(),
                in_flight: unit.in_flight.load(Ordering::Relaxed),
                health: self.0.health(unit),
                quota: gauges(unit, &usage),
            })
            .collect())
    }

    /// Breakers as the last process left them: a restart must not send a herd at a vendor that was down.
    pub(crate) fn restore_breakers(&self) {
        let inner = &self.0;
        for unit in &inner.providers {
            let Ok(Some(bytes)) = inner.journal.get_state(&state_key(&unit.name)) else {
                continue;
            };
            let Ok(snapshot) = serde_json::from_slice::<BreakerSnapshot>(&bytes) else {
                continue;
            };
            let restored = Breaker::restore(
                &snapshot,
                &unit.breaker_policy(),
                inner.clock.now(),
                inner.clock.wall_ms(),
            );
            *unit.breaker.lock().unwrap_or_else(PoisonError::into_inner) = restored;
        }
    }

    /// Asks a provider's vendor for something cheap.
    ///
    /// # Errors
    /// [`crate::ErrorCode::ProviderUnknown`]; an unhealthy provider is an answer, not an error.
    pub async fn probe(&self, who: &Principal, name: &str) -> Result<Probe> {
        who.require(Scope::Read)?;
        let unit = self.0.provider(name)?;
        let (probe, _) = self.0.look(unit).await;
        Ok(probe)
    }
}

impl Inner {
    /// Keeps a breaker's state over a restart.
    pub(crate) async fn keep_breaker(&self, unit: &ProviderUnit) {
        let snapshot = unit
            .breaker
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .snapshot(self.clock.now(), self.clock.wall_ms());
        let Ok(bytes) = serde_json::to_vec(&snapshot) else {
            return;
        };
        if let Err(error) = self.journal.put_state(&state_key(&unit.name), bytes).await {
            tracing::warn!(%error, provider = %unit.name, "the breaker's state is not kept over a restart");
        }
    }
}

fn state_key(provider: &str) -> String {
    format!("breaker/{provider}")
}
