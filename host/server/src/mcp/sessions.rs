//! Who opened which session. A session id is no credential: it works for its opener alone, and for nobody else it does
//! not exist.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use loadlock_gateway::Principal;

/// Sessions of one tenant. A client needs one; those that nobody uses end by themselves.
const PER_TENANT: usize = 64;

#[derive(Debug, Clone, PartialEq, Eq)]
struct Owner {
    tenant: String,
    subject: String,
}

impl Owner {
    fn of(who: &Principal) -> Self {
        Self {
            tenant: who.tenant().to_owned(),
            subject: who.subject().to_owned(),
        }
    }
}

/// Sessions and their owners.
#[derive(Default)]
pub(super) struct Sessions(Mutex<HashMap<Arc<str>, Owner>>);

impl Sessions {
    fn lock(&self) -> MutexGuard<'_, HashMap<Arc<str>, Owner>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether the caller opened this session.
    pub(super) fn owned(&self, who: &Principal, id: &str) -> bool {
        self.lock().get(id) == Some(&Owner::of(who))
    }

    /// Forgets sessions that have ended.
    pub(super) fn keep_only(&self, live: impl Fn(&Arc<str>) -> bool) {
        self.lock().retain(|id, _| live(id));
    }

    /// Records a new session; false if its tenant has too many.
    pub(super) fn open(&self, who: &Principal, id: &str) -> bool {
        let mut sessions = self.lock();
        let count = sessions.values().filter(|owner| owner.tenant == who.tenant()).count();
        if count >= PER_TENANT {
            return false;
        }
        sessions.insert(id.into(), Owner::of(who));
        true
    }
}
