//! An append-only log of who did what: JSON lines, each holding the hash of the one before.
//!
//! | module | one job |
//! |---|---|
//! | `record` | what a record says |
//! | `chain` | its bytes and its hash |
//! | `files` | names on disk, the lock, the anchor |
//! | `append` | writing under the lock: repair, rotation, sync |
//! | `log` | the queue in front of it, for async callers |
//! | `counts` | how many of each kind were written |
//! | `verify`, `tail` | reading |
//!
//! `docs/reference/audit.md` says what is promised, and what the chain cannot show.

mod append;
mod chain;
mod counts;
mod error;
mod files;
mod log;
mod record;
mod tail;
mod verify;

pub use append::{Appender, Options};
pub use chain::{GENESIS, Record};
pub use counts::Count;
pub use error::AuditError;
pub use files::Position;
pub use log::{AuditLog, Slot, Written};
pub use record::{Entry, Event, Outcome, What, Who, escaped};
pub use tail::{Follow, last};
pub use verify::{Broken, Check, Report, verify};
