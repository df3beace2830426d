//! The one road that every upload takes.
//!
//! `Principal → AdmittedFile → (dedup) → Route → Attempt… → Receipt → recorded`. Each stage is a type that only the
//! stage before can make. [`job`] is one upload with everything that it holds; each phase of it is a module here.
//!
//! | module | phase |
//! |---|---|
//! | `instrument` | the caller's permit, audit log, metrics and span around it |
//! | `run` | all phases, in order |
//! | `admit` | opens the path or takes the body, asks the validator |
//! | `idempotency` | the same key and content were answered before |
//! | `quota` | room within the tenant's limits |
//! | `route` | providers that may have it, and those that take it now |
//! | `single_flight` | equal uploads wait for the one that leads |
//! | `dedup`, `dedup_group`, `revalidate` | it is stored already, and the vendor still holds it |
//! | `content_check` | stored content against the digest of what was uploaded |
//! | `send` | the retry driver: attempts along the route |
//! | `cut_through` | it is sent while its body arrives, or put off until that is whole |
//! | `permits` | waits for a permit at a provider, and between two attempts |
//! | `begin`, `entry` | its entry in the journal, before anything is sent |
//! | `attempt` | one call of a provider, and the receipt |
//! | `verify`, `adopt`, `listing` | looks for a lost upload at the vendor, and takes it over |
//! | `cancel`, `withdraw` | the caller gives up |
//! | `expiry` | how long the file lives |
//! | `end` | no provider has it |

mod admit;
mod adopt;
pub(crate) mod attempt;
mod begin;
mod cancel;
pub(crate) mod content_check;
pub(crate) mod cut_through;
mod dedup;
mod dedup_group;
mod end;
mod entry;
pub(crate) mod expiry;
mod idempotency;
mod instrument;
mod job;
mod lead;
pub(crate) mod listing;
pub(crate) mod permits;
mod processing;
mod quota;
pub(crate) mod revalidate;
pub(crate) mod route;
mod run;
mod send;
mod single_flight;
mod verify;
mod withdraw;
