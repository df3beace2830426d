//! Bodies that are on the disk before anything is decided about them.
//!
//! A form may send its file before the fields that say what it is for, and a resumable upload is whole long before it
//! is uploaded: such a body is staged, and then is the [`Source`](crate::Source) of an upload like any other.

use crate::admission::{Body, Opened};
use crate::error::{Error, ErrorCode, Result};
use crate::gateway::Gateway;
use crate::pipeline::journal_error;
use crate::principal::{Principal, Scope};
use crate::share::Held;

/// A whole body in the spool: hashed, its tenant's own, and gone when the value is dropped (or, in a session, when its
/// door closes that). A power loss may take it unless it is a session's: nobody was promised anything about it yet.
#[derive(Debug)]
pub struct Staged {
    pub(crate) opened: Box<Opened>,
    pub(crate) tenant: String,
    /// Room that was held for it before it was received.
    pub(crate) allotment: Option<Held>,
}

/// Room within a tenant's limits, held for a body before it is received. Given back when it is dropped.
#[derive(Debug)]
pub struct Allotment(Option<Held>);

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

impl Gateway {
    /// Holds room for a body that is about to come, of which only the least size is known: one that cannot be stored is
    /// refused before it is received. The upload compares its true size again.
    ///
    /// Under an idempotency key that was used nothing is held: it may be the same upload again, which needs no room.
    ///
    /// # Errors
    /// [`ErrorCode::Forbidden`], [`ErrorCode::QuotaExceeded`], [`ErrorCode::TrackerFailed`],
    /// [`ErrorCode::StateUnavailable`].
    pub async fn allot(&self, who: &Principal, at_least: u64, idempotency_key: Option<&str>) -> Result<Allotment> {
        who.require(Scope::Write)?;
        let inner = &*self.0;
        if let Some(key) = idempotency_key {
            let used = inner
                .journal
                .find_keyed(who.tenant(), key, inner.clock.wall_ms())
                .map_err(|error| journal_error(&error))?;
            if used.is_some() {
                return Ok(Allotment(None));
            }
        }
        inner.reserve(who, at_least, None).await.map(Some).map(Allotment)
    }

    /// Takes a body in whole without uploading it yet.
    ///
    /// # Errors
    /// [`ErrorCode::Forbidden`], [`ErrorCode::FileTooLarge`], [`ErrorCode::SpoolFull`], [`ErrorCode::RequestInvalid`]
    /// if it ends early. Nothing stays on the disk then.
    pub async fn stage(&self, who: &Principal, body: Body) -> Result<Staged> {
        who.require(Scope::Write)?;
        let max_bytes = self.0.config.limits.max_upload_size.0;
        Ok(Staged {
            opened: Box::new(self.0.spool.take(body, max_bytes).await?),
            tenant: who.tenant().to_owned(),
            allotment: None,
        })
    }
}
