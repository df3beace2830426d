//! What a validator judges, and how; see `wit/validator.wit`.

/// How many of a file's first bytes the validator sees.
pub const HEAD_BYTES: usize = 8_192;

/// A file that asks to be let in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileCandidate {
    /// Last path segment, as it came.
    pub name: Vec<u8>,
    /// Folder beneath the granted root.
    pub folder: Vec<u8>,
    /// Bytes.
    pub size: u64,
    /// First bytes, at most [`HEAD_BYTES`]; of a container the table of contents follows.
    pub head: Vec<u8>,
    /// What the client says it is.
    pub declared_type: Option<String>,
}

/// A file that may pass.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ValidatedFile {
    /// Name to use from here on.
    pub name: String,
    /// Media type by content and name.
    pub media_type: String,
    /// Lower case, no dot.
    pub extension: String,
}

/// A file that may not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileRefusal {
    /// Stable, snake case.
    pub code: String,
    /// What is wrong.
    pub reason: String,
    /// What to do.
    pub hint: String,
}
