//! Closing in stages (RFC 9112 §9.6): a connection that is closed over bytes that nobody read is reset, and a client
//! that is still sending then loses the answer. So the writing side is closed first, what still comes is read and
//! thrown away within bounds, and only then the connection goes.

use std::io::{IoSlice, Result};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadBuf};
use tokio::sync::{Semaphore, oneshot};
use tokio::time::timeout;

/// A client that sends nothing for this long has read the answer, or never will.
const SILENCE: Duration = Duration::from_secs(5);
/// For all of it: what nginx calls `lingering_time`, halved.
const LONGEST: Duration = Duration::from_secs(15);
/// Bytes that are thrown away. Clients that look for an answer only when they have sent everything may send this much.
const BYTES: usize = 32 << 20;
/// Connections that are closed in stages at once: an eighth of all. What comes beyond them is closed at once.
pub(super) const LINGERING: usize = 1_024;
/// Read at once.
const BLOCK: usize = 16 << 10;

/// A stream that is lent to whoever speaks a protocol on it, and comes back when they are done with it, however that
/// ends.
pub(super) struct Lent<S> {
    stream: Option<S>,
    home: Option<oneshot::Sender<S>>,
    /// The client has sent its end, or the connection is broken: there is nothing to wait for.
    over: bool,
}

/// Lends a stream. The receiver gets it back, unless there is nothing left to close.
pub(super) fn lend<S>(stream: S) -> (Lent<S>, oneshot::Receiver<S>) {
    let (home, back) = oneshot::channel();
    let lent = Lent {
        stream: Some(stream),
        home: Some(home),
        over: false,
    };
    (lent, back)
}

/// Closes in stages, if there is room for one more.
pub(super) async fn close(mut stream: impl AsyncRead + AsyncWrite + Unpin, room: &Semaphore) {
    let Ok(_place) = room.try_acquire() else {
        return;
    };
    let staged = async {
        // The protocol may have done so already.
        let _ = stream.shutdown().await;
        let (mut block, mut left) = (vec![0; BLOCK], BYTES);
        while let Ok(Ok(count @ 1..)) = timeout(SILENCE, stream.read(&mut block)).await {
            match left.checked_sub(count) {
                Some(rest) => left = rest,
                None => return,
            }
        }
    };
    let _ = timeout(LONGEST, staged).await;
}

impl<S> Lent<S> {
    fn note<T>(&mut self, poll: Poll<Result<T>>) -> Poll<Result<T>> {
        if let Poll::Ready(Err(_)) = &poll {
            self.over = true;
        }
        poll
    }
}

impl<S> Drop for Lent<S> {
    fn drop(&mut self) {
        if let (Some(stream), Some(home), false) = (self.stream.take(), self.home.take(), self.over) {
            // Nobody waits for it when the server ends.
            let _ = home.send(stream);
        }
    }
}

/// Only a stream that was dropped is gone.
fn gone() -> std::io::Error {
    std::io::ErrorKind::NotConnected.into()
}

impl<S: AsyncRead + Unpin> AsyncRead for Lent<S> {
    fn poll_read(mut self: Pin<&mut Self>, context: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<Result<()>> {
        let room = buffer.remaining();
        let Some(stream) = &mut self.stream else {
            return Poll::Ready(Err(gone()));
        };
        let poll = Pin::new(stream).poll_read(context, buffer);
        if matches!(poll, Poll::Ready(Ok(()))) && room > 0 && buffer.remaining() == room {
            self.over = true;
        }
        self.note(poll)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Lent<S> {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<Result<usize>> {
        let Some(stream) = &mut self.stream else {
            return Poll::Ready(Err(gone()));
        };
        let poll = Pin::new(stream).poll_write(context, bytes);
        self.note(poll)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<Result<usize>> {
        let Some(stream) = &mut self.stream else {
            return Poll::Ready(Err(gone()));
        };
        let poll = Pin::new(stream).poll_write_vectored(context, slices);
        self.note(poll)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.as_ref().is_some_and(AsyncWrite::is_write_vectored)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Result<()>> {
        let Some(stream) = &mut self.stream else {
            return Poll::Ready(Err(gone()));
        };
        let poll = Pin::new(stream).poll_flush(context);
        self.note(poll)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Result<()>> {
        let Some(stream) = &mut self.stream else {
            return Poll::Ready(Err(gone()));
        };
        let poll = Pin::new(stream).poll_shutdown(context);
        self.note(poll)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use tokio::io::duplex;
    use tokio::time::Instant;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn what_still_comes_is_read_within_bounds() {
        let room = Semaphore::new(1);
        // A client that ends by itself is waited for, and sees the end of what it is told first.
        let (mut client, server) = duplex(64);
        let sends = async {
            client.write_all(&[0; 10_000]).await.unwrap();
            assert_eq!(client.read(&mut [0; 1]).await.unwrap(), 0);
            drop(client);
        };
        tokio::join!(close(server, &room), sends);

        // One that is silent, and one that never stops.
        let began = Instant::now();
        let (client, server) = duplex(64);
        close(server, &room).await;
        assert_eq!(began.elapsed(), SILENCE);
        drop(client);
        let (mut client, server) = duplex(64);
        let drips = async {
            while client.write_all(b"x").await.is_ok() {
                tokio::time::sleep(SILENCE / 2).await;
            }
        };
        let began = Instant::now();
        tokio::join!(close(server, &room), drips);
        assert!(began.elapsed() < LONGEST + SILENCE);
        let (mut client, server) = duplex(1 << 20);
        let floods = async {
            let mut sent = 0;
            while client.write_all(&[0; 1 << 20]).await.is_ok() {
                sent += 1 << 20;
            }
            sent
        };
        let ((), sent) = tokio::join!(close(server, &room), floods);
        assert!(sent <= BYTES + (2 << 20), "{sent}");
    }

    #[tokio::test(start_paused = true)]
    async fn without_room_it_is_closed_at_once() {
        let began = Instant::now();
        let (_client, server) = duplex(64);
        close(server, &Semaphore::new(0)).await;
        assert_eq!(began.elapsed(), Duration::ZERO);
    }

    #[tokio::test]
    async fn a_stream_comes_back_unless_its_client_is_gone() {
        let (mut client, server) = duplex(64);
        let (mut lent, back) = lend(server);
        client.write_all(b"x").await.unwrap();
        lent.read_exact(&mut [0]).await.unwrap();
        drop(lent);
        let (mut lent, again) = lend(back.await.unwrap());
        drop(client);
        assert_eq!(lent.read(&mut [0]).await.unwrap(), 0);
        drop(lent);
        assert!(again.await.is_err());
    }
}
