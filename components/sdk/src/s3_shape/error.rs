//! What the errors of S3 and its kin mean.

use super::Bucket;
use crate::failure::kind_of_status;
use crate::http::Answer;
use crate::types::{Failure, FailureKind};
use crate::xml::Element;

/// An error is a few hundred bytes.
const ERROR_BYTES: u64 = 64 << 10;

/// The answer, if it is a success.
///
/// # Errors
/// What its error means.
pub fn succeeded(bucket: &Bucket, answer: Answer) -> Result<Answer, Failure> {
    if answer.is_success() {
        Ok(answer)
    } else {
        Err(failed(bucket, answer))
    }
}

/// The failure that an answer is.
pub(super) fn failed(bucket: &Bucket, mut answer: Answer) -> Failure {
    let region = answer.header("x-amz-bucket-region").map(str::to_owned);
    let error = answer
        .bytes(ERROR_BYTES)
        .ok()
        .and_then(|body| Element::parse(&body))
        .unwrap_or_default();
    let failure = meaning(bucket, answer.status(), &error, region.as_deref());
    answer.describe(failure)
}

/// A success whose body says that it is none: what was asked for may have been done all the same.
pub(super) fn in_disguise(bucket: &Bucket, answer: &Answer, error: &Element) -> Failure {
    answer
        .describe(meaning(bucket, 500, error, None))
        .with_outcome_unknown(true)
}

fn meaning(bucket: &Bucket, status: u16, error: &Element, region: Option<&str>) -> Failure {
    let code = error.text_of("Code").unwrap_or_default();
    let elsewhere = matches!(
        code,
        "PermanentRedirect" | "TemporaryRedirect" | "AuthorizationHeaderMalformed"
    );
    if elsewhere || matches!(status, 301 | 307) {
        let region = error.text_of("Region").or(region).unwrap_or("unknown");
        return Failure::internal(format!(
            "the bucket `{}` is in the region `{region}`; set `region` of the credential and `base_url` for it",
            bucket.name
        ))
        .with_code(code);
    }
    let message = match (code, error.text_of("Message")) {
        ("NoSuchBucket", _) => format!("the bucket `{}` does not exist", bucket.name),
        ("RequestTimeTooSkewed", _) => "this machine's clock and the store's differ too much".to_owned(),
        (_, Some(message)) => message.to_owned(),
        ("", None) => format!("HTTP {status}"),
        (code, None) => code.to_owned(),
    };
    Failure::new(kind_of(status, code), message).with_code(code)
}

fn kind_of(status: u16, code: &str) -> FailureKind {
    match code {
        "AccessDenied"
        | "InvalidAccessKeyId"
        | "SignatureDoesNotMatch"
        | "ExpiredToken"
        | "InvalidToken"
        | "TokenRefreshRequired"
        | "AllAccessDisabled"
        | "AccountProblem" => FailureKind::Unauthorized,
        "NoSuchKey" | "NoSuchVersion" => FailureKind::NotFound,
        // Never "the file is gone".
        "NoSuchBucket" => FailureKind::Internal,
        // What was sent did not arrive as it was.
        "BadDigest"
        | "XAmzContentSHA256Mismatch"
        | "XAmzContentChecksumMismatch"
        | "IncompleteBody"
        | "RequestTimeout" => FailureKind::Transport,
        "SlowDown" | "SlowDownRead" | "SlowDownWrite" | "TooManyRequests" | "RequestLimitExceeded" => {
            FailureKind::RateLimited
        }
        // The next try begins anew, at the store's time.
        "InternalError"
        | "ServiceUnavailable"
        | "OperationAborted"
        | "ConditionalRequestConflict"
        | "NoSuchUpload"
        | "RequestTimeTooSkewed" => FailureKind::Unavailable,
        "EntityTooLarge" | "EntityTooSmall" | "InvalidPart" | "InvalidPartOrder" | "MissingContentLength" => {
            FailureKind::Rejected
        }
        "XMinioStorageFull" | "QuotaExceeded" | "InsufficientStorage" => FailureKind::QuotaExhausted,
        "NotImplemented" => FailureKind::Unsupported,
        _ if status == 409 => FailureKind::Unavailable,
        _ => kind_of_status(status),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn bucket() -> Bucket {
        super::super::tests::bucket("/files")
    }

    fn read(status: u16, body: &str) -> Failure {
        meaning(
            &bucket(),
            status,
            &Element::parse(body.as_bytes()).unwrap_or_default(),
            None,
        )
    }

    #[test]
    fn codes_count_more_than_statuses() {
        use FailureKind as Kind;
        for (status, code, kind) in [
            (403, "SignatureDoesNotMatch", Kind::Unauthorized),
            (400, "ExpiredToken", Kind::Unauthorized),
            (403, "RequestTimeTooSkewed", Kind::Unavailable),
            (404, "NoSuchKey", Kind::NotFound),
            (404, "NoSuchBucket", Kind::Internal),
            (404, "NoSuchUpload", Kind::Unavailable),
            (400, "RequestTimeout", Kind::Transport),
            (400, "XAmzContentSHA256Mismatch", Kind::Transport),
            (503, "SlowDown", Kind::RateLimited),
            (409, "OperationAborted", Kind::Unavailable),
            (409, "Whatever", Kind::Unavailable),
            (411, "MissingContentLength", Kind::Rejected),
            (507, "XMinioStorageFull", Kind::QuotaExhausted),
            (501, "NotImplemented", Kind::Unsupported),
            (500, "", Kind::Unavailable),
        ] {
            let failure = read(status, &format!("<Error><Code>{code}</Code></Error>"));
            assert_eq!(failure.kind, kind, "{status} {code}");
        }
        assert_eq!(read(502, "<html>").kind, Kind::Unavailable);
    }

    #[test]
    fn another_region_is_named() {
        let malformed = "<Error><Code>AuthorizationHeaderMalformed</Code><Region>eu-west-1</Region></Error>";
        for failure in [
            read(400, malformed),
            meaning(&bucket(), 301, &Element::default(), Some("eu-west-1")),
        ] {
            assert_eq!(failure.kind, FailureKind::Internal);
            assert!(failure.message.contains("`eu-west-1`"), "{}", failure.message);
        }
    }
}
