//! Who may write to an upload.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use loadlock_gateway::{Alone, File, Result as GatewayResult, Session};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::problem::Problem;
use super::sending::SendingSession;

/// How long a request waits for the one before it to stop. That one only has to write what it holds.
const PATIENCE: Duration = Duration::from_secs(10);

/// What is known of an upload in memory alone.
#[derive(Debug, Default)]
pub(crate) struct Door {
    /// Cancelled by the next request: the newest one has the upload.
    newest: Mutex<CancellationToken>,
    /// While the gateway has it.
    storing: Mutex<Option<Storing>>,
    /// While it is sent on as it arrives.
    sending: Mutex<Option<SendingSession>>,
}

/// An upload on its way to a provider.
#[derive(Debug, Clone)]
pub(crate) struct Storing {
    pub(crate) end: watch::Receiver<Option<GatewayResult<File>>>,
    pub(crate) cancel: CancellationToken,
}

/// The right to write, until a newer request asks for it.
#[derive(Debug)]
pub(crate) struct Turn {
    /// The session, for oneself.
    pub(crate) alone: Alone,
    /// Cancelled when somebody else wants it.
    pub(crate) taken_over: CancellationToken,
}

impl Door {
    /// Of a session.
    ///
    /// # Errors
    /// A session of another kind.
    pub(crate) fn of(session: &Session) -> GatewayResult<Arc<Self>> {
        session.attached()
    }

    /// Held for moments only.
    pub(crate) fn storing(&self) -> MutexGuard<'_, Option<Storing>> {
        self.storing.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What has been sent of it while it arrived, once.
    pub(crate) fn take_sending(&self) -> Option<SendingSession> {
        self.sending.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    /// For the next request.
    pub(crate) fn keep_sending(&self, sending: SendingSession) {
        *self.sending.lock().unwrap_or_else(PoisonError::into_inner) = Some(sending);
        self.forget_ended();
    }

    /// One that has ended holds the session, which could not expire.
    pub(crate) fn forget_ended(&self) {
        let ended = {
            let mut sending = self.sending.lock().unwrap_or_else(PoisonError::into_inner);
            sending.take_if(SendingSession::has_ended)
        };
        // Dropped outside of the lock: it cancels.
        drop(ended);
    }

    /// Whether the gateway has it.
    pub(crate) fn is_storing(&self) -> bool {
        self.storing().is_some()
    }
}

/// Takes an upload over from whoever has it: a client that comes again has given up its earlier request, whether or not
/// the server has noticed.
///
/// # Errors
/// 423 if a still newer request came or the earlier one does not stop, 404 if the upload went meanwhile.
pub(crate) async fn take(session: &Session) -> Result<Turn, Problem> {
    let door = Door::of(session)?;
    let mine = CancellationToken::new();
    let before = {
        let mut newest = door.newest.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::replace(&mut *newest, mine.clone())
    };
    before.cancel();
    let alone = tokio::select! {
        alone = session.exclusively() => alone,
        () = mine.cancelled() => return Err(Problem::locked("a newer request took over the upload")),
        () = tokio::time::sleep(PATIENCE) => return Err(Problem::locked("an earlier request still holds the \
             upload")),
    };
    if session.is_closed() {
        return Err(Problem::not_found());
    }
    Ok(Turn {
        alone,
        taken_over: mine,
    })
}
