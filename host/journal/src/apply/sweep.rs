//! Forgetting what nobody needs any more, a bounded amount at a time.

use redb::ReadableTable;

use super::rows::{free_key, indexed};
use crate::change::{ChangeAnswer, ChangeVerdict, Need};
use crate::entry::{State, Swept};
use crate::schema::JournalTables;
use crate::types::IDEMPOTENCY_MS;

/// Rows that one sweep looks at: about 10 ms of work, so uploads queue no longer than for a slow sync.
pub(crate) const SWEEP_LIMIT: usize = 1000;

/// Clean failures kept for a person to look at. At about 1 KiB each this bounds a failure storm to 10 MiB.
pub(crate) const FAILED_KEPT: u64 = 10_000;

/// Drops idempotency keys and clean failures that are 24 hours old, and recorded entries with their keys.
pub(super) fn sweep(tables: &mut JournalTables<'_>, now_ms: u64) -> Result<ChangeVerdict, redb::Error> {
    let mut swept = Swept::default();
    let Some(before) = now_ms
        .checked_sub(IDEMPOTENCY_MS)
        .and_then(|before| before.checked_add(1))
    else {
        return Ok(ChangeVerdict::Applied(ChangeAnswer::Swept(swept), Need::Nothing));
    };
    let mut keyed = Vec::new();
    for row in tables.keyed.range(..(before, ""))?.take(SWEEP_LIMIT) {
        keyed.push(row?.0.value().1.to_owned());
    }
    let mut failed = Vec::new();
    for row in tables.failed.range(..(before, ""))?.take(SWEEP_LIMIT - keyed.len()) {
        let (key, _) = row?;
        let (at, id) = key.value();
        failed.push((at, id.to_owned()));
    }
    swept.more = keyed.len() + failed.len() == SWEEP_LIMIT;
    for id in keyed {
        let entry = indexed(tables, &id)?;
        swept.keys += u64::from(free_key(tables, &entry)?);
        if matches!(entry.state, State::Recorded { .. }) {
            tables.entries.remove(id.as_str())?;
            swept.entries += 1;
        }
    }
    for (at, id) in failed {
        tables.failed.remove((at, id.as_str()))?;
        tables.entries.remove(id.as_str())?;
        swept.entries += 1;
    }
    let need = if swept == Swept::default() {
        Need::Nothing
    } else {
        Need::Lazy
    };
    Ok(ChangeVerdict::Applied(ChangeAnswer::Swept(swept), need))
}
