//! The gateway that runs on the same home, asked over its socket by what the network's API says.
//!
//! | module | one job |
//! |---|---|
//! | `files` | uploads, and what happens to files after they are stored |
//! | `operate` | looking at providers, routes and the books, and reconciling |

mod files;
mod operate;

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};

use bytes::Bytes;
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper::header::{AUTHORIZATION, CONTENT_TYPE, HOST};
use hyper::{Method, Request, Response};
use hyper_util::rt::TokioIo;
use loadlock::config::Config;
use loadlock::{Error, ErrorCode, Result, Target, local};
use serde_json::{Value, json};
use tokio::net::UnixStream;

use super::context::token_of_caller;

pub(super) type Sent = UnsyncBoxBody<Bytes, std::io::Error>;

/// Most bytes of an answer that is no content.
const ANSWER_BYTES: usize = 64 << 20;
/// The type of a JSON body.
pub(super) const JSON: &str = "application/json";
/// What to do about an answer that this program does not know.
const OTHER_VERSION: &str = "it may be another version of Loadlock: restart it, or use its own program";

/// A gateway that somebody else runs.
pub(crate) struct Running {
    socket: PathBuf,
    config: Box<Config>,
    /// It went away before it had answered.
    gone: AtomicBool,
    /// It was away before it was asked.
    never_asked: AtomicBool,
}

impl Running {
    /// The one at this socket of the home; `None` if there is none.
    pub(crate) async fn on(config: &Config, socket: &str) -> Option<Self> {
        let socket = config.home.join(socket);
        UnixStream::connect(&socket).await.ok()?;
        Some(Self {
            socket,
            config: Box::new(config.clone()),
            gone: AtomicBool::new(false),
            never_asked: AtomicBool::new(false),
        })
    }

    /// Whether a request found nobody, or nobody answered it.
    pub(crate) fn is_gone(&self) -> bool {
        self.gone.load(Ordering::Relaxed)
    }

    /// Whether a request found nobody, so that it can be asked again whatever it changes.
    pub(crate) fn was_never_asked(&self) -> bool {
        self.never_asked.load(Ordering::Relaxed)
    }

    async fn get(&self, path: &str) -> Result<Value> {
        self.ask(Method::GET, path, &[], nothing()).await
    }

    async fn post(&self, path: &str, wish: &Value) -> Result<Value> {
        let headers = [(CONTENT_TYPE.as_str(), JSON.to_owned())];
        let body = whole(wish.to_string());
        self.ask(Method::POST, path, &headers, body).await
    }

    async fn ask(&self, method: Method, path: &str, headers: &[(&str, String)], body: Sent) -> Result<Value> {
        let response = self.send(method, path, headers, body).await?;
        let good = response.status().is_success();
        let answer = read(response).await.inspect_err(|error| {
            if error.code == ErrorCode::Overloaded {
                self.gone.store(true, Ordering::Relaxed);
            }
        })?;
        if good { Ok(answer) } else { Err(refused(&answer)) }
    }

    /// One request on a connection of its own.
    pub(super) async fn send(
        &self,
        method: Method,
        path: &str,
        headers: &[(&str, String)],
        body: Sent,
    ) -> Result<Response<Incoming>> {
        let token = match token_of_caller() {
            Some(token) => token,
            None => local::token(&self.config)?,
        };
        let mut request = Request::builder()
            .method(method)
            .uri(path)
            .header(HOST, "localhost")
            .header(AUTHORIZATION, format!("Bearer {}", token.as_str()));
        for (name, value) in headers {
            request = request.header(*name, value);
        }
        let request = request.body(body).map_err(|error| {
            Error::new(
                ErrorCode::RequestInvalid,
                format!("the request to the running gateway cannot be made: {error}"),
            )
        })?;
        let stream = UnixStream::connect(&self.socket).await.map_err(|error| {
            self.never_asked.store(true, Ordering::Relaxed);
            self.lost(error)
        })?;
        let (mut sender, connection) = http1::handshake(TokioIo::new(stream))
            .await
            .map_err(|error| self.lost(error))?;
        tokio::spawn(connection);
        sender.send_request(request).await.map_err(|error| self.lost(error))
    }

    fn lost(&self, error: impl std::fmt::Display) -> Error {
        self.gone.store(true, Ordering::Relaxed);
        gone(error)
    }
}

/// A file on the disk and what is wished for it, as the API takes both. The gateway works in another folder.
fn of_path(
    path: PathBuf,
    current_dir: Option<PathBuf>,
    target: Target,
    purpose: Option<String>,
    name: Option<String>,
) -> Result<Value> {
    let path = current_dir.map_or(path.clone(), |folder| folder.join(path));
    let path = path.to_str().ok_or_else(|| {
        Error::new(ErrorCode::PathNotAllowed, "the path is not UTF-8").hint("rename the file, or send its bytes")
    })?;
    let mut wish = json!({ "path": path });
    let fields = [("purpose", purpose), ("filename", name), ("provider", provider(target))];
    for (key, value) in fields {
        if let Some(value) = value {
            wish[key] = value.into();
        }
    }
    Ok(wish)
}

/// The provider that is pinned.
fn provider(target: Target) -> Option<String> {
    match target {
        Target::Auto => None,
        Target::Pinned(name) => Some(name),
    }
}

fn nothing() -> Sent {
    whole(String::new())
}

pub(super) fn whole(text: String) -> Sent {
    Full::new(Bytes::from(text))
        .map_err(|never| match never {})
        .boxed_unsync()
}

pub(super) async fn read(response: Response<Incoming>) -> Result<Value> {
    let body = http_body_util::Limited::new(response.into_body(), ANSWER_BYTES);
    let bytes = body.collect().await.map_err(gone)?.to_bytes();
    serde_json::from_slice(&bytes).map_err(|_| strange("JSON"))
}

/// An error object as the error that it was.
pub(super) fn refused(answer: &Value) -> Error {
    let error = &answer["error"];
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let named = |code: &&ErrorCode| error["code"] == code.as_str();
    let Some(code) = ErrorCode::ALL.iter().find(named) else {
        return strange("a known error");
    };
    let ours = &error["loadlock"];
    let hint = match code {
        ErrorCode::NoSuchEndpoint => OTHER_VERSION.to_owned(),
        _ => text(&ours["hint"]),
    };
    Error::new(*code, text(&ours["message"]))
        .hint(hint)
        .retry_after(ours["retry_after_ms"].as_u64())
}

fn strange(wanted: &str) -> Error {
    Error::new(
        ErrorCode::Internal,
        format!("the running gateway's answer is not {wanted}"),
    )
    .hint(OTHER_VERSION)
}

fn gone(error: impl std::fmt::Display) -> Error {
    Error::new(
        ErrorCode::Overloaded,
        format!("the running gateway gave no answer: {error}"),
    )
    .hint("look whether it is still there, and try again")
}
