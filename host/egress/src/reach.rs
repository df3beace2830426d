//! Whether anything of a request that may store something has left.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use loadlock_policy::egress::Method;

use crate::Error;
use crate::account::Account;

/// Of one request: whether a connection took it. Counted in the call's account as soon as it may be so, and taken back
/// if it turns out that nothing left: a request that is dropped on the way counts as it stands.
#[derive(Debug)]
pub(crate) struct Reach {
    /// None for a request that stores nothing whatever becomes of it.
    account: Option<Arc<Account>>,
    taken: AtomicBool,
}

impl Reach {
    pub(crate) fn new(method: Method, account: &Arc<Account>) -> Self {
        Self {
            account: stores(method).then(|| Arc::clone(account)),
            taken: AtomicBool::new(false),
        }
    }

    /// A connection has the request, or a part of it.
    pub(crate) fn taken(&self) {
        if let Some(account) = &self.account
            && !self.taken.swap(true, Ordering::SeqCst)
        {
            account.add_storing();
        }
    }

    /// How the request ended without an answer.
    pub(crate) fn failed(&self, error: &Error) {
        if error.reached_upstream() {
            self.taken();
        } else if let Some(account) = &self.account
            && self.taken.swap(false, Ordering::SeqCst)
        {
            account.take_storing_back();
        }
    }
}

/// Whether a request with this method may change something (RFC 9110, 9.2.1).
fn stores(method: Method) -> bool {
    !matches!(method.as_str(), "GET" | "HEAD" | "OPTIONS")
}
