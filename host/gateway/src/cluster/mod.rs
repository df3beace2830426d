//! Several gateways on one ledger: what this one tells the others, and what it does for one that is gone.
//!
//! None of it is there unless the tracker can be shared. The ledger is asked for a lease before equal content is sent,
//! and told every second that this gateway lives. An upload never waits for a ledger that is away: it goes on without a
//! lease, and what two gateways then stored twice is put right when the records are delivered.
//!
//! | module | one job |
//! |---|---|
//! | `peers` | the one door: what the road of an upload asks of other gateways, answered at once where there are none |
//! | `member` | this gateway's name, and its attempts in the ledger |
//! | `batches`, `group` | many beginnings and ends in one call to the ledger |
//! | `lease` | the lease of what is about to be sent or deleted |
//! | `heartbeat` | says that this gateway lives, spreads breakers and pauses, ends attempts that are over |
//! | `takeover` | settles what a gateway left that is gone |
//! | `conflict` | puts right a record that came after another gateway's |
//! | `summary` | counts of the audit log's records |
//! | `start` | starts all of it |

mod batches;
mod conflict;
mod group;
mod heartbeat;
mod lease;
mod member;
pub(crate) mod peers;
pub(crate) mod start;
mod summary;
mod takeover;
