//! A connection whose other end must not keep it waiting where HTTP itself does not look: before it has said which
//! version it speaks, and while it takes nothing of an answer.

use std::future::Future;
use std::io::{Error, ErrorKind, IoSlice, Result};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::Sleep;

/// What every HTTP/2 connection begins with (RFC 9113 §3.4). As long as what came is a part of it, nobody knows which
/// version follows, and neither version's own clock runs.
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
/// A client that takes no byte of an answer for this long has stopped reading; what is sent to it may hold a place in
/// the sandbox.
const TAKING: Duration = Duration::from_secs(30);

type Clock = Pin<Box<Sleep>>;

/// See the module.
pub(super) struct Patient<S> {
    stream: S,
    /// Runs until the version is known.
    greeting: Option<Clock>,
    /// Bytes of the preface that have come.
    matched: usize,
    /// Runs while the client takes nothing.
    taking: Option<Clock>,
}

impl<S> Patient<S> {
    /// The client has `patience` to say which version it speaks.
    pub(super) fn new(stream: S, patience: Duration) -> Self {
        Self {
            stream,
            greeting: Some(Box::pin(tokio::time::sleep(patience))),
            matched: 0,
            taking: None,
        }
    }

    /// Takes note of what came.
    fn came(&mut self, bytes: &[u8]) {
        let left = PREFACE.get(self.matched..).unwrap_or_default();
        self.matched += bytes.len();
        // The end of the connection is known as well.
        if bytes.is_empty() || bytes.len() >= left.len() || !left.starts_with(bytes) {
            self.greeting = None;
        }
    }

    /// An answer to a poll of the writing side; pending for too long is an error.
    fn paced<T>(&mut self, poll: Poll<Result<T>>, context: &mut Context<'_>) -> Poll<Result<T>> {
        if poll.is_ready() {
            self.taking = None;
            return poll;
        }
        let clock = self.taking.get_or_insert_with(|| Box::pin(tokio::time::sleep(TAKING)));
        clock.as_mut().poll(context).map(|()| Err(too_slow()))
    }
}

fn too_slow() -> Error {
    Error::new(ErrorKind::TimedOut, "the client neither sends nor reads")
}

impl<S: AsyncRead + Unpin> AsyncRead for Patient<S> {
    fn poll_read(mut self: Pin<&mut Self>, context: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<Result<()>> {
        let before = buffer.filled().len();
        let poll = Pin::new(&mut self.stream).poll_read(context, buffer);
        let Some(greeting) = &mut self.greeting else {
            return poll;
        };
        if poll.is_ready() {
            self.came(buffer.filled().get(before..).unwrap_or_default());
            return poll;
        }
        greeting.as_mut().poll(context).map(|()| Err(too_slow()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Patient<S> {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<Result<usize>> {
        let poll = Pin::new(&mut self.stream).poll_write(context, bytes);
        self.paced(poll, context)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<Result<usize>> {
        let poll = Pin::new(&mut self.stream).poll_write_vectored(context, slices);
        self.paced(poll, context)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Result<()>> {
        let poll = Pin::new(&mut self.stream).poll_flush(context);
        self.paced(poll, context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Result<()>> {
        let poll = Pin::new(&mut self.stream).poll_shutdown(context);
        self.paced(poll, context)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};

    use super::*;

    const HEAD: Duration = Duration::from_secs(15);

    fn connected() -> (DuplexStream, Patient<DuplexStream>) {
        let (client, server) = duplex(64);
        (client, Patient::new(server, HEAD))
    }

    #[tokio::test(start_paused = true)]
    async fn a_client_that_does_not_say_what_it_speaks_is_let_go() {
        for said in [&b""[..], b"P", &PREFACE[..23]] {
            let (mut client, mut server) = connected();
            client.write_all(said).await.unwrap();
            let mut got = Vec::new();
            let error = server.read_to_end(&mut got).await.unwrap_err();
            assert_eq!((error.kind(), got.as_slice()), (ErrorKind::TimedOut, said));
        }
    }

    #[tokio::test(start_paused = true)]
    async fn once_the_version_is_known_its_own_clock_counts() {
        for said in [&b"G"[..], b"PUT", PREFACE] {
            let (mut client, mut server) = connected();
            let late = async {
                for byte in said {
                    client.write_all(&[*byte]).await.unwrap();
                }
                tokio::time::sleep(HEAD * 10).await;
                drop(client);
            };
            let mut got = Vec::new();
            let (read, ()) = tokio::join!(server.read_to_end(&mut got), late);
            assert_eq!((read.unwrap(), got.as_slice()), (said.len(), said));
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_client_that_takes_nothing_is_let_go_and_a_slow_one_is_not() {
        let (client, mut server) = connected();
        let error = server.write_all(&[0; 1_000]).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::TimedOut);
        drop(client);

        let (mut client, mut server) = connected();
        let slow = async {
            for _ in 0..10 {
                tokio::time::sleep(TAKING / 2).await;
                client.read_exact(&mut [0; 100]).await.unwrap();
            }
        };
        let (written, ()) = tokio::join!(server.write_all(&[0; 1_000]), slow);
        written.unwrap();
    }
}
