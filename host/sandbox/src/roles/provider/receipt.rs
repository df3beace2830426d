//! What a provider says of an upload, compared with what the host saw itself.

use loadlock_policy::model::RemoteFile;
use thiserror::Error;

use crate::egress::EgressReport;
use crate::files::ReadReport;

/// Why an upload's answer is no receipt.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum ReceiptFault {
    /// The host lost count of what it read.
    #[error("the host could not determine what it read")]
    NotRead,
    /// It left some of the file out.
    #[error("it read {covered} of {size} bytes")]
    Short {
        /// Bytes that it read.
        covered: u64,
        /// Bytes of the file.
        size: u64,
    },
    /// It says that more or less is stored.
    #[error("it says that {said} bytes are stored, but the file has {size}")]
    OtherSize {
        /// Bytes, as it says.
        said: u64,
        /// Bytes of the file.
        size: u64,
    },
    /// It says that something else is stored.
    #[error("it says that another digest is stored than that of the bytes it read")]
    OtherDigest,
    /// An id that the vendor did not give in this call.
    #[error("its remote id occurs in no response that the host saw")]
    UnseenId,
    /// An id that is not the one that was to be chosen.
    #[error("its remote id does not hold the mark of the upload")]
    NotChosen,
}

impl ReceiptFault {
    /// What the component's author has to do.
    pub fn hint(&self) -> &'static str {
        match self {
            Self::NotRead | Self::Short { .. } => {
                "the component must read the admitted file to its end and send all of it"
            }
            Self::OtherSize { .. } => "the component must answer the size that the vendor says it stored",
            Self::OtherDigest => {
                "the component must answer a digest only if the vendor computed it over the file's bytes"
            }
            Self::NotChosen => "the component must choose an id that holds `upload-options.mark`, as its profile says",
            Self::UnseenId => {
                "the component must answer the id as it stands in the body of a 2xx response of the same call: not \
                 decoded, joined from parts, or taken from a header; a component that keeps files itself must ask for \
                 no egress"
            }
        }
    }
}

/// What keeps the answer to an upload from being a receipt. `networked`: the component may send requests, and so must
/// prove its id by a response.
pub fn receipt_fault(
    remote: &RemoteFile,
    size: u64,
    read: Option<&ReadReport>,
    egress: &EgressReport,
    networked: bool,
) -> Option<ReceiptFault> {
    let Some(read) = read else {
        return Some(ReceiptFault::NotRead);
    };
    if read.covered != size {
        let covered = read.covered;
        return Some(ReceiptFault::Short { covered, size });
    }
    if remote.bytes != size {
        let said = remote.bytes;
        return Some(ReceiptFault::OtherSize { said, size });
    }
    let differs = |theirs: &String, ours: &String| !theirs.eq_ignore_ascii_case(ours);
    if remote
        .sha256
        .as_ref()
        .zip(read.sha256.as_ref())
        .is_some_and(|(a, b)| differs(a, b))
    {
        return Some(ReceiptFault::OtherDigest);
    }
    (networked && !egress.saw(&remote.id)).then_some(ReceiptFault::UnseenId)
}
