//! What a provider says about itself: `profile` of the contract and its parts.

use serde::{Deserialize, Serialize};

/// What `content` answers for a purpose.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ContentKind {
    /// The bytes that were uploaded.
    Raw,
    /// Text that the vendor extracted from them.
    Extracted,
    /// Nothing.
    Never,
}

/// What `delete` does at the vendor.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DeleteSemantics {
    /// The remote file is gone.
    Hard,
    /// It cannot be reached any more, but its bytes are kept.
    Hidden,
    /// Identical uploads may share one remote id.
    Shared,
    /// The vendor has no delete.
    Never,
}

/// How the host finds out whether an upload whose answer was lost has arrived.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum VerifyMethod {
    /// Sending again with the same mark as idempotency key is safe.
    IdempotencyKey,
    /// Uploads carry the mark, and `list` shows it.
    Mark,
    /// The uploader chooses the remote id, and makes it of the mark.
    ChosenId,
    /// `list` shows a content digest.
    Digest,
    /// There is no way.
    None,
}

/// What besides the bytes decides how the vendor treats a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Treatment {
    /// Nothing: the bytes alone.
    Content,
    /// The file name's extension.
    Extension,
    /// The media type.
    MediaType,
}

/// How long the vendor keeps a file. Seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Retention {
    /// Until it is deleted.
    UntilDeleted,
    /// Always this long.
    Fixed(u64),
    /// The uploader may choose between the two (inclusive); until deleted if it does not.
    Chosen(u64, u64),
    /// Not documented.
    Unknown,
}

/// What a vendor takes for one purpose.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct PurposeProfile {
    /// The vendor's own word.
    pub purpose: String,
    /// Largest file in bytes, inclusive.
    pub max_bytes: Option<u64>,
    /// Largest image (`image/*`) in bytes where it differs.
    pub image_max_bytes: Option<u64>,
    /// Accepted extensions, lower case, no dot. Empty: any.
    pub extensions: Vec<String>,
    /// Accepted media types; `image/*` is a pattern. Empty: any.
    pub media_types: Vec<String>,
    /// Most files in the account for this purpose.
    pub max_count: Option<u64>,
    /// Most bytes in the account for this purpose.
    pub max_total_bytes: Option<u64>,
    /// How long the vendor keeps a file.
    pub retention: Retention,
    /// What `content` answers.
    pub content: ContentKind,
}

impl PurposeProfile {
    /// A purpose without limits that gives back what it was given: the start of a test or of a local store.
    pub fn unlimited(purpose: impl Into<String>) -> Self {
        Self {
            purpose: purpose.into(),
            max_bytes: None,
            image_max_bytes: None,
            extensions: Vec::new(),
            media_types: Vec::new(),
            max_count: None,
            max_total_bytes: None,
            retention: Retention::UntilDeleted,
            content: ContentKind::Raw,
        }
    }

    /// Whether the extension or the media type is accepted. Case does not matter, nor do parameters of the media type.
    /// If both lists are empty, anything is; a list that is empty while the other is not accepts nothing by itself.
    ///
    /// ```
    /// use loadlock_policy::model::PurposeProfile;
    /// let mut purpose = PurposeProfile::unlimited("file-extract");
    /// assert!(purpose.accepts_type("", "application/octet-stream"));
    /// purpose.extensions = vec!["pdf".into()];
    /// purpose.media_types = vec!["image/*".into()];
    /// assert!(purpose.accepts_type("PDF", "application/octet-stream"));
    /// assert!(purpose.accepts_type("", "image/png"));
    /// assert!(!purpose.accepts_type("exe", "imagery/png"));
    /// ```
    pub fn accepts_type(&self, extension: &str, media_type: &str) -> bool {
        if self.extensions.is_empty() && self.media_types.is_empty() {
            return true;
        }
        let essence = media_type.split(';').next().unwrap_or_default().trim();
        self.extensions
            .iter()
            .any(|e| !extension.is_empty() && e.eq_ignore_ascii_case(extension))
            || self
                .media_types
                .iter()
                .any(|pattern| matches_media_type(pattern, essence))
    }

    /// The largest file of this media type that is accepted, in bytes: `image_max_bytes` for images where it is given.
    pub fn max_bytes_for(&self, media_type: &str) -> Option<u64> {
        let general = self.max_bytes;
        if matches_media_type("image/*", media_type) && self.image_max_bytes.is_some() {
            // The smaller of the two: the general limit still is one.
            return match (general, self.image_max_bytes) {
                (Some(a), Some(b)) => Some(a.min(b)),
                (_, image) => image,
            };
        }
        general
    }
}

/// `type/subtype`, `type/*` or `*/*` against `type/subtype`.
fn matches_media_type(pattern: &str, media_type: &str) -> bool {
    match (pattern.split_once('/'), media_type.split_once('/')) {
        (Some((pt, ps)), Some((t, s))) => {
            (pt == "*" || pt.eq_ignore_ascii_case(t)) && (ps == "*" || ps.eq_ignore_ascii_case(s))
        }
        _ => false,
    }
}

/// A call that may use the network: one of the provider interface, or a tracker's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Operation {
    /// Stores a file.
    Upload,
    /// Finds a lost upload by the id that was chosen for it.
    Locate,
    /// Looks one remote file up.
    Stat,
    /// One page of the account's files.
    Listing,
    /// Deletes one remote file.
    Delete,
    /// Reads one remote file.
    Content,
    /// Asks for something cheap.
    Probe,
    /// Whatever a tracker does. No profile can ask for it: the operator's grants alone say where it may go.
    Track,
}

impl Operation {
    /// Every operation, in the contract's order.
    pub const ALL: [Self; 8] = [
        Self::Upload,
        Self::Locate,
        Self::Stat,
        Self::Listing,
        Self::Delete,
        Self::Content,
        Self::Probe,
        Self::Track,
    ];

    /// The contract's name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Upload => "upload",
            Self::Locate => "locate",
            Self::Stat => "stat",
            Self::Listing => "listing",
            Self::Delete => "delete",
            Self::Content => "content",
            Self::Probe => "probe",
            Self::Track => "track",
        }
    }
}

impl std::fmt::Display for Operation {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Network access that a component asks for; what it gets is the intersection with the operator's grants.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct EgressNeed {
    /// `scheme://host[:port]`.
    pub origin: String,
    /// The request path must equal this or continue it after a `/`.
    pub path_prefix: String,
    /// Upper-case HTTP methods.
    pub methods: Vec<String>,
    /// The calls that may make such a request.
    pub operations: Vec<Operation>,
}

/// Everything the host knows about a provider before it sends anything.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Profile {
    /// The vendor and endpoint, for a person.
    pub title: String,
    /// At least one; the first is the default.
    pub purposes: Vec<PurposeProfile>,
    /// How a lost answer is settled.
    pub verify: VerifyMethod,
    /// What `delete` does.
    pub delete: DeleteSemantics,
    /// What besides the bytes decides how a file is treated.
    pub treatment: Treatment,
    /// Whether `stat` works.
    pub can_stat: bool,
    /// Whether `list` works.
    pub can_list: bool,
    /// Whether an empty file is accepted.
    pub takes_empty: bool,
    /// Most uploads at once that the vendor documents.
    pub max_concurrency: Option<u32>,
    /// Whether a file is hashed before it is sent.
    #[serde(default)]
    pub wants_digest: bool,
    /// Milliseconds between two asks about a file that is still processed; none if nobody waits for it.
    #[serde(default)]
    pub poll_interval_ms: Option<u32>,
    /// Network access asked for.
    pub egress: Vec<EgressNeed>,
}

impl Profile {
    /// The purpose of this name, exactly as the vendor spells it.
    pub fn purpose(&self, name: &str) -> Option<&PurposeProfile> {
        self.purposes.iter().find(|purpose| purpose.purpose == name)
    }

    /// The purpose used when a client names none: the first.
    pub fn default_purpose(&self) -> Option<&PurposeProfile> {
        self.purposes.first()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_type_passes_by_extension_or_media_type() {
        let mut purpose = PurposeProfile::unlimited("p");
        purpose.media_types = vec!["image/*".into(), "text/plain".into()];
        assert!(purpose.accepts_type("", "Image/PNG"));
        assert!(purpose.accepts_type("", "text/plain; charset=utf-8"));
        assert!(!purpose.accepts_type("", "text/html"));
        assert!(!purpose.accepts_type("pdf", ""));
        purpose.extensions = vec!["".into()];
        assert!(
            !purpose.accepts_type("", "application/pdf"),
            "no extension is not an accepted one"
        );
    }

    #[test]
    fn an_image_has_the_smaller_of_two_limits() {
        let mut purpose = PurposeProfile::unlimited("p");
        purpose.max_bytes = Some(20);
        purpose.image_max_bytes = Some(5);
        assert_eq!(purpose.max_bytes_for("image/png"), Some(5));
        assert_eq!(purpose.max_bytes_for("application/pdf"), Some(20));
        purpose.image_max_bytes = Some(50);
        assert_eq!(purpose.max_bytes_for("image/png"), Some(20));
        purpose.max_bytes = None;
        assert_eq!(purpose.max_bytes_for("image/png"), Some(50));
        assert_eq!(purpose.max_bytes_for("text/plain"), None);
    }

    #[test]
    fn words_are_the_contracts() {
        assert_eq!(
            serde_json::to_value(VerifyMethod::IdempotencyKey).ok(),
            Some(serde_json::json!("idempotency-key"))
        );
        assert_eq!(
            serde_json::to_value(Retention::Chosen(1, 2)).ok(),
            Some(serde_json::json!({"chosen": [1, 2]}))
        );
        for operation in Operation::ALL {
            assert_eq!(
                serde_json::to_value(operation).ok(),
                Some(serde_json::json!(operation.as_str()))
            );
        }
    }
}
