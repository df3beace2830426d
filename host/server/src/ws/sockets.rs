//! How many sockets there are; streams of events count as well.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use tokio_util::task::TaskTracker;
use tokio_util::task::task_tracker::TaskTrackerToken;

/// Sockets of one tenant. One a process is usual; a tenant with more processes than this should share.
const PER_TENANT: usize = 256;

/// All sockets. Cheap to clone.
#[derive(Clone, Default)]
pub(crate) struct Sockets {
    tenants: Arc<Mutex<HashMap<String, usize>>>,
    tracker: TaskTracker,
}

/// One socket's place; dropping it frees the place.
pub(crate) struct Seat {
    sockets: Sockets,
    tenant: String,
    /// Whether the tenant had one more than it may have.
    pub(crate) over: bool,
    _token: TaskTrackerToken,
}

impl Sockets {
    /// Counts one more.
    pub(crate) fn sit(&self, tenant: &str) -> Seat {
        let mut tenants = self.tenants.lock().unwrap_or_else(PoisonError::into_inner);
        let count = tenants.entry(tenant.to_owned()).or_default();
        *count += 1;
        Seat {
            sockets: self.clone(),
            tenant: tenant.to_owned(),
            over: *count > PER_TENANT,
            _token: self.tracker.token(),
        }
    }

    /// Returns when the last one is closed.
    pub(crate) async fn closed(&self) {
        self.tracker.close();
        self.tracker.wait().await;
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut tenants = self.sockets.tenants.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = tenants.get_mut(&self.tenant) {
            *count -= 1;
            if *count == 0 {
                tenants.remove(&self.tenant);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_per_tenant_and_free_again_afterwards() {
        let sockets = Sockets::default();
        let mut seats: Vec<_> = (0..PER_TENANT).map(|_| sockets.sit("acme")).collect();
        assert!(seats.iter().all(|seat| !seat.over));
        assert!(sockets.sit("acme").over);
        assert!(!sockets.sit("umbrella").over);
        seats.pop();
        assert!(!sockets.sit("acme").over);
    }
}
