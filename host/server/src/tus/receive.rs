//! A request's bytes, to the disk.

use std::time::Duration;

use axum::body::Body;
use bytes::Bytes;
use http::HeaderMap;
use http_body_util::BodyExt;
use loadlock_gateway::{DataWriter, Error, ErrorCode, Session};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::checksum::{Checksum, Hasher};
use super::info::{DATA, Info};
use super::problem::Problem;
use super::protocol::{UPLOAD_CHECKSUM, one};
use super::sending::SendingSession;

/// A client that sends nothing for so long is gone; it may come back and resume.
pub(crate) const IDLE: Duration = Duration::from_secs(60);
/// After a crash at most this much has to be sent again.
pub(crate) const SYNC_BYTES: u64 = 16 << 20;
/// Or what a slow client sends in this time.
const SYNC_TIME: Duration = Duration::from_secs(5);
/// One read of bytes that are hashed once they are there.
const READ: usize = 256 << 10;

/// How the bytes are to be checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Check {
    /// Not at all: what came stays, however the request ends.
    None,
    /// By a digest that is known before them: all of them stay, or none.
    Known(Checksum),
    /// By a digest in the trailers.
    Trailing,
}

/// What ends a request early.
pub(crate) struct Ends<'a> {
    /// Cancelled by a newer request.
    pub(crate) taken_over: CancellationToken,
    pub(crate) stopping: &'a CancellationToken,
    pub(crate) idle: Duration,
}

/// Bytes that are about to come.
pub(crate) struct Incoming<'a> {
    pub(crate) session: &'a Session,
    /// How many there may be.
    pub(crate) most: u64,
    pub(crate) check: Check,
    /// Whether somebody knows of the upload, so that what arrived has to last.
    pub(crate) known: bool,
    /// The length of a file that is stored once it has so many bytes: then it is the file that lasts.
    pub(crate) stored_at: Option<u64>,
}

enum BodyEvent {
    Data(Bytes),
    Trailers(HeaderMap),
    End,
    Cut(Problem),
}

impl Ends<'_> {
    async fn next(&self, body: &mut Body) -> BodyEvent {
        let frame = tokio::select! {
            biased;
            () = self.taken_over.cancelled() => {
                return BodyEvent::Cut(Problem::locked("a newer request took over the upload"));
            }
            () = self.stopping.cancelled() => return BodyEvent::Cut(stopping()),
            frame = tokio::time::timeout(self.idle, body.frame()) => frame,
        };
        match frame {
            Err(_) => BodyEvent::Cut(Problem::idle(self.idle.as_secs())),
            Ok(None) => BodyEvent::End,
            Ok(Some(Err(error))) => BodyEvent::Cut(Problem::invalid(format!("the body ended early: {error}"))),
            Ok(Some(Ok(frame))) => match frame.into_data() {
                Ok(data) => BodyEvent::Data(data),
                Err(frame) => frame
                    .into_trailers()
                    .map_or(BodyEvent::Data(Bytes::new()), BodyEvent::Trailers),
            },
        }
    }
}

fn stopping() -> Problem {
    Error::new(
        ErrorCode::Overloaded,
        "the gateway is stopping; what has arrived is kept",
    )
    .retry_after(Some(5_000))
    .into()
}

/// Appends a body. Answers when everything that stays is kept, and synced with the offset if that was promised.
///
/// # Errors
/// Whatever ended the body early; [`Info::of`] tells what stayed.
pub(crate) async fn receive(
    incoming: Incoming<'_>,
    mut writer: DataWriter,
    body: &mut Body,
    ends: Ends<'_>,
    expiry: impl Fn() -> u64 + Send,
    sending: &mut Option<SendingSession>,
) -> Result<(), Problem> {
    let Incoming { session, check, .. } = &incoming;
    let start = writer.len();
    let (mut synced, mut synced_at) = (start, Instant::now());
    let mut hasher = match check {
        Check::Known(checksum) => Some(Hasher::new(checksum.algorithm)),
        Check::None | Check::Trailing => None,
    };
    let mut trailers = None;
    let ended = loop {
        match ends.next(body).await {
            BodyEvent::Data(data) => {
                let fits = (writer.len() - start) + data.len() as u64 <= incoming.most;
                if !fits {
                    // A client that sends more than it announced is wrong about all of it.
                    drop(sending.take());
                    writer.cut(start).await?;
                    if synced > start {
                        commit(session, expiry()).await?;
                    }
                    return Err(Problem::too_large(
                        "the body has more bytes than the upload still needs",
                    ));
                }
                if let Some(hasher) = &mut hasher {
                    hasher.update(&data);
                }
                if let Err(error) = writer.write(&data).await {
                    break Err(Problem::from(error));
                }
                if *check == Check::None
                    && let Some(sending) = sending
                {
                    sending.reaches(writer.readable());
                }
                let due = writer.len() - synced >= SYNC_BYTES || synced_at.elapsed() >= SYNC_TIME;
                if incoming.known && *check == Check::None && due {
                    writer.keep().await?;
                    commit(session, expiry()).await?;
                    (synced, synced_at) = (writer.len(), Instant::now());
                }
            }
            BodyEvent::Trailers(found) => trailers = Some(found),
            BodyEvent::End => break Ok(()),
            BodyEvent::Cut(problem) => break Err(problem),
        }
    };
    if *check != Check::None {
        let held = match ended {
            Ok(()) => holds(session, &mut writer, start, check, hasher, trailers.as_ref()).await,
            Err(problem) => Err(problem),
        };
        if let Err(problem) = held {
            writer.cut(start).await?;
            return Err(problem);
        }
        stays(&incoming, writer, expiry()).await?;
        reaches(session, sending.as_ref());
        return Ok(());
    }
    stays(&incoming, writer, expiry()).await?;
    reaches(session, sending.as_ref());
    ended
}

/// What is kept may be read by whoever sends it on.
fn reaches(session: &Session, sending: Option<&SendingSession>) {
    if let Some(sending) = sending {
        sending.reaches(session.len_of(DATA).unwrap_or_default());
    }
}

/// What arrived is kept, and made to last unless something else does that.
async fn stays(incoming: &Incoming<'_>, mut writer: DataWriter, expires_ms: u64) -> Result<(), Problem> {
    let kept = writer.keep().await?;
    if incoming.known && incoming.stored_at != Some(kept) {
        commit(incoming.session, expires_ms).await?;
    }
    // Until here nobody else has the upload.
    drop(writer);
    Ok(())
}

async fn commit(session: &Session, expires_ms: u64) -> Result<(), Problem> {
    let nothing_else = |_: &mut Info| Ok(());
    Ok(session.commit(DATA, Some(expires_ms), nothing_else).await?)
}

/// Whether the bytes from `start` on are the client's.
async fn holds(
    session: &Session,
    writer: &mut DataWriter,
    start: u64,
    check: &Check,
    hasher: Option<Hasher>,
    trailers: Option<&HeaderMap>,
) -> Result<(), Problem> {
    let (checksum, hasher) = match (check, hasher) {
        (Check::Known(checksum), Some(hasher)) => (checksum.clone(), hasher),
        _ => {
            let none = || Problem::invalid("the trailers contain no `Upload-Checksum`");
            let trailers = trailers.ok_or_else(none)?;
            let checksum = Checksum::parse(one(trailers, &UPLOAD_CHECKSUM)?.ok_or_else(none)?)?;
            writer.flush().await?;
            let hasher = hash(session, start, Hasher::new(checksum.algorithm)).await?;
            (checksum, hasher)
        }
    };
    if checksum.matches(hasher) {
        Ok(())
    } else {
        Err(Problem::checksum())
    }
}

/// Reads the bytes again: the algorithm was not known before they were there.
async fn hash(session: &Session, start: u64, mut hasher: Hasher) -> Result<Hasher, Problem> {
    let file = session.open(DATA)?;
    super::shared::blocking(move || {
        let (mut buffer, mut offset) = (vec![0; READ], start);
        loop {
            match std::os::unix::fs::FileExt::read_at(&file, &mut buffer, offset)? {
                0 => return Ok(hasher),
                read => {
                    hasher.update(&buffer[..read]);
                    offset += read as u64;
                }
            }
        }
    })
    .await
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::response::IntoResponse;
    use futures::StreamExt;
    use http::StatusCode;

    /// A client that sends nothing any more loses its turn, after everything that it sent.
    #[tokio::test]
    async fn an_idle_client_is_cut_off_behind_what_it_sent() {
        let sent = futures::stream::iter([Ok::<_, std::io::Error>("hello")]);
        let mut body = Body::from_stream(sent.chain(futures::stream::pending()));
        let ends = Ends {
            taken_over: CancellationToken::new(),
            stopping: &CancellationToken::new(),
            idle: Duration::from_millis(20),
        };
        assert!(matches!(ends.next(&mut body).await, BodyEvent::Data(data) if data == "hello"));
        let BodyEvent::Cut(problem) = ends.next(&mut body).await else {
            unreachable!("it waits no longer than it is told to");
        };
        assert_eq!(problem.into_response().status(), StatusCode::REQUEST_TIMEOUT);
    }
}
