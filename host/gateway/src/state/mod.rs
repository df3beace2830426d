//! What is open while a process serves. Every part owns its locks, and none knows an operation.
//!
//! | module | one part |
//! |---|---|
//! | `gateway` | all of them, and the handle that front doors hold |
//! | `live` | the configuration that holds now, and what a reload replaces |
//! | `copy_turns` | copies that are being made, one at a time to each provider of a file |
//! | `intake` | what files come in through: validator, spool, sessions, known digests |
//! | `callers` | who may come in: auth component, failed attempts, tenants' limits |
//! | `issuer_keys` | what is known of the keys that issuers publish |
//! | `provider` | one generation of a provider: component, profile; and what all have: breaker, retry budget, permits |
//! | `providers` | all providers, and which generation of each is asked |
//! | `generation`, `role_slot` | what is loaded in the place of a component, and its trial while it is new |
//! | `places` | places for uploads |
//! | `statuses` | what vendors said last about files that are not ready |
//! | `ledger`, `outbox`, `last_usages` | the tracker, records on their way to it, and what it said last of accounts |
//! | `open_entries` | entries of the journal that an upload holds, and the turn to settle the others |
//! | `deletes` | remote files that are being deleted, and those that were |
//! | `single_flight` | uploads in flight, so that equal ones make one remote file |

pub(crate) mod accepted_credentials;
pub(crate) mod callers;
pub(crate) mod copy_turns;
pub(crate) mod deletes;
pub(crate) mod failure_limiter;
pub(crate) mod gateway;
pub(crate) mod generation;
pub(crate) mod intake;
pub(crate) mod issuer_keys;
pub(crate) mod last_usages;
pub(crate) mod ledger;
pub(crate) mod live;
pub(crate) mod open_entries;
pub(crate) mod out_of_service;
pub(crate) mod outbox;
pub(crate) mod places;
pub(crate) mod provider;
pub(crate) mod providers;
pub(crate) mod read_pool;
pub(crate) mod role_slot;
pub(crate) mod single_flight;
pub(crate) mod statuses;
pub(crate) mod tenant_limits;
