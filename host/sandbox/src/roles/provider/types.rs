//! What goes into a provider's calls.

use std::sync::Arc;

use crate::egress::Network;
use crate::files::GrantRoot;
use crate::limits::Limits;

/// What the operator gives one provider.
#[derive(Debug, Default)]
pub struct ProviderGrants {
    /// Settings, handed over as `LOADLOCK_SETTING_<NAME>`.
    pub settings: Vec<(String, String)>,
    /// Roots whose admitted files it may read, as long as somebody holds them: a provider that is loaded does not.
    pub roots: Vec<Arc<GrantRoot>>,
    /// A directory of its own, writable, seen as `/state`.
    pub state: Option<Arc<std::fs::File>>,
    /// What it may reach.
    pub network: Network,
    /// What a call may use.
    pub limits: Limits,
}

/// What a provider is told of the file beside its bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AdmittedFile {
    /// Display name.
    pub name: String,
    /// Bytes.
    pub size: u64,
    /// Media type found by the validator.
    pub media_type: String,
    /// SHA-256 if it is known already, lower-case hexadecimal.
    pub sha256: Option<String>,
}

/// How one file is to be uploaded; see `upload-options` in `wit/provider.wit`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UploadOptions {
    /// One of the profile's purposes.
    pub purpose: String,
    /// Mark of the logical upload.
    pub mark: String,
    /// Name of the remote file.
    pub remote_name: String,
    /// Seconds after which the vendor may drop it.
    pub expires_in_s: Option<u64>,
}

/// One page of a provider's listing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListQuery {
    /// Only this purpose.
    pub purpose: Option<String>,
    /// Where the page before ended.
    pub cursor: Option<String>,
    /// 1 to 1,000.
    pub limit: u32,
}
