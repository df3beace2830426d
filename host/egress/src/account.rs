//! What went over the wire, counted while it goes.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Counters that a call, or a whole provider, shares with every request made for it.
///
/// Bytes are those of HTTP (heads and bodies as this host writes or reads them), without the framing of HTTP/2 and TLS.
/// Heads are counted as `name: value\r\n` in either version, a request's when it is handed over.
#[derive(Debug, Default)]
pub struct Account {
    requests: AtomicU64,
    connections: AtomicU64,
    sent: AtomicU64,
    received: AtomicU64,
    micros: AtomicU64,
    storing: AtomicU64,
}

impl Account {
    /// All counters at zero.
    pub fn new() -> Self {
        Self::default()
    }

    /// Requests handed to a connection or refused before one; denials by policy are not seen here.
    pub fn requests(&self) -> u64 {
        self.requests.load(Ordering::Relaxed)
    }

    /// Connections opened. Counted per provider only: a connection belongs to no single call.
    pub fn connections(&self) -> u64 {
        self.connections.load(Ordering::Relaxed)
    }

    /// Bytes sent.
    pub fn sent(&self) -> u64 {
        self.sent.load(Ordering::Relaxed)
    }

    /// Bytes received.
    pub fn received(&self) -> u64 {
        self.received.load(Ordering::Relaxed)
    }

    /// Requests that may store something (all but GET, HEAD and OPTIONS) and that a connection took, in whole or in
    /// part. While this is zero, nothing can have been stored upstream.
    pub fn storing_requests(&self) -> u64 {
        self.storing.load(Ordering::SeqCst)
    }

    /// Time between handing a request over and the end (or the drop) of its response body, summed over requests.
    pub fn elapsed(&self) -> Duration {
        Duration::from_micros(self.micros.load(Ordering::Relaxed))
    }

    pub(crate) fn add_request(&self) {
        self.requests.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn add_storing(&self) {
        self.storing.fetch_add(1, Ordering::SeqCst);
    }

    pub(crate) fn take_storing_back(&self) {
        self.storing.fetch_sub(1, Ordering::SeqCst);
    }

    pub(crate) fn add_connection(&self) {
        self.connections.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn add_sent(&self, bytes: u64) {
        self.sent.fetch_add(bytes, Ordering::Relaxed);
    }

    pub(crate) fn add_received(&self, bytes: u64) {
        self.received.fetch_add(bytes, Ordering::Relaxed);
    }

    pub(crate) fn add_elapsed(&self, elapsed: Duration) {
        let micros = u64::try_from(elapsed.as_micros()).unwrap_or(u64::MAX);
        self.micros.fetch_add(micros, Ordering::Relaxed);
    }
}
