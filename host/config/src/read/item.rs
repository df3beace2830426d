//! What a list consists of.

use crate::origin::Provenance;

/// One string of a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ListItem {
    pub(crate) text: String,
    pub(crate) origin: Provenance,
    /// Byte offset in the file, where it stands there.
    pub(crate) offset: Option<usize>,
}
