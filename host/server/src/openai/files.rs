//! One file: look it up, delete it, read its content.

use axum::Json;
use axum::body::Body;
use axum::extract::{Path, State};
use axum::response::IntoResponse;
use bytes::Bytes;
use futures::Stream;
use http::header::{CONTENT_DISPOSITION, CONTENT_TYPE, X_CONTENT_TYPE_OPTIONS};
use http::{HeaderMap, HeaderValue};
use loadlock_gateway::{Content, Error, ErrorCode, File, Result};
use serde_json::json;

use super::failure::Answer;
use super::object;
use crate::app::App;
use crate::identity::Caller;
use crate::percent::percent_encoded;

pub(super) async fn get(State(app): State<App>, Caller(who): Caller, Path(id): Path<String>) -> Answer {
    let file = app.gateway().get(&who, &id).await?;
    Ok(Json(object::file(app.gateway(), &file)).into_response())
}

pub(super) async fn delete(State(app): State<App>, Caller(who): Caller, Path(id): Path<String>) -> Answer {
    app.gateway().delete(&who, &id).await?;
    Ok(Json(json!({ "id": id, "object": "file", "deleted": true })).into_response())
}

/// What a GET would say about the file, without asking the vendor for it.
pub(super) async fn content_head(State(app): State<App>, Caller(who): Caller, Path(id): Path<String>) -> Answer {
    let file = app.gateway().get(&who, &id).await?;
    Ok((headers(&file), ()).into_response())
}

pub(super) async fn content(State(app): State<App>, Caller(who): Caller, Path(id): Path<String>) -> Answer {
    let mut content = app.gateway().content(&who, &id).await?;
    let headers = headers(&content.file);
    // A failure before the first byte is an answer like any other.
    let Some(first) = content.chunks.recv().await else {
        end(content).await?;
        return Ok((headers, ()).into_response());
    };
    Ok((headers, Body::from_stream(chunks(first, content))).into_response())
}

/// The chunks, and at the end an error if what came was not whole: the connection is aborted then, so that no client
/// takes a part for the whole.
fn chunks(first: Bytes, content: Content) -> impl Stream<Item = Result<Bytes>> {
    futures::stream::unfold(Some((Some(first), content)), async |state| {
        let (first, mut content) = state?;
        if let Some(first) = first {
            return Some((Ok(first), Some((None, content))));
        }
        match content.chunks.recv().await {
            Some(chunk) => Some((Ok(chunk), Some((None, content)))),
            None => match end(content).await {
                Ok(()) => None,
                Err(error) => {
                    tracing::warn!(%error, "content ended early; the connection is aborted");
                    Some((Err(error), None))
                }
            },
        }
    })
}

async fn end(content: Content) -> Result<()> {
    let ended = content.end.await;
    ended
        .map_err(|error| Error::new(ErrorCode::Internal, error.to_string()))?
        .map(|_| ())
}

/// Bytes to be saved, never a page to be shown: the content is anybody's.
fn headers(file: &File) -> HeaderMap {
    let mut headers = HeaderMap::new();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/octet-stream"));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    if let Ok(name) = HeaderValue::try_from(disposition(&file.filename)) {
        headers.insert(CONTENT_DISPOSITION, name);
    }
    headers
}

/// `Content-Disposition` of a file of this name (RFC 8187).
pub(super) fn disposition(name: &str) -> String {
    format!("attachment; filename*=UTF-8''{}", percent_encoded(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_cannot_leave_its_header() {
        assert_eq!(percent_encoded("a\"\r\nß.txt"), "a%22%0D%0A%C3%9F.txt");
    }
}
