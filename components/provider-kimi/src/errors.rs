//! What Kimi's errors mean. The status alone is not enough: 429 is sent for rates, for an overloaded engine and for a
//! used-up balance, and 403 for a balance as well as for a permission.

use loadlock_sdk::openai_shape::VendorError;
use loadlock_sdk::types::FailureKind;

pub(crate) fn classify(status: u16, error: &VendorError) -> Option<FailureKind> {
    let of_word = |word: &str| match word {
        "engine_overloaded_error" | "server_error" => Some(FailureKind::Unavailable),
        "rate_limit_reached_error" => Some(FailureKind::RateLimited),
        "exceeded_current_quota_error" => Some(FailureKind::QuotaExhausted),
        "invalid_authentication_error" | "incorrect_api_key_error" | "permission_denied_error" => {
            Some(FailureKind::Unauthorized)
        }
        "resource_not_found_error" => Some(FailureKind::NotFound),
        "content_filter" => Some(FailureKind::Rejected),
        _ => None,
    };
    let named = [&error.kind, &error.code]
        .into_iter()
        .flatten()
        .find_map(|word| of_word(word));
    // A permission that is refused for want of money is a balance all the same.
    let quota = ["quota", "balance", "suspended", "insufficient"];
    match status {
        400 if error.mentions(&["max file count"]) => Some(FailureKind::QuotaExhausted),
        403 if error.mentions(&quota) => Some(FailureKind::QuotaExhausted),
        429 if named.is_none() && error.mentions(&quota) => Some(FailureKind::QuotaExhausted),
        429 if named.is_none() && error.mentions(&["overloaded"]) => Some(FailureKind::Unavailable),
        _ => named,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kind(status: u16, kind: &str, message: &str) -> Option<FailureKind> {
        let body = format!(r#"{{"error":{{"type":"{kind}","message":"{message}"}}}}"#);
        classify(status, &VendorError::parse(body.as_bytes()))
    }

    #[test]
    fn one_status_has_three_meanings() {
        let overloaded = kind(429, "engine_overloaded_error", "The engine is currently overloaded");
        assert_eq!(overloaded, Some(FailureKind::Unavailable));
        let rate = kind(429, "rate_limit_reached_error", "max RPM: 3");
        assert_eq!(rate, Some(FailureKind::RateLimited));
        let quota = kind(
            429,
            "exceeded_current_quota_error",
            "suspended due to insufficient balance",
        );
        assert_eq!(quota, Some(FailureKind::QuotaExhausted));
        assert_eq!(kind(429, "x", "slow down"), None);
    }

    #[test]
    fn a_balance_is_not_a_permission() {
        let balance = kind(403, "permission_denied_error", "insufficient balance");
        assert_eq!(balance, Some(FailureKind::QuotaExhausted));
        let permission = kind(403, "permission_denied_error", "The API you are accessing is not open");
        assert_eq!(permission, Some(FailureKind::Unauthorized));
        let full = kind(
            400,
            "invalid_request_error",
            "The number of files you have uploaded exceeded the max file count 1000",
        );
        assert_eq!(full, Some(FailureKind::QuotaExhausted));
        assert_eq!(kind(400, "invalid_request_error", "File size is zero"), None);
    }
}
