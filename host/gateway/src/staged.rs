//! Bodies that are on the disk before anything is decided about them.
//!
//! A form may send its file before the fields that say what it is for, and a resumable upload is whole long before it
//! is uploaded: such a body is staged, and then is the [`Source`](crate::Source) of an upload like any other.

use crate::admission::Opened;
use crate::error::{Error, ErrorCode, Result};
use crate::principal::Principal;
use crate::state::tenant_limits::HeldRoom;

/// A whole body in the spool: hashed, its tenant's own, and gone when the value is dropped (or, in a session, when its
/// door closes that). A power loss may take it unless it is a session's: nobody was promised anything about it yet.
#[derive(Debug)]
pub struct Staged {
    pub(crate) opened: Box<Opened>,
    pub(crate) tenant: String,
    /// Room that was held for it before it was received.
    pub(crate) allotment: Option<HeldRoom>,
}

/// Room within a tenant's limits, held for a body before it is received. Given back when it is dropped.
#[derive(Debug)]
pub struct Allotment(pub(crate) Option<HeldRoom>);

impl Staged {
    /// With the room that was held for it, which its upload goes on holding.
    #[must_use]
    pub fn allotted(mut self, allotment: Allotment) -> Self {
        self.allotment = allotment.0;
        self
    }

    /// Bytes.
    pub fn bytes(&self) -> u64 {
        self.opened.file.identity.size
    }

    /// SHA-256, lower-case hexadecimal.
    pub fn sha256(&self) -> &str {
        self.opened.sha256.as_deref().unwrap_or_default()
    }

    /// The client's file name, not judged yet.
    pub fn name(&self) -> String {
        String::from_utf8_lossy(&self.opened.name).into_owned()
    }

    /// The client's media type, not judged yet.
    pub fn media_type(&self) -> Option<&str> {
        self.opened.declared_type.as_deref()
    }

    /// What the body is, for a caller who may have it.
    pub(crate) fn opened_for(self, who: &Principal) -> Result<Opened> {
        if self.tenant == who.tenant() {
            return Ok(*self.opened);
        }
        Err(Error::new(ErrorCode::FileNotFound, "there is no such staged body"))
    }
}
