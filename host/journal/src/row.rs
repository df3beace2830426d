//! Rows as bytes: one version byte, then JSON. And composite keys.

use loadlock_policy::model::ContentKey;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::error::JournalError;

/// Version of the row format below. A later one reads every earlier one.
const VERSION: u8 = 1;

/// The largest row. Names, paths and messages are bounded far below by the contract; this keeps one bad caller from
/// making every transaction slow.
pub(crate) const ROW_LIMIT: usize = 64 * 1024;

/// Encodes a row.
pub(crate) fn encode<T: Serialize>(what: &'static str, row: &T) -> Result<Vec<u8>, JournalError> {
    let mut bytes = vec![VERSION];
    serde_json::to_writer(&mut bytes, row).map_err(|error| JournalError::Io {
        what: format!("{what} cannot be written as JSON: {error}"),
    })?;
    within(what, bytes.len())?;
    Ok(bytes)
}

/// Refuses what is larger than a row may be.
pub(crate) fn within(what: &'static str, bytes: usize) -> Result<(), JournalError> {
    if bytes > ROW_LIMIT {
        return Err(JournalError::TooLarge {
            what,
            bytes,
            limit: ROW_LIMIT,
        });
    }
    Ok(())
}

/// Decodes a row; whatever cannot be read is corruption.
pub(crate) fn decode<T: DeserializeOwned>(what: &str, bytes: &[u8]) -> Result<T, redb::Error> {
    let corrupt = |why: String| redb::Error::Corrupted(format!("{what}: {why}"));
    match bytes.split_first() {
        Some((&VERSION, json)) => serde_json::from_slice(json).map_err(|error| corrupt(error.to_string())),
        Some((version, _)) => Err(corrupt(format!("row version {version} is not known"))),
        None => Err(corrupt("empty row".into())),
    }
}

/// A composite key: each part with its length before it, so that no two lists of parts share bytes.
pub(crate) fn key(parts: &[&str]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(parts.iter().map(|part| part.len() + 4).sum());
    for part in parts {
        // A part is bounded by ROW_LIMIT, far below u32.
        bytes.extend_from_slice(&(part.len() as u32).to_be_bytes());
        bytes.extend_from_slice(part.as_bytes());
    }
    bytes
}

/// The dedup index's key; `None` while the digest is not known.
pub(crate) fn content_key(key_of: &ContentKey) -> Option<Vec<u8>> {
    let sha256 = key_of.sha256.as_deref()?;
    Some(key(&[
        &key_of.tenant,
        &key_of.account,
        &key_of.purpose,
        &key_of.treatment,
        sha256,
    ]))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_key_tells_its_parts_apart() {
        assert_ne!(key(&["ab", "c"]), key(&["a", "bc"]));
        assert_ne!(key(&["a", ""]), key(&["", "a"]));
        assert_ne!(key(&["a"]), key(&["a", ""]));
    }

    #[test]
    fn unknown_versions_and_empty_rows_are_corrupt() {
        assert!(decode::<u8>("row", b"").is_err());
        assert!(decode::<u8>("row", b"\x021").is_err());
        assert!(decode::<u8>("row", b"\x01x").is_err());
        assert_eq!(decode::<u8>("row", &encode("row", &7u8).unwrap()).unwrap(), 7);
    }

    #[test]
    fn a_row_has_a_limit() {
        let long = "x".repeat(ROW_LIMIT);
        assert!(matches!(encode("row", &long), Err(JournalError::TooLarge { .. })));
    }
}
