//! What `google.rpc.Status` means. Upload hosts may answer without a status of their own, or without JSON.

use serde::Deserialize;
use serde_json::Value;

use crate::failure::kind_of_status;
use crate::http::{Answer, JSON_BYTES};
use crate::types::{Failure, FailureKind};

/// A wait beyond a day is no wait: for a full account one vendor asks for 292 years.
const LONGEST_WAIT_MS: u64 = 86_400_000;

#[derive(Debug, Default, Deserialize)]
struct Envelope {
    #[serde(default)]
    error: VendorFault,
}

/// `google.rpc.Status`.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct VendorFault {
    message: String,
    status: String,
    details: Vec<Value>,
}

/// What an answer that is no success says. `about_one` where the request named one file: the vendor says "forbidden"
/// for one that is unknown, expired or somebody else's.
pub fn failure(answer: &mut Answer, about_one: bool) -> Failure {
    let status = answer.status();
    let body = answer.bytes(JSON_BYTES).unwrap_or_default();
    let fault = serde_json::from_slice::<Envelope>(&body).unwrap_or_default().error;
    let wait = fault.retry_after_ms().or(answer.retry_after_ms());
    let failure = describe(status, &fault, about_one);
    answer.describe(failure).with_retry_after_ms(wait)
}

fn describe(status: u16, fault: &VendorFault, about_one: bool) -> Failure {
    let kind = fault.kind(status, about_one);
    let message = match fault.message.as_str() {
        "" => format!("HTTP {status}"),
        message => message.to_owned(),
    };
    Failure::new(kind, message).with_code(&fault.status)
}

impl VendorFault {
    fn kind(&self, status: u16, about_one: bool) -> FailureKind {
        let says = |word: &str| self.message.to_ascii_lowercase().contains(word);
        match (status, self.status.as_str()) {
            (403, _) if about_one && says("may not exist") => FailureKind::NotFound,
            (400, _) if self.has_reason("API_KEY_INVALID") => FailureKind::Unauthorized,
            // A region or a project that the API is closed to.
            (400, "FAILED_PRECONDITION") => FailureKind::Rejected,
            (429, _) if self.is_full() => FailureKind::QuotaExhausted,
            // The name that was chosen is taken: by this upload, whose answer was lost.
            (409, _) => FailureKind::Unavailable,
            _ => kind_of_status(status),
        }
    }

    fn details_of<'a>(&'a self, kind: &'a str) -> impl Iterator<Item = &'a Value> {
        self.details.iter().filter(move |detail| {
            let name = detail.get("@type").and_then(Value::as_str);
            name.is_some_and(|name| name.ends_with(kind))
        })
    }

    fn has_reason(&self, reason: &str) -> bool {
        self.details_of("ErrorInfo")
            .any(|info| info.get("reason").and_then(Value::as_str) == Some(reason))
    }

    /// Whether it is the project's room for files that is used up, which no waiting gives back.
    fn is_full(&self) -> bool {
        let quotas = self
            .details_of("QuotaFailure")
            .filter_map(|failure| failure.get("violations")?.as_array());
        quotas
            .flatten()
            .any(|violation| violation.to_string().contains("file_storage_bytes"))
    }

    /// `"12s"`.
    fn retry_after_ms(&self) -> Option<u64> {
        let delay = self
            .details_of("RetryInfo")
            .find_map(|info| info.get("retryDelay")?.as_str())?;
        let seconds: f64 = delay.strip_suffix('s')?.parse().ok()?;
        let ms = (seconds.max(0.0) * 1_000.0).ceil() as u64;
        (ms <= LONGEST_WAIT_MS).then_some(ms)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn fault(body: &str) -> VendorFault {
        serde_json::from_str::<Envelope>(body).unwrap().error
    }

    #[test]
    fn forbidden_may_mean_that_there_is_none() {
        let gone = fault(
            r#"{"error":{"code":403,"message":"You do not have permission to access the File x or it may not exist.",
                "status":"PERMISSION_DENIED"}}"#,
        );
        assert_eq!(gone.kind(403, true), FailureKind::NotFound);
        assert_eq!(gone.kind(403, false), FailureKind::Unauthorized);
        let bill = fault(r#"{"error":{"code":403,"message":"Your project was denied","status":"PERMISSION_DENIED"}}"#);
        assert_eq!(bill.kind(403, true), FailureKind::Unauthorized);
    }

    #[test]
    fn a_full_project_is_not_a_rate() {
        let full = fault(
            r#"{"error":{"code":429,"message":"m","status":"RESOURCE_EXHAUSTED","details":[
                {"@type":"type.googleapis.com/google.rpc.QuotaFailure","violations":[{"quotaId":"file_storage_bytes"}]},
                {"@type":"type.googleapis.com/google.rpc.RetryInfo","retryDelay":"9223372036854775807s"}]}}"#,
        );
        assert_eq!(
            (full.kind(429, false), full.retry_after_ms()),
            (FailureKind::QuotaExhausted, None)
        );
        let rate = fault(
            r#"{"error":{"code":429,"message":"m","status":"RESOURCE_EXHAUSTED","details":[
                {"@type":"type.googleapis.com/google.rpc.RetryInfo","retryDelay":"12.5s"}]}}"#,
        );
        assert_eq!(
            (rate.kind(429, false), rate.retry_after_ms()),
            (FailureKind::RateLimited, Some(12_500))
        );
    }

    #[test]
    fn a_bad_key_is_a_bad_request_to_the_vendor() {
        let key = fault(
            r#"{"error":{"code":400,"message":"m","status":"INVALID_ARGUMENT","details":[
                {"@type":"type.googleapis.com/google.rpc.ErrorInfo","reason":"API_KEY_INVALID"}]}}"#,
        );
        assert_eq!(key.kind(400, false), FailureKind::Unauthorized);
        let region = fault(r#"{"error":{"code":400,"message":"m","status":"FAILED_PRECONDITION"}}"#);
        assert_eq!(region.kind(400, false), FailureKind::Rejected);
        assert_eq!(VendorFault::default().kind(503, false), FailureKind::Unavailable);
        assert_eq!(describe(400, &VendorFault::default(), false).message, "HTTP 400");
    }
}
