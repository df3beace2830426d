//! A row of `provider_file_uploads` of EX-AI-MCP-Server. The table had two forms with other names for the same things;
//! a column is found by any of its names.

use loadlock::gateway::Imported;
use serde_json::{Map, Value};

/// Why a row is no file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Left {
    /// It failed, is pending, or was deleted.
    NotCompleted,
    /// No vendor's id: it never got there, or nobody noted where.
    NoRemoteId,
    /// No SHA-256 of its content, so that nothing can be compared with it.
    NoDigest,
    /// No size, or one that overflowed.
    NoSize,
    /// No time that can be read.
    NoTime,
}

impl Left {
    /// For people.
    pub(super) const fn reason(self) -> &'static str {
        match self {
            Self::NotCompleted => "not completed, or deleted",
            Self::NoRemoteId => "without a vendor's id",
            Self::NoDigest => "without a SHA-256",
            Self::NoSize => "without a size",
            Self::NoTime => "without a time",
        }
    }
}

/// What a row says.
pub(super) fn read(row: &Map<String, Value>) -> Result<Imported, Left> {
    let status = text(row, &["upload_status"]);
    if status.is_some_and(|status| status != "completed") || text(row, &["deleted_at"]).is_some() {
        return Err(Left::NotCompleted);
    }
    let remote_id = text(row, &["provider_file_id"]).ok_or(Left::NoRemoteId)?;
    let sha256 = text(row, &["sha256", "file_hash"]).map(str::to_ascii_lowercase);
    let hexadecimal = |digest: &String| digest.len() == 64 && digest.bytes().all(|byte| byte.is_ascii_hexdigit());
    let sha256 = sha256.filter(hexadecimal).ok_or(Left::NoDigest)?;
    let bytes = ["file_size_bytes", "file_size"]
        .iter()
        .find_map(|name| row.get(*name)?.as_u64());
    let created = text(row, &["created_at", "upload_timestamp"]);
    let created: Option<jiff::Timestamp> = created.and_then(|instant| instant.parse().ok());
    let created_at_ms = created.and_then(|instant| u64::try_from(instant.as_millisecond()).ok());
    let metadata = row.get("metadata").and_then(Value::as_object);
    let path = text(row, &["filename", "storage_path", "file_path"])
        .or_else(|| metadata.and_then(|metadata| text(metadata, &["filename"])));
    let name = path.and_then(|path| path.rsplit(['/', '\\']).find(|part| !part.is_empty()));
    // `file_type` is a media type in some rows and an extension in others.
    let media_type = text(row, &["mime_type", "file_type"]).filter(|text| text.contains('/'));
    Ok(Imported {
        provider: text(row, &["provider", "provider_name"])
            .unwrap_or_default()
            .to_ascii_lowercase(),
        remote_id: remote_id.to_owned(),
        sha256,
        filename: name.unwrap_or(remote_id).to_owned(),
        bytes: bytes.ok_or(Left::NoSize)?,
        media_type: media_type.map(str::to_owned),
        purpose: text(row, &["purpose"]).map(str::to_owned),
        created_at_ms: created_at_ms.ok_or(Left::NoTime)?,
    })
}

/// The first of the columns that has a text with something in it.
fn text<'r>(row: &'r Map<String, Value>, names: &[&str]) -> Option<&'r str> {
    let texts = names.iter().filter_map(|name| row.get(*name)?.as_str());
    texts.map(str::trim).find(|text| !text.is_empty())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use serde_json::json;

    use super::*;

    fn of(row: Value) -> Result<Imported, Left> {
        read(row.as_object().unwrap())
    }

    #[test]
    fn both_forms_of_the_table_are_read() {
        let digest = "ab".repeat(32);
        let first = of(json!({
            "id": "4b1c", "provider": "kimi", "provider_file_id": "d44s", "sha256": digest, "filename": "a.pdf",
            "file_size_bytes": 7, "last_used": null, "upload_status": "completed", "error_message": null,
            "created_at": "2025-10-17T10:00:00.5+00:00", "updated_at": "2025-10-18T10:00:00+00:00",
        }));
        let expected = Imported {
            provider: "kimi".into(),
            remote_id: "d44s".into(),
            sha256: digest.clone(),
            filename: "a.pdf".into(),
            bytes: 7,
            media_type: None,
            purpose: None,
            created_at_ms: 1_760_695_200_500,
        };
        assert_eq!(first, Ok(expected.clone()));
        let second = of(json!({
            "file_id": "x", "user_id": "system", "provider_name": "Kimi", "provider_file_id": "d44s",
            "upload_timestamp": "2025-10-17T10:00:00.5Z", "file_size": 7, "file_type": "application/pdf",
            "file_hash": digest.to_uppercase(), "storage_path": "uploads\\2025/a.pdf", "metadata": {},
        }));
        let expected = Imported {
            media_type: Some("application/pdf".into()),
            ..expected
        };
        assert_eq!(second, Ok(expected));
    }

    #[test]
    fn what_is_missing_is_said() {
        let whole = json!({
            "provider": "kimi", "provider_file_id": "d44s", "sha256": "ab".repeat(32), "file_size_bytes": 7,
            "created_at": "2025-10-17T10:00:00Z", "upload_status": "completed",
        });
        assert!(of(whole.clone()).is_ok());
        for (column, value, left) in [
            ("upload_status", json!("failed"), Left::NotCompleted),
            ("deleted_at", json!("2025-10-17T10:00:00Z"), Left::NotCompleted),
            ("provider_file_id", json!(" "), Left::NoRemoteId),
            ("sha256", json!("abcd"), Left::NoDigest),
            ("sha256", Value::Null, Left::NoDigest),
            ("file_size_bytes", json!(-2_147_483_648_i64), Left::NoSize),
            ("created_at", json!("yesterday"), Left::NoTime),
        ] {
            let mut row = whole.clone();
            row[column] = value;
            assert_eq!(of(row), Err(left), "{column}");
        }
    }
}
