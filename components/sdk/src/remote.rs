//! Remote files, as far as a vendor describes them.

use crate::types::{RemoteFile, RemoteStatus};

impl RemoteFile {
    /// A file that is ready and of which nothing else is known. Set what the vendor says besides.
    ///
    /// ```
    /// use loadlock_sdk::types::RemoteFile;
    /// let file = RemoteFile {
    ///     name: Some("a.txt".to_owned()),
    ///     ..RemoteFile::new("file-1", 5)
    /// };
    /// assert_eq!((file.id.as_str(), file.bytes), ("file-1", 5));
    /// ```
    pub fn new(id: impl Into<String>, bytes: u64) -> Self {
        Self {
            id: id.into(),
            bytes,
            name: None,
            purpose: None,
            sha256: None,
            created_at: None,
            expires_at: None,
            status: RemoteStatus::Ready,
            failure: None,
            uri: None,
            media_type: None,
        }
    }
}
