//! A provider's list, page by page.

use loadlock_policy::model::{Failure, FailureKind, RemotePage};
use loadlock_sandbox::CallReport;
use loadlock_sandbox::provider::ListQuery;

use crate::state::provider::ProviderUnit;

/// Pages that are read at the most: 100,000 files of an account. A longer list counts as incomplete.
pub(crate) const MAX_PAGES: usize = 100;
/// Files of a page.
pub(crate) const PAGE: u32 = 1_000;
/// How often a page after the first is asked for. The vendor has just answered, so it is no outage, and a list is worth
/// nothing without its last page: where 15 % of all requests fail, 9 % of the walks over 15 pages end well without, 95
/// % with it.
const TRIES: usize = 3;

/// One page. Without a cursor it is the first.
pub(crate) async fn page(
    unit: &ProviderUnit,
    purpose: Option<&str>,
    cursor: Option<String>,
) -> CallReport<Result<RemotePage, Failure>> {
    let query = ListQuery {
        purpose: purpose.map(str::to_owned),
        cursor,
        limit: PAGE,
    };
    let tries = if query.cursor.is_some() { TRIES } else { 1 };
    for _ in 1..tries {
        let report = unit.component.list(&query).await;
        if !is_passing(&report.outcome) {
            return report;
        }
    }
    unit.component.list(&query).await
}

/// Whether to ask again at once: not if the vendor said when, and not after a wait that had no end.
fn is_passing<T, E>(outcome: &Result<Result<T, Failure>, E>) -> bool {
    let Ok(Err(failure)) = outcome else {
        return false;
    };
    let fault = matches!(failure.kind, FailureKind::Unavailable | FailureKind::Transport);
    fault && failure.retry_after.is_none()
}
