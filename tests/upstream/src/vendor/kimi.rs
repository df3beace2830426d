//! Kimi (Moonshot): `/v1/files`.
//!
//! A file's status is `ok`. The list is not paged. `content` gives the extracted text of `file-extract` files, which in
//! this fake is the content itself; what it gives for other purposes is not documented, and is refused here. So is the
//! status for an unknown file (404).

use serde_json::{Value, json};

use super::{Exchange, Failed, Operation};
use crate::body::Tap;
use crate::form::{FormError, Rules};
use crate::reply::{Problem, Reply};
use crate::store::{StoredFile, now, random_id};

/// Largest file, 100 MB.
pub const MAX_BYTES: u64 = 100_000_000;

/// Most files of one user.
pub const MAX_FILES: usize = 1000;

/// Purposes that an upload may have.
pub const PURPOSES: [&str; 4] = ["file-extract", "image", "video", "batch"];

const RULES: Rules = Rules {
    file: "file",
    texts: &["purpose"],
};

pub(super) fn offers(operation: Operation) -> bool {
    matches!(
        operation,
        Operation::Create | Operation::List | Operation::Retrieve | Operation::Delete | Operation::Content
    )
}

pub(super) async fn perform(exchange: &Exchange<'_>, tap: &mut Tap) -> Result<Reply, Failed> {
    match exchange.bearer() {
        Some(key) if exchange.knows(key) => {}
        Some(_) => {
            let problem = Problem::new(401, "Incorrect API key provided");
            return Err(problem.kind("incorrect_api_key_error").into());
        }
        None => {
            let problem = Problem::new(401, "Invalid Authentication");
            return Err(problem.kind("invalid_authentication_error").into());
        }
    }
    let id = &exchange.call.id;
    let file = || {
        let found = exchange.state.files.get(id);
        found.ok_or_else(|| unknown(id))
    };
    match exchange.call.operation {
        Operation::Create => create(exchange, tap).await,
        Operation::List => {
            let mut files = exchange.state.files.all();
            files.reverse();
            if let Some(purpose) = exchange.call.query("purpose") {
                files.retain(|file| file.purpose == purpose);
            }
            let data: Vec<_> = files.iter().map(file_object).collect();
            Ok(Reply::json(json!({ "object": "list", "data": data })))
        }
        Operation::Retrieve => Ok(Reply::json(file_object(&file()?))),
        Operation::Delete => {
            if !exchange.state.files.lose(id) {
                return Err(unknown(id).into());
            }
            let gone = json!({ "id": id, "object": "file", "deleted": true });
            Ok(Reply::json(gone))
        }
        Operation::Content => {
            let file = file()?;
            if file.purpose != "file-extract" {
                return Err(invalid("only file-extract files have content").into());
            }
            Ok(Reply::text(exchange.text(&file)?))
        }
        _ => Err(Problem::new(404, "not found").into()),
    }
}

async fn create(exchange: &Exchange<'_>, tap: &mut Tap) -> Result<Reply, Failed> {
    let form = exchange
        .form(tap, &RULES, exchange.keeper(), |error| match error {
            FormError::NoFile => invalid("Invalid request: file is required"),
            other => invalid(format!("Invalid request: {other}")),
        })
        .await?;
    let purpose = form.text("purpose").unwrap_or_default().to_owned();
    if !PURPOSES.contains(&purpose.as_str()) {
        let message = format!("Invalid purpose: only {PURPOSES:?} accepted");
        return Err(invalid(message).into());
    }
    let file = form.file;
    let options = &exchange.state.options;
    if file.bytes == 0 {
        return Err(invalid("File size is zero, please confirm and re-upload the file").into());
    }
    if file.bytes > options.max_bytes.unwrap_or(MAX_BYTES) {
        let message = "File size is too large, max file size is 100MB, please confirm and re-upload the file";
        return Err(invalid(message).into());
    }
    if exchange.state.files.len() >= options.max_files.unwrap_or(MAX_FILES) {
        let message = "The number of files you have uploaded exceeded the max file count 1000, please delete previous \
             uploaded files";
        return Err(invalid(message).into());
    }
    let stored = StoredFile {
        id: random_id("", 20),
        filename: file.filename,
        purpose,
        bytes: file.bytes,
        sha256: file.sha256,
        content_type: file.content_type,
        created_at: now(),
        expires_at: None,
        kept: file.kept,
    };
    exchange.add(stored.clone());
    Ok(Reply::json(file_object(&stored)))
}

fn invalid(message: impl Into<String>) -> Problem {
    Problem::new(400, message).kind("invalid_request_error")
}

fn unknown(id: &str) -> Problem {
    Problem::new(404, format!("file {id} not found")).kind("resource_not_found_error")
}

fn file_object(file: &StoredFile) -> Value {
    json!({
        "id": file.id,
        "object": "file",
        "bytes": file.bytes,
        "created_at": file.created_at,
        "filename": file.filename,
        "purpose": file.purpose,
        "status": "ok",
        "status_details": "",
    })
}

pub(super) fn error(problem: &Problem) -> Value {
    let named = problem.kind.as_deref().or(problem.code.as_deref());
    let kind = named.unwrap_or(match problem.status {
        401 => "invalid_authentication_error",
        403 => "exceeded_current_quota_error",
        404 => "resource_not_found_error",
        429 => "rate_limit_reached_error",
        503 => "engine_overloaded_error",
        500.. => "server_error",
        _ => "invalid_request_error",
    });
    json!({ "error": { "message": problem.message, "type": kind } })
}
