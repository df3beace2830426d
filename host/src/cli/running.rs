//! The gateway that runs on the same home, asked over its socket by what the network's API says.

use std::path::PathBuf;

use bytes::Bytes;
use futures::{StreamExt, TryStreamExt};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full, StreamBody};
use hyper::body::{Frame, Incoming};
use hyper::client::conn::http1;
use hyper::header::{AUTHORIZATION, CONTENT_TYPE, HOST};
use hyper::{Method, Request, Response};
use hyper_util::rt::TokioIo;
use loadlock::config::Config;
use loadlock::{
    Body, Content, Error, ErrorCode, File, FilePage, ListRequest, Result, Source, Target,
    UploadRequest, local,
};
use loadlock_policy::model::{ContentInfo, ContentKind};
use loadlock_server::{SOCKET, percent_encoded};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use tokio::net::UnixStream;
use tokio::sync::mpsc;

use super::context::token_of_caller;

type Sent = UnsyncBoxBody<Bytes, std::io::Error>;

/// Most bytes of an answer that is no content.
const ANSWER_BYTES: usize = 64 << 20;

/// Chunks of content that wait for their reader.
const CHUNKS: usize = 4;
/// What extracted text is.
const EXTRACTED: &str = "text/plain";

/// A gateway that somebody else runs.
pub(crate) struct Running {
    socket: PathBuf,
    config: Box<Config>,
}

impl Running {
    /// The one on this home; `None` if there is none.
    pub(crate) async fn on(config: &Config) -> Option<Self> {
        let socket = config.home.join(SOCKET);
        UnixStream::connect(&socket).await.ok()?;
        Some(Self {
            socket,
            config: Box::new(config.clone()),
        })
    }

    /// Uploads one file. Cancelling the request goes away, and so the gateway cancels the upload.
    pub(crate) async fn upload(&self, request: UploadRequest) -> Result<File> {
        let UploadRequest {
            source,
            target,
            purpose,
            name,
            idempotency_key,
            expires_in_s,
            cancel,
        } = request;
        let provider = match target {
            Target::Auto => None,
            Target::Pinned(name) => Some(name),
        };
        let expiry = expires_in_s.map(|seconds| ("created_at", seconds.to_string()));
        let (kind, body) = match source {
            Source::Path { path, current_dir } => {
                let path = current_dir.map_or(path.clone(), |folder| folder.join(path));
                let path = path.to_str().ok_or_else(|| {
                    Error::new(ErrorCode::PathNotAllowed, "the path is not UTF-8")
                        .hint("rename the file, or send its bytes")
                })?;
                let mut wish = json!({ "path": path });
                let fields = [
                    ("purpose", purpose),
                    ("filename", name),
                    ("provider", provider),
                ];
                for (key, value) in fields {
                    if let Some(value) = value {
                        wish[key] = value.into();
                    }
                }
                if let Some(seconds) = expires_in_s {
                    wish["expires_after"] = json!({ "anchor": "created_at", "seconds": seconds });
                }
                ("application/json".to_owned(), whole(wish.to_string()))
            }
            Source::Body(body) => {
                let (anchor, seconds) = expiry.unzip();
                let fields = [
                    ("purpose", purpose),
                    ("provider", provider),
                    ("expires_after[anchor]", anchor.map(str::to_owned)),
                    ("expires_after[seconds]", seconds),
                ];
                form(&fields, body)?
            }
            Source::Staged(_) => {
                return Err(Error::new(
                    ErrorCode::Internal,
                    "a staged body is of another gateway",
                ));
            }
        };
        let mut headers = vec![(CONTENT_TYPE.as_str(), kind)];
        headers.extend(idempotency_key.map(|key| ("idempotency-key", key)));
        let asked = self.ask(Method::POST, "/v1/files", &headers, body);
        let answer = cancel.run_until_cancelled(asked).await;
        file(&answer.ok_or_else(|| {
            Error::new(
                ErrorCode::Cancelled,
                "cancelled; the running gateway ends the upload in order",
            )
        })??)
    }

    /// One page of files. Its cursor is the last file's id.
    pub(crate) async fn list(&self, request: &ListRequest) -> Result<FilePage> {
        let mut path = format!("/v1/files?limit={}", request.limit);
        let wishes = [("after", &request.cursor), ("purpose", &request.purpose)];
        for (key, value) in wishes {
            if let Some(value) = value {
                path.push_str(&format!("&{key}={}", percent_encoded(value)));
            }
        }
        let page = self.ask(Method::GET, &path, &[], nothing()).await?;
        let files: Vec<File> = page["data"]
            .as_array()
            .ok_or_else(|| strange("a list"))?
            .iter()
            .map(file)
            .collect::<Result<_>>()?;
        let last = files.last().map(|file| file.id.clone());
        let more = page["has_more"] == true;
        Ok(FilePage {
            files,
            next: last.filter(|_| more),
        })
    }

    /// One file.
    pub(crate) async fn get(&self, id: &str) -> Result<File> {
        file(&self.ask(Method::GET, &of(id), &[], nothing()).await?)
    }

    /// Deletes one file.
    pub(crate) async fn delete(&self, id: &str) -> Result<()> {
        self.ask(Method::DELETE, &of(id), &[], nothing()).await?;
        Ok(())
    }

    /// A file's content. What it is shows in it: the bytes that were uploaded, or text that the vendor extracted from them.
    pub(crate) async fn content(&self, id: &str) -> Result<Content> {
        let file = self.get(id).await?;
        let path = format!("{}/content", of(id));
        let response = self.send(Method::GET, &path, &[], nothing()).await?;
        if !response.status().is_success() {
            return Err(refused(&read(response).await?));
        }
        let (sink, chunks) = mpsc::channel(CHUNKS);
        let (sha256, media_type) = (file.sha256.clone(), file.media_type.clone());
        let end = tokio::spawn(async move {
            let (mut body, mut hasher, mut bytes) = (response.into_body(), Sha256::new(), 0);
            while let Some(frame) = body.frame().await {
                if let Ok(chunk) = frame.map_err(gone)?.into_data() {
                    hasher.update(&chunk);
                    bytes += chunk.len() as u64;
                    if sink.send(chunk).await.is_err() {
                        return Err(Error::new(ErrorCode::Cancelled, "nobody reads on"));
                    }
                }
            }
            let raw = hex::encode(hasher.finalize()) == sha256;
            let (kind, media_type) = match raw {
                true => (ContentKind::Raw, media_type),
                false => (ContentKind::Extracted, EXTRACTED.to_owned()),
            };
            Ok(ContentInfo {
                media_type,
                bytes,
                kind,
            })
        });
        Ok(Content { file, chunks, end })
    }

    async fn ask(
        &self,
        method: Method,
        path: &str,
        headers: &[(&str, String)],
        body: Sent,
    ) -> Result<Value> {
        let response = self.send(method, path, headers, body).await?;
        let good = response.status().is_success();
        let answer = read(response).await?;
        if good {
            Ok(answer)
        } else {
            Err(refused(&answer))
        }
    }

    /// One request on a connection of its own.
    async fn send(
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
                format!("cannot be said to the running gateway: {error}"),
            )
        })?;
        let stream = UnixStream::connect(&self.socket).await.map_err(gone)?;
        let (mut sender, connection) =
            http1::handshake(TokioIo::new(stream)).await.map_err(gone)?;
        tokio::spawn(connection);
        sender.send_request(request).await.map_err(gone)
    }
}

fn of(id: &str) -> String {
    format!("/v1/files/{}", percent_encoded(id))
}

fn nothing() -> Sent {
    whole(String::new())
}

fn whole(text: String) -> Sent {
    Full::new(Bytes::from(text))
        .map_err(|never| match never {})
        .boxed_unsync()
}

/// A form with the file last; its type and its bytes as they come.
fn form(fields: &[(&str, Option<String>)], body: Body) -> Result<(String, Sent)> {
    if body.name.contains(['"', '\\']) || body.name.chars().any(char::is_control) {
        return Err(Error::new(
            ErrorCode::RequestInvalid,
            "the name has a character that cannot be said to a running gateway",
        )
        .hint("choose a name without quotes, backslashes and control characters"));
    }
    let boundary = hex::encode(rand::random::<[u8; 16]>());
    let mut head = String::new();
    for (name, value) in fields {
        if let Some(value) = value {
            head.push_str(&format!(
                "--{boundary}\r\ncontent-disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n"
            ));
        }
    }
    head.push_str(&format!(
        "--{boundary}\r\ncontent-disposition: form-data; name=\"file\"; filename=\"{}\"\r\n\r\n",
        body.name
    ));
    let tail = format!("\r\n--{boundary}--\r\n");
    let once = |text: String| futures::stream::once(async { Ok(Bytes::from(text)) });
    let bytes = once(head).chain(body.stream).chain(once(tail));
    let sent = StreamBody::new(bytes.map_ok(Frame::data));
    let kind = format!("multipart/form-data; boundary={boundary}");
    Ok((kind, BodyExt::boxed_unsync(sent)))
}

async fn read(response: Response<Incoming>) -> Result<Value> {
    let body = http_body_util::Limited::new(response.into_body(), ANSWER_BYTES);
    let bytes = body.collect().await.map_err(gone)?.to_bytes();
    serde_json::from_slice(&bytes).map_err(|_| strange("JSON"))
}

/// An error object as the error that it was.
fn refused(answer: &Value) -> Error {
    let error = &answer["error"];
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let named = |code: &&ErrorCode| error["code"] == code.as_str();
    let Some(code) = ErrorCode::ALL.iter().find(named) else {
        return strange("a known error");
    };
    let ours = &error["loadlock"];
    Error::new(*code, text(&ours["message"]))
        .hint(text(&ours["hint"]))
        .retry_after(ours["retry_after_ms"].as_u64())
}

/// A file object as the receipt that it was made from.
fn file(object: &Value) -> Result<File> {
    let ours = &object["loadlock"];
    let text = |value: &Value| value.as_str().map(str::to_owned);
    let file = || {
        Some(File {
            id: text(&object["id"])?,
            filename: text(&object["filename"])?,
            bytes: object["bytes"].as_u64()?,
            sha256: text(&ours["sha256"])?,
            media_type: text(&ours["media_type"])?,
            purpose: text(&ours["purpose"])?,
            provider: text(&ours["provider"])?,
            remote_id: text(&ours["remote_id"])?,
            deduplicated: ours["deduplicated"].as_bool()?,
            attempts: ours["attempts"].as_u64()?.try_into().ok()?,
            created_at: text(&ours["created_at"])?,
            expires_at: text(&ours["expires_at"]),
        })
    };
    file().ok_or_else(|| strange("a file"))
}

fn strange(wanted: &str) -> Error {
    Error::new(
        ErrorCode::Internal,
        format!("the running gateway's answer is not {wanted}"),
    )
    .hint("it may be another version of Loadlock: restart it, or use its own program")
}

fn gone(error: impl std::fmt::Display) -> Error {
    Error::new(
        ErrorCode::Overloaded,
        format!("the running gateway gave no answer: {error}"),
    )
    .hint("look whether it is still there, and try again")
}
