//! Looking at providers.

use std::sync::atomic::Ordering;

use crate::error::Result;
use crate::maintenance::gauges::gauges;
use crate::principal::{Principal, Scope};
use crate::state::gateway::Gateway;
use crate::state::out_of_service::OutOfService;
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
        let in_service = self.0.providers.iter().map(|unit| ProviderView {
            name: unit.name.clone(),
            component: unit.component.name().to_owned(),
            out_of_service: None,
            inspection: unit.component.inspection().clone(),
            profile: unit.profile.clone(),
            egress: unit.egress(),
            order: unit.order.map(|order| order + 1),
            account: unit.account.clone(),
            breaker: format!("{:?}", unit.breaker().label(now)).to_lowercase(),
            in_flight: unit.in_flight.load(Ordering::Relaxed),
            health: self.0.health(unit),
            quota: gauges(unit, &usage),
        });
        let out_of_service = self.0.providers.out_of_service.iter().map(OutOfService::view);
        Ok(in_service.chain(out_of_service).collect())
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
        let (probe, _) = self.0.look(unit).await;
        Ok(probe)
    }
}
