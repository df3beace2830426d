//! Answers, whole and broken.

use bytes::Bytes;
use futures::{Stream, StreamExt, stream};
use http::header::{CONTENT_LENGTH, CONTENT_TYPE};
use http::{HeaderName, HeaderValue, Response, StatusCode};
use http_body::Frame;
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full, StreamBody};
use serde_json::Value;
use thiserror::Error;

use crate::faults::Answer;
use crate::recorder::Requests;
use crate::store::Kept;

/// Ends a connection instead of answering.
#[derive(Debug, Clone, Copy, Error)]
#[error("the connection is cut by a fault")]
pub(crate) struct Abort;

pub(crate) type Body = UnsyncBoxBody<Bytes, Abort>;

/// Endless answers come in pieces of this size.
const PIECE: usize = 64 * 1024;

/// Why a request fails, in no vendor's shape yet.
#[derive(Debug, Clone)]
pub(crate) struct Problem {
    pub(crate) status: u16,
    pub(crate) code: Option<String>,
    pub(crate) kind: Option<Box<str>>,
    pub(crate) param: Option<Box<str>>,
    pub(crate) message: String,
    pub(crate) headers: Vec<(String, String)>,
}

impl Problem {
    pub(crate) fn new(status: u16, message: impl Into<String>) -> Self {
        Self {
            status,
            code: None,
            kind: None,
            param: None,
            message: message.into(),
            headers: Vec::new(),
        }
    }

    pub(crate) fn code(mut self, code: &str) -> Self {
        self.code = Some(code.to_owned());
        self
    }

    pub(crate) fn kind(mut self, kind: &str) -> Self {
        self.kind = Some(kind.into());
        self
    }

    pub(crate) fn param(mut self, param: &str) -> Self {
        self.param = Some(param.into());
        self
    }
}

impl From<Answer> for Problem {
    fn from(answer: Answer) -> Self {
        let message = if answer.message.is_empty() {
            format!("injected {}", answer.status)
        } else {
            answer.message
        };
        Self {
            status: answer.status,
            code: answer.code,
            kind: answer.kind.map(String::into_boxed_str),
            param: None,
            message,
            headers: answer.headers,
        }
    }
}

/// An answer before it is put on the wire.
#[derive(Debug, Clone)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) content: Content,
}

#[derive(Debug, Clone)]
pub(crate) enum Content {
    Json(Value),
    /// A kept content of known size.
    File {
        media_type: String,
        bytes: u64,
        kept: Kept,
    },
    Text(String),
    /// A stream of events.
    Events(Pieces),
    /// What is neither, in a type of its own.
    Bytes {
        media_type: String,
        bytes: Bytes,
    },
}

/// What is sent piece by piece.
#[derive(Clone)]
pub(crate) struct Pieces {
    pub(crate) pieces: Vec<Bytes>,
    /// Behind the first piece it waits for a request whose target holds this.
    pub(crate) until: Option<(Requests, String)>,
}

impl std::fmt::Debug for Pieces {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} pieces", self.pieces.len())
    }
}

impl Pieces {
    fn stream(self) -> impl Stream<Item = Result<Bytes, Abort>> {
        let Self { pieces, until } = self;
        stream::iter(pieces.into_iter().enumerate()).then(move |(number, piece)| {
            let until = until.clone().filter(|_| number == 1);
            async move {
                if let Some((requests, text)) = until {
                    requests
                        .wait(|all| all.iter().any(|one| one.target.contains(&text)))
                        .await;
                }
                Ok(piece)
            }
        })
    }
}

impl Reply {
    pub(crate) fn json(value: Value) -> Self {
        Self {
            status: 200,
            headers: Vec::new(),
            content: Content::Json(value),
        }
    }

    pub(crate) fn text(text: String) -> Self {
        Self {
            status: 200,
            headers: Vec::new(),
            content: Content::Text(text),
        }
    }

    /// The answer as it should be.
    pub(crate) fn whole(self) -> Response<Body> {
        match self.content {
            Content::File {
                media_type,
                bytes,
                kept,
            } => {
                let pieces = kept.pieces().into_iter().flatten();
                let pieces = pieces.map(|piece| piece.map_err(|_| Abort));
                let body = streamed(stream::iter(pieces));
                build(self.status, &self.headers, &media_type, Some(bytes), body)
            }
            Content::Events(pieces) => {
                let body = streamed(pieces.stream());
                build(self.status, &self.headers, "text/event-stream", None, body)
            }
            Content::Json(value) => build(self.status, &self.headers, JSON, None, full(value.to_string())),
            Content::Bytes { media_type, bytes } => build(self.status, &self.headers, &media_type, None, full(bytes)),
            Content::Text(text) => {
                let media_type = "text/plain; charset=utf-8";
                build(self.status, &self.headers, media_type, None, full(text))
            }
        }
    }

    /// The first half as if it were all.
    pub(crate) fn truncated(self) -> Response<Body> {
        build(self.status, &self.headers, JSON, None, full(self.half().0))
    }

    /// Not JSON.
    pub(crate) fn invalid(self) -> Response<Body> {
        let text = "<html><body>Bad gateway</body></html>{\"id\":";
        build(self.status, &self.headers, JSON, None, full(text))
    }

    /// Half, and then `cut` is called and nothing follows.
    pub(crate) fn cut_off(self, cut: impl FnOnce() + Send + 'static) -> Response<Body> {
        let (half, length) = self.half();
        let first = stream::once(async move { Ok(Bytes::from(half)) });
        let second = stream::once(async move {
            // The first half must leave before the connection goes: hyper flushes when the body has nothing ready.
            tokio::task::yield_now().await;
            cut();
            Err(Abort)
        });
        let body = streamed(first.chain(second));
        build(self.status, &self.headers, JSON, Some(length), body)
    }

    /// JSON whose string does not end before `bytes` bytes.
    pub(crate) fn endless(self, bytes: u64) -> Response<Body> {
        let start = Bytes::from_static(b"{\"id\":\"");
        let piece = Bytes::from(vec![b'a'; PIECE]);
        let pieces = (0..bytes / PIECE as u64 + 1).map(move |_| piece.clone());
        let body = streamed(stream::iter(std::iter::once(start).chain(pieces)).map(Ok));
        build(self.status, &self.headers, JSON, None, body)
    }

    fn half(&self) -> (String, u64) {
        let text = match &self.content {
            Content::Json(value) => value.to_string(),
            Content::Text(text) => text.clone(),
            Content::Bytes { bytes, .. } => String::from_utf8_lossy(bytes).into_owned(),
            Content::File { .. } | Content::Events(_) => "0".repeat(64),
        };
        let half = text.floor_char_boundary(text.len() / 2);
        let whole = text.len() as u64;
        (text.get(..half).unwrap_or_default().to_owned(), whole)
    }
}

const JSON: &str = "application/json";

fn full(text: impl Into<Bytes>) -> Body {
    let never = |never: std::convert::Infallible| match never {};
    Full::new(text.into()).map_err(never).boxed_unsync()
}

fn streamed(pieces: impl Stream<Item = Result<Bytes, Abort>> + Send + 'static) -> Body {
    StreamBody::new(pieces.map(|piece| piece.map(Frame::data))).boxed_unsync()
}

fn build(
    status: u16,
    headers: &[(String, String)],
    media_type: &str,
    length: Option<u64>,
    body: Body,
) -> Response<Body> {
    let mut response = Response::new(body);
    *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::IM_A_TEAPOT);
    let map = response.headers_mut();
    if let Ok(value) = HeaderValue::from_str(media_type) {
        map.insert(CONTENT_TYPE, value);
    }
    if let Some(length) = length {
        map.insert(CONTENT_LENGTH, length.into());
    }
    for (name, value) in headers {
        let name = HeaderName::try_from(name.as_str());
        match (name, HeaderValue::from_str(value)) {
            // What the answer to a HEAD would have had.
            (Ok(name), Ok(value)) if name == CONTENT_LENGTH => drop(map.insert(name, value)),
            (Ok(name), Ok(value)) => drop(map.append(name, value)),
            _ => {}
        }
    }
    response
}
