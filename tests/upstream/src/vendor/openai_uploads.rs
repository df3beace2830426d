//! OpenAI's uploads in parts.

use md5::Md5;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::openai::{bad_form, check_count, expiry, file_object, invalid, known_purpose};
use super::{Exchange, Failed, Operation};
use crate::body::Tap;
use crate::form::Rules;
use crate::locked;
use crate::reply::{Problem, Reply};
use crate::store::{Keeper, Kept, PartedUpload, Store, StoredFile, now, random_id};

/// Largest upload, 8 GB.
const MAX_BYTES: u64 = 8_000_000_000;

/// Largest part, 64 MiB: what the SDK sends.
const MAX_PART: u64 = 64 * 1024 * 1024;

/// An upload dies after an hour.
const LIFETIME: u64 = 3600;

const RULES: Rules = Rules {
    file: "data",
    texts: &[],
};

pub(super) async fn perform(exchange: &Exchange<'_>, tap: &mut Tap) -> Result<Reply, Failed> {
    match exchange.call.operation {
        Operation::CreateUpload => create(exchange, tap).await,
        Operation::AddPart => add_part(exchange, tap).await,
        Operation::CompleteUpload => complete(exchange, tap).await,
        Operation::CancelUpload => {
            tap.drain().await?;
            let mut store = locked(&exchange.state.files.0);
            let upload = pending(&mut store, &exchange.call.id)?;
            upload.status = "cancelled";
            upload.parts.clear();
            Ok(Reply::json(upload_object(upload, None)))
        }
        _ => Err(Problem::new(404, "not an upload").into()),
    }
}

async fn create(exchange: &Exchange<'_>, tap: &mut Tap) -> Result<Reply, Failed> {
    let wish = exchange.json(tap).await?;
    let wish = wish.ok_or_else(|| invalid(400, "the body is not JSON"))?;
    let text = |name: &str| {
        let value = wish.get(name).and_then(Value::as_str);
        value.ok_or_else(|| invalid(400, format!("'{name}' is a required property")).param(name))
    };
    let bytes = wish.get("bytes").and_then(Value::as_u64);
    let bytes = bytes.ok_or_else(|| invalid(400, "'bytes' is a required property").param("bytes"))?;
    let limit = exchange.state.options.max_bytes.unwrap_or(MAX_BYTES);
    if bytes == 0 || bytes > limit {
        let message = format!("bytes must be 1 to {limit}");
        return Err(invalid(400, message).param("bytes").into());
    }
    let expires_after = match wish.get("expires_after") {
        None | Some(Value::Null) => None,
        Some(after) => {
            let anchor = after.get("anchor").and_then(Value::as_str);
            let seconds = after.get("seconds").map(ToString::to_string);
            Some(expiry(anchor, seconds.as_deref())?)
        }
    };
    let upload = PartedUpload {
        id: random_id("upload_", 24),
        filename: text("filename")?.to_owned(),
        purpose: known_purpose(text("purpose")?)?.to_owned(),
        bytes,
        media_type: text("mime_type")?.to_owned(),
        created_at: now(),
        expires_after,
        status: "pending",
        parts: std::collections::HashMap::new(),
        file: None,
    };
    let object = upload_object(&upload, None);
    let mut store = locked(&exchange.state.files.0);
    store.uploads.insert(upload.id.clone(), upload);
    Ok(Reply::json(object))
}

async fn add_part(exchange: &Exchange<'_>, tap: &mut Tap) -> Result<Reply, Failed> {
    // Parts may come in any order and are needed again to digest the whole: they go to disk.
    let keeper = Keeper::new(0, true);
    let form = exchange.form(tap, &RULES, keeper, bad_form).await?;
    if form.file.bytes > MAX_PART {
        return Err(invalid(400, "a part has at most 64 MB").param("data").into());
    }
    let mut store = locked(&exchange.state.files.0);
    let upload = pending(&mut store, &exchange.call.id)?;
    let sum: u64 = upload.parts.values().map(|(bytes, _)| bytes).sum();
    if sum + form.file.bytes > upload.bytes {
        let message = "the parts are larger than the upload";
        return Err(invalid(400, message).param("data").into());
    }
    let id = random_id("part_", 24);
    let part = (form.file.bytes, form.file.kept);
    upload.parts.insert(id.clone(), part);
    Ok(Reply::json(json!({
        "id": id,
        "object": "upload.part",
        "created_at": now(),
        "upload_id": upload.id,
    })))
}

async fn complete(exchange: &Exchange<'_>, tap: &mut Tap) -> Result<Reply, Failed> {
    let wish = exchange.json(tap).await?;
    let wish = wish.ok_or_else(|| invalid(400, "the body is not JSON"))?;
    let ids: Option<Vec<&str>> = wish
        .get("part_ids")
        .and_then(Value::as_array)
        .and_then(|ids| ids.iter().map(Value::as_str).collect());
    let ids = ids.ok_or_else(|| invalid(400, "'part_ids' is a required property"))?;
    check_count(exchange)?;
    let mut store = locked(&exchange.state.files.0);
    let upload = pending(&mut store, &exchange.call.id)?;
    let mut parts = Vec::new();
    let mut sum = 0;
    for id in ids {
        let part = upload.parts.get(id);
        let (bytes, kept) = part.ok_or_else(|| invalid(400, format!("No such part: {id}")))?;
        sum += bytes;
        parts.push(kept.clone());
    }
    if sum != upload.bytes {
        let message = format!("expected {} bytes, the parts have {sum}", upload.bytes);
        return Err(invalid(400, message).into());
    }
    let kept = Kept::Chain(parts);
    let (sha256, md5) = digests(&kept)?;
    if wish
        .get("md5")
        .and_then(Value::as_str)
        .is_some_and(|wanted| wanted != md5)
    {
        return Err(invalid(400, "md5 does not match").param("md5").into());
    }
    let created_at = now();
    let file = StoredFile {
        id: random_id("file-", 24),
        filename: upload.filename.clone(),
        purpose: upload.purpose.clone(),
        bytes: sum,
        sha256,
        content_type: Some(upload.media_type.clone()),
        created_at,
        expires_at: upload.expires_after.map(|seconds| created_at + seconds),
        kept,
    };
    upload.status = "completed";
    upload.parts.clear();
    upload.file = Some(file.id.clone());
    let object = upload_object(upload, Some(&file));
    store.files.push(file);
    Ok(Reply::json(object))
}

fn digests(kept: &Kept) -> Result<(String, String), Problem> {
    let (mut sha256, mut md5) = (Sha256::new(), Md5::new());
    let lost = || Problem::new(500, "a part was not kept");
    for piece in kept.pieces().ok_or_else(lost)? {
        let piece = piece.map_err(|_| lost())?;
        sha256.update(&piece);
        md5.update(&piece);
    }
    Ok((hex::encode(sha256.finalize()), hex::encode(md5.finalize())))
}

fn pending<'a>(store: &'a mut Store, id: &str) -> Result<&'a mut PartedUpload, Problem> {
    let upload = store.uploads.get_mut(id);
    let upload = upload.ok_or_else(|| invalid(404, format!("No such Upload object: {id}")))?;
    if upload.status != "pending" {
        let message = format!("Upload {id} is {}", upload.status);
        return Err(invalid(400, message));
    }
    Ok(upload)
}

fn upload_object(upload: &PartedUpload, file: Option<&StoredFile>) -> Value {
    json!({
        "id": upload.id,
        "object": "upload",
        "bytes": upload.bytes,
        "created_at": upload.created_at,
        "filename": upload.filename,
        "purpose": upload.purpose,
        "status": upload.status,
        "expires_at": upload.created_at + LIFETIME,
        "file": file.map(file_object),
    })
}
