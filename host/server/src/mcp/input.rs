//! Parameters of the tools. The comments are what a model reads.

use loadlock_gateway::{Error, ErrorCode};
use rmcp::schemars::{self, JsonSchema};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

/// Of content that comes inline. Base64 of it still fits into one message of every client.
pub(super) const INLINE_BYTES: usize = 8 << 20;
/// Files of one `upload_many`.
pub(super) const MANY: usize = 100;
/// Files of one page.
pub(super) const PAGE: u32 = 100;
/// Of text in one answer, unless asked otherwise; some 16,000 tokens.
pub(super) const TEXT_BYTES: u32 = 64 << 10;
/// The most that can be asked for.
pub(super) const MOST_TEXT_BYTES: u32 = 256 << 10;
/// The least: room for one character of any script.
pub(super) const LEAST_TEXT_BYTES: u32 = 16;

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct UploadPath {
    /// Path of the file on the gateway's disk, in a directory that is granted to you.
    pub(super) path: String,
    /// A provider's name. Leave it out to let the gateway choose.
    #[serde(default)]
    pub(super) to: Option<String>,
    /// What the file is for, such as `file-extract`, `batch` or `user_data`. Leave it out for the provider's first.
    #[serde(default)]
    pub(super) purpose: Option<String>,
    /// Another file name than the path's.
    #[serde(default)]
    pub(super) name: Option<String>,
    /// The same key and content within 24 hours answer the same file.
    #[serde(default)]
    pub(super) idempotency_key: Option<String>,
    /// Delete it after so many seconds.
    #[serde(default, deserialize_with = "crate::integer::maybe")]
    pub(super) expires_in_s: Option<u64>,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct UploadBytes {
    /// File name with its extension; providers decide by it how to treat the file.
    pub(super) name: String,
    /// The content in base64 (RFC 4648 §4, with padding), at most 8 MiB before encoding.
    pub(super) content_base64: String,
    /// Media type. Leave it out to have it found.
    #[serde(default)]
    pub(super) media_type: Option<String>,
    /// A provider's name. Leave it out to let the gateway choose.
    #[serde(default)]
    pub(super) to: Option<String>,
    /// What the file is for, such as `file-extract`, `batch` or `user_data`. Leave it out for the provider's first.
    #[serde(default)]
    pub(super) purpose: Option<String>,
    /// The same key and content within 24 hours answer the same file.
    #[serde(default)]
    pub(super) idempotency_key: Option<String>,
    /// Delete it after so many seconds.
    #[serde(default, deserialize_with = "crate::integer::maybe")]
    pub(super) expires_in_s: Option<u64>,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct UploadMany {
    /// 1 to 100 paths on the gateway's disk.
    #[schemars(length(min = 1, max = 100))]
    pub(super) paths: Vec<String>,
    /// A provider's name. Leave it out to let the gateway choose.
    #[serde(default)]
    pub(super) to: Option<String>,
    /// What the files are for. Leave it out for the provider's first.
    #[serde(default)]
    pub(super) purpose: Option<String>,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ListFiles {
    /// 1 to 100; 20 if left out.
    #[serde(default, deserialize_with = "crate::integer::maybe")]
    #[schemars(range(min = 1, max = 100))]
    pub(super) limit: Option<u32>,
    /// `next` of the page before.
    #[serde(default)]
    pub(super) cursor: Option<String>,
    /// Only files of this purpose.
    #[serde(default)]
    pub(super) purpose: Option<String>,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct OneFile {
    /// The file's id, `file-…`, as uploads and `list_files` give it.
    pub(super) id: String,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct CopyFile {
    /// The file's id, `file-…`, as uploads and `list_files` give it.
    pub(super) id: String,
    /// The name of the provider that is to have it too.
    pub(super) to: String,
    /// What the file is for there. Leave it out for its own purpose, or else the provider's first.
    #[serde(default)]
    pub(super) purpose: Option<String>,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ReadText {
    /// The file's id.
    pub(super) id: String,
    /// Where to begin, in bytes: 0, or `next_offset` of the page before.
    #[serde(default, deserialize_with = "crate::integer::maybe")]
    pub(super) offset: Option<u64>,
    /// Most bytes of text, 16 to 262144; 65536 if left out.
    #[serde(default, deserialize_with = "crate::integer::maybe")]
    #[schemars(range(min = 16, max = 262_144))]
    pub(super) max_bytes: Option<u32>,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ProviderHealth {
    /// One provider; all if left out.
    #[serde(default)]
    pub(super) provider: Option<String>,
}

/// A tool's parameters. What is wrong with them is for the model to correct, so it is a result like every other
/// failure.
///
/// # Errors
/// [`ErrorCode::RequestInvalid`].
pub(super) fn read<T: DeserializeOwned>(arguments: Map<String, Value>) -> Result<T, Error> {
    serde_json::from_value(Value::Object(arguments)).map_err(|error| {
        Error::new(
            ErrorCode::RequestInvalid,
            format!("the arguments do not fit the tool: {error}"),
        )
        .hint("call it again with arguments as its input schema describes them")
    })
}
