//! What callers see.

use std::borrow::Cow;

use loadlock_policy::model::{FailureKind, Profile};
use loadlock_policy::routing::Reason;
use loadlock_sandbox::Inspection;
use loadlock_sandbox::tracker::FileRecord;
use serde::{Deserialize, Serialize};

/// One uploaded file, as every front door reports it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct File {
    /// Our id.
    pub id: String,
    /// Display name.
    pub filename: String,
    /// Bytes.
    pub bytes: u64,
    /// SHA-256, lower-case hexadecimal.
    pub sha256: String,
    /// Media type.
    pub media_type: String,
    /// The vendor's purpose.
    pub purpose: String,
    /// Configured name of the provider.
    pub provider: String,
    /// The vendor's id.
    pub remote_id: String,
    /// What the vendor's other calls want in place of the id, if not the id.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub uri: Option<String>,
    /// The media type that the vendor keeps for it, if it says so.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub remote_media_type: Option<String>,
    /// Whether no byte had to be sent.
    pub deduplicated: bool,
    /// Attempts that it took; 0 for a dedup hit.
    pub attempts: u32,
    /// RFC 3339, UTC.
    pub created_at: String,
    /// RFC 3339, UTC.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<String>,
    /// Everywhere that it is stored; none if that is the one place that is named above.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub copies: Vec<FileCopy>,
}

/// One remote file of a file that is stored at several providers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileCopy {
    /// Configured name of the provider.
    pub provider: String,
    /// The vendor's id.
    pub remote_id: String,
    /// What the vendor's API calls it by, where that is not the id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub uri: Option<String>,
    /// The vendor's purpose.
    pub purpose: String,
    /// Whether it can be used.
    pub status: CopyStatus,
    /// RFC 3339, UTC.
    pub created_at: String,
    /// RFC 3339, UTC.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<String>,
}

/// What is known of a copy without asking its vendor.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CopyStatus {
    /// It can be used.
    Ready,
    /// The vendor works on it.
    Processing,
    /// The vendor could not process it.
    Failed,
    /// Its time is over; copying the file there again makes another.
    Expired,
}

impl CopyStatus {
    /// As it is shown.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ready => "ready",
            Self::Processing => "processing",
            Self::Failed => "failed",
            Self::Expired => "expired",
        }
    }
}

/// Milliseconds since 1970 as RFC 3339 in UTC, always with three digits of a second, so that it sorts as text.
pub(crate) fn rfc3339(milliseconds: u64) -> String {
    i64::try_from(milliseconds)
        .ok()
        .and_then(|ms| jiff::Timestamp::from_millisecond(ms).ok())
        .map_or_else(
            || milliseconds.to_string(),
            |instant| instant.strftime("%Y-%m-%dT%H:%M:%S%.3fZ").to_string(),
        )
}

impl From<FileRecord> for File {
    fn from(record: FileRecord) -> Self {
        Self {
            id: record.id,
            filename: record.filename,
            bytes: record.bytes,
            sha256: record.key.sha256,
            media_type: record.media_type,
            purpose: record.key.purpose,
            provider: record.provider,
            remote_id: record.remote_id,
            uri: record.address.uri,
            remote_media_type: record.address.media_type,
            deduplicated: record.deduplicated,
            attempts: record.attempts,
            created_at: rfc3339(record.created_at_ms),
            expires_at: record.expires_at_ms.map(rfc3339),
            copies: Vec::new(),
        }
    }
}

impl FileCopy {
    pub(crate) fn of(record: &FileRecord, status: CopyStatus) -> Self {
        Self {
            provider: record.provider.clone(),
            remote_id: record.remote_id.clone(),
            uri: record.address.uri.clone(),
            purpose: record.key.purpose.clone(),
            status,
            created_at: rfc3339(record.created_at_ms),
            expires_at: record.expires_at_ms.map(rfc3339),
        }
    }
}

/// One page of a listing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FilePage {
    /// Newest first unless asked otherwise.
    pub files: Vec<File>,
    /// Cursor of the next page, if there is one.
    pub next: Option<String>,
}

/// One provider, as `providers ls` shows it. One that is out of service has a name, a component, a place in the order
/// and a reason; the rest of it is empty.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ProviderView {
    /// Configured name.
    pub name: String,
    /// Where its component came from.
    pub component: String,
    /// From 1; grows whenever another component, or the same with other settings, takes its place. 0 if it is out of
    /// service.
    #[serde(default)]
    pub generation: u64,
    /// Whether a command put the component there instead of the configured one.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub swapped: bool,
    /// Why it could not be made ready; absent if it is in service.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub out_of_service: Option<String>,
    /// What the component says about itself.
    pub inspection: Inspection,
    /// What it takes.
    pub profile: Profile,
    /// Position in the operator's order, from 1; absent if it takes pinned uploads only.
    pub order: Option<u32>,
    /// The account that its uploads count for.
    pub account: String,
    /// Breaker state, or `out_of_service`.
    pub breaker: String,
    /// Uploads in flight.
    pub in_flight: u32,
    /// What the last probe found; absent if it was never probed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub health: Option<Health>,
    /// What it may reach.
    #[serde(default)]
    pub egress: EgressView,
    /// What the account holds, by purpose: purposes with a limit or in use.
    pub quota: Vec<Gauge>,
}

/// What the last probe of a provider found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Health {
    /// Whether it answered as it should.
    pub healthy: bool,
    /// One line for a person.
    pub detail: String,
    /// What kind of failure it was.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failure: Option<FailureKind>,
    /// RFC 3339, UTC.
    pub checked_at: String,
    /// Milliseconds since then.
    pub age_ms: u64,
}

/// Use of one purpose of an account, as far as Loadlock stored it there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Gauge {
    /// The vendor's purpose.
    pub purpose: String,
    /// Live remote files.
    pub files: u64,
    /// The most that the vendor documents.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_files: Option<u64>,
    /// Their bytes.
    pub bytes: u64,
    /// The most that the vendor documents.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_bytes: Option<u64>,
}

/// What a provider may reach.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct EgressView {
    /// The configuration says nothing, so it is exactly what the built-in component asks for.
    pub by_default: bool,
    /// Methods, origin and path of each grant, for a person.
    pub rules: Vec<String>,
}

/// What a probe found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Probe {
    /// Provider.
    pub provider: String,
    /// Whether it answered as it should.
    pub healthy: bool,
    /// One line for a person.
    pub detail: String,
    /// What kind of failure it was.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failure: Option<FailureKind>,
    /// Milliseconds that it took.
    pub elapsed_ms: u64,
}

/// Where a file would go, without sending anything.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RouteView {
    /// The path that was asked about.
    pub path: String,
    /// Bytes.
    pub bytes: u64,
    /// Media type that the validator found.
    pub media_type: String,
    /// Providers that can take it, best first.
    pub eligible: Vec<EligibleView>,
    /// Providers that cannot, with the reason.
    pub refused: Vec<RefusedView>,
}

/// A provider that can take the file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EligibleView {
    /// Provider.
    pub provider: String,
    /// The vendor's purpose.
    pub purpose: String,
    /// What it may reach.
    #[serde(default)]
    pub egress: EgressView,
    /// Whether a body of this size is sent to it while it arrives, if nothing has to be known first.
    #[serde(default)]
    pub cut_through: bool,
}

/// A provider that cannot.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RefusedView {
    /// Provider.
    pub provider: String,
    /// Stable reason.
    pub reason: Cow<'static, str>,
    /// One sentence.
    pub detail: String,
}

impl RefusedView {
    /// A provider that the operator left out of `order`.
    pub(crate) fn not_in_order(provider: String) -> Self {
        Self {
            provider,
            reason: Cow::Borrowed("not_in_order"),
            detail: "it is not in `order`, so it takes only uploads that name it".to_owned(),
        }
    }

    pub(crate) fn new(provider: String, reason: &Reason) -> Self {
        Self {
            provider,
            reason: Cow::Borrowed(reason.code()),
            detail: reason.to_string(),
        }
    }
}
