//! Building and classifying failures.
//!
//! The component classifies, because a status alone is not enough; [`Failure::from_status`] is the fallback for answers
//! whose body says nothing that the vendor documents.

use crate::types::{Failure, FailureKind};

/// Longest message, in bytes, that the contract allows.
pub const MAX_MESSAGE_BYTES: usize = 1_024;

/// Longest vendor code, in bytes, that is kept. Documented codes have up to forty.
const MAX_CODE_BYTES: usize = 128;

impl Failure {
    /// A failure of which nothing but kind and message is known; its outcome is known.
    ///
    /// The message is one sentence for a person. Control characters become spaces, and it is cut at 1,024 bytes.
    pub fn new(kind: FailureKind, message: impl AsRef<str>) -> Self {
        Self {
            kind,
            status: None,
            code: None,
            message: clean(message.as_ref(), MAX_MESSAGE_BYTES),
            retry_after_ms: None,
            outcome_unknown: false,
        }
    }

    /// A mistake in the component or its settings.
    pub fn internal(message: impl AsRef<str>) -> Self {
        Self::new(FailureKind::Internal, message)
    }

    /// The vendor's answer could not be understood.
    pub fn protocol(message: impl AsRef<str>) -> Self {
        Self::new(FailureKind::Protocol, message)
    }

    /// No such remote file.
    pub fn not_found(message: impl AsRef<str>) -> Self {
        Self::new(FailureKind::NotFound, message)
    }

    /// The fallback: what a status means where the body does not say more. The message is `HTTP <status>`.
    ///
    /// ```
    /// use loadlock_sdk::types::{Failure, FailureKind};
    /// assert_eq!(Failure::from_status(413).kind, FailureKind::Rejected);
    /// assert_eq!(Failure::from_status(429).kind, FailureKind::RateLimited);
    /// ```
    pub fn from_status(status: u16) -> Self {
        Self::new(kind_of_status(status), format!("HTTP {status}")).with_status(status)
    }

    /// Sets the HTTP status of the answer.
    pub fn with_status(mut self, status: u16) -> Self {
        self.status = Some(status);
        self
    }

    /// Sets the vendor's own code; an empty one counts as none.
    pub fn with_code(mut self, code: impl AsRef<str>) -> Self {
        let code = clean(code.as_ref(), MAX_CODE_BYTES);
        self.code = Some(code).filter(|code| !code.is_empty());
        self
    }

    /// Sets how long the vendor asks to wait, in milliseconds.
    pub fn with_retry_after_ms(mut self, wait: Option<u64>) -> Self {
        self.retry_after_ms = wait;
        self
    }

    /// Sets whether the vendor may have stored the file although no success was seen.
    pub fn with_outcome_unknown(mut self, unknown: bool) -> Self {
        self.outcome_unknown = unknown;
        self
    }

    /// Appends a sentence to the message, for example what the operator can do.
    pub fn with_hint(mut self, hint: &str) -> Self {
        self.message = clean(&format!("{}; {hint}", self.message), MAX_MESSAGE_BYTES);
        self
    }
}

/// What an HTTP status means by itself. None is ever followed, so a redirect says that the request was not fulfilled here
/// (RFC 9110 §15.4): a vendor that has moved, or a login page in front of it. Only 303 follows something that was done.
pub fn kind_of_status(status: u16) -> FailureKind {
    match status {
        401 | 403 | 407 => FailureKind::Unauthorized,
        402 | 507 => FailureKind::QuotaExhausted,
        404 | 410 => FailureKind::NotFound,
        408 => FailureKind::Timeout,
        425 | 429 => FailureKind::RateLimited,
        501 => FailureKind::Unsupported,
        400..=499 => FailureKind::Rejected,
        300..=302 | 304..=399 | 500..=599 => FailureKind::Unavailable,
        _ => FailureKind::Protocol,
    }
}

/// Whether the vendor may have stored a file that was sent whole although its answer cannot be taken for a success: the
/// answer is an unreadable success, or a gateway lost the vendor's (502, 504, and Cloudflare's 520 and 524), or the
/// result was only moved elsewhere (303).
pub fn may_have_stored(status: u16) -> bool {
    matches!(status, 200..=299 | 303 | 502 | 504 | 520 | 524)
}

/// `text` on one line: control characters become spaces, ends are trimmed, at most `max` bytes, cut between characters.
pub(crate) fn clean(text: &str, max: usize) -> String {
    let mut line = String::with_capacity(text.len().min(max));
    for character in text.trim_matches(|c: char| c.is_whitespace() || c.is_control()).chars() {
        let character = if character.is_control() { ' ' } else { character };
        if line.len() + character.len_utf8() > max {
            break;
        }
        line.push(character);
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_status_that_the_retry_policy_names_is_retryable() {
        let retryable = |status| {
            matches!(
                kind_of_status(status),
                FailureKind::RateLimited | FailureKind::Unavailable | FailureKind::Timeout | FailureKind::Transport
            )
        };
        for status in [301, 302, 307, 308, 408, 429, 500, 502, 503, 504, 529] {
            assert!(retryable(status), "{status}");
        }
        for status in [303, 400, 401, 402, 403, 404, 413, 415, 422, 431, 434, 435, 507] {
            assert!(!retryable(status), "{status}");
        }
    }

    #[test]
    fn a_refusal_is_known_and_a_lost_answer_is_not() {
        for status in [200, 201, 204, 303, 502, 504, 520, 524] {
            assert!(may_have_stored(status), "{status}");
        }
        for status in [301, 400, 401, 408, 413, 429, 435, 500, 503] {
            assert!(!may_have_stored(status), "{status}");
        }
    }

    #[test]
    fn a_message_is_one_short_line() {
        let long = "é".repeat(2_000);
        assert!(Failure::internal(&long).message.len() <= MAX_MESSAGE_BYTES);
        assert_eq!(Failure::internal(" a\r\nb\0 ").message, "a  b");
        assert!(Failure::internal(&long).with_hint("more").message.len() <= MAX_MESSAGE_BYTES);
    }

    #[test]
    fn an_empty_code_is_no_code() {
        assert_eq!(Failure::internal("x").with_code(" ").code, None);
    }
}
