//! One file: look it up, delete it, read its content.

use axum::Json;
use axum::body::Body;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Path, Query, State};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use http::header::{
    ACCEPT_RANGES, CONTENT_DISPOSITION, CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE, ETAG, X_CONTENT_TYPE_OPTIONS,
};
use http::{HeaderMap, HeaderValue, StatusCode, Uri};
use loadlock_gateway::{File, Result};
use serde::Deserialize;
use serde_json::json;

use super::conditions::{self, Wanted};
use super::failure::{Answer, Failure};
use super::{object, reading};
use crate::app::App;
use crate::identity::Caller;
use crate::percent::percent_encoded;
use crate::query::{self, Asking};

/// At which provider.
#[derive(Deserialize)]
pub(super) struct AtProvider {
    provider: Option<String>,
}

pub(super) async fn get(
    State(app): State<App>,
    Asking(who): Asking,
    Path(id): Path<String>,
    uri: Uri,
    asked: Result<Query<AtProvider>, QueryRejection>,
) -> Answer {
    query::only(&uri, &["provider"])?;
    let Query(asked) = asked.map_err(|error| Failure::body(error.body_text()))?;
    let file = match asked.provider {
        None => app.gateway().get(&who, &id).await?,
        // As its API calls it; nothing is copied for it.
        Some(provider) => app.gateway().get_at(&who, &id, &provider).await?,
    };
    app.gateway().ask_status(&file).await;
    Ok(Json(object::file(app.gateway(), &file)).into_response())
}

pub(super) async fn delete(State(app): State<App>, Caller(who): Caller, Path(id): Path<String>) -> Answer {
    app.gateway().delete(&who, &id).await?;
    Ok(Json(json!({ "id": id, "object": "file", "deleted": true })).into_response())
}

/// What a GET would say about the file. The vendor is asked whether it has it, and not for the bytes.
pub(super) async fn content_head(
    State(app): State<App>,
    Caller(who): Caller,
    Path(id): Path<String>,
    request: HeaderMap,
) -> Answer {
    let (file, raw) = app.gateway().describe_content(&who, &id).await?;
    if raw && let Some(early) = without_bytes(&file, &conditions::wanted(&request, &tag(&file), file.bytes)) {
        return early;
    }
    app.gateway().ask_presence(&file).await?;
    // A stream has no length of its own: where nobody knows it, none is said.
    let nothing = Body::from_stream(futures::stream::empty::<Result<Bytes>>());
    Ok((headers(&file, raw), nothing).into_response())
}

pub(super) async fn content(
    State(app): State<App>,
    Caller(who): Caller,
    Path(id): Path<String>,
    request: HeaderMap,
) -> Answer {
    let mut part = None;
    if conditions::any(&request) {
        let (file, raw) = app.gateway().describe_content(&who, &id).await?;
        // Of what the vendor makes of a file, nobody knows length and digest before it is read.
        if raw {
            let wanted = conditions::wanted(&request, &tag(&file), file.bytes);
            if let Some(early) = without_bytes(&file, &wanted) {
                return early;
            }
            if let Wanted::Part(range) = wanted {
                part = Some(range);
            }
        }
    }
    let content = app.gateway().content(&who, &id).await?;
    let (file, raw) = (content.file.clone(), content.raw);
    let mut headers = headers(&file, raw);
    let mut status = StatusCode::OK;
    if let Some(part) = &part {
        status = StatusCode::PARTIAL_CONTENT;
        let range = format!("bytes {}-{}/{}", part.start, part.end.saturating_sub(1), file.bytes);
        headers.insert(CONTENT_LENGTH, (part.end - part.start).into());
        text(&mut headers, CONTENT_RANGE, &range);
    }
    let body = reading::body(content, part).await?;
    Ok((status, headers, body).into_response())
}

/// An answer for which the vendor is not asked.
fn without_bytes(file: &File, wanted: &Wanted) -> Option<Answer> {
    let mut headers = headers(file, true);
    headers.remove(CONTENT_LENGTH);
    match wanted {
        Wanted::Whole | Wanted::Part(_) => None,
        Wanted::Known => Some(Ok((StatusCode::NOT_MODIFIED, headers).into_response())),
        Wanted::Other => Some(refused(
            StatusCode::PRECONDITION_FAILED,
            "the content's `ETag` is not one that `If-Match` names".to_owned(),
        )),
        Wanted::Beyond => {
            let message = format!("the range is outside the file's {} bytes", file.bytes);
            let mut answer = refused(StatusCode::RANGE_NOT_SATISFIABLE, message);
            if let Ok(answer) = &mut answer {
                text(answer.headers_mut(), CONTENT_RANGE, &format!("bytes */{}", file.bytes));
            }
            Some(answer)
        }
    }
}

fn refused(status: StatusCode, message: String) -> Answer {
    let mut response: Response = Failure::body(message).into_response();
    *response.status_mut() = status;
    Ok(response)
}

fn tag(file: &File) -> String {
    conditions::tag(&file.sha256)
}

/// Bytes to be saved, never a page to be shown: the content is anybody's. Length and digest are known of the file's own
/// bytes alone.
fn headers(file: &File, raw: bool) -> HeaderMap {
    let mut headers = HeaderMap::new();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/octet-stream"));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    text(&mut headers, CONTENT_DISPOSITION, &disposition(&file.filename));
    if raw {
        headers.insert(CONTENT_LENGTH, file.bytes.into());
        headers.insert(ACCEPT_RANGES, HeaderValue::from_static("bytes"));
        text(&mut headers, ETAG, &tag(file));
    }
    headers
}

fn text(headers: &mut HeaderMap, name: http::HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::try_from(value) {
        headers.insert(name, value);
    }
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
