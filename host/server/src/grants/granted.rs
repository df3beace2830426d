//! A grant that is used: by whoever knows its secret, once.

use http::Uri;
use loadlock_gateway::{Error, ErrorCode, Principal, Result, Session};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::terms::GrantTerms;
use crate::app::App;
use crate::query::only;
use crate::upload_options::UploadOptions;

/// The word of this door.
pub(super) const KIND: &str = "upload_grant";
/// The parameter that holds a grant's id and secret.
const PARAMETER: &str = "grant";

/// What the session remembers.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct GrantState {
    pub(super) terms: GrantTerms,
    /// SHA-256 of the secret.
    pub(super) fingerprint: String,
    /// Until when it can be used, milliseconds since 1970. The session is kept for longer once it is.
    pub(super) until_ms: u64,
    pub(super) used: Option<GrantUse>,
}

/// What it was used for.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct GrantUse {
    /// The tus upload.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) upload: Option<String>,
    /// The file.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) file: Option<String>,
}

/// A grant whose secret was presented.
pub(crate) struct Granted {
    session: Session,
    terms: GrantTerms,
    presented: String,
}

/// The grant that a request presents in its query; the rest of the query is as the endpoint knows it.
pub(crate) fn presented(uri: &Uri) -> Option<&str> {
    let pairs = uri.query()?.split('&');
    pairs
        .filter_map(|pair| pair.split_once('='))
        .find_map(|(name, value)| (name == PARAMETER).then_some(value))
}

impl Granted {
    /// Whoever presents this, if it is a grant that still holds.
    ///
    /// # Errors
    /// [`ErrorCode::Unauthenticated`], also for one that never was; that its maker's credential was withdrawn; that the
    /// tenant asks too often.
    pub(crate) async fn find(app: &App, uri: &Uri, presented: &str) -> Result<Self> {
        only(uri, &[PARAMETER])?;
        let gateway = app.gateway();
        let found = presented.split_once('.').and_then(|(id, secret)| {
            let session = gateway.sessions(KIND).into_iter().find(|session| session.id() == id)?;
            let state: GrantState = session.state().ok()?;
            let bound = state.used.as_ref().is_some_and(|used| used.upload.is_some());
            let ends = match bound {
                true => session.expires_at_ms().unwrap_or(0),
                false => state.until_ms,
            };
            (state.fingerprint == fingerprint(secret) && ends > gateway.now_ms()).then_some((session, state.terms))
        });
        let Some((session, terms)) = found else {
            return Err(not_valid());
        };
        gateway.recheck(session.owner()).await?;
        gateway.request_allowed(session.owner()).await?;
        Ok(Self {
            session,
            terms,
            presented: presented.to_owned(),
        })
    }

    /// Whose upload it is.
    pub(crate) fn owner(&self) -> Principal {
        self.session.owner().clone()
    }

    /// The options of an upload by its holder: see [`GrantTerms::narrow`].
    ///
    /// # Errors
    /// [`ErrorCode::Forbidden`], also if the operator does not allow its callback any more;
    /// [`ErrorCode::FileTooLarge`]; [`ErrorCode::RequestInvalid`].
    pub(crate) fn narrow(&self, app: &App, asked: UploadOptions, bytes: Option<u64>) -> Result<UploadOptions> {
        let callback = self.terms.callback.as_deref();
        let callback = callback.map(|url| app.gateway().callback(url, self.session.id()));
        Ok(UploadOptions {
            callback: callback.transpose()?,
            ..self.terms.narrow(asked, bytes)?
        })
    }

    /// The query that presents it, for the address of what it began.
    pub(crate) fn query(&self) -> String {
        format!("?{PARAMETER}={}", self.presented)
    }

    /// Uses it: from here on it is good for what follows alone.
    ///
    /// # Errors
    /// [`ErrorCode::Forbidden`] if it was used, [`ErrorCode::Unauthenticated`] if its time is over.
    pub(crate) async fn claim(&self, app: &App) -> Result<()> {
        let now_ms = app.gateway().now_ms();
        self.session
            .update(|state: &mut GrantState| match state.used {
                None if state.until_ms <= now_ms => Err(not_valid()),
                Some(_) => Err(Error::new(ErrorCode::Forbidden, "the upload grant was used already")
                    .hint("ask for a new one where this one came from")),
                None => {
                    state.used = Some(GrantUse::default());
                    Ok(())
                }
            })
            .await?;
        app.gateway()
            .note_grant(self.session.owner(), self.session.id(), "used")
            .await
    }

    /// Gives it back, until when it lasted: what it was claimed for came to nothing. Where `code` leaves that open, it
    /// stays used, as the file may still turn up.
    pub(crate) async fn release(&self, code: ErrorCode) {
        if matches!(code, ErrorCode::OutcomeUnknown | ErrorCode::Cancelled) {
            return;
        }
        let until = self.session.state::<GrantState>().map(|state| state.until_ms).ok();
        let unused = |state: &mut GrantState| {
            state.used = None;
            Ok(())
        };
        if let Err(error) = self.session.commit("none", until, unused).await {
            tracing::warn!(%error, id = self.session.id(), "an upload grant stays used");
        }
    }

    /// It was used for this tus upload, until which ends it holds.
    ///
    /// # Errors
    /// [`ErrorCode::StateUnavailable`].
    pub(crate) async fn bind(&self, upload: &str, ends_ms: u64) -> Result<()> {
        let ends = self.session.expires_at_ms().unwrap_or(0).max(ends_ms);
        let bound = |state: &mut GrantState| {
            state.used = Some(GrantUse {
                upload: Some(upload.to_owned()),
                file: None,
            });
            Ok(())
        };
        // It has no data of its own.
        self.session.commit("none", Some(ends), bound).await
    }

    /// It was used for this file.
    ///
    /// # Errors
    /// [`ErrorCode::StateUnavailable`].
    pub(super) async fn stored(&self, file: &str) -> Result<()> {
        let stored = |state: &mut GrantState| {
            state.used = Some(GrantUse {
                upload: None,
                file: Some(file.to_owned()),
            });
            Ok(())
        };
        // Whoever asks with it is told so; it does not count among what is unfinished.
        self.session.end(self.session.expires_at_ms(), stored).await
    }

    /// Whether it still holds while its file arrives: it may have been revoked, and so may its maker's credential.
    ///
    /// # Errors
    /// As [`Self::find`].
    pub(super) async fn recheck(&self, app: &App) -> Result<()> {
        if self.session.is_closed() {
            return Err(not_valid());
        }
        app.gateway().recheck(self.session.owner()).await
    }

    /// Whether this tus upload is what it was used for.
    pub(crate) fn is_for(&self, upload: &str) -> bool {
        let state = self.session.state::<GrantState>();
        state.is_ok_and(|state| state.used.is_some_and(|used| used.upload.as_deref() == Some(upload)))
    }
}

fn not_valid() -> Error {
    Error::new(
        ErrorCode::Unauthenticated,
        "the upload grant is not valid, or no longer",
    )
    .hint("ask for a new one where this one came from")
}

pub(super) fn fingerprint(secret: &str) -> String {
    hex::encode(Sha256::digest(secret))
}
