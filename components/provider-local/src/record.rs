//! What is kept beside an object.

use std::collections::BTreeMap;

use loadlock_sdk::types::{RemoteFile, UploadOptions};
use serde::{Deserialize, Serialize};

use crate::id::{Digest, id_of};

/// Version of the record's form. Another one is not read.
const VERSION: u32 = 1;

/// Largest record that is read, in bytes: eight purposes with names of 255 bytes fit several times.
pub(crate) const MAX_BYTES: u64 = 64 << 10;

/// A record as it lies on disk.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Record {
    version: u32,
    sha256: String,
    pub(crate) bytes: u64,
    pub(crate) media_type: String,
    /// Unix seconds of the first upload.
    created_at: u64,
    /// The name of the latest upload for each purpose. Never empty.
    names: BTreeMap<String, String>,
}

impl Record {
    pub(crate) fn new(digest: &Digest, bytes: u64, media_type: &str, created_at: u64) -> Self {
        Self {
            version: VERSION,
            sha256: digest.as_str().to_owned(),
            bytes,
            media_type: media_type.to_owned(),
            created_at,
            names: BTreeMap::new(),
        }
    }

    /// A record of this object, or nothing if it is not one: a torn, foreign or misplaced record counts as absent, and
    /// the next upload of the content replaces it.
    pub(crate) fn parse(digest: &Digest, json: &[u8]) -> Option<Self> {
        let record: Self = serde_json::from_slice(json).ok()?;
        let ours = record.version == VERSION && record.sha256 == digest.as_str() && !record.names.is_empty();
        ours.then_some(record)
    }

    pub(crate) fn to_json(&self) -> Vec<u8> {
        // Strings and numbers always serialise; an empty text would be refused when read.
        serde_json::to_vec(self).unwrap_or_default()
    }

    /// Adds one more upload of the same content.
    pub(crate) fn with_upload(mut self, options: &UploadOptions) -> Self {
        self.names.insert(options.purpose.clone(), options.remote_name.clone());
        self
    }

    pub(crate) fn has_purpose(&self, purpose: &str) -> bool {
        self.names.contains_key(purpose)
    }

    /// This as the contract's record, under `purpose` if the content was uploaded for it, else under the first that it
    /// was.
    pub(crate) fn remote_file(&self, purpose: Option<&str>) -> RemoteFile {
        let named = purpose
            .and_then(|purpose| self.names.get_key_value(purpose))
            .or_else(|| self.names.first_key_value());
        RemoteFile {
            name: named.map(|(_, name)| name.clone()),
            purpose: named.map(|(purpose, _)| purpose.clone()),
            sha256: Some(self.sha256.clone()),
            created_at: Some(self.created_at),
            ..RemoteFile::new(id_of(&self.sha256), self.bytes)
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn digest() -> Digest {
        Digest::of_text(&"ab".repeat(32)).unwrap()
    }

    fn options(purpose: &str, name: &str) -> UploadOptions {
        UploadOptions {
            purpose: purpose.to_owned(),
            mark: "m".repeat(26),
            remote_name: name.to_owned(),
            expires_in_s: None,
        }
    }

    #[test]
    fn each_purpose_keeps_its_own_name() {
        let record = Record::new(&digest(), 3, "text/plain", 9)
            .with_upload(&options("store", "a.txt"))
            .with_upload(&options("batch", "b.jsonl"))
            .with_upload(&options("store", "c.txt"));
        let read = Record::parse(&digest(), &record.to_json()).unwrap();
        let name = |purpose| read.remote_file(purpose).name.unwrap();
        assert_eq!(name(Some("store")), "c.txt");
        assert_eq!(name(Some("batch")), "b.jsonl");
        assert_eq!(name(Some("vision")), "b.jsonl");
        assert!(read.has_purpose("batch") && !read.has_purpose("vision"));
        assert_eq!(read.remote_file(None).id, id_of(digest().as_str()));
    }

    #[test]
    fn what_is_no_whole_record_of_the_object_is_absent() {
        let record = Record::new(&digest(), 3, "text/plain", 9).with_upload(&options("store", "a"));
        let json = record.to_json();
        let other = Digest::of_text(&"cd".repeat(32)).unwrap();
        assert!(Record::parse(&other, &json).is_none());
        assert!(Record::parse(&digest(), &json[..json.len() - 1]).is_none());
        assert!(Record::parse(&digest(), b"").is_none());
        let newer = String::from_utf8(json)
            .unwrap()
            .replace("\"version\":1", "\"version\":2");
        assert!(Record::parse(&digest(), newer.as_bytes()).is_none());
        let nameless = Record::new(&digest(), 3, "text/plain", 9);
        assert!(Record::parse(&digest(), &nameless.to_json()).is_none());
    }
}
