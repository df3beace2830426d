//! One connection from upgrade to close: a reader that carries calls out one at a time, and a writer that sends what
//! waits.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::ws::{Message, WebSocket};
use futures::future::BoxFuture;
use futures::stream::{SplitSink, SplitStream};
use futures::{FutureExt, SinkExt, StreamExt};
use loadlock_gateway::{Door, Principal};
use serde_json::{Value, json};
use tokio::sync::broadcast::error::RecvError;
use tokio::time::{Instant, sleep_until, timeout};
use tokio_tungstenite::tungstenite;
use zeroize::Zeroizing;

use super::close::Close;
use super::liveness::{Due, Liveness};
use super::methods::{self, Hearing, Step};
use super::outbox::{Order, Outbox};
use super::queue::QueueItem;
use super::sockets::Seat;
use crate::app::App;
use crate::identity::credential_ends;
use crate::notice::Notice;
use crate::rpc::{self, Fault};

/// A client that takes nothing for this long does not read at all.
const WRITE: Duration = Duration::from_secs(20);
/// For the close frame to leave, and for the client's to come back.
const CLOSING: Duration = Duration::from_secs(2);
/// How often the credential is judged again: a revoked one ends its socket within this time.
const JUDGED: Duration = Duration::from_secs(60);
/// Messages in a row that are no calls.
const OFFENCES: u32 = 16;

/// Serves one socket until it is closed.
pub(super) async fn run(
    socket: WebSocket,
    app: App,
    who: Principal,
    credential: Option<Zeroizing<String>>,
    seat: Seat,
) {
    let (sink, mut stream) = socket.split();
    let outbox = Arc::new(Outbox::default());
    let (snapshots, wanted) = tokio::sync::mpsc::channel(1);
    let writer = write(sink, &outbox, snapshots);
    tokio::pin!(writer);
    let reader = Reader {
        ends: credential_ends(&app, &who),
        app,
        who,
        credential,
        outbox: outbox.clone(),
        hearing: Hearing::default(),
        liveness: Liveness::new(Instant::now()),
        offences: 0,
    };
    let close = if seat.over {
        Close::Crowded
    } else {
        tokio::select! {
            // A bug in one call must not look like a network that fails.
            close = AssertUnwindSafe(reader.read(&mut stream, wanted)).catch_unwind() => close.unwrap_or(Close::Internal),
            // Nothing can be sent, a close frame neither.
            () = &mut writer => return,
        }
    };
    outbox.close(close);
    let _ = timeout(CLOSING, &mut writer).await;
    // A stream that cannot be read any more is closed in stages below (`listen::linger`).
    if !matches!(close, Close::TooBig | Close::Protocol) {
        let _ = timeout(CLOSING, async { while let Some(Ok(_)) = stream.next().await {} }).await;
    }
    drop(seat);
}

/// Sends what waits until told to close, or until the client does not read.
async fn write(
    mut sink: SplitSink<WebSocket, Message>,
    outbox: &Outbox,
    snapshots: tokio::sync::mpsc::Sender<tokio::sync::oneshot::Sender<Vec<Arc<Notice>>>>,
) {
    loop {
        let message = match outbox.order().await {
            Order::Ping => Message::Ping(axum::body::Bytes::new()),
            Order::Close(close) => {
                let _ = sink.send(close.message()).await;
                return;
            }
            Order::Send(QueueItem::Answer(text)) => Message::Text(text.into()),
            Order::Send(QueueItem::Event(notice)) => Message::Text(rpc::notification("uploads.event", &notice).into()),
            Order::Send(QueueItem::Lagged) => {
                let (give, take) = tokio::sync::oneshot::channel();
                if snapshots.send(give).await.is_err() {
                    continue;
                }
                let Ok(uploads) = take.await else { continue };
                let params = json!({ "uploads": uploads });
                Message::Text(rpc::notification("uploads.lagged", &params).into())
            }
        };
        if !matches!(timeout(WRITE, sink.send(message)).await, Ok(Ok(()))) {
            tracing::debug!("a WebSocket client does not read; its connection is dropped");
            return;
        }
    }
}

struct Reader {
    app: App,
    who: Principal,
    credential: Option<Zeroizing<String>>,
    /// When the credential ends.
    ends: Option<Instant>,
    outbox: Arc<Outbox>,
    hearing: Hearing,
    liveness: Liveness,
    offences: u32,
}

/// A call that is being carried out: its id, if it is to be answered, and the work.
type Pending = (Option<Value>, BoxFuture<'static, Result<Value, Fault>>);

impl Reader {
    async fn read(
        mut self,
        stream: &mut SplitStream<WebSocket>,
        mut wanted: tokio::sync::mpsc::Receiver<tokio::sync::oneshot::Sender<Vec<Arc<Notice>>>>,
    ) -> Close {
        let app = self.app.clone();
        let outbox = self.outbox.clone();
        let mut pending: Option<Pending> = None;
        let mut judge = Instant::now() + JUDGED;
        loop {
            let room = outbox.has_room();
            let check = self.liveness.next(self.hearing.interest.any());
            let ends = self.ends;
            tokio::select! {
                () = app.stopping().cancelled() => return Close::GoingAway,
                () = until(ends), if ends.is_some() => return Close::Credential,
                () = sleep_until(judge) => {
                    if !self.judge().await {
                        return Close::Credential;
                    }
                    judge = Instant::now() + JUDGED;
                }
                () = sleep_until(check) => {
                    let watching = self.hearing.interest.any() || pending.is_some();
                    match self.liveness.due(Instant::now(), watching) {
                        Due::Nothing => {}
                        Due::Ping => outbox.ping(),
                        Due::Silent => return Close::Silent,
                        Due::Idle => return Close::Idle,
                    }
                }
                outcome = work(&mut pending), if pending.is_some() => {
                    if let Some((Some(id), _)) = pending.take() {
                        outbox.answer(rpc::answer(&id, outcome));
                    }
                    self.liveness.heard(Instant::now());
                }
                notice = heard(&mut self.hearing), if self.hearing.notices.is_some() => self.notice(notice),
                Some(give) = wanted.recv() => {
                    let _ = give.send(self.snapshot());
                }
                () = outbox.room(), if !room => {}
                frame = stream.next(), if room && pending.is_none() => {
                    self.liveness.heard(Instant::now());
                    match self.frame(frame) {
                        Ok(next) => pending = next,
                        Err(close) => return close,
                    }
                }
            }
        }
    }

    /// One frame of the client.
    fn frame(&mut self, frame: Option<Result<Message, axum::Error>>) -> Result<Option<Pending>, Close> {
        let text = match frame {
            Some(Ok(Message::Text(text))) => text,
            // The protocol answers pings by itself.
            Some(Ok(Message::Ping(_) | Message::Pong(_))) => return Ok(None),
            Some(Ok(Message::Binary(_))) => return Err(Close::NotText),
            Some(Ok(Message::Close(_))) | None => return Err(Close::Answered),
            Some(Err(error)) => return Err(broken(error)),
        };
        self.liveness.used(Instant::now());
        let call = match rpc::parse(&text) {
            Ok(call) => call,
            Err(answer) => {
                self.outbox.answer(answer);
                self.offences += 1;
                return if self.offences < OFFENCES {
                    Ok(None)
                } else {
                    Err(Close::Policy)
                };
            }
        };
        self.offences = 0;
        let id = call.id.clone();
        match methods::call(&self.app, &self.who, &mut self.hearing, call) {
            Step::Later(work) => Ok(Some((id, work))),
            Step::Now(outcome) => {
                if let Some(id) = id {
                    self.outbox.answer(rpc::answer(&id, outcome));
                }
                Ok(None)
            }
        }
    }

    fn notice(&mut self, notice: Result<Arc<Notice>, RecvError>) {
        match notice {
            Ok(notice) => {
                if self.hearing.interest.takes(&notice) {
                    self.outbox.event(notice);
                }
            }
            Err(RecvError::Lagged(_)) => self.outbox.lag(),
            // The hub keeps its sender while anybody listens.
            Err(RecvError::Closed) => self.hearing.notices = None,
        }
        self.hearing.settle();
    }

    /// What is watched and under way; what is watched and not in it has ended.
    fn snapshot(&mut self) -> Vec<Arc<Notice>> {
        let mut live = self.app.uploads().list(&self.who);
        live.retain(|notice| self.hearing.interest.covers(&notice.upload));
        self.hearing
            .interest
            .keep_only(live.iter().map(|notice| notice.upload.as_str()));
        live
    }

    /// Whether the credential still is what it was.
    async fn judge(&mut self) -> bool {
        let credential = self.credential.as_deref().map(String::as_str);
        let judged = self.app.gateway().authenticate(Door::Network, credential).await;
        match judged {
            Ok(who) if who.tenant() == self.who.tenant() => {
                self.ends = credential_ends(&self.app, &who);
                self.who = who;
                true
            }
            _ => false,
        }
    }
}

async fn until(end: Option<Instant>) {
    match end {
        Some(end) => sleep_until(end).await,
        None => std::future::pending().await,
    }
}

async fn work(pending: &mut Option<Pending>) -> Result<Value, Fault> {
    match pending {
        Some((_, work)) => work.await,
        None => std::future::pending().await,
    }
}

async fn heard(hearing: &mut Hearing) -> Result<Arc<Notice>, RecvError> {
    match &mut hearing.notices {
        Some(notices) => notices.recv().await,
        None => std::future::pending().await,
    }
}

/// What a frame that cannot be read means.
fn broken(error: axum::Error) -> Close {
    match error.into_inner().downcast_ref::<tungstenite::Error>() {
        Some(tungstenite::Error::Capacity(_)) => Close::TooBig,
        // The connection is gone, with or without a goodbye.
        Some(tungstenite::Error::ConnectionClosed | tungstenite::Error::Io(_)) => Close::Answered,
        _ => Close::Protocol,
    }
}
