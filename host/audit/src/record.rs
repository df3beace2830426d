//! What a record says: who, what, how it ended. Never a secret, never content.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};

/// Longest text of one field, in bytes: that of a path on Linux. What is escaped may be cut.
const MAX_TEXT: usize = 4_096;

/// What happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Event {
    /// Somebody presented a credential, or none.
    Authentication,
    /// A path or a body was judged.
    Admission,
    /// Refused before it came to anything: a rate.
    Denial,
    /// An upload ended.
    Upload,
    /// A file, or the remote file behind files, was deleted.
    Delete,
    /// A file's content was read.
    Content,
    /// A request of a client went on to a vendor.
    Forward,
    /// A token was issued.
    Token,
    /// An upload grant was made, used or revoked.
    Grant,
    /// A configuration was put in force.
    Configuration,
    /// A component took another one's place, or was refused it.
    Component,
    /// The log itself: a torn last line was cut off, or records are missing.
    Log,
}

impl Event {
    /// As in the log.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Authentication => "authentication",
            Self::Admission => "admission",
            Self::Denial => "denial",
            Self::Upload => "upload",
            Self::Delete => "delete",
            Self::Content => "content",
            Self::Forward => "forward",
            Self::Token => "token",
            Self::Grant => "grant",
            Self::Configuration => "configuration",
            Self::Component => "component",
            Self::Log => "log",
        }
    }
}

/// How it ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// Done.
    Ok,
    /// Refused: the caller may not.
    Denied,
    /// It did not work.
    Failed,
    /// Nobody can tell.
    Unknown,
    /// The caller went away, or cancelled.
    Cancelled,
}

impl Outcome {
    /// As in the log.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Denied => "denied",
            Self::Failed => "failed",
            Self::Unknown => "unknown",
            Self::Cancelled => "cancelled",
        }
    }
}

/// Who asked.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Who {
    /// Whose data.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tenant: Option<String>,
    /// Who.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subject: Option<String>,
    /// `local`, `network`, or `gateway` for what the gateway does by itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub door: Option<String>,
    /// Key that verified the token; of a refused one, the key that it named.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key_id: Option<String>,
    /// Token id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token_id: Option<String>,
    /// By a credential from before tokens.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub legacy: bool,
    /// Where the request came from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub address: Option<IpAddr>,
}

/// What it was about.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct What {
    /// Our id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file_id: Option<String>,
    /// Display name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Path on the gateway's disk, as given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// Configured name of the provider.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub provider: Option<String>,
    /// The vendor's id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub remote_id: Option<String>,
    /// Bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bytes: Option<u64>,
    /// SHA-256, lower-case hexadecimal.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sha256: Option<String>,
    /// SHA-256 of the component that did it, lower-case hexadecimal.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub component: Option<String>,
    /// A word or two more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
}

/// One record before it has its place in the chain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// When it happened, milliseconds since 1970.
    pub time_ms: u64,
    /// What happened.
    pub event: Event,
    /// How it ended.
    pub outcome: Outcome,
    /// Stable code of the error or denial.
    pub code: Option<String>,
    /// Who asked.
    pub who: Who,
    /// What it was about.
    pub what: What,
    /// The request that it belongs to.
    pub request_id: Option<String>,
}

impl Entry {
    /// With nothing but the event and its end.
    pub fn new(time_ms: u64, event: Event, outcome: Outcome) -> Self {
        Self {
            time_ms,
            event,
            outcome,
            code: None,
            who: Who::default(),
            what: What::default(),
            request_id: None,
        }
    }

    /// Every text escaped and cut to a length.
    pub(crate) fn clean(mut self) -> Self {
        let (who, what) = (&mut self.who, &mut self.what);
        for text in [
            &mut self.code,
            &mut who.tenant,
            &mut who.subject,
            &mut who.door,
            &mut who.key_id,
            &mut who.token_id,
            &mut what.file_id,
            &mut what.name,
            &mut what.path,
            &mut what.provider,
            &mut what.remote_id,
            &mut what.sha256,
            &mut what.component,
            &mut what.detail,
            &mut self.request_id,
        ]
        .into_iter()
        .flatten()
        {
            *text = escaped(text);
        }
        self
    }
}

/// Text of somebody else as it is kept: control characters, invisible ones and backslashes as escapes, at most some
/// 4,096 bytes.
///
/// ```
/// assert_eq!(loadlock_audit::escaped("a\nb \u{202e} O'Brien"), r"a\nb \u{202e} O'Brien");
/// ```
pub fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for character in text.chars() {
        if out.len() >= MAX_TEXT {
            out.push('…');
            break;
        }
        match character {
            '"' | '\'' => out.push(character),
            other => out.extend(other.escape_debug()),
        }
    }
    out
}
