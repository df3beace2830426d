//! Between the rows of the journal and the records of the tracker.

use loadlock_journal::{Accepted, Entry as Row, Intent};
use loadlock_policy::model::Treatment;
use loadlock_sandbox::provider::LostUpload;
use loadlock_sandbox::tracker::FileRecord;

use crate::state::provider::ProviderUnit;

/// What besides the bytes decides how the provider's vendor treats a file of this kind.
pub(crate) fn treatment(unit: &ProviderUnit, extension: &str, media_type: &str) -> String {
    match unit.profile.treatment {
        Treatment::Content => String::new(),
        Treatment::Extension => extension.to_owned(),
        Treatment::MediaType => media_type.to_owned(),
    }
}

/// What is looked for if the answer to what was intended is lost.
pub(crate) fn lost_upload(intent: &Intent, sha256: Option<&str>) -> LostUpload {
    LostUpload {
        mark: intent.mark.clone(),
        purpose: intent.key.purpose.clone(),
        remote_name: intent.remote_name.clone(),
        bytes: intent.bytes,
        media_type: intent.media_type.clone(),
        sha256: sha256.map(str::to_owned),
    }
}

/// The record of an entry that a vendor accepted.
pub(crate) fn record_of(row: &Row) -> Option<FileRecord> {
    Some(record(&row.intent, row.accepted()?))
}

/// The record of what was intended, as the vendor accepted it.
pub(crate) fn record(intent: &Intent, accepted: &Accepted) -> FileRecord {
    FileRecord {
        id: intent.id.clone(),
        key: intent.key.at(&accepted.account).with_digest(&accepted.sha256),
        filename: intent.filename.clone(),
        bytes: intent.bytes,
        media_type: intent.media_type.clone(),
        provider: accepted.provider.clone(),
        remote_id: accepted.remote_id.clone(),
        address: accepted.address.clone(),
        deduplicated: accepted.attempts == 0,
        attempts: accepted.attempts,
        created_at_ms: accepted.accepted_at_ms,
        expires_at_ms: accepted.expires_at_ms,
    }
}

/// The acceptance that a record of the tracker stands for.
pub(crate) fn accepted_as(record: FileRecord) -> Accepted {
    Accepted {
        remote_id: record.remote_id,
        address: record.address,
        provider: record.provider,
        account: record.key.account,
        sha256: record.key.sha256,
        bytes: record.bytes,
        attempts: record.attempts,
        accepted_at_ms: record.created_at_ms,
        expires_at_ms: record.expires_at_ms,
    }
}
