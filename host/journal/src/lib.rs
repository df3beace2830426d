//! Loadlock's write-ahead journal.
//!
//! An upload is a write to somebody else's system, so what is about to happen is made durable before it happens:
//!
//! ```text
//! begin ─ sync ─▶ bytes go out ─▶ accepted ─ sync ─▶ receipt is given ─▶ tracker records ─▶ recorded
//!                      │                                                                   (lazy)
//!                      ├─▶ failed   (lazy; durable if a remote file is to be deleted)
//!                      └─▶ unknown ─ sync
//! ```
//!
//! Two syncs an upload, shared by all uploads that wait at the same time. Everything lazy can be restored from
//! elsewhere: a record that is delivered again is recognised by its id, a failure is found again by looking at the
//! provider.
//!
//! The journal has no clock: every instant is an argument, in milliseconds since 1970. Reads are short and block on the
//! store; changes are `async` and wait for their commit. A change whose caller stops waiting still happens, except a
//! [`Journal::begin`] that nobody waits for any more, which is not made or is taken back.
//!
//! ```
//! # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
//! use loadlock_journal::{Begun, Journal, JournalError};
//! # use loadlock_journal::{Accepted, ContentKey, Intent, SourceRef};
//! # let home = tempfile::tempdir().unwrap();
//! # let intent = Intent { id: "f1".into(), tenant: "t".into(), subject: "s".into(), idempotency: None,
//! #     key: ContentKey { tenant: "t".into(), account: "a".into(), purpose: "extract".into(), treatment: String::new(), sha256: None },
//! #     provider: "p".into(), mark: "m".into(), remote_name: "m.txt".into(), filename: "a.txt".into(), media_type: "text/plain".into(),
//! #     bytes: 3, source: SourceRef::Spool { dir: "spool/f1".into() }, created_at_ms: 1, expires_at_ms: None, component: None, callback: None };
//! # let accepted = Accepted { remote_id: "r".into(), address: Default::default(), provider: "p".into(), account: "a".into(), sha256: "00".into(), bytes: 3,
//! #     attempts: 1, accepted_at_ms: 2, expires_at_ms: None };
//! let journal = Journal::open(home.path())?;
//! if let Begun::New(id) = journal.begin(intent).await? {
//!     // … send the bytes …
//!     journal.accepted(&id, accepted).await?;
//!     // … give the receipt, have the tracker record it …
//!     journal.recorded(&[id]).await?;
//! }
//! journal.close().await?;
//! # Ok::<(), JournalError>(()) }).unwrap();
//! ```

mod apply;
mod backend;
mod change;
mod entry;
mod error;
mod journal;
mod outgoing;
mod pages;
mod path_text;
mod place;
mod read;
mod row;
mod schema;
mod stats;
mod store;
mod types;
mod writer;

#[cfg(test)]
mod tests;

pub use entry::{Backlog, Begun, Counts, Entry, Outcome, State, Swept};
pub use error::JournalError;
pub use journal::Journal;
pub use loadlock_policy::model::ContentKey;
pub use outgoing::{Delivery, OutgoingEvent, OutgoingKind, PlacedEvent, Subscription};
pub use stats::Stats;
pub use types::{
    Accepted, Attempt, Callback, DeleteIntent, EntryId, FailedEnd, IDEMPOTENCY_MS, Idempotency, Intent, MOVED_ON,
    PendingDelete, SourceRef,
};
