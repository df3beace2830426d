//! Which vendor, and how it is set up.

use serde::{Deserialize, Serialize};

/// A vendor's file API.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Vendor {
    /// `/v1/files` and `/v1/uploads`.
    Openai,
    /// `/v1/files` of Moonshot.
    Kimi,
    /// `/api/paas/v4/files` of Zhipu.
    Glm(Site),
    /// `/v1/files` of Anthropic.
    Anthropic,
    /// `/v1/files` and `/v1beta/files` of Gemini.
    Gemini,
    /// OpenAI's files on Azure: beneath `/openai/v1`, and beneath `/openai` with an `api-version`.
    Azure,
    /// xAI: as OpenAI, with a list of its own.
    Xai,
    /// The bucket [`crate::S3_BUCKET`], for [`crate::S3_KEY_ID`] with the first of the keys as its secret. A file's id is
    /// what follows the first `/` of its key.
    S3,
}

/// GLM's two sites, which offer different things.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Site {
    /// z.ai: upload only, purpose `agent`.
    Zai,
    /// bigmodel.cn: several purposes, list, delete and content.
    Bigmodel,
}

impl Vendor {
    /// The path below which the API lies, without a trailing slash.
    pub fn base_path(self) -> &'static str {
        match self {
            Self::Openai | Self::Kimi | Self::Xai => "/v1",
            // Their clients are told no version.
            Self::Anthropic | Self::Gemini | Self::S3 => "",
            Self::Azure => "/openai/v1",
            Self::Glm(_) => "/api/paas/v4",
        }
    }
}

/// How a fake is set up.
#[derive(Debug, Clone)]
pub struct Options {
    /// Accepted API keys. GLM keys have the form `id.secret` and are accepted as they are or as a token signed with the
    /// secret.
    pub keys: Vec<String>,
    /// The port on 127.0.0.1; 0 chooses a free one.
    pub port: u16,
    /// HTTPS with a certificate of its own authority ([`crate::Upstream::ca_pem`]); HTTP/2 if the client offers it.
    pub tls: bool,
    /// Largest file in bytes, instead of the vendor's documented one.
    pub max_bytes: Option<u64>,
    /// Most files, instead of the vendor's documented number.
    pub max_files: Option<usize>,
    /// Contents up to this many bytes are kept in memory so that they can be fetched back; larger ones are only hashed.
    pub keep_bytes: usize,
    /// Keep larger contents too, in anonymous temporary files.
    pub spill: bool,
    /// Record requests. Off for load tests, where the record would grow.
    pub record: bool,
    /// Also digest the whole request body, besides the file in it.
    pub digest_body: bool,
    /// How often a file that is processed is looked at before it is ready: Gemini's videos and sounds.
    pub processing: u32,
    /// Whether they turn out to be useless then.
    pub processing_fails: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            keys: vec!["sk-test".to_owned()],
            port: 0,
            tls: false,
            max_bytes: None,
            max_files: None,
            keep_bytes: 1024 * 1024,
            spill: false,
            record: true,
            digest_body: true,
            processing: 0,
            processing_fails: false,
        }
    }
}

impl Options {
    /// The defaults with one accepted key.
    pub fn with_key(key: impl Into<String>) -> Self {
        Self {
            keys: vec![key.into()],
            ..Self::default()
        }
    }

    /// For load tests: nothing is recorded, kept or digested twice.
    pub fn for_load(key: impl Into<String>) -> Self {
        Self {
            keep_bytes: 0,
            record: false,
            digest_body: false,
            ..Self::with_key(key)
        }
    }
}
