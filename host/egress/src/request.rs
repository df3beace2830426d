//! The request on its way out: head and body.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use futures::StreamExt as _;
use http::header::{self, HeaderMap, HeaderValue};
use http_body::{Body, Frame, SizeHint};
use http_body_util::BodyExt as _;
use http_body_util::combinators::UnsyncBoxBody;
use loadlock_policy::egress::Method;
use sha2::{Digest as _, Sha256};

use crate::account::Account;
use crate::progress::{Phase, Progress};
use crate::reach::Reach;
use crate::{Error, Limits};

/// Headers about one connection, or which the transport sets itself. A component has no say in them.
const CONNECTION_HEADERS: &[&str] = &[
    "host",
    "connection",
    "keep-alive",
    "proxy-connection",
    "proxy-authenticate",
    "http2-settings",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "expect",
    "accept-encoding",
];

/// Response headers that concern one connection only.
const HOP_HEADERS: &[&str] = &[
    "connection",
    "keep-alive",
    "proxy-connection",
    "proxy-authenticate",
    "transfer-encoding",
    "upgrade",
];

/// Takes away what a component has no say in, and asks for bytes as they are: a compressed response could be searched
/// neither for the secret nor for a remote id. A request without a body says so, where its method lets servers wait for
/// one.
pub(crate) fn clean_head(headers: &mut HeaderMap, method: Method, length: Option<u64>) {
    for &name in CONNECTION_HEADERS {
        headers.remove(name);
    }
    headers.insert(header::ACCEPT_ENCODING, HeaderValue::from_static("identity"));
    if length == Some(0) && !matches!(method, Method::Get | Method::Head) {
        headers.insert(header::CONTENT_LENGTH, HeaderValue::from_static("0"));
    }
}

/// Takes away what concerns the connection only.
pub(crate) fn clean_response_head(headers: &mut HeaderMap) {
    for &name in HOP_HEADERS {
        headers.remove(name);
    }
}

/// Bytes of headers as HTTP/1.1 writes them.
pub(crate) fn head_bytes(headers: &HeaderMap) -> usize {
    // `: ` and `\r\n`.
    headers
        .iter()
        .map(|(name, value)| name.as_str().len() + value.len() + 4)
        .sum()
}

/// The body's length: what `content-length` says, else what the body knows of itself.
pub(crate) fn declared_length<B: Body>(headers: &HeaderMap, body: &B) -> Result<Option<u64>, Error> {
    let invalid = || Error::RequestInvalid {
        reason: "content-length is not one plain decimal number".to_owned(),
    };
    let mut values = headers.get_all(header::CONTENT_LENGTH).iter();
    let header = match (values.next(), values.next()) {
        (None, _) => None,
        (Some(value), None) => {
            let text = value.to_str().map_err(|_| invalid())?;
            let plain = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
            Some(plain.then(|| text.parse().ok()).flatten().ok_or_else(invalid)?)
        }
        (Some(_), Some(_)) => return Err(invalid()),
    };
    match (header, body.size_hint().exact()) {
        (Some(declared), Some(actual)) if declared != actual => Err(Error::RequestBodyLength { declared, actual }),
        (header, exact) => Ok(header.or(exact)),
    }
}

/// A body of a length that is not declared, as far as its first byte or its end: one that ends without a byte is known
/// to be empty before anything is sent, and need not go out in chunks, which many servers refuse for `DELETE`.
pub(crate) async fn begun<B>(
    body: B,
    declared: Option<u64>,
) -> Result<(UnsyncBoxBody<Bytes, Error>, Option<u64>), Error>
where
    B: Body<Data = Bytes> + Send + 'static,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let mut body = body
        .map_err(|error| Error::RequestBody {
            reason: crate::classify::chain(error.into().as_ref()),
        })
        .boxed_unsync();
    if declared.is_some() {
        return Ok((body, declared));
    }
    while let Some(frame) = body.frame().await {
        let frame = frame?;
        if frame.data_ref().is_some_and(|data| !data.is_empty()) {
            let first = futures::stream::once(std::future::ready(Ok(frame)));
            let rest = http_body_util::BodyStream::new(body);
            return Ok((http_body_util::StreamBody::new(first.chain(rest)).boxed_unsync(), None));
        }
    }
    let nothing = http_body_util::Empty::new().map_err(|never| match never {});
    Ok((nothing.boxed_unsync(), Some(0)))
}

/// True when the request should have a connection of its own (HTTP/1.1) while it is sent.
pub(crate) fn wants_http1(length: Option<u64>, limits: &Limits) -> bool {
    length.is_none_or(|length| length > limits.http2_body_bytes)
}

/// A guest's body: counted, held to its declared length, and reporting who waits for whom.
pub(crate) struct RequestBody {
    inner: UnsyncBoxBody<Bytes, Error>,
    declared: Option<u64>,
    promised: Option<([u8; 32], Sha256)>,
    sent: u64,
    ended: bool,
    progress: Arc<Progress>,
    reach: Arc<Reach>,
    accounts: [Arc<Account>; 2],
}

impl RequestBody {
    pub(crate) fn new(
        inner: UnsyncBoxBody<Bytes, Error>,
        declared: Option<u64>,
        progress: Arc<Progress>,
        reach: Arc<Reach>,
        accounts: [Arc<Account>; 2],
    ) -> Self {
        Self {
            inner,
            declared,
            promised: None,
            sent: 0,
            ended: false,
            progress,
            reach,
            accounts,
        }
    }

    /// Holds it to this digest: its last bytes do not leave if it is another.
    pub(crate) fn promised(mut self, digest: Option<[u8; 32]>) -> Self {
        self.promised = digest.map(|digest| (digest, Sha256::new()));
        self
    }

    /// Whether the digest of what has passed is another than the promised one.
    fn breaks_promise(&mut self) -> bool {
        let promised = self.promised.take();
        promised.is_some_and(|(digest, hash)| hash.finalize().as_slice() != digest)
    }

    fn wrong_digest(&mut self) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        self.ended = true;
        self.progress.set(Phase::Answer);
        Poll::Ready(Some(Err(Error::RequestBodyDigest)))
    }

    fn wrong_length(&mut self, actual: u64) -> Option<Result<Frame<Bytes>, Error>> {
        self.ended = true;
        self.progress.set(Phase::Answer);
        Some(Err(Error::RequestBodyLength {
            declared: self.declared.unwrap_or_default(),
            actual,
        }))
    }
}

impl Body for RequestBody {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        let this = &mut *self;
        // Only a connection that has the head asks for the body.
        this.reach.taken();
        if this.ended {
            return Poll::Ready(None);
        }
        let polled = Pin::new(&mut this.inner).poll_frame(cx);
        if polled.is_pending() {
            this.progress.set(Phase::Guest);
        }
        let frame = match ready!(polled) {
            // Trailers would be headers that nobody has looked at; a file API has no use for them.
            Some(Ok(frame)) if frame.is_trailers() => return self.poll_frame(cx),
            Some(Ok(frame)) => frame,
            None if this.declared.is_some_and(|declared| declared != this.sent) => {
                return Poll::Ready(this.wrong_length(this.sent));
            }
            None if this.breaks_promise() => return this.wrong_digest(),
            end => {
                this.ended = true;
                this.progress.set(Phase::Answer);
                return Poll::Ready(end);
            }
        };
        let bytes = frame.data_ref().map_or(0, |data| data.len() as u64);
        this.sent += bytes;
        if this.declared.is_some_and(|declared| this.sent > declared) {
            return Poll::Ready(this.wrong_length(this.sent));
        }
        // The connection stops asking once it has as many bytes as were declared.
        let last = this.inner.is_end_stream() || this.declared == Some(this.sent);
        if let (Some((_, hash)), Some(data)) = (&mut this.promised, frame.data_ref()) {
            hash.update(data);
        }
        if last && this.breaks_promise() {
            return this.wrong_digest();
        }
        for account in &this.accounts {
            account.add_sent(bytes);
        }
        this.progress.set(if last { Phase::Answer } else { Phase::Upstream });
        Poll::Ready(Some(Ok(frame)))
    }

    fn is_end_stream(&self) -> bool {
        // A body that is too short must be asked once more, so that it can say so.
        self.ended || (self.inner.is_end_stream() && self.declared.is_none_or(|declared| declared == self.sent))
    }

    fn size_hint(&self) -> SizeHint {
        match self.declared {
            Some(declared) => SizeHint::with_exact(declared.saturating_sub(self.sent)),
            None => self.inner.size_hint(),
        }
    }
}

impl Drop for RequestBody {
    fn drop(&mut self) {
        // The connection has no more use for the body: it is sent, or the response came before its end.
        self.progress.set(Phase::Answer);
    }
}
