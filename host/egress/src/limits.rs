//! Bounds on one request, as numbers with reasons.

use std::time::Duration;

/// How long each stage of a request may take.
///
/// | stage | starts | ends |
/// |---|---|---|
/// | `connect` | the request is handed over | a connection is there: name, addresses, TCP, TLS |
/// | `first_byte` | the last byte of the request body has been taken by the connection | the response's head |
/// | `between_bytes` | the other side last took or gave a byte | the next one |
/// | `total` | the request is handed over | the response's last byte |
///
/// `first_byte` starts after the body because an upload of 2 GiB is allowed to take its time, and `between_bytes`
/// covers the upload too: an upstream that stops reading is noticed. Time spent waiting for the *guest* counts in
/// `total` only.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timeouts {
    /// Until a connection is there.
    pub connect: Duration,
    /// From the end of the request to the response's head.
    pub first_byte: Duration,
    /// Between two pieces of a body, in either direction.
    pub between_bytes: Duration,
    /// For the whole request.
    pub total: Duration,
}

impl Timeouts {
    /// The shorter of each pair: a guest may ask for less time than the operator allows, never for more.
    ///
    /// ```
    /// use std::time::Duration;
    /// use loadlock_egress::Timeouts;
    ///
    /// let operator = Timeouts::default();
    /// let guest = Timeouts { connect: Duration::from_secs(2), total: Duration::MAX, ..operator };
    /// let both = operator.at_most(guest);
    /// assert_eq!(both.connect, Duration::from_secs(2));
    /// assert_eq!(both.total, operator.total);
    /// ```
    pub fn at_most(self, other: Self) -> Self {
        Self {
            connect: self.connect.min(other.connect),
            first_byte: self.first_byte.min(other.first_byte),
            between_bytes: self.between_bytes.min(other.between_bytes),
            total: self.total.min(other.total),
        }
    }
}

impl Default for Timeouts {
    /// 10 s to connect, 120 s for an answer (vendors parse a document before they answer), 60 s of silence, 6 h in all
    /// (2 GiB at 100 KB/s).
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(10),
            first_byte: Duration::from_secs(120),
            between_bytes: Duration::from_secs(60),
            total: Duration::from_secs(6 * 3600),
        }
    }
}

/// How much a request and its response may hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of request headers, counted as `name: value\r\n`.
    pub request_header_bytes: usize,
    /// Number of response headers.
    pub response_headers: usize,
    /// Bytes of response headers; also the size of an HTTP/1.1 connection's read buffer, at least 8,192.
    pub response_header_bytes: usize,
    /// Bytes of a response body, as received.
    pub response_body_bytes: u64,
    /// A body above this many bytes, or of unknown length, goes over HTTP/1.1: one stream of a shared HTTP/2 connection
    /// is slower for bulk, and holds up its neighbours.
    pub http2_body_bytes: u64,
    /// Requests of this provider under way at once; a further one waits for `Timeouts::connect` at most. Calls are
    /// limited before they are made; this is the bound of what one call may do in parallel, too.
    pub in_flight: usize,
    /// Idle connections kept per origin. Uploads that came together are answered together, and the next ones need
    /// their connections.
    pub idle_connections: usize,
    /// How long an idle connection is kept. Below the 60 s after which common load balancers close theirs, so that a
    /// request rarely meets a connection that is just being closed.
    pub idle_timeout: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            request_header_bytes: 32 * 1024,
            response_headers: 100,
            response_header_bytes: 64 * 1024,
            response_body_bytes: 1024 * 1024 * 1024,
            http2_body_bytes: 1024 * 1024,
            in_flight: 8_192,
            idle_connections: 1_024,
            idle_timeout: Duration::from_secs(20),
        }
    }
}
