//! The gateway's files as OpenAI's objects.

use loadlock_gateway::{File, Gateway};
use loadlock_policy::model::RemoteStatus;
use serde_json::{Value, json};

/// A `file` object, with ours beside it in `loadlock`.
pub(crate) fn file(gateway: &Gateway, file: &File) -> Value {
    // OpenAI's words: its SDKs wait until a file is one of the last two.
    let (status, details) = match gateway.status(file) {
        RemoteStatus::Processing => ("uploaded", None),
        RemoteStatus::Ready => ("processed", None),
        RemoteStatus::Failed => {
            let why = gateway.status_details(file);
            (
                "error",
                Some(why.unwrap_or_else(|| "the vendor could not process the file".to_owned())),
            )
        }
    };
    let mut object = json!({
        "id": file.id,
        "object": "file",
        "bytes": file.bytes,
        "created_at": unix_seconds(&file.created_at),
        "filename": file.filename,
        "purpose": client_purpose(gateway, file),
        "status": status,
        "status_details": details,
        "loadlock": {
            "provider": file.provider,
            "purpose": file.purpose,
            "remote_id": file.remote_id,
            "sha256": file.sha256,
            "media_type": file.media_type,
            "deduplicated": file.deduplicated,
            "attempts": file.attempts,
            "created_at": file.created_at,
        },
    });
    for (name, value) in [("uri", &file.uri), ("remote_media_type", &file.remote_media_type)] {
        if let Some(value) = value {
            object["loadlock"][name] = value.as_str().into();
        }
    }
    if !file.copies.is_empty() {
        object["loadlock"]["copies"] = json!(file.copies);
    }
    if let Some(expires_at) = &file.expires_at {
        object["expires_at"] = unix_seconds(expires_at).into();
        object["loadlock"]["expires_at"] = expires_at.as_str().into();
    }
    object
}

/// RFC 3339 as whole seconds since 1970.
fn unix_seconds(instant: &str) -> i64 {
    instant.parse::<jiff::Timestamp>().map_or(0, jiff::Timestamp::as_second)
}

/// The client's word for the vendor's purpose, where the configuration has exactly one; else the vendor's.
fn client_purpose(gateway: &Gateway, file: &File) -> String {
    let config = gateway.config();
    let provider = config.provider(&file.provider);
    let mapped = provider.into_iter().flat_map(|provider| &provider.purposes);
    let mut words = mapped
        .filter(|(_, vendors)| **vendors == file.purpose)
        .map(|(clients, _)| clients.as_str());
    match (words.next(), words.next()) {
        (Some(word), None) => word.to_owned(),
        _ => file.purpose.clone(),
    }
}

/// Whether a file is one of this purpose, in the client's word or the vendor's.
pub(crate) fn has_purpose(gateway: &Gateway, file: &File, purpose: &str) -> bool {
    file.purpose == purpose || client_purpose(gateway, file) == purpose
}

/// What a client's purpose is called at any of the providers: what a list has to look for.
pub(crate) fn vendor_purposes(gateway: &Gateway, purpose: &str) -> Vec<String> {
    let config = gateway.config();
    let mut words: Vec<String> = config
        .providers
        .iter()
        .map(|provider| {
            let mapped = provider.purposes.get(purpose).map(String::as_str);
            mapped.unwrap_or(purpose).to_owned()
        })
        .collect();
    words.sort_unstable();
    words.dedup();
    words
}
