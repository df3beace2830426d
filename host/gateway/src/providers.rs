//! Looking at providers.

use std::sync::PoisonError;
use std::sync::atomic::Ordering;
use std::time::Instant;

use loadlock_policy::model::FailureKind;

use crate::error::Result;
use crate::gateway::Gateway;
use crate::principal::{Principal, Scope};
use crate::view::{Probe, ProviderView};

impl Gateway {
    /// Every configured provider.
    ///
    /// # Errors
    /// [`crate::ErrorCode::Forbidden`].
    pub fn providers(&self, who: &Principal) -> Result<Vec<ProviderView>> {
        who.require(Scope::Read)?;
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
                breaker: format!("{:?}", unit.breaker.lock().unwrap_or_else(PoisonError::into_inner).label(now)).to_lowercase(),
                in_flight: unit.in_flight.load(Ordering::Relaxed),
            })
            .collect())
    }

    /// Asks a provider's vendor for something cheap.
    ///
    /// # Errors
    /// [`crate::ErrorCode::ProviderUnknown`]; an unhealthy provider is an answer, not an error.
    pub async fn probe(&self, who: &Principal, name: &str) -> Result<Probe> {
        who.require(Scope::Read)?;
        let unit = self.0.provider(name)?;
        let started = Instant::now();
        let report = unit.component.probe().await;
        crate::pipeline::log_component(name, &report);
        let (healthy, detail, failure) = match report.outcome {
            Ok(Ok(detail)) => (true, detail, None),
            Ok(Err(failure)) => (false, failure.to_string(), Some(failure.kind)),
            Err(error) => (false, error.to_string(), Some(FailureKind::Internal)),
        };
        Ok(Probe {
            provider: name.to_owned(),
            healthy,
            detail,
            failure,
            elapsed_ms: u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX),
        })
    }
}
