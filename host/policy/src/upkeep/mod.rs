//! Upkeep: what a running gateway does that no caller asked for, and what `reconcile` and `fsck` make of what they
//! find.
//!
//! | module | decides |
//! |---|---|
//! | `schedule` | when a provider is probed next, what a probe tells its breaker, which open entries are old enough to settle |
//! | `on_use` | whether a stored remote file is handed out again as it is, or after the vendor was asked |
//! | `compare` | what of a vendor's list and the ledger fits together, and what does not |
//! | `plan` | what `reconcile` does about it, and when it refuses |
//! | `balance` | whether the books agree |

mod balance;
mod compare;
mod on_use;
mod plan;
mod schedule;

pub use balance::{BalanceLine, Finding, JournalBalance, LedgerBalance, ProviderBalance, SpoolBalance, balance};
pub use compare::{Comparison, JournalFacts, LedgerRow, LedgerRowState, Listed, Ownership, compare};
pub use on_use::{AfterStat, Seen, Use, after_stat, on_use};
pub use plan::{Action, MassChange, Plan, Reason, mass_limit, plan};
pub use schedule::{HEALTH_INTERVAL, SETTLE_GRACE, SETTLE_INTERVAL, SettleQueue, next_probe, told};
