//! What every account holds, as the ledger said last: where several gateways share it, it is asked by the clock and not
//! by every upload.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use loadlock_policy::quota::Usage;

/// What each account holds, by account and purpose.
pub(crate) type Usages = BTreeMap<String, BTreeMap<String, Usage>>;

/// The last reading, and what this gateway has stored since.
#[derive(Debug, Default)]
pub(crate) struct LastUsages(Mutex<Option<Usages>>);

impl LastUsages {
    fn lock(&self) -> MutexGuard<'_, Option<Usages>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn known(&self) -> Option<Usages> {
        self.lock().clone()
    }

    pub(crate) fn hear(&self, usages: &Usages) {
        *self.lock() = Some(usages.clone());
    }

    /// The next question is asked of the ledger.
    pub(crate) fn forget(&self) {
        *self.lock() = None;
    }

    /// One more remote file is in the ledger. Until the next reading it may be counted twice, and none is left out.
    pub(crate) fn stored(&self, account: &str, purpose: &str, bytes: u64) {
        if let Some(usages) = self.lock().as_mut() {
            add(usages, account, purpose, bytes);
        }
    }
}

/// Counts one remote file.
pub(crate) fn add(usages: &mut Usages, account: &str, purpose: &str, bytes: u64) {
    let account = usages.entry(account.to_owned()).or_default();
    let usage = account.entry(purpose.to_owned()).or_default();
    usage.count = usage.count.saturating_add(1);
    usage.bytes = usage.bytes.saturating_add(bytes);
}
