//! What Anthropic's errors mean: the code in the details before the type, the type before the status.

use loadlock_sdk::openai_shape::VendorError;
use loadlock_sdk::types::FailureKind;

pub(crate) fn classify(_status: u16, error: &VendorError) -> Option<FailureKind> {
    let of_code = |code: &str| match code {
        "storage_quota_exceeded" => Some(FailureKind::QuotaExhausted),
        "file_expired" => Some(FailureKind::NotFound),
        "file_not_downloadable" => Some(FailureKind::Unsupported),
        // "Nothing was done": the body came too slowly.
        "request_body_timeout" => Some(FailureKind::Transport),
        "organization_on_hold" => Some(FailureKind::Unauthorized),
        // A key of the customer's own that cannot be used.
        code if code.starts_with("cmek_key") => Some(FailureKind::Unauthorized),
        _ => None,
    };
    let of_type = |kind: &str| match kind {
        "billing_error" => Some(FailureKind::QuotaExhausted),
        "authentication_error" | "permission_error" => Some(FailureKind::Unauthorized),
        "rate_limit_error" => Some(FailureKind::RateLimited),
        "api_error" | "overloaded_error" => Some(FailureKind::Unavailable),
        "timeout_error" => Some(FailureKind::Timeout),
        "not_found_error" => Some(FailureKind::NotFound),
        "invalid_request_error" | "request_too_large" => Some(FailureKind::Rejected),
        _ => None,
    };
    let code = error.code.as_deref().and_then(of_code);
    code.or_else(|| error.kind.as_deref().and_then(of_type))
}

#[cfg(test)]
mod tests {
    use super::*;
    use loadlock_sdk::failure::kind_of_status;

    fn kind(status: u16, kind: &str, code: &str) -> FailureKind {
        let body = format!(
            r#"{{"type":"error","error":{{"type":"{kind}","message":"m","details":{{"error_code":"{code}"}}}}}}"#
        );
        let error = VendorError::parse(body.as_bytes());
        classify(status, &error).unwrap_or_else(|| kind_of_status(status))
    }

    #[test]
    fn the_code_says_more_than_the_type_and_the_type_more_than_the_status() {
        let invalid = "invalid_request_error";
        for (status, name, code, expected) in [
            (400, invalid, "storage_quota_exceeded", FailureKind::QuotaExhausted),
            (404, "not_found_error", "file_expired", FailureKind::NotFound),
            (400, invalid, "file_not_downloadable", FailureKind::Unsupported),
            (400, invalid, "request_body_timeout", FailureKind::Transport),
            (400, invalid, "organization_on_hold", FailureKind::Unauthorized),
            (400, invalid, "cmek_key_disabled", FailureKind::Unauthorized),
            (400, invalid, "something_new", FailureKind::Rejected),
            (402, "billing_error", "", FailureKind::QuotaExhausted),
            (400, "billing_error", "", FailureKind::QuotaExhausted),
            (403, "permission_error", "", FailureKind::Unauthorized),
            (429, "rate_limit_error", "", FailureKind::RateLimited),
            (500, "api_error", "", FailureKind::Unavailable),
            (504, "timeout_error", "", FailureKind::Timeout),
            (529, "overloaded_error", "", FailureKind::Unavailable),
            (529, "", "", FailureKind::Unavailable),
            (413, "", "", FailureKind::Rejected),
        ] {
            assert_eq!(kind(status, name, code), expected, "{status} {name} {code}");
        }
    }
}
