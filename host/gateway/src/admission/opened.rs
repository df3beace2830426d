//! A file that is open and on its way to the validator.

use loadlock_sandbox::files::OpenedFile;

use super::grants::Cover;
use super::spooled::Spooled;

/// A file that was opened but not yet judged.
#[derive(Debug)]
pub(crate) struct Opened {
    pub(crate) file: OpenedFile,
    /// At least one; the most specific first.
    pub(crate) covers: Vec<Cover>,
    /// On the disk.
    pub(crate) name: Vec<u8>,
    /// That of the link which leads to it: the file is called so.
    pub(crate) typed: Option<Vec<u8>>,
    pub(crate) folder: Vec<u8>,
    pub(crate) declared_type: Option<String>,
    /// Known for spooled bodies.
    pub(crate) sha256: Option<String>,
    /// Keeps the spool entry until the upload is over.
    pub(crate) spooled: Option<Spooled>,
}
