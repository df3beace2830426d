//! The connection's two layers: TCP that lets an early answer be read, and TLS or none above it.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use hyper_util::client::legacy::connect::{Connected, Connection};
use rustls::ProtocolVersion;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::{Sleep, sleep};
use tokio_rustls::client::TlsStream;

use crate::alert;

/// How long a writer is kept from learning that its connection was reset, if reading has not ended by then. What was
/// received before the reset is in the receive buffer, so this is for whoever reads slowly, not for the network.
const LINGER: Duration = Duration::from_secs(10);

/// TCP whose broken write side does not hide what can still be read.
///
/// A server that refuses an upload while it is coming (413, 401) answers, closes, and resets the connection at our next
/// byte. The answer is in the receive buffer by then, but a failed write would end the connection before anyone looks
/// there. So a write that finds the connection reset waits instead, and reading goes on: it yields the answer, then the
/// end. With the end there is nothing left to wait for, and the write fails: a connection that closes flushes first,
/// and would otherwise keep its descriptor and the request's body for ever.
#[derive(Debug)]
pub(crate) struct Tcp {
    inner: TcpStream,
    /// A write found the connection reset; until when that is kept back.
    broken: Option<Pin<Box<Sleep>>>,
    /// Reading has come to its end.
    ended: bool,
}

impl Tcp {
    pub(crate) fn new(inner: TcpStream) -> Self {
        Self {
            inner,
            broken: None,
            ended: false,
        }
    }

    /// What a write answers once the connection is known to be reset; nothing before.
    fn reset(&mut self, cx: &mut Context<'_>) -> Option<Poll<io::Result<usize>>> {
        let until = self.broken.as_mut()?;
        Some(if self.ended || until.as_mut().poll(cx).is_ready() {
            Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()))
        } else {
            Poll::Pending
        })
    }

    fn written(&mut self, cx: &mut Context<'_>, result: Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
        match result {
            Poll::Ready(Err(error))
                if matches!(error.kind(), io::ErrorKind::BrokenPipe | io::ErrorKind::ConnectionReset) =>
            {
                self.broken = Some(Box::pin(sleep(LINGER)));
                self.reset(cx).unwrap_or(Poll::Ready(Err(error)))
            }
            other => other,
        }
    }
}

impl AsyncRead for Tcp {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let (room, before) = (buf.remaining(), buf.filled().len());
        let result = Pin::new(&mut self.inner).poll_read(cx, buf);
        if let Poll::Ready(read) = &result {
            self.ended |= read.is_err() || (room > 0 && buf.filled().len() == before);
        }
        result
    }
}

impl AsyncWrite for Tcp {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        if let Some(reset) = self.reset(cx) {
            return reset;
        }
        let result = Pin::new(&mut self.inner).poll_write(cx, buf);
        self.written(cx, result)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(cx)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        if let Some(reset) = self.reset(cx) {
            return reset;
        }
        let result = Pin::new(&mut self.inner).poll_write_vectored(cx, bufs);
        self.written(cx, result)
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }
}

/// A connection to a checked address.
#[derive(Debug)]
pub(crate) enum Stream {
    Plain(Tcp),
    Tls {
        inner: Box<TlsStream<Tcp>>,
        /// Whether anything has come by it since the handshake.
        answered: bool,
    },
}

impl Stream {
    /// After the handshake.
    pub(crate) fn secured(inner: TlsStream<Tcp>) -> Self {
        Self::Tls {
            inner: Box::new(inner),
            answered: false,
        }
    }

    /// True when TLS agreed on HTTP/2.
    pub(crate) fn is_http2(&self) -> bool {
        match self {
            Self::Plain(_) => false,
            Self::Tls { inner, .. } => inner.get_ref().1.alpn_protocol() == Some(b"h2"),
        }
    }
}

impl Connection for Stream {
    fn connected(&self) -> Connected {
        if self.is_http2() {
            Connected::new().negotiated_h2()
        } else {
            Connected::new()
        }
    }
}

macro_rules! each {
    ($self:expr, $inner:ident => $call:expr) => {
        match $self.get_mut() {
            Stream::Plain($inner) => {
                let $inner = Pin::new($inner);
                $call
            }
            Stream::Tls { inner: $inner, .. } => {
                let $inner = Pin::new($inner.as_mut());
                $call
            }
        }
    };
}

impl AsyncRead for Stream {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let (inner, answered) = match self.get_mut() {
            Self::Plain(inner) => return Pin::new(inner).poll_read(cx, buf),
            Self::Tls { inner, answered } => (inner, answered),
        };
        let before = buf.filled().len();
        let result = Pin::new(inner.as_mut()).poll_read(cx, buf);
        match result {
            Poll::Ready(Err(error)) => {
                let version = inner.get_ref().1.protocol_version();
                let verdict = !*answered && version == Some(ProtocolVersion::TLSv1_3);
                Poll::Ready(Err(if verdict { error } else { without_alert(error) }))
            }
            other => {
                *answered |= buf.filled().len() > before;
                other
            }
        }
    }
}

impl AsyncWrite for Stream {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        each!(self, inner => inner.poll_write(cx, buf))
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        each!(self, inner => inner.poll_flush(cx))
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        each!(self, inner => inner.poll_shutdown(cx))
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        each!(self, inner => inner.poll_write_vectored(cx, bufs))
    }

    fn is_write_vectored(&self) -> bool {
        match self {
            Self::Plain(inner) => inner.is_write_vectored(),
            Self::Tls { inner, .. } => inner.is_write_vectored(),
        }
    }
}

/// An alert that cannot be the verdict on a handshake any more: before TLS 1.3 that comes within the handshake, and
/// with an answer it is over. What was sent may have been read.
fn without_alert(error: io::Error) -> io::Error {
    match alert::refusal(&error) {
        Some(reason) => io::Error::new(io::ErrorKind::ConnectionAborted, reason),
        None => error,
    }
}

#[cfg(test)]
mod tests {
    use rustls::AlertDescription;

    use super::*;

    #[test]
    fn an_alert_that_is_no_verdict_is_a_connection_that_ended() {
        let alert = rustls::Error::AlertReceived(AlertDescription::AccessDenied);
        let error = without_alert(io::Error::new(io::ErrorKind::InvalidData, alert));
        assert_eq!(error.kind(), io::ErrorKind::ConnectionAborted);
        assert_eq!(alert::refusal(&error), None);
    }
}
