//! Gauges of what has a truth elsewhere: breakers, backlog, tenants' use.

use std::sync::atomic::Ordering;
use std::time::Duration;

use crate::metrics;
use crate::state::gateway::Gateway;
use crate::state::tenant_limits::limits;

impl Gateway {
    /// Sets the gauges that show what is so now. For a front door, before it renders its metrics.
    pub async fn publish_gauges(&self) {
        let state = &self.0;
        let now = state.clock.now();
        for unit in state.providers.iter() {
            metrics::generations(&unit.name, state.providers.generations(&unit.name).len());
            metrics::breaker(&unit.name, unit.breaker().label(now));
            metrics::provider_in_flight(&unit.name, unit.health.in_flight.load(Ordering::Relaxed));
            if let Some(used) = unit.component.state_use() {
                metrics::provider_state(&unit.name, &used);
            }
        }
        metrics::generations(state.intake.validator.role, state.intake.validator.generations().len());
        metrics::generations(state.callers.auth.role, state.callers.auth.generations().len());
        metrics::spool(state.intake.spool.used());
        if let Ok(backlog) = state.journal.backlog() {
            let age = backlog
                .oldest_ms
                .map_or(0, |oldest| state.clock.wall_ms().saturating_sub(oldest));
            metrics::backlog(backlog.entries, Duration::from_millis(age));
        }
        for receiver in state.config.webhooks.now().iter() {
            if let Ok((waiting, dead)) = state.journal.count_outgoing(&receiver.url) {
                metrics::webhook(&receiver.id, waiting, dead);
            }
        }
        let log = state.audit.log();
        metrics::audit_log(log.records(), log.failures(), log.is_failing());
        let live = state.live();
        let named = |tenant: &&loadlock_config::Tenant| tenant.name != "*";
        for tenant in live.config.tenants.iter().filter(named) {
            if let Ok(stored) = state.stored(&tenant.name).await {
                let used = stored.all();
                metrics::tenant_used(&tenant.name, used.count, used.bytes);
            }
            let limits = limits(tenant);
            metrics::tenant_limits(&tenant.name, limits.max_count, limits.max_bytes);
        }
    }
}
