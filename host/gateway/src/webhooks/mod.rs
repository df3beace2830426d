//! Telling others of the ends of uploads and files, after Standard Webhooks.
//!
//! The journal writes an event for each receiver in the transaction of the end itself; what is here takes it from
//! there, signs it and sends it until it is taken. No upload waits for any of it.
//!
//! | module | one job |
//! |---|---|
//! | `receiver` | who is told, as configured |
//! | `message` | what it is told |
//! | `schedule` | what is sent next, and what follows an attempt; pure |
//! | `deliver` | sending |
//! | `referred` | files that the journal never had |
//! | `deleted` | files that are deleted |
//! | `callback` | whom the maker of an upload grant has told |

mod callback;
mod deleted;
pub(crate) mod deliver;
pub(crate) mod message;
pub(crate) mod receiver;
mod referred;
mod schedule;
