//! Sessions, as front doors open, find and close them.

use serde::Serialize;

use crate::error::{Error, ErrorCode, Result};
use crate::principal::{Principal, Scope};
use crate::session::{Alone, NewSession, STAGED_BODY, Session, blocking};
use crate::staged::Staged;
use crate::state::gateway::Gateway;

impl Gateway {
    /// Opens a session without data. It is durable when this returns.
    ///
    /// # Errors
    /// [`ErrorCode::Forbidden`], [`ErrorCode::Overloaded`] if the tenant has too many, [`ErrorCode::StateUnavailable`].
    pub async fn open_session<T: Serialize>(&self, who: &Principal, new: NewSession<T>) -> Result<Session> {
        who.require(Scope::Write)?;
        let session = self.begin_session(who, new)?;
        match session.establish().await {
            Ok(()) => Ok(session),
            Err(error) => {
                let _ = self.close_session(&session);
                Err(error)
            }
        }
    }

    /// Opens a session that nobody is told about yet: nothing of it is on the disk until it is committed, updated or
    /// ended.
    ///
    /// # Errors
    /// As [`Gateway::open_session`].
    pub fn begin_session<T: Serialize>(&self, who: &Principal, new: NewSession<T>) -> Result<Session> {
        who.require(Scope::Write)?;
        let state = &self.0;
        let mut entry = state.intake.spool.create()?;
        let now = state.clock.wall_ms();
        state
            .intake
            .sessions
            .begin(&state.intake.spool, who, new, &mut entry, now)
    }

    /// Makes a staged body a session of its own: the body is its data file [`STAGED_BODY`], and stays until the session
    /// is closed.
    ///
    /// # Errors
    /// As [`Gateway::open_session`]; [`ErrorCode::Internal`] if the body belongs to a session already.
    pub async fn keep<T: Serialize>(&self, who: &Principal, staged: Staged, new: NewSession<T>) -> Result<Session> {
        who.require(Scope::Write)?;
        let bytes = staged.bytes();
        let opened = staged.opened_for(who)?;
        let state = &self.0;
        let spooled = opened
            .spooled
            .map(|spooled| spooled.on_disk(&state.intake.spool, opened.file.file));
        let Some((mut entry, file)) = spooled.transpose()?.flatten() else {
            return Err(Error::new(
                ErrorCode::Internal,
                "only a body of its own can become a session",
            ));
        };
        // From here on the body outlives its request; its name is synced with the record's.
        blocking(move || loadlock_durable::content(&file)).await?;
        let now = state.clock.wall_ms();
        let session = state
            .intake
            .sessions
            .begin(&state.intake.spool, who, new, &mut entry, now)?;
        session.noted(STAGED_BODY, bytes, None);
        match session.establish().await {
            Ok(()) => Ok(session),
            Err(error) => {
                let _ = self.close_session(&session);
                Err(error)
            }
        }
    }

    /// One of the tenant's own sessions, for a caller with this scope.
    ///
    /// # Errors
    /// [`ErrorCode::Forbidden`]; [`ErrorCode::FileNotFound`], also for another tenant's, another door's, and one that
    /// has expired.
    pub fn session(&self, who: &Principal, scope: Scope, kind: &str, id: &str) -> Result<Session> {
        who.require(scope)?;
        let now = self.0.clock.wall_ms();
        self.0.intake.sessions.find(who.tenant(), kind, id, now)
    }

    /// Whether one of the tenant's own sessions was there and expired, as far as that is remembered: until the next
    /// start but one, and of the last 10,000.
    pub fn session_expired(&self, who: &Principal, id: &str) -> bool {
        let now = self.0.clock.wall_ms();
        self.0.intake.sessions.has_expired(who.tenant(), id, now)
    }

    /// All sessions of one door, over all tenants: for going on after a restart.
    pub fn sessions(&self, kind: &str) -> Vec<Session> {
        let shelf = self.0.intake.sessions.lock();
        let of_kind = shelf.all().filter(|session| session.kind() == kind);
        of_kind.cloned().collect()
    }

    /// The caller's own sessions of one door.
    pub fn own_sessions(&self, who: &Principal, kind: &str) -> Vec<Session> {
        let shelf = self.0.intake.sessions.lock();
        let of_kind = shelf.of(who.tenant()).filter(|session| session.kind() == kind);
        of_kind.cloned().collect()
    }

    /// Ends a session: nobody finds it any more, and its data goes as soon as no request uses it.
    ///
    /// # Errors
    /// [`ErrorCode::StateUnavailable`].
    pub fn close_session(&self, session: &Session) -> Result<()> {
        self.0.intake.sessions.close(session)
    }

    /// Ends a session that the caller has for itself: its data is gone when this returns.
    ///
    /// # Errors
    /// [`ErrorCode::StateUnavailable`].
    pub async fn discard_session(&self, session: &Session, alone: Alone) -> Result<()> {
        let (gateway, closed) = (self.clone(), session.clone());
        let close = tokio::task::spawn_blocking(move || gateway.close_session(&closed)).await;
        close.map_err(|error| Error::new(ErrorCode::Internal, format!("closing a session: {error}")))??;
        session.remove_data().await?;
        drop(alone);
        Ok(())
    }

    /// Closes what has expired and no request uses now; answers how many.
    pub fn close_expired_sessions(&self) -> usize {
        self.0.intake.sessions.close_expired(self.0.clock.wall_ms())
    }
}
