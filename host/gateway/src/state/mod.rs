//! What is open while a process serves. Every part owns its locks, and none knows an operation.
//!
//! | module | one part |
//! |---|---|
//! | `gateway` | all of them, and the handle that front doors hold |
//! | `live` | the configuration that holds now, and what a reload replaces |
//! | `intake` | what files come in through: validator, spool, sessions, known digests |
//! | `callers` | who may come in: auth component, failed attempts, tenants' limits |
//! | `provider` | providers: component, profile, breaker, retry budget, permits, last probe |
//! | `statuses` | what vendors said last about files that are not ready |
//! | `ledger`, `outbox`, `last_usages` | the tracker, records on their way to it, and what it said last of accounts |
//! | `open_entries` | entries of the journal that an upload holds, and the turn to settle the others |
//! | `deletes` | remote files that are being deleted, and those that were |
//! | `single_flight` | uploads in flight, so that equal ones make one remote file |

pub(crate) mod accepted_credentials;
pub(crate) mod callers;
pub(crate) mod deletes;
pub(crate) mod failure_limiter;
pub(crate) mod gateway;
pub(crate) mod intake;
pub(crate) mod last_usages;
pub(crate) mod ledger;
pub(crate) mod live;
pub(crate) mod open_entries;
pub(crate) mod out_of_service;
pub(crate) mod outbox;
pub(crate) mod provider;
pub(crate) mod read_pool;
pub(crate) mod single_flight;
pub(crate) mod statuses;
pub(crate) mod tenant_limits;
