//! Looking at providers.

use std::sync::atomic::Ordering;

use crate::error::Result;
use crate::maintenance::gauges::gauges;
use crate::principal::{Principal, Scope};
use crate::state::gateway::Gateway;
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
        let set = self.0.providers.now();
        let in_service = set.units.iter().map(|unit| ProviderView {
            name: unit.name.clone(),
            component: unit.component.name().to_owned(),
            generation: unit.generation.number,
            swapped: unit.generation.by_command,
            out_of_service: None,
            inspection: unit.component.inspection().clone(),
            profile: unit.profile.clone(),
            egress: unit.egress(),
            order: unit.order().map(|order| order + 1),
            account: unit.account.clone(),
            breaker: format!("{:?}", unit.breaker().label(now)).to_lowercase(),
            in_flight: unit.health.in_flight.load(Ordering::Relaxed),
            health: self.0.health(unit),
            quota: gauges(unit, &usage),
        });
        let out_of_service = set.out_of_service.iter().map(|one| one.view());
        Ok(in_service.chain(out_of_service).collect())
    }

    /// Generations of a provider's component, of the validator's or of the auth component's that are loaded: two while
    /// the one before drains or may come back, and none where nothing has that name.
    ///
    /// ```no_run
    /// # fn example(gateway: &loadlock_gateway::Gateway) {
    /// assert_eq!(gateway.loaded_generations("validator"), 1);
    /// # }
    /// ```
    pub fn loaded_generations(&self, component: &str) -> usize {
        match component {
            "validator" => self.0.intake.validator.generations().len(),
            "auth" => self.0.callers.auth.generations().len(),
            name => self.0.providers.generations(name).len(),
        }
    }

    /// Asks a provider's vendor for something cheap.
    ///
    /// # Errors
    /// [`crate::ErrorCode::ProviderUnknown`]; an unhealthy provider is an answer, not an error.
    pub async fn probe(&self, who: &Principal, name: &str) -> Result<Probe> {
        who.require(Scope::Read)?;
        if let Some(out) = self.0.providers.out_of_service(name) {
            return Ok(Probe {
                provider: name.to_owned(),
                healthy: false,
                detail: out.reason(),
                failure: None,
                elapsed_ms: 0,
            });
        }
        let unit = self.0.providers.named(name)?;
        let (probe, _) = self.0.look(&unit).await;
        Ok(probe)
    }
}
