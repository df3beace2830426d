//! What a running gateway does that no caller asked for, and what an operator asks for about all that it holds.
//!
//! | module | one job |
//! |---|---|
//! | `upkeep` | starts and stops what runs in the background |
//! | `monitor` | probes providers when policy says so |
//! | `settle_loop` | settles what is left open, a bounded amount at a time |
//! | `health` | what a probe found, kept over a restart |
//! | `inventory` | reads lists, ledger and journal for comparison |
//! | `reconcile`, `fsck` | the commands of the same name |
//! | `gauges` | what an account holds of what it may |

pub(crate) mod fsck;
pub(crate) mod gauges;
mod health;
pub(crate) mod inventory;
mod monitor;
pub(crate) mod reconcile;
mod settle_loop;
pub(crate) mod upkeep;
