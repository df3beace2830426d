//! An upload whose bytes leave for a vendor while they arrive, over one request or several.

use std::sync::Arc;

use loadlock_gateway::{ArrivalFeed, File, Principal, Result, Session, Source};
use tokio::sync::oneshot;
use tokio::sync::oneshot::error::TryRecvError;
use tokio_util::sync::{CancellationToken, DropGuard};

use super::concat::Kind;
use super::info::{DATA, Info};
use super::keyed::{UNNAMED, keyed};
use super::session::Door;
use crate::app::App;
use crate::uploads::{Started, ended};

/// An upload under way that has what has come so far. Dropped, it is cancelled, and nothing is stored.
#[derive(Debug)]
pub(crate) struct SendingSession {
    feed: ArrivalFeed,
    end: oneshot::Receiver<Result<File>>,
    cancel: CancellationToken,
    _cancels: DropGuard,
}

impl SendingSession {
    /// Of an upload of which nothing has come yet, if its size is known and worth it. `known` tells whether somebody
    /// knows of the upload: then its end may have to be tried several times. The data file is there.
    pub(crate) fn begin(app: &App, who: &Principal, session: &Session, info: &Info, known: bool) -> Option<Self> {
        let bytes = info.length.filter(|bytes| *bytes >= app.gateway().cut_through_from())?;
        if info.kind != Kind::Whole || info.offset > 0 || info.options.idempotency_key.is_some() {
            return None;
        }
        let mut options = info.options.clone();
        let name = options.name.take().unwrap_or_else(|| UNNAMED.to_owned());
        let (arrival, feed) = session.arrive(DATA, name, options.media_type.take(), bytes).ok()?;
        let request = options.request(Source::Arriving(arrival));
        let request = if known { keyed(session, request) } else { request };
        let Started { end, cancel, .. } = app.uploads().start_of(who.clone(), request, Some(session.id())).ok()?;
        let (tell, told) = oneshot::channel();
        let door = Arc::downgrade(&Door::of(session).ok()?);
        app.uploads().spawn(async move {
            // Nobody may want to know any more.
            let _ = tell.send(ended(end).await);
            if let Some(door) = door.upgrade() {
                door.forget_ended();
            }
        });
        Some(Self {
            feed,
            end: told,
            _cancels: cancel.clone().drop_guard(),
            cancel,
        })
    }

    /// So many bytes have come, and stay.
    pub(crate) fn reaches(&self, bytes: u64) {
        self.feed.reaches(bytes);
    }

    /// Whether it has all of what is kept, and goes on.
    pub(crate) fn follows(&mut self, kept: u64) -> bool {
        self.feed.len() == kept && !self.feed.was_put_off() && self.end.try_recv().is_err()
    }

    /// Whether its upload is over: stored, failed or put off.
    pub(super) fn has_ended(&mut self) -> bool {
        !matches!(self.end.try_recv(), Err(TryRecvError::Empty))
    }

    /// Gives it up, and waits until it has ended.
    pub(super) async fn give_up(mut self) {
        self.cancel.cancel();
        let _ = (&mut self.end).await;
    }

    /// Everything has come. `cancel` gives it up. `None` if nothing is stored, and the whole body is to be uploaded.
    pub(crate) async fn end(mut self, sha256: String, cancel: &CancellationToken) -> Option<Result<File>> {
        self.feed.finish(sha256);
        let result = tokio::select! {
            result = &mut self.end => result,
            () = cancel.cancelled() => {
                self.cancel.cancel();
                (&mut self.end).await
            }
        };
        match result {
            Ok(result) if !self.feed.was_put_off() => Some(result),
            _ => None,
        }
    }
}
