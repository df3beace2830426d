//! What GLM's business codes mean. They stand in the body; the status is 429 for a used-up balance as well as for a
//! rate.

use loadlock_sdk::openai_shape::VendorError;
use loadlock_sdk::types::FailureKind;

pub(crate) fn classify(status: u16, error: &VendorError) -> Option<FailureKind> {
    let of_code = match error.code.as_deref() {
        // Concurrency, frequency, traffic.
        Some("1302" | "1303" | "1305") => Some(FailureKind::RateLimited),
        // The model is busy; the platform's own network failed.
        Some("1312" | "1234") => Some(FailureKind::Unavailable),
        // Arrears, daily cap, used-up or expired plans, fair use.
        Some("1113" | "1304" | "1308" | "1309" | "1310" | "1313") => Some(FailureKind::QuotaExhausted),
        // Credentials, locked accounts, what the account or plan may not do.
        Some("1000" | "1001" | "1002" | "1003" | "1004" | "1112" | "1121" | "1220" | "1311") => {
            Some(FailureKind::Unauthorized)
        }
        // Unsafe content.
        Some("1301") => Some(FailureKind::Rejected),
        _ => None,
    };
    // 434 and 435 are statuses that only this vendor has: no permission, too large.
    of_code.or(match status {
        434 => Some(FailureKind::Unauthorized),
        435 => Some(FailureKind::Rejected),
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use loadlock_sdk::failure::kind_of_status;

    fn kind(status: u16, code: &str) -> FailureKind {
        let body = format!(r#"{{"error":{{"code":"{code}","message":"m"}}}}"#);
        let error = VendorError::parse(body.as_bytes());
        classify(status, &error).unwrap_or_else(|| kind_of_status(status))
    }

    #[test]
    fn slow_down_is_not_pay_your_bill() {
        for code in ["1302", "1303", "1305", ""] {
            assert_eq!(kind(429, code), FailureKind::RateLimited, "{code}");
        }
        for code in ["1113", "1304", "1308", "1309", "1310", "1313"] {
            assert_eq!(kind(429, code), FailureKind::QuotaExhausted, "{code}");
        }
        for code in ["1112", "1121", "1311"] {
            assert_eq!(kind(429, code), FailureKind::Unauthorized, "{code}");
        }
        assert_eq!(kind(429, "1312"), FailureKind::Unavailable);
        assert_eq!(kind(400, "1234"), FailureKind::Unavailable);
    }

    #[test]
    fn statuses_of_its_own() {
        assert_eq!(kind(434, ""), FailureKind::Unauthorized);
        assert_eq!(kind(435, ""), FailureKind::Rejected);
        assert_eq!(kind(401, "1002"), FailureKind::Unauthorized);
        assert_eq!(kind(400, "1301"), FailureKind::Rejected);
    }
}
