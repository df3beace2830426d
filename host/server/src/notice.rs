//! What watchers of uploads are told.

use std::sync::Arc;

use loadlock_gateway::{Error, Event, File};
use serde::Serialize;

/// One thing that happened to one upload.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Notice {
    /// The upload, `upl_…`.
    pub(crate) upload: String,
    #[serde(flatten)]
    pub(crate) what: What,
}

/// What happened.
#[derive(Debug, Clone, Serialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub(crate) enum What {
    /// It was asked for.
    Queued {
        /// The session that its bytes came in, such as a tus upload's id.
        #[serde(skip_serializing_if = "Option::is_none")]
        session: Option<String>,
    },
    /// Name and size are known.
    Admitted { filename: String, bytes: u64 },
    /// Where it is sent, in this order until one has it. One whose content is stored already is sent nowhere.
    Routed { providers: Vec<String> },
    /// An attempt begins.
    Attempt { provider: String, attempt: u32 },
    /// So many bytes of the current attempt have left.
    Bytes { sent: u64 },
    /// The attempt failed; another follows.
    Retry {
        provider: String,
        reason: String,
        after_ms: u64,
    },
    /// Another provider takes the file.
    Fallback {
        provider: String,
        reason: String,
        next: String,
    },
    /// A breaker changed state.
    Circuit { provider: String, state: String },
    /// It is stored.
    Done { file: Box<File> },
    /// It is not.
    Failed { error: Error },
}

impl From<Event> for What {
    fn from(event: Event) -> Self {
        match event {
            Event::Admitted { name, bytes } => Self::Admitted { filename: name, bytes },
            Event::Routed { providers } => Self::Routed { providers },
            Event::Attempt { provider, attempt, .. } => Self::Attempt { provider, attempt },
            Event::Sent { bytes } => Self::Bytes { sent: bytes },
            Event::Retry {
                provider,
                reason,
                after_ms,
            } => Self::Retry {
                provider,
                reason,
                after_ms,
            },
            Event::Fallback { provider, reason, next } => Self::Fallback { provider, reason, next },
            Event::Circuit { provider, state } => Self::Circuit { provider, state },
        }
    }
}

impl What {
    /// As it is called on the wire.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Queued { .. } => "queued",
            Self::Admitted { .. } => "admitted",
            Self::Routed { .. } => "routed",
            Self::Attempt { .. } => "attempt",
            Self::Bytes { .. } => "bytes",
            Self::Retry { .. } => "retry",
            Self::Fallback { .. } => "fallback",
            Self::Circuit { .. } => "circuit",
            Self::Done { .. } => "done",
            Self::Failed { .. } => "failed",
        }
    }
}

/// A notice, and whose upload it is about.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct TenantNotice {
    tenant: String,
    #[serde(flatten)]
    notice: Arc<Notice>,
}

impl TenantNotice {
    pub(crate) fn new(tenant: &str, notice: Arc<Notice>) -> Self {
        let tenant = tenant.to_owned();
        Self { tenant, notice }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_notice_has_the_name_that_it_is_written_with() {
        let provider = || "p".to_owned();
        for what in [
            What::Queued { session: None },
            What::Routed { providers: Vec::new() },
            What::Circuit {
                provider: provider(),
                state: "open".to_owned(),
            },
            What::Bytes { sent: 1 },
        ] {
            let written = serde_json::to_value(&what).unwrap();
            assert_eq!(written["event"], what.name());
        }
    }
}
