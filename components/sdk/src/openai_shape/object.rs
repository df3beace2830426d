//! The JSON of files, lists and deletions. Only what is needed must be there; vendors leave the rest out or null.

use serde::{Deserialize, Deserializer};

use crate::types::{Failure, RemoteFile, RemotePage, RemoteStatus};

/// Longest id of a remote file, in bytes, that the contract allows.
const MAX_ID_BYTES: usize = 512;

/// Instants above this are milliseconds: as seconds they would lie after the year 5138.
const LARGEST_SECOND: f64 = 1e11;

/// One file as the vendor describes it.
#[derive(Debug, Clone, Deserialize)]
pub struct FileObject {
    /// The vendor's id.
    pub id: String,
    /// Size in bytes; Mistral also writes `size_bytes`.
    #[serde(default, alias = "size_bytes", deserialize_with = "lenient")]
    pub bytes: Option<u64>,
    /// Unix seconds; milliseconds are recognised.
    #[serde(default, deserialize_with = "instant")]
    pub created_at: Option<u64>,
    /// Unix seconds; milliseconds are recognised.
    #[serde(default, deserialize_with = "instant")]
    pub expires_at: Option<u64>,
    /// The remote name.
    #[serde(default)]
    pub filename: Option<String>,
    /// The vendor's word.
    #[serde(default)]
    pub purpose: Option<String>,
    /// `processed`, `ok`, `ready`, `uploaded`, `processing`, `error`; GLM has none.
    #[serde(default)]
    pub status: Option<String>,
    /// Why the vendor could not process it.
    #[serde(default)]
    pub status_details: Option<serde_json::Value>,
}

/// One page of a list.
#[derive(Debug, Clone, Deserialize)]
pub struct ListObject {
    /// The files.
    pub data: Vec<FileObject>,
    /// Whether there are more; absent where the vendor does not page.
    #[serde(default)]
    pub has_more: Option<bool>,
    /// Where the next page begins.
    #[serde(default)]
    pub last_id: Option<String>,
    /// xAI's place of the next page.
    #[serde(default)]
    pub pagination_token: Option<String>,
    /// Mistral counts instead.
    #[serde(default, deserialize_with = "lenient")]
    pub total: Option<u64>,
}

/// The answer to a deletion.
#[derive(Debug, Clone, Deserialize)]
pub struct DeletedObject {
    /// Whether it happened. A vendor that does not say so has not done it.
    #[serde(default)]
    pub deleted: bool,
}

impl FileObject {
    /// This as the contract's record; `bytes` stands in where the vendor states no size.
    ///
    /// # Errors
    /// `protocol` for an id that the contract does not allow.
    pub fn remote_file(self, bytes: u64) -> Result<RemoteFile, Failure> {
        if self.id.is_empty() || self.id.len() > MAX_ID_BYTES || self.id.chars().any(char::is_control) {
            return Err(Failure::protocol(
                "the vendor's id is empty, longer than 512 bytes or holds a control character",
            ));
        }
        let status = status_of(self.status.as_deref());
        let said = self.status_details.filter(|_| status == RemoteStatus::Failed);
        Ok(RemoteFile {
            name: self.filename.filter(|name| !name.is_empty()),
            purpose: self.purpose.filter(|purpose| !purpose.is_empty()),
            created_at: self.created_at,
            expires_at: self.expires_at,
            status,
            failure: said.and_then(details),
            ..RemoteFile::new(self.id, self.bytes.unwrap_or(bytes))
        })
    }
}

impl ListObject {
    /// This as the contract's record. A vendor that promises more but moves no further ends the list: a cursor that
    /// stands still would loop for ever.
    ///
    /// # Errors
    /// `protocol` for an id that the contract does not allow.
    pub fn page(self, cursor: Option<&str>) -> Result<RemotePage, Failure> {
        let next = match (self.has_more, self.data.last()) {
            (Some(true), Some(last)) => Some(self.last_id.unwrap_or_else(|| last.id.clone())),
            _ => None,
        };
        let files = self.data.into_iter().map(|file| file.remote_file(0));
        Ok(RemotePage {
            files: files.collect::<Result<_, _>>()?,
            next: next.filter(|next| !next.is_empty() && Some(next.as_str()) != cursor),
        })
    }
}

/// `status_details` is a sentence with most vendors; some write an object with a message.
fn details(said: serde_json::Value) -> Option<String> {
    let text = match said {
        serde_json::Value::Null => return None,
        serde_json::Value::String(text) => text,
        other => match other.get("message").and_then(serde_json::Value::as_str) {
            Some(text) => text.to_owned(),
            None => other.to_string(),
        },
    };
    Some(crate::failure::clean(&text, crate::failure::MAX_MESSAGE_BYTES)).filter(|text| !text.is_empty())
}

fn status_of(status: Option<&str>) -> RemoteStatus {
    match status {
        Some("error" | "failed" | "cancelled" | "expired") => RemoteStatus::Failed,
        Some("processing" | "pending" | "running" | "in_progress") => RemoteStatus::Processing,
        // `uploaded` means that the bytes are there, which is all that an upload is about.
        _ => RemoteStatus::Ready,
    }
}

/// A number, however it is written; anything else counts as absent.
fn lenient<'de, D: Deserializer<'de>>(input: D) -> Result<Option<u64>, D::Error> {
    Ok(number(input)?
        .filter(|number| number.fract() == 0.0)
        .map(|number| number as u64))
}

fn instant<'de, D: Deserializer<'de>>(input: D) -> Result<Option<u64>, D::Error> {
    Ok(number(input)?.map(|at| (if at > LARGEST_SECOND { at / 1_000.0 } else { at }) as u64))
}

/// Floats are exact up to 2^53, far beyond any size and instant that a vendor can mean.
fn number<'de, D: Deserializer<'de>>(input: D) -> Result<Option<f64>, D::Error> {
    let number = match serde_json::Value::deserialize(input)? {
        serde_json::Value::Number(number) => number.as_f64(),
        serde_json::Value::String(text) => text.parse().ok(),
        _ => None,
    };
    Ok(number.filter(|number| *number >= 0.0 && number.is_finite()))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn file(json: &str) -> Result<RemoteFile, Failure> {
        serde_json::from_str::<FileObject>(json).unwrap().remote_file(7)
    }

    #[test]
    fn each_vendors_file_is_read() {
        let openai = file(
            r#"{"id":"file-1","object":"file","bytes":5,"created_at":1790000000,"expires_at":null,
                "filename":"a.txt","purpose":"user_data","status":"processed","status_details":null}"#,
        )
        .unwrap();
        assert_eq!((openai.bytes, openai.created_at), (5, Some(1_790_000_000)));
        assert_eq!(openai.name.as_deref(), Some("a.txt"));
        let kimi = file(r#"{"id":"d44","bytes":5,"status":"error","status_details":"x"}"#).unwrap();
        assert_eq!(
            (kimi.status, kimi.failure.as_deref()),
            (RemoteStatus::Failed, Some("x"))
        );
        let object = file(r#"{"id":"d44","status":"failed","status_details":{"message":"y"}}"#).unwrap();
        assert_eq!(object.failure.as_deref(), Some("y"));
        let silent = file(r#"{"id":"d44","status":"error","status_details":null}"#).unwrap();
        assert_eq!((silent.status, silent.failure), (RemoteStatus::Failed, None));
        let glm = file(r#"{"id":"1_2","bytes":"5","created_at":1790000000123,"filename":""}"#).unwrap();
        assert_eq!((glm.bytes, glm.created_at, glm.name), (5, Some(1_790_000_000), None));
        assert_eq!(file(r#"{"id":"x","bytes":null}"#).unwrap().bytes, 7);
        assert_eq!(file(r#"{"id":"x","size_bytes":9}"#).unwrap().bytes, 9);
    }

    #[test]
    fn an_id_that_could_not_be_kept_is_refused() {
        for id in [String::new(), "a\\nb".to_owned(), "x".repeat(513)] {
            assert!(file(&format!(r#"{{"id":"{id}"}}"#)).is_err());
        }
        assert!(serde_json::from_str::<FileObject>(r#"{"object":"file"}"#).is_err());
    }

    #[test]
    fn a_list_ends_even_if_the_vendor_says_otherwise() {
        let next = |json: &str, cursor| {
            let list: ListObject = serde_json::from_str(json).unwrap();
            list.page(cursor).unwrap().next
        };
        assert_eq!(
            next(r#"{"data":[{"id":"a"}],"has_more":true,"last_id":"b"}"#, None).as_deref(),
            Some("b")
        );
        assert_eq!(
            next(r#"{"data":[{"id":"a"}],"has_more":true}"#, None).as_deref(),
            Some("a")
        );
        assert_eq!(next(r#"{"data":[{"id":"a"}],"has_more":true}"#, Some("a")), None);
        assert_eq!(next(r#"{"data":[],"has_more":true,"last_id":"b"}"#, None), None);
        assert_eq!(next(r#"{"data":[{"id":"a"}]}"#, None), None);
    }

    #[test]
    fn a_deletion_must_say_so() {
        let deleted = |json| serde_json::from_str::<DeletedObject>(json).unwrap().deleted;
        assert!(deleted(r#"{"id":"a","deleted":true}"#));
        assert!(!deleted(r#"{"id":"a","deleted":false}"#) && !deleted("{}"));
    }
}
