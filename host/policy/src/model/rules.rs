//! The operator's rules for files.

/// What a validator judges by; see `rules` in `wit/validator.wit`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ValidationRules {
    /// Largest file in bytes.
    pub max_bytes: Option<u64>,
    /// Whether a file of 0 bytes may pass.
    pub allow_empty: bool,
    /// Patterns of names, one of which must match if there are any.
    pub allow: Vec<String>,
    /// Patterns of names that are refused.
    pub deny: Vec<String>,
    /// Patterns of media types that are refused.
    pub deny_types: Vec<String>,
    /// Refuse what looks like a credential.
    pub deny_secrets: bool,
    /// Refuse content that contradicts its name.
    pub deny_mismatch: bool,
}
