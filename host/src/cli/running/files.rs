//! Uploads, and what happens to files after they are stored.

use bytes::Bytes;
use futures::{StreamExt, TryStreamExt};
use http_body_util::{BodyExt, StreamBody};
use hyper::body::Frame;
use hyper::header::{CONTENT_TYPE, ETAG};
use hyper::{Method, StatusCode};
use loadlock::{Body, Content, CopyMade, Error, ErrorCode, File, FilePage, ListRequest, Result, Source, UploadRequest};
use loadlock_policy::model::{ContentInfo, ContentKind};
use loadlock_server::percent_encoded;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use tokio::sync::mpsc;

use super::{JSON, Running, Sent, gone, nothing, of_path, provider, read, refused, strange, whole};

/// Chunks of content that wait for their reader.
const CHUNKS: usize = 4;
/// What extracted text is.
const EXTRACTED: &str = "text/plain";

impl Running {
    /// Uploads one file. Cancelling the request goes away, and so the gateway cancels the upload.
    pub(crate) async fn upload(&self, request: UploadRequest) -> Result<File> {
        let UploadRequest {
            source,
            target,
            purpose,
            name,
            idempotency_key,
            expires_in_s,
            // Only an upload grant has these, and no command makes one.
            only_types: _,
            callback: _,
            cancel,
            key_is_of_content: _,
        } = request;
        let expiry = expires_in_s.map(|seconds| ("created_at", seconds.to_string()));
        let (kind, body) = match source {
            Source::Path { path, current_dir } => {
                let mut wish = of_path(path, current_dir, target, purpose, name)?;
                if let Some(seconds) = expires_in_s {
                    wish["expires_after"] = json!({ "anchor": "created_at", "seconds": seconds });
                }
                (JSON.to_owned(), whole(wish.to_string()))
            }
            Source::Body(body) => {
                let (anchor, seconds) = expiry.unzip();
                let fields = [
                    ("purpose", purpose),
                    ("provider", provider(target)),
                    ("expires_after[anchor]", anchor.map(str::to_owned)),
                    ("expires_after[seconds]", seconds),
                ];
                form(&fields, body)?
            }
            Source::Staged(_) | Source::Arriving(_) => {
                return Err(Error::new(ErrorCode::Internal, "a spooled body is of another gateway"));
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

    /// One page of files.
    pub(crate) async fn list(&self, request: &ListRequest) -> Result<FilePage> {
        let mut path = format!("/v1/files?limit={}", request.limit);
        let wishes = [("cursor", &request.cursor), ("purpose", &request.purpose)];
        for (key, value) in wishes {
            if let Some(value) = value {
                path.push_str(&format!("&{key}={}", percent_encoded(value)));
            }
        }
        let page = self.get(&path).await?;
        let files: Vec<File> = page["data"]
            .as_array()
            .ok_or_else(|| strange("a list"))?
            .iter()
            .map(file)
            .collect::<Result<_>>()?;
        let next = page["loadlock"]["next"].as_str().map(str::to_owned);
        Ok(FilePage { files, next })
    }

    /// One file.
    pub(crate) async fn file(&self, id: &str) -> Result<File> {
        file(&self.get(&of(id)).await?)
    }

    /// Deletes one file.
    pub(crate) async fn delete(&self, id: &str) -> Result<()> {
        self.ask(Method::DELETE, &of(id), &[], nothing()).await?;
        Ok(())
    }

    /// Copies one file to another provider.
    pub(crate) async fn copy(&self, id: &str, to: &str, purpose: Option<String>) -> Result<CopyMade> {
        let mut wish = json!({ "provider": to });
        if let Some(purpose) = purpose {
            wish["purpose"] = purpose.into();
        }
        let (path, body) = (copies(id), whole(wish.to_string()));
        let headers = [(CONTENT_TYPE.as_str(), JSON.to_owned())];
        let response = self.send(Method::POST, &path, &headers, body).await?;
        let (succeeded, is_new) = (response.status().is_success(), response.status() == StatusCode::CREATED);
        let answer = read(response).await?;
        if !succeeded {
            return Err(refused(&answer));
        }
        let file = file(&answer)?;
        Ok(CopyMade { file, is_new })
    }

    /// Deletes the copies of one file at a provider.
    pub(crate) async fn delete_copy(&self, id: &str, provider: &str) -> Result<()> {
        let path = format!("{}/{}", copies(id), percent_encoded(provider));
        self.ask(Method::DELETE, &path, &[], nothing()).await?;
        Ok(())
    }

    /// A file's content. What it is shows in it: the bytes that were uploaded, or text that the vendor extracted from
    /// them.
    pub(crate) async fn content(&self, id: &str) -> Result<Content> {
        let file = self.file(id).await?;
        let path = format!("{}/content", of(id));
        let response = self.send(Method::GET, &path, &[], nothing()).await?;
        if !response.status().is_success() {
            return Err(refused(&read(response).await?));
        }
        let (sink, chunks) = mpsc::channel(CHUNKS);
        // Of the file's own bytes alone the gateway knows the digest before.
        let raw = response.headers().contains_key(ETAG);
        let (sha256, media_type) = (file.sha256.clone(), file.media_type.clone());
        let end = tokio::spawn(async move {
            let (mut body, mut hasher, mut bytes) = (response.into_body(), Sha256::new(), 0);
            while let Some(frame) = body.frame().await {
                if let Ok(chunk) = frame.map_err(gone)?.into_data() {
                    hasher.update(&chunk);
                    bytes += chunk.len() as u64;
                    if sink.send(chunk).await.is_err() {
                        return Err(Error::new(ErrorCode::Cancelled, "the reader went away"));
                    }
                }
            }
            let same = hex::encode(hasher.finalize()) == sha256;
            let (kind, media_type) = match same {
                true => (ContentKind::Raw, media_type),
                false => (ContentKind::Extracted, EXTRACTED.to_owned()),
            };
            Ok(ContentInfo {
                media_type,
                bytes,
                kind,
            })
        });
        Ok(Content::new(file, raw, chunks, end))
    }
}

fn of(id: &str) -> String {
    format!("/v1/files/{}", percent_encoded(id))
}

fn copies(id: &str) -> String {
    format!("/v1/loadlock/files/{}/copies", percent_encoded(id))
}

/// A form with the file last; its type and its bytes as they come.
fn form(fields: &[(&str, Option<String>)], body: Body) -> Result<(String, Sent)> {
    // What stands before a separator would be taken for a folder, and dropped.
    if body.name.contains(['/', '\\']) || body.name.chars().any(char::is_control) {
        return Err(Error::new(
            ErrorCode::RequestInvalid,
            "the name has a slash, a backslash or a control character",
        )
        .hint("choose a name without them"));
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
        "--{boundary}\r\ncontent-disposition: form-data; name=\"file\"; filename*=UTF-8''{}\r\n\r\n",
        percent_encoded(&body.name)
    ));
    let tail = format!("\r\n--{boundary}--\r\n");
    let once = |text: String| futures::stream::once(async { Ok(Bytes::from(text)) });
    let bytes = once(head).chain(body.stream).chain(once(tail));
    let sent = StreamBody::new(bytes.map_ok(Frame::data));
    let kind = format!("multipart/form-data; boundary={boundary}");
    Ok((kind, BodyExt::boxed_unsync(sent)))
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
            uri: text(&ours["uri"]),
            remote_media_type: text(&ours["remote_media_type"]),
            deduplicated: ours["deduplicated"].as_bool()?,
            attempts: ours["attempts"].as_u64()?.try_into().ok()?,
            created_at: text(&ours["created_at"])?,
            expires_at: text(&ours["expires_at"]),
            copies: match &ours["copies"] {
                Value::Null => Vec::new(),
                copies => serde_json::from_value(copies.clone()).ok()?,
            },
        })
    };
    file().ok_or_else(|| strange("a file"))
}
