//! Anthropic: `/v1/files`.
//!
//! Every request names a version of the API. A form is read in order: `expires_in_seconds` after the file is refused
//! here, where the live service may ignore it. What it says to an empty file is not documented (400).

use serde_json::{Value, json};

use super::{Exchange, Failed, Operation};
use crate::body::Tap;
use crate::form::{FormError, Rules};
use crate::reply::{Problem, Reply};
use crate::store::{StoredFile, now, random_id};

/// Largest file, 500 MB.
pub const MAX_BYTES: u64 = 500_000_000;

/// How long a file may be asked to live, in seconds.
pub const EXPIRY: std::ops::RangeInclusive<u64> = 3600..=7_776_000;

/// Most ids that one list may ask for.
pub const MAX_IDS: usize = 100;

const RULES: Rules = Rules {
    file: "file",
    texts: &["expires_in_seconds"],
};

pub(super) fn offers(operation: Operation) -> bool {
    matches!(
        operation,
        Operation::Create | Operation::List | Operation::Retrieve | Operation::Delete | Operation::Content
    )
}

pub(super) async fn perform(exchange: &Exchange<'_>, tap: &mut Tap) -> Result<Reply, Failed> {
    authorize(exchange)?;
    if exchange.headers.get("anthropic-version").is_none() {
        return Err(invalid(400, "anthropic-version: header is required").into());
    }
    let id = &exchange.call.id;
    match exchange.call.operation {
        Operation::Create => create(exchange, tap).await,
        Operation::List => Ok(list(exchange)?),
        Operation::Retrieve => {
            let file = exchange.state.files.get(id).ok_or_else(|| unknown(id))?;
            Ok(Reply::json(file_object(&file)))
        }
        Operation::Delete if exchange.state.files.lose(id) => {
            Ok(Reply::json(json!({ "id": id, "type": "file_deleted" })))
        }
        Operation::Content if exchange.state.files.get(id).is_some() => {
            Err(invalid(400, "This file cannot be downloaded.")
                .code("file_not_downloadable")
                .into())
        }
        _ => Err(unknown(id).into()),
    }
}

fn authorize(exchange: &Exchange<'_>) -> Result<(), Problem> {
    let named = exchange.headers.get("x-api-key").and_then(|value| value.to_str().ok());
    match named.or_else(|| exchange.bearer()) {
        Some(key) if exchange.knows(key) => Ok(()),
        Some(_) => Err(Problem::new(401, "invalid x-api-key").kind("authentication_error")),
        None => Err(Problem::new(401, "x-api-key header is required").kind("authentication_error")),
    }
}

async fn create(exchange: &Exchange<'_>, tap: &mut Tap) -> Result<Reply, Failed> {
    let form = exchange
        .form(tap, &RULES, exchange.keeper(), |error| match error {
            FormError::NoFile => invalid(400, "file: Field required"),
            other => invalid(400, format!("Could not parse multipart form: {other}")),
        })
        .await?;
    if form.fields.last().is_some_and(|last| last.name != "file") {
        return Err(invalid(400, "expires_in_seconds: must come before the file").into());
    }
    let created_at = now();
    let expires_at = match form.text("expires_in_seconds") {
        None => None,
        Some(text) => {
            let seconds = text.parse().ok().filter(|seconds| EXPIRY.contains(seconds));
            let seconds: u64 = seconds.ok_or_else(|| invalid(400, "expires_in_seconds: must be 3600 to 7776000"))?;
            Some(created_at + seconds)
        }
    };
    let file = form.file;
    let options = &exchange.state.options;
    if file.bytes > options.max_bytes.unwrap_or(MAX_BYTES) {
        return Err(Problem::new(413, "Request exceeds the maximum size")
            .kind("request_too_large")
            .into());
    }
    if file.bytes == 0 {
        return Err(invalid(400, "file: is empty").into());
    }
    let odd = |c: char| "<>:\"|?*\\/".contains(c) || c.is_control();
    if file.filename.chars().any(odd) || file.filename.chars().count() > 255 {
        return Err(invalid(400, "filename: has forbidden characters or more than 255").into());
    }
    if options.max_files.is_some_and(|most| exchange.state.files.len() >= most) {
        return Err(invalid(400, "The storage of this organization is full")
            .code("storage_quota_exceeded")
            .into());
    }
    let stored = StoredFile {
        id: random_id("file_", 24),
        filename: file.filename,
        purpose: "user_data".to_owned(),
        bytes: file.bytes,
        sha256: file.sha256,
        content_type: file.content_type,
        created_at,
        expires_at,
        kept: file.kept,
    };
    exchange.add(stored.clone());
    Ok(Reply::json(file_object(&stored)))
}

fn list(exchange: &Exchange<'_>) -> Result<Reply, Problem> {
    let call = exchange.call;
    let ids = call.all("ids[]");
    let mut files = exchange.state.files.all();
    if !ids.is_empty() {
        if ids.len() > MAX_IDS || call.query("limit").is_some() || call.query("page").is_some() {
            return Err(invalid(400, "ids: at most 100, and neither limit nor page beside them"));
        }
        // Unknown ids are left out without a word.
        files.retain(|file| ids.contains(&file.id.as_str()));
        let data: Vec<_> = files.iter().map(file_object).collect();
        return Ok(Reply::json(json!({ "data": data, "next_page": null })));
    }
    let limit = call.query("limit").map_or(Ok(20), str::parse::<usize>);
    let limit = limit.ok().filter(|limit| (1..=1000).contains(limit));
    let limit = limit.ok_or_else(|| invalid(400, "limit: must be 1 to 1000"))?;
    files.reverse();
    if let Some(page) = call.query("page") {
        let last = page.strip_prefix("page_").unwrap_or_default();
        let at = files.iter().position(|file| file.id == last);
        files.drain(..=at.ok_or_else(|| invalid(400, "page: is not a page"))?);
    }
    let more = files.len() > limit;
    files.truncate(limit);
    let next = files.last().filter(|_| more).map(|file| format!("page_{}", file.id));
    let data: Vec<_> = files.iter().map(file_object).collect();
    Ok(Reply::json(json!({ "data": data, "next_page": next })))
}

fn invalid(status: u16, message: impl Into<String>) -> Problem {
    Problem::new(status, message).kind("invalid_request_error")
}

fn unknown(id: &str) -> Problem {
    Problem::new(404, format!("File not found: {id}")).kind("not_found_error")
}

fn file_object(file: &StoredFile) -> Value {
    let mut object = json!({
        "id": file.id,
        "type": "file",
        "filename": file.filename,
        "mime_type": file.content_type.as_deref().unwrap_or("application/octet-stream"),
        "size_bytes": file.bytes,
        "created_at": super::rfc3339(file.created_at),
        "downloadable": false,
    });
    if let Some(at) = file.expires_at {
        object["expires_at"] = super::rfc3339(at).into();
    }
    object
}

pub(super) fn error(problem: &Problem) -> Value {
    let kind = problem.kind.as_deref().unwrap_or(match problem.status {
        401 => "authentication_error",
        402 => "billing_error",
        403 => "permission_error",
        404 => "not_found_error",
        413 => "request_too_large",
        429 => "rate_limit_error",
        504 => "timeout_error",
        529 => "overloaded_error",
        500.. => "api_error",
        _ => "invalid_request_error",
    });
    let mut error = json!({ "type": kind, "message": problem.message });
    if let Some(code) = &problem.code {
        error["details"] = json!({ "error_code": code });
    }
    json!({ "type": "error", "error": error, "request_id": "req_fake" })
}
