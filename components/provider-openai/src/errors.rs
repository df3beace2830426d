//! What the errors of OpenAI and its kin mean.

use loadlock_sdk::openai_shape::VendorError;
use loadlock_sdk::types::FailureKind;

pub(crate) fn classify(status: u16, error: &VendorError) -> Option<FailureKind> {
    let word = |words: &[&str]| {
        let coded = [&error.code, &error.kind];
        coded
            .into_iter()
            .flatten()
            .any(|code| words.iter().any(|word| code.contains(word)))
    };
    match status {
        // Money and storage: the status says "too many requests", and no waiting helps.
        400 | 403 | 429 if word(&["quota", "billing", "credit", "storage_limit"]) => Some(FailureKind::QuotaExhausted),
        // OpenAI's own clients send again after a conflict: something else holds the file for a moment.
        409 => Some(FailureKind::Unavailable),
        400 | 403 if word(&["invalid_api_key", "invalid_authentication"]) => Some(FailureKind::Unauthorized),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use loadlock_sdk::failure::kind_of_status;

    fn kind(status: u16, code: &str) -> FailureKind {
        let body = format!(r#"{{"error":{{"code":"{code}","type":"t","param":null,"message":"m"}}}}"#);
        let error = VendorError::parse(body.as_bytes());
        classify(status, &error).unwrap_or_else(|| kind_of_status(status))
    }

    #[test]
    fn a_used_up_quota_is_not_a_rate() {
        for code in ["insufficient_quota", "billing_hard_limit_reached", "credits_exhausted"] {
            assert_eq!(kind(429, code), FailureKind::QuotaExhausted, "{code}");
        }
        assert_eq!(kind(429, "rate_limit_exceeded"), FailureKind::RateLimited);
        assert_eq!(kind(402, ""), FailureKind::QuotaExhausted);
    }

    #[test]
    fn what_its_own_clients_retry_is_retryable() {
        assert_eq!(kind(409, ""), FailureKind::Unavailable);
        assert_eq!(kind(408, ""), FailureKind::Timeout);
        assert_eq!(kind(400, "invalid_request_error"), FailureKind::Rejected);
        assert_eq!(kind(401, "invalid_api_key"), FailureKind::Unauthorized);
    }
}
