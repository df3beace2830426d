//! What a receiver is told.

use bytes::Bytes;
use jiff::Timestamp;
use loadlock_journal::{OutgoingEvent, OutgoingKind};
use serde_json::json;

/// The name of a kind of event, as it is configured and sent.
pub(crate) fn event_type(kind: OutgoingKind) -> &'static str {
    match kind {
        OutgoingKind::Stored => "file.stored",
        OutgoingKind::Failed => "file.failed",
        OutgoingKind::Unknown => "file.unknown",
    }
}

/// The same for each attempt: a receiver knows by it what it has.
pub(crate) fn event_id(event: &OutgoingEvent) -> String {
    let kind = event_type(event.kind).trim_start_matches("file.");
    // A dot would be a border of what is signed.
    format!("evt_{}_{kind}", event.file.replace('.', "_"))
}

/// The body.
pub(crate) fn body(event: &OutgoingEvent) -> Bytes {
    let error = event
        .message
        .as_ref()
        .map(|message| json!({ "code": event.code.as_deref().unwrap_or("outcome_unknown"), "message": message }));
    let data = json!({
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
    let body = json!({ "type": event_type(event.kind), "timestamp": rfc3339(event.at_ms), "data": data });
    body.to_string().into()
}

fn rfc3339(at_ms: u64) -> String {
    let at = i64::try_from(at_ms).unwrap_or(i64::MAX);
    Timestamp::from_millisecond(at).map_or_else(|_| String::new(), |at| at.to_string())
}
