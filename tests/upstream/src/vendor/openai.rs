//! OpenAI: `/v1/files`, and `/v1/uploads` for large files.
//!
//! Answers for a missing field, a wrong purpose, an unknown file and a wrong key follow the live service; the status
//! for a file over the limit (413) and for an empty file (400) are not documented.

use serde_json::{Value, json};

use super::{Exchange, Failed, Operation, openai_uploads};
use crate::Vendor;
use crate::body::Tap;
use crate::form::{FormError, Rules};
use crate::reply::{Problem, Reply};
use crate::store::{StoredFile, now, random_id};

/// Largest file at `/files`, 512 MB.
pub const MAX_BYTES: u64 = 512_000_000;

/// Largest batch file, 200 MB.
pub const MAX_BATCH_BYTES: u64 = 200_000_000;

/// Largest file at xAI, 50 MB.
pub const MAX_XAI_BYTES: u64 = 50_000_000;

/// Purposes that an upload may have.
pub const PURPOSES: [&str; 6] = ["assistants", "batch", "fine-tune", "vision", "user_data", "evals"];

/// How long a file may be asked to live, in seconds.
pub const EXPIRY: std::ops::RangeInclusive<u64> = 3600..=2_592_000;

const RULES: Rules = Rules {
    file: "file",
    texts: &["purpose", "expires_after[anchor]", "expires_after[seconds]"],
};

pub(crate) async fn perform(exchange: &Exchange<'_>, tap: &mut Tap) -> Result<Reply, Failed> {
    authorize(exchange)?;
    match exchange.call.operation {
        Operation::Create => create(exchange, tap).await,
        Operation::List => Ok(list(exchange)?),
        Operation::Retrieve => {
            let file = exchange.state.files.get(&exchange.call.id);
            let file = file.ok_or_else(|| unknown(&exchange.call.id))?;
            Ok(Reply::json(file_object(&file)))
        }
        Operation::Delete => {
            let id = &exchange.call.id;
            if !exchange.state.files.lose(id) {
                return Err(unknown(id).into());
            }
            let gone = json!({ "id": id, "object": "file", "deleted": true });
            Ok(Reply::json(gone))
        }
        Operation::Content => {
            let raw = exchange.raw("application/octet-stream");
            let raw = raw.ok_or_else(|| unknown(&exchange.call.id))?;
            Ok(raw?)
        }
        Operation::CreateUpload | Operation::AddPart | Operation::CompleteUpload | Operation::CancelUpload => {
            openai_uploads::perform(exchange, tap).await
        }
        Operation::QueryUpload | Operation::Model => Err(Problem::new(404, "not found").into()),
    }
}

fn authorize(exchange: &Exchange<'_>) -> Result<(), Problem> {
    // Azure's own header, or a token of its directory.
    let azure = exchange
        .headers
        .get("api-key")
        .filter(|_| exchange.state.vendor == Vendor::Azure);
    match azure.and_then(|key| key.to_str().ok()).or_else(|| exchange.bearer()) {
        Some(key) if exchange.knows(key) => Ok(()),
        // The live service repeats a part of the key; a fake must not.
        Some(_) => Err(invalid(401, "Incorrect API key provided: sk-***.").code("invalid_api_key")),
        None => Err(invalid(401, "You didn't provide an API key.")),
    }
}

async fn create(exchange: &Exchange<'_>, tap: &mut Tap) -> Result<Reply, Failed> {
    let form = exchange.form(tap, &RULES, exchange.keeper(), bad_form).await?;
    let is_xai = exchange.state.vendor == Vendor::Xai;
    let purpose = match form.text("purpose") {
        // It has none, and does not look at what is said.
        _ if is_xai => "user_data".to_owned(),
        Some(purpose) => known_purpose(purpose)?.to_owned(),
        None => return Err(invalid(400, "'purpose' is a required property").into()),
    };
    let at = |name: &str| form.fields.iter().position(|field| field.name == name);
    if is_xai && at("expires_after[seconds]") > at("file") {
        return Err(invalid(400, "expires_after must come before file").into());
    }
    let created_at = now();
    let expires_at = match (form.text("expires_after[anchor]"), form.text("expires_after[seconds]")) {
        (None, None) => None,
        (anchor, seconds) => Some(created_at + expiry(anchor, seconds)?),
    };
    let file = form.file;
    let limit = match purpose.as_str() {
        _ if is_xai => MAX_XAI_BYTES,
        "batch" => MAX_BATCH_BYTES,
        _ => MAX_BYTES,
    };
    let limit = exchange.state.options.max_bytes.unwrap_or(limit);
    if file.bytes > limit {
        let message = format!("Maximum content size limit ({limit}) exceeded");
        return Err(invalid(413, message).into());
    }
    if file.bytes == 0 {
        return Err(invalid(400, "File is empty.").param("file").into());
    }
    check_count(exchange)?;
    let stored = StoredFile {
        id: random_id("file-", 24),
        filename: file.filename,
        purpose,
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
    let limit = match call.query("limit") {
        None => 10_000,
        Some(text) => match text.parse::<usize>() {
            Ok(limit) if (1..=10_000).contains(&limit) => limit,
            _ => return Err(invalid(400, "limit must be 1 to 10000").param("limit")),
        },
    };
    let mut files = exchange.state.files.all();
    match call.query("order") {
        None | Some("desc") => files.reverse(),
        Some("asc") => {}
        Some(_) => return Err(invalid(400, "order must be asc or desc").param("order")),
    }
    if let Some(purpose) = call.query("purpose") {
        files.retain(|file| file.purpose == purpose);
    }
    if let Some(after) = call.query("after") {
        let at = files.iter().position(|file| file.id == after);
        let at = at.ok_or_else(|| unknown(after).param("after"))?;
        files.drain(..=at);
    }
    if let Some(token) = call.query("pagination_token") {
        let at = files
            .iter()
            .position(|file| Some(file.id.as_str()) == token.strip_prefix("after-"));
        files.drain(..=at.ok_or_else(|| invalid(400, "pagination_token is not one"))?);
    }
    let has_more = files.len() > limit;
    files.truncate(limit);
    if exchange.state.vendor == Vendor::Xai {
        let next = files
            .last()
            .filter(|_| has_more)
            .map(|file| format!("after-{}", file.id));
        let data: Vec<_> = files.iter().map(file_object).collect();
        return Ok(Reply::json(json!({ "data": data, "pagination_token": next })));
    }
    Ok(Reply::json(json!({
        "object": "list",
        "data": files.iter().map(file_object).collect::<Vec<_>>(),
        "first_id": files.first().map(|file| &file.id),
        "last_id": files.last().map(|file| &file.id),
        "has_more": has_more,
    })))
}

/// The account's room for one more file.
pub(super) fn check_count(exchange: &Exchange<'_>) -> Result<(), Problem> {
    let full = exchange
        .state
        .options
        .max_files
        .is_some_and(|most| exchange.state.files.len() >= most);
    if full {
        let message = "You have exceeded your file storage quota.";
        return Err(invalid(403, message).code("storage_quota_exceeded"));
    }
    Ok(())
}

/// Checks a purpose.
pub(super) fn known_purpose(purpose: &str) -> Result<&str, Problem> {
    if PURPOSES.contains(&purpose) {
        return Ok(purpose);
    }
    let message = format!("'{purpose}' is not one of {PURPOSES:?} - 'purpose'");
    Err(invalid(400, message).param("purpose"))
}

/// The seconds that a file is to live.
pub(super) fn expiry(anchor: Option<&str>, seconds: Option<&str>) -> Result<u64, Problem> {
    if anchor != Some("created_at") {
        let message = "expires_after.anchor must be 'created_at'";
        return Err(invalid(400, message).param("expires_after[anchor]"));
    }
    seconds
        .and_then(|text| text.parse().ok())
        .filter(|seconds| EXPIRY.contains(seconds))
        .ok_or_else(|| {
            let message = "expires_after.seconds must be 3600 to 2592000";
            invalid(400, message).param("expires_after[seconds]")
        })
}

/// A form that breaks the rules.
pub(super) fn bad_form(error: &FormError) -> Problem {
    match error {
        FormError::NoFile => invalid(400, "'file' is a required property"),
        other => invalid(400, format!("Could not parse multipart form: {other}")),
    }
}

/// A caller's mistake.
pub(super) fn invalid(status: u16, message: impl Into<String>) -> Problem {
    Problem::new(status, message).kind("invalid_request_error")
}

fn unknown(id: &str) -> Problem {
    invalid(404, format!("No such File object: {id}")).param("id")
}

pub(super) fn file_object(file: &StoredFile) -> Value {
    let mut object = json!({
        "id": file.id,
        "object": "file",
        "bytes": file.bytes,
        "created_at": file.created_at,
        "filename": file.filename,
        "purpose": file.purpose,
        "status": "processed",
        "status_details": null,
    });
    if let Some(at) = file.expires_at {
        object["expires_at"] = at.into();
    }
    object
}

pub(super) fn error(problem: &Problem) -> Value {
    let kind = problem.kind.as_deref().unwrap_or(match problem.status {
        429 => "requests",
        500.. => "server_error",
        _ => "invalid_request_error",
    });
    json!({ "error": {
        "message": problem.message,
        "type": kind,
        "param": problem.param,
        "code": problem.code,
    } })
}
