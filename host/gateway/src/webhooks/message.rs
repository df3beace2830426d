//! What a receiver is told.

use bytes::Bytes;
use jiff::Timestamp;
use loadlock_journal::{Delivery, OutgoingEvent, OutgoingKind};
use loadlock_sandbox::tracker::FileRecord;
use serde_json::json;

use crate::id;
use crate::principal::Principal;

/// Every kind of event.
pub(crate) const KINDS: [OutgoingKind; 4] = [
    OutgoingKind::Stored,
    OutgoingKind::Failed,
    OutgoingKind::Unknown,
    OutgoingKind::Deleted,
];

/// The name of a kind of event, as it is configured and sent.
pub(crate) fn event_type(kind: OutgoingKind) -> &'static str {
    match kind {
        OutgoingKind::Stored => "file.stored",
        OutgoingKind::Failed => "file.failed",
        OutgoingKind::Unknown => "file.unknown",
        OutgoingKind::Deleted => "file.deleted",
    }
}

/// The same for each attempt: a receiver knows by it what it has.
pub(crate) fn event_id(event: &OutgoingEvent) -> String {
    let kind = event_type(event.kind).trim_start_matches("file.");
    // One receiver may get both.
    let whose = if event.callback.is_some() { "_callback" } else { "" };
    // A dot would be a border of what is signed.
    format!("evt_{}_{kind}{whose}", event.file.replace('.', "_"))
}

/// What happened to a file that the ledger has, or had.
pub(super) fn of_record(kind: OutgoingKind, who: &Principal, record: &FileRecord, at_ms: u64) -> OutgoingEvent {
    OutgoingEvent {
        kind,
        file: record.id.clone(),
        tenant: record.key.tenant.clone(),
        subject: who.subject().to_owned(),
        filename: record.filename.clone(),
        media_type: record.media_type.clone(),
        bytes: record.bytes,
        purpose: record.key.purpose.clone(),
        provider: record.provider.clone(),
        sha256: Some(record.key.sha256.clone()),
        deduplicated: record.deduplicated,
        expires_at_ms: record.expires_at_ms,
        code: None,
        message: None,
        at_ms,
        callback: None,
        delivery: Delivery::default(),
    }
}

/// The body.
pub(crate) fn body(event: &OutgoingEvent) -> Bytes {
    let error = event
        .message
        .as_ref()
        .map(|message| json!({ "code": event.code.as_deref().unwrap_or("outcome_unknown"), "message": message }));
    let mut data = json!({
        "id": event.file,
        "tenant": event.tenant,
        "subject": event.subject,
        "filename": event.filename,
        "media_type": event.media_type,
        "bytes": event.bytes,
        "purpose": event.purpose,
        "provider": event.provider,
        "sha256": event.sha256,
        "deduplicated": event.deduplicated,
        "expires_at": event.expires_at_ms.map(|end| end / 1_000),
        "error": error,
    });
    if let Some(callback) = &event.callback {
        data["grant"] = callback.grant.clone().into();
        // Where each upload is kept first, it is the copy whose end this is; its client knows the file.
        data["id"] = id::file_of(&event.file).into();
    }
    let body = json!({ "type": event_type(event.kind), "timestamp": rfc3339(event.at_ms), "data": data });
    body.to_string().into()
}

fn rfc3339(at_ms: u64) -> String {
    let at = i64::try_from(at_ms).unwrap_or(i64::MAX);
    Timestamp::from_millisecond(at).map_or_else(|_| String::new(), |at| at.to_string())
}
