//! Files that their vendors have stored and not (or not yet) made usable, by what the vendors said last. A vendor that
//! works on a file is asked again when somebody asks for the file; everything else is ready. It is kept in memory:
//! after a restart a file counts as ready until its vendor says otherwise.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use loadlock_policy::model::RemoteStatus;

/// Files that are remembered; what a vendor says about more of them is not.
const MOST: usize = 10_000;

/// By provider and remote id.
#[derive(Debug, Default)]
pub(crate) struct Statuses(Mutex<HashMap<(String, String), Said>>);

/// The status, and why the file failed if it did.
type Said = (RemoteStatus, Option<String>);

impl Statuses {
    /// What the vendor said.
    pub(crate) fn note(&self, provider: &str, remote_id: &str, status: RemoteStatus, failure: Option<&str>) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let key = (provider.to_owned(), remote_id.to_owned());
        if status == RemoteStatus::Ready {
            known.remove(&key);
        } else if known.len() < MOST || known.contains_key(&key) {
            known.insert(key, (status, failure.map(str::to_owned)));
        }
    }

    pub(crate) fn of(&self, provider: &str, remote_id: &str) -> Said {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let key = (provider.to_owned(), remote_id.to_owned());
        known.get(&key).cloned().unwrap_or((RemoteStatus::Ready, None))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_not_ready_is_remembered_and_no_more_than_there_is_room_for() {
        let statuses = Statuses::default();
        let known = || statuses.0.lock().unwrap_or_else(PoisonError::into_inner).len();
        statuses.note("kimi", "a", RemoteStatus::Ready, None);
        assert_eq!(known(), 0);
        statuses.note("kimi", "a", RemoteStatus::Processing, None);
        for number in 0..MOST {
            statuses.note("kimi", &number.to_string(), RemoteStatus::Failed, None);
        }
        assert_eq!(known(), MOST);
        statuses.note("kimi", "a", RemoteStatus::Ready, None);
        assert_eq!(known(), MOST - 1);
    }
}
