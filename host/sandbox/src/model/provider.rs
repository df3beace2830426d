//! What goes into a provider's calls; see `wit/provider.wit`.

/// What a provider is told of the file beside its bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileDescription {
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

/// An upload whose answer was lost; see `lost-upload` in `wit/provider.wit`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LostUpload {
    /// Mark of the logical upload.
    pub mark: String,
    /// One of the profile's purposes.
    pub purpose: String,
    /// Name that the remote file was to have.
    pub remote_name: String,
    /// Bytes.
    pub bytes: u64,
    /// Media type found by the validator.
    pub media_type: String,
    /// SHA-256 if it is known, lower-case hexadecimal.
    pub sha256: Option<String>,
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
