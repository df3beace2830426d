//! What the vendor was seen to hold, to have lost, and to have deleted: `observe` and `forget`.

use crate::bindings::exports::loadlock::upload::tracker::RemoteState;
use crate::error::LedgerError;
use crate::ledger::{Ledger, Tables};
use crate::rows::{RemoteEntry, State};
use crate::tally::Change;

impl Ledger {
    /// Notes that a remote file was seen, or seen to be missing. A dying one stays dying. True if there is such a row.
    pub(crate) fn observe(
        &self,
        account: &str,
        remote_id: &str,
        seen: RemoteState,
        now_ms: u64,
    ) -> Result<bool, LedgerError> {
        let seen = match State::from(seen) {
            State::Dying => return Err(LedgerError::ObservedDying),
            state => state,
        };
        self.write(|tables| {
            let Some(mut entry) = tables.remote(account, remote_id)? else {
                return Ok(false);
            };
            if seen == State::Live {
                entry.verified_at_ms = entry.verified_at_ms.max(now_ms);
            }
            if entry.state == seen || entry.state == State::Dying {
                tables.put_remote(account, remote_id, &entry)?;
                return Ok(true);
            }
            tables.tally_remote_and_holders(account, remote_id, &entry, Change::Take)?;
            tables.set_state(account, remote_id, &mut entry, seen)?;
            tables.tally_remote_and_holders(account, remote_id, &entry, Change::Add)?;
            Ok(true)
        })
    }

    /// Drops a remote row that is dying or missing. False, and nothing changed, if there is none or it is live.
    pub(crate) fn forget(&self, account: &str, remote_id: &str) -> Result<bool, LedgerError> {
        self.write(|tables| match tables.remote(account, remote_id)? {
            Some(entry) if entry.state != State::Live => {
                tables.tally_remote_and_holders(account, remote_id, &entry, Change::Take)?;
                tables.marked.remove((entry.state.mark(), account, remote_id))?;
                tables.remotes.remove((account, remote_id))?;
                Ok(true)
            }
            _ => Ok(false),
        })
    }
}

impl Tables<'_> {
    /// Moves a remote file to another state and stores it. Totals are the caller's.
    pub(crate) fn set_state(
        &mut self,
        account: &str,
        remote_id: &str,
        entry: &mut RemoteEntry,
        state: State,
    ) -> Result<(), LedgerError> {
        self.marked.remove((entry.state.mark(), account, remote_id))?;
        entry.state = state;
        if state != State::Live {
            self.marked.insert((state.mark(), account, remote_id), ())?;
        }
        self.put_remote(account, remote_id, entry)
    }
}
