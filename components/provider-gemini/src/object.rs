//! The JSON of files.

use loadlock_sdk::digest::from_base64;
use loadlock_sdk::instant::rfc3339;
use loadlock_sdk::prelude::*;
use serde::Deserialize;

use crate::facts;

/// One file as the vendor describes it.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct FileObject {
    /// The id: `files/abc`.
    name: String,
    display_name: Option<String>,
    mime_type: Option<String>,
    /// A number as text.
    size_bytes: Option<String>,
    create_time: Option<String>,
    expiration_time: Option<String>,
    /// Base64 of the hexadecimal text.
    sha256_hash: Option<String>,
    uri: Option<String>,
    state: Option<String>,
    error: Option<Fault>,
}

#[derive(Deserialize)]
struct Fault {
    message: Option<String>,
}

/// The answer that ends an upload.
#[derive(Deserialize)]
pub(crate) struct Stored {
    pub(crate) file: FileObject,
}

/// One page of the list; an empty one has no `files`.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Page {
    #[serde(default)]
    pub(crate) files: Vec<FileObject>,
    pub(crate) next_page_token: Option<String>,
}

impl FileObject {
    /// This as the contract's record.
    ///
    /// # Errors
    /// `protocol` if it does not say how large the file is.
    pub(crate) fn remote_file(self) -> Result<RemoteFile, Failure> {
        let bytes = self.size_bytes.as_deref().and_then(|bytes| bytes.parse().ok());
        let bytes = bytes.ok_or_else(|| Failure::protocol("the vendor does not say how large the file is"))?;
        let status = match self.state.as_deref() {
            Some("PROCESSING") => RemoteStatus::Processing,
            Some("FAILED") => RemoteStatus::Failed,
            _ => RemoteStatus::Ready,
        };
        let instant = |text: Option<String>| text.as_deref().and_then(rfc3339);
        Ok(RemoteFile {
            name: self.display_name.filter(|name| !name.is_empty()),
            purpose: Some(facts::PURPOSES[0].name.to_owned()),
            sha256: self.sha256_hash.as_deref().and_then(from_base64),
            created_at: instant(self.create_time),
            expires_at: instant(self.expiration_time),
            status,
            failure: self
                .error
                .and_then(|fault| fault.message)
                .filter(|_| status == RemoteStatus::Failed),
            uri: self.uri.filter(|uri| !uri.is_empty()),
            media_type: self.mime_type.filter(|media_type| !media_type.is_empty()),
            ..RemoteFile::new(self.name, bytes)
        })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_file_is_read_as_the_vendor_writes_it() {
        let text = r#"{"name":"files/m4rk","displayName":"a.mp4","mimeType":"video/mp4","sizeBytes":"9",
            "createTime":"1970-01-02T00:00:00.5Z","expirationTime":"1970-01-04T00:00:00Z",
            "sha256Hash":"YmE3ODE2YmY4ZjAxY2ZlYTQxNDE0MGRlNWRhZTIyMjNiMDAzNjFhMzk2MTc3YTljYjQxMGZmNjFmMjAwMTVhZA==",
            "uri":"https://h/v1/files/m4rk","state":"FAILED","error":{"code":3,"message":"no such codec"}}"#;
        let file = serde_json::from_str::<FileObject>(text).unwrap().remote_file().unwrap();
        assert_eq!(
            (file.id.as_str(), file.bytes, file.status),
            ("files/m4rk", 9, RemoteStatus::Failed)
        );
        assert_eq!((file.created_at, file.expires_at), (Some(86_400), Some(259_200)));
        assert!(file.sha256.unwrap().starts_with("ba7816bf"));
        assert_eq!(file.uri.as_deref(), Some("https://h/v1/files/m4rk"));
        assert_eq!(file.failure.as_deref(), Some("no such codec"));
        let sizeless = serde_json::from_str::<FileObject>(r#"{"name":"files/a"}"#).unwrap();
        assert!(sizeless.remote_file().is_err());
        assert!(serde_json::from_str::<Page>("{}").unwrap().files.is_empty());
    }
}
