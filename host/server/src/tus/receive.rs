//! A request's bytes, to the disk.

use std::io::SeekFrom;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use bytes::Bytes;
use http::HeaderMap;
use http_body_util::BodyExt;
use loadlock_gateway::{Error, ErrorCode};
use tokio::fs::File;
use tokio::io::{AsyncReadExt, AsyncSeekExt, AsyncWriteExt, BufWriter};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::blocking;
use super::checksum::{Checksum, Hasher};
use super::problem::Problem;
use super::protocol::{UPLOAD_CHECKSUM, one};
use super::session::{Session, Turn};

/// A client that sends nothing for so long is gone; it may come back and resume.
pub(crate) const IDLE: Duration = Duration::from_secs(60);
/// After a crash at most this much has to be sent again.
pub(crate) const SYNC_BYTES: u64 = 16 << 20;
/// Or what a slow client sends in this time.
const SYNC_TIME: Duration = Duration::from_secs(5);
/// One write to the disk.
const WRITE: usize = 256 << 10;

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
    pub(crate) turn: &'a Turn,
    pub(crate) stopping: &'a CancellationToken,
    pub(crate) idle: Duration,
}

enum Next {
    Data(Bytes),
    Trailers(HeaderMap),
    End,
    Cut(Problem),
}

impl Ends<'_> {
    async fn next(&self, body: &mut Body) -> Next {
        let frame = tokio::select! {
            biased;
            () = self.turn.taken_over.cancelled() => return Next::Cut(Problem::locked("a newer request took the \
                 upload over")),
            () = self.stopping.cancelled() => return Next::Cut(stopping()),
            frame = tokio::time::timeout(self.idle, body.frame()) => frame,
        };
        match frame {
            Err(_) => Next::Cut(Problem::idle(self.idle.as_secs())),
            Ok(None) => Next::End,
            Ok(Some(Err(error))) => Next::Cut(Problem::invalid(format!("the body ended early: {error}"))),
            Ok(Some(Ok(frame))) => match frame.into_data() {
                Ok(data) => Next::Data(data),
                Err(frame) => frame.into_trailers().map_or(Next::Data(Bytes::new()), Next::Trailers),
            },
        }
    }
}

fn stopping() -> Problem {
    Error::new(ErrorCode::Overloaded, "the gateway is stopping; what came is kept")
        .retry_after(Some(5_000))
        .into()
}

/// Appends a body. Answers when everything that stays is synced and the offset with it.
///
/// # Errors
/// Whatever ended the body early; [`Session::info`] tells what stayed.
pub(crate) async fn receive(
    session: &Arc<Session>,
    body: &mut Body,
    most: u64,
    check: Check,
    ends: Ends<'_>,
    expiry: impl Fn() -> u64 + Send,
) -> Result<(), Problem> {
    let start = session.info().offset;
    let mut file = File::from_std(session.data().await?);
    // An earlier request may have failed between its bytes and its offset.
    file.set_len(start).await.map_err(|error| Problem::disk(&error))?;
    session.inner().room.shrink_to(start);
    file.seek(SeekFrom::Start(start))
        .await
        .map_err(|error| Problem::disk(&error))?;
    let mut sink = Sink {
        session,
        file: BufWriter::with_capacity(WRITE, file),
        end: start,
        synced: start,
        synced_at: Instant::now(),
    };
    let mut hasher = match &check {
        Check::Known(checksum) => Some(Hasher::new(checksum.algorithm)),
        Check::None | Check::Trailing => None,
    };
    let mut trailers = None;
    let ended = loop {
        match ends.next(body).await {
            Next::Data(data) => {
                let fits = (sink.end - start) + data.len() as u64 <= most;
                if !fits {
                    // A client that sends more than it announced is wrong about all of it.
                    sink.back_to(start).await?;
                    return Err(Problem::too_large("the body holds more bytes than are missing"));
                }
                if let Some(hasher) = &mut hasher {
                    hasher.update(&data);
                }
                if let Err(problem) = sink.write(&data).await {
                    break Err(problem);
                }
                if check == Check::None && sink.due() {
                    sink.sync(expiry()).await?;
                }
            }
            Next::Trailers(found) => trailers = Some(found),
            Next::End => break Ok(()),
            Next::Cut(problem) => break Err(problem),
        }
    };
    let whole = match (&check, ended) {
        (Check::None, ended) => ended,
        (_, Err(problem)) => {
            sink.back_to(start).await?;
            return Err(problem);
        }
        (check, Ok(())) => {
            let held = sink.holds(start, check, hasher, trailers.as_ref()).await;
            if let Err(problem) = held {
                sink.back_to(start).await?;
                return Err(problem);
            }
            Ok(())
        }
    };
    sink.sync(expiry()).await?;
    whole
}

struct Sink<'a> {
    session: &'a Arc<Session>,
    file: BufWriter<File>,
    end: u64,
    synced: u64,
    synced_at: Instant,
}

impl Sink<'_> {
    async fn write(&mut self, data: &[u8]) -> Result<(), Problem> {
        let len = data.len() as u64;
        self.session.inner().room.grow(len)?;
        self.file.write_all(data).await.map_err(|error| Problem::disk(&error))?;
        self.end += len;
        Ok(())
    }

    fn due(&self) -> bool {
        self.end - self.synced >= SYNC_BYTES || self.synced_at.elapsed() >= SYNC_TIME
    }

    /// First the bytes, then the offset: what is acknowledged is there.
    async fn sync(&mut self, expires_ms: u64) -> Result<(), Problem> {
        self.flush().await?;
        let file = self.file.get_ref().try_clone().await;
        let file = file.map_err(|error| Problem::disk(&error))?;
        let file = file.into_std().await;
        blocking(move || loadlock_durable::data(&file)).await?;
        {
            let mut inner = self.session.inner();
            inner.info.offset = self.end;
            inner.info.expires_ms = expires_ms;
        }
        self.session.save().await?;
        (self.synced, self.synced_at) = (self.end, Instant::now());
        Ok(())
    }

    async fn flush(&mut self) -> Result<(), Problem> {
        self.file.flush().await.map_err(|error| Problem::disk(&error))
    }

    /// Discards everything from `start` on.
    async fn back_to(&mut self, start: u64) -> Result<(), Problem> {
        // What is still buffered is cut off with the rest; it must not be written later.
        self.flush().await?;
        self.file
            .get_ref()
            .set_len(start)
            .await
            .map_err(|error| Problem::disk(&error))?;
        self.end = start;
        {
            let mut inner = self.session.inner();
            inner.info.offset = start;
            inner.room.shrink_to(start);
        }
        self.session.save().await
    }

    /// Whether the bytes from `start` on are the client's.
    async fn holds(
        &mut self,
        start: u64,
        check: &Check,
        hasher: Option<Hasher>,
        trailers: Option<&HeaderMap>,
    ) -> Result<(), Problem> {
        let (checksum, hasher) = match (check, hasher) {
            (Check::Known(checksum), Some(hasher)) => (checksum.clone(), hasher),
            _ => {
                let none = || Problem::invalid("the trailers hold no `Upload-Checksum`");
                let trailers = trailers.ok_or_else(none)?;
                let checksum = Checksum::parse(one(trailers, &UPLOAD_CHECKSUM)?.ok_or_else(none)?)?;
                let hasher = self.hash(start, Hasher::new(checksum.algorithm)).await?;
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
    async fn hash(&mut self, start: u64, mut hasher: Hasher) -> Result<Hasher, Problem> {
        self.flush().await?;
        let file = self.file.get_mut();
        let mut read = async || {
            file.seek(SeekFrom::Start(start)).await?;
            let mut buffer = vec![0; WRITE];
            loop {
                match file.read(&mut buffer).await? {
                    0 => return Ok(()),
                    count => hasher.update(&buffer[..count]),
                }
            }
        };
        read().await.map_err(|error: std::io::Error| Problem::disk(&error))?;
        Ok(hasher)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::super::concat::Kind;
    use super::super::disk;
    use super::super::info::{Info, State};
    use super::*;
    use axum::response::IntoResponse;
    use futures::StreamExt;
    use http::StatusCode;

    /// A client that sends nothing any more loses its turn, and none of its bytes.
    #[tokio::test]
    async fn an_idle_client_keeps_what_it_sent() {
        let root = tempfile::tempdir().unwrap();
        let info = Info {
            tenant: "t".into(),
            kind: Kind::Whole,
            length: Some(10),
            metadata: None,
            offset: 0,
            expires_ms: 0,
            state: State::Open,
        };
        let folder = disk::create(root.path(), "id", &info).unwrap();
        let room = loadlock_gateway::Room::unlimited();
        let session = Arc::new(Session::new("id".into(), folder.clone(), info, room));
        let turn = session.take().await.unwrap();
        let sent = futures::stream::iter([Ok::<_, std::io::Error>("hello")]);
        let mut body = Body::from_stream(sent.chain(futures::stream::pending()));
        let ends = Ends {
            turn: &turn,
            stopping: &CancellationToken::new(),
            idle: Duration::from_millis(20),
        };
        let end = receive(&session, &mut body, 10, Check::None, ends, || 7).await;
        let status = end.unwrap_err().into_response().status();
        assert_eq!(status, StatusCode::REQUEST_TIMEOUT);
        let kept = session.info();
        assert_eq!((kept.offset, kept.expires_ms), (5, 7));
        assert_eq!(std::fs::read(folder.join("data")).unwrap(), b"hello");
    }
}
