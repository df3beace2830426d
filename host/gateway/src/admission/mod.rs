//! From a path or a body to an admitted file.
//!
//! [`AdmittedFile`] has no public constructor: whatever holds one knows that the file was opened beneath a granted root
//! (or spooled by us), is a regular file that Loadlock may read, and has passed the validator.

mod admitted;
mod arrival;
mod body;
mod composed;
mod digests;
mod grants;
mod opened;
mod path;
mod reservation;
mod sniff;
mod space;
mod spool;
mod spooled;

pub use admitted::AdmittedFile;
pub(crate) use admitted::refused;
pub use arrival::{Arrival, ArrivalFeed, ArrivalWriter};
pub(crate) use arrival::{ArrivalFacts, arrive, arrive_at};
pub use body::{Body, ended_early};
pub(crate) use composed::Composed;
pub(crate) use digests::Digests;
pub(crate) use grants::{Grants, spool_root};
pub(crate) use opened::Opened;
pub(crate) use path::open_path;
pub(crate) use space::Space;
pub(crate) use spool::{BYTES, SESSION_RECORD, Spool, SpoolEntry, too_large, unavailable};
pub(crate) use spooled::{KeptBody, Spooled};
