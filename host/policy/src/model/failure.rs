//! What went wrong in an attempt, in the words that retry, breaker and routing understand.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::Millis;

/// Longest message of a failure, in bytes; from `types.wit`.
pub const MAX_MESSAGE_BYTES: usize = 1_024;

/// Longest wait that a vendor or a component may ask for: one day. A vendor once answered 292 billion years, and a
/// component can answer any 64 bits.
pub const MAX_RETRY_AFTER: Millis = Millis::from_secs(86_400);

/// `failure-kind` of the contract. The component classifies, because a status alone is not enough.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FailureKind {
    /// The vendor refused this file or request; sending it again cannot help.
    Rejected,
    /// The credential is wrong, missing or has no permission.
    Unauthorized,
    /// A quota, balance or daily cap is used up.
    QuotaExhausted,
    /// Too many requests just now.
    RateLimited,
    /// The vendor is overloaded or broken (5xx).
    Unavailable,
    /// No answer in time.
    Timeout,
    /// The connection failed or broke.
    Transport,
    /// The vendor's answer could not be understood.
    Protocol,
    /// No such remote file.
    NotFound,
    /// This vendor or purpose has no such operation.
    Unsupported,
    /// A mistake in the component or its settings.
    Internal,
}

impl FailureKind {
    /// Every kind, in the contract's order.
    pub const ALL: [Self; 11] = [
        Self::Rejected,
        Self::Unauthorized,
        Self::QuotaExhausted,
        Self::RateLimited,
        Self::Unavailable,
        Self::Timeout,
        Self::Transport,
        Self::Protocol,
        Self::NotFound,
        Self::Unsupported,
        Self::Internal,
    ];

    /// Whether the same provider may be asked again.
    ///
    /// `protocol` is not in the list: an answer that could not be understood leaves the outcome unknown, so it is
    /// looked for first ([`Failure::leaves_outcome_unknown`]).
    pub const fn is_retryable(self) -> bool {
        matches!(
            self,
            Self::RateLimited | Self::Unavailable | Self::Timeout | Self::Transport
        )
    }

    /// Whether it counts against the provider's breaker. A rate limit is a cool-down, and what the caller did wrong
    /// is no fault of the provider's.
    pub const fn is_provider_fault(self) -> bool {
        matches!(self, Self::Unavailable | Self::Timeout | Self::Transport)
    }

    /// The contract's name, for logs and metrics.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Rejected => "rejected",
            Self::Unauthorized => "unauthorized",
            Self::QuotaExhausted => "quota-exhausted",
            Self::RateLimited => "rate-limited",
            Self::Unavailable => "unavailable",
            Self::Timeout => "timeout",
            Self::Transport => "transport",
            Self::Protocol => "protocol",
            Self::NotFound => "not-found",
            Self::Unsupported => "unsupported",
            Self::Internal => "internal",
        }
    }

    /// The fallback when a component could not classify an answer: the HTTP status alone.
    ///
    /// ```
    /// use loadlock_policy::model::FailureKind;
    /// assert_eq!(FailureKind::from_status(503), FailureKind::Unavailable);
    /// assert_eq!(FailureKind::from_status(404), FailureKind::NotFound);
    /// ```
    pub const fn from_status(status: u16) -> Self {
        match status {
            401 | 403 => Self::Unauthorized,
            404 | 410 => Self::NotFound,
            402 => Self::QuotaExhausted,
            405 | 501 => Self::Unsupported,
            408 | 504 => Self::Timeout,
            429 => Self::RateLimited,
            400..=499 => Self::Rejected,
            500..=599 => Self::Unavailable,
            _ => Self::Protocol,
        }
    }
}

impl fmt::Display for FailureKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What the host itself knows about how far the requests of a failed call came, whatever the component says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Reach {
    /// Nothing that decides anything: the component is believed.
    #[default]
    Untold,
    /// No byte of a request that may store something reached a connection.
    NothingSent,
    /// The last byte of the file was kept back: what left is incomplete, and cannot be stored.
    Incomplete,
    /// As `NothingSent`, because there was no connection: refused, no route, nobody at the address, no such name, no
    /// TLS.
    Unreachable,
}

impl Reach {
    const fn is_untold(&self) -> bool {
        matches!(self, Self::Untold)
    }
}

/// `failure` of the contract: a failed operation.
///
/// `message` and `code` may come from the vendor: scrub them before anyone sees them, and call [`Failure::capped`].
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Failure {
    /// What went wrong.
    pub kind: FailureKind,
    /// HTTP status, if an answer arrived.
    pub status: Option<u16>,
    /// The vendor's own code.
    pub code: Option<String>,
    /// One sentence for a person.
    pub message: String,
    /// How long the vendor asks to wait.
    pub retry_after: Option<Millis>,
    /// Whether the vendor may have stored the file although no success was seen.
    pub outcome_unknown: bool,
    /// What the host saw of the call's requests. It outweighs `outcome_unknown`.
    #[serde(default, skip_serializing_if = "Reach::is_untold")]
    pub reach: Reach,
}

impl Failure {
    /// A failure with nothing but a kind and a sentence.
    pub fn new(kind: FailureKind, message: impl Into<String>) -> Self {
        Self {
            kind,
            status: None,
            code: None,
            message: message.into(),
            retry_after: None,
            outcome_unknown: false,
            reach: Reach::Untold,
        }
        .capped()
    }

    /// A provider that could not be reached; `message` says why.
    pub fn unreachable(message: impl Into<String>) -> Self {
        Self {
            reach: Reach::Unreachable,
            ..Self::new(FailureKind::Transport, message)
        }
    }

    /// Whether there was no connection to send anything over.
    pub const fn is_unreachable(&self) -> bool {
        matches!(self.reach, Reach::Unreachable)
    }

    /// The same failure with its texts cut to the contract's limits (message 1,024 bytes, code 128) and freed of
    /// control characters, so that one cannot forge a log line, and with no longer wait than [`MAX_RETRY_AFTER`].
    pub fn capped(mut self) -> Self {
        self.message = clean(&self.message, MAX_MESSAGE_BYTES);
        self.code = self.code.map(|code| clean(&code, 128));
        self.retry_after = self.retry_after.map(|wait| wait.min(MAX_RETRY_AFTER));
        self
    }

    /// Whether the host must look at the provider before it may send again.
    ///
    /// True if the component says so, and for `timeout` and `protocol` whatever it says: both mean that the request
    /// may have arrived whole while no usable answer did. A host that saw the whole body leave sets
    /// `outcome_unknown` for a broken connection too. Never if the host knows that nothing was sent.
    pub const fn leaves_outcome_unknown(&self) -> bool {
        self.reach.is_untold()
            && (self.outcome_unknown || matches!(self.kind, FailureKind::Timeout | FailureKind::Protocol))
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.kind)?;
        if let Some(status) = self.status {
            write!(f, " (status {status})")?;
        }
        if let Some(code) = &self.code {
            write!(f, " [{code}]")?;
        }
        write!(f, ": {}", self.message)
    }
}

impl std::error::Error for Failure {}

fn clean(text: &str, max: usize) -> String {
    let mut cleaned = String::with_capacity(text.len().min(max));
    for c in text.chars() {
        let c = if c.is_control() { ' ' } else { c };
        if cleaned.len() + c.len_utf8() > max {
            break;
        }
        cleaned.push(c);
    }
    cleaned
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_documented_kinds_are_retried_and_counted() {
        let retryable: Vec<_> = FailureKind::ALL.into_iter().filter(|k| k.is_retryable()).collect();
        assert_eq!(
            retryable,
            [
                FailureKind::RateLimited,
                FailureKind::Unavailable,
                FailureKind::Timeout,
                FailureKind::Transport
            ]
        );
        let faults: Vec<_> = FailureKind::ALL.into_iter().filter(|k| k.is_provider_fault()).collect();
        assert_eq!(
            faults,
            [FailureKind::Unavailable, FailureKind::Timeout, FailureKind::Transport]
        );
    }

    #[test]
    fn a_lost_or_unreadable_answer_is_unknown_even_if_the_component_denies_it() {
        assert!(Failure::new(FailureKind::Timeout, "").leaves_outcome_unknown());
        assert!(Failure::new(FailureKind::Protocol, "").leaves_outcome_unknown());
        assert!(!Failure::new(FailureKind::Transport, "").leaves_outcome_unknown());
        let sent = Failure {
            outcome_unknown: true,
            ..Failure::new(FailureKind::Transport, "")
        };
        assert!(sent.leaves_outcome_unknown());
    }

    #[test]
    fn what_was_not_sent_is_not_unknown_whatever_the_component_says() {
        for kind in FailureKind::ALL {
            for reach in [Reach::NothingSent, Reach::Unreachable] {
                let failure = Failure {
                    outcome_unknown: true,
                    reach,
                    ..Failure::new(kind, "")
                };
                assert!(!failure.leaves_outcome_unknown(), "{kind} {reach:?}");
            }
        }
    }

    #[test]
    fn texts_are_cut_at_a_character_and_cannot_forge_a_line() {
        let failure = Failure::new(FailureKind::Rejected, format!("a\nb\u{1b}[0m{}", "é".repeat(2_000)));
        assert!(failure.message.len() <= MAX_MESSAGE_BYTES);
        assert!(failure.message.starts_with("a b [0m"));
    }

    #[test]
    fn nobody_is_told_to_wait_for_ever() {
        for (asked, told) in [
            (0, 0),
            (86_400_000, 86_400_000),
            (86_400_001, 86_400_000),
            (u64::MAX, 86_400_000),
        ] {
            let failure = Failure {
                retry_after: Some(Millis(asked)),
                ..Failure::new(FailureKind::RateLimited, "")
            };
            assert_eq!(failure.capped().retry_after, Some(Millis(told)), "{asked}");
        }
    }

    #[test]
    fn kinds_are_spelled_as_in_the_contract() {
        for kind in FailureKind::ALL {
            assert_eq!(serde_json::to_value(kind).ok(), Some(serde_json::json!(kind.as_str())));
        }
    }
}
