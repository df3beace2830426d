//! What the host's error codes mean.

use wasip2::http::types::{ErrorCode, http_error_code};
use wasip2::io::error::Error as StreamFault;

use crate::types::{Failure, FailureKind};

/// A request without an answer. `stored`: it was taken whole, and may have stored something.
pub(super) fn lost(code: &ErrorCode, stored: bool) -> Failure {
    let failure = of_code(code);
    // Taken by the host is not sent: a small body fits its buffers before there is a connection.
    let unknown = stored && !never_left(code);
    failure.with_outcome_unknown(unknown)
}

/// Whether the host says by this code that it had no connection to send anything over, or did not send for another
/// reason.
fn never_left(code: &ErrorCode) -> bool {
    matches!(
        code,
        ErrorCode::DnsTimeout
            | ErrorCode::DnsError(_)
            | ErrorCode::DestinationNotFound
            | ErrorCode::DestinationUnavailable
            | ErrorCode::DestinationIpProhibited
            | ErrorCode::DestinationIpUnroutable
            | ErrorCode::ConnectionRefused
            | ErrorCode::ConnectionTimeout
            | ErrorCode::ConnectionLimitReached
            | ErrorCode::TlsProtocolError
            | ErrorCode::TlsCertificateError
            | ErrorCode::TlsAlertReceived(_)
            | ErrorCode::HttpRequestDenied
            | ErrorCode::HttpRequestLengthRequired
            | ErrorCode::HttpRequestMethodInvalid
            | ErrorCode::HttpRequestUriInvalid
            | ErrorCode::HttpRequestUriTooLong
            | ErrorCode::HttpRequestHeaderSectionSize(_)
            | ErrorCode::HttpRequestHeaderSize(_)
            | ErrorCode::ConfigurationError
    )
}

/// What a stream's error means. Hosts may print a backtrace behind their first line.
pub(crate) fn of_stream(error: &StreamFault) -> Failure {
    http_error_code(error).map_or_else(
        || {
            let text = error.to_debug_string();
            Failure::new(FailureKind::Transport, text.lines().next().unwrap_or_default())
        },
        |code| of_code(&code),
    )
}

/// What the host's error means; its name in `wasi:http` becomes the code.
pub(crate) fn of_code(code: &ErrorCode) -> Failure {
    let kind = match code {
        // Not of the connection itself: what was not sent is not lost, and a timeout leaves that open.
        ErrorCode::ConnectionReadTimeout | ErrorCode::ConnectionWriteTimeout | ErrorCode::HttpResponseTimeout => {
            FailureKind::Timeout
        }
        ErrorCode::HttpRequestDenied
        | ErrorCode::DestinationIpProhibited
        | ErrorCode::HttpRequestMethodInvalid
        | ErrorCode::HttpRequestUriInvalid
        | ErrorCode::HttpRequestUriTooLong
        | ErrorCode::HttpRequestLengthRequired
        | ErrorCode::HttpRequestHeaderSectionSize(_)
        | ErrorCode::HttpRequestHeaderSize(_)
        | ErrorCode::HttpRequestBodySize(_)
        | ErrorCode::ConfigurationError => FailureKind::Internal,
        ErrorCode::HttpResponseHeaderSectionSize(_)
        | ErrorCode::HttpResponseHeaderSize(_)
        | ErrorCode::HttpResponseBodySize(_) => FailureKind::Protocol,
        // Hosts say `HTTP-protocol-error` for a connection that was reset: that, too, is a broken connection.
        _ => FailureKind::Transport,
    };
    let name = kebab(code);
    let message = match code {
        ErrorCode::InternalError(Some(text)) => text.clone(),
        ErrorCode::HttpRequestDenied => {
            "the host does not allow this request; see the host's log for the grant that would".to_owned()
        }
        ErrorCode::DestinationIpProhibited => {
            "the host does not allow this address; private addresses need a grant of their own".to_owned()
        }
        _ => format!("no answer: {}", name.replace('-', " ")),
    };
    Failure::new(kind, message).with_code(name)
}

/// `ConnectionRefused` → `connection-refused`, as the interface spells it.
fn kebab(code: &ErrorCode) -> String {
    let debug = format!("{code:?}");
    let mut name = String::new();
    // Debug prints `ErrorCode::Name` or `Name`, then perhaps a payload.
    let word = debug.rsplit("::").next().unwrap_or(&debug);
    for character in word.chars().take_while(char::is_ascii_alphanumeric) {
        if character.is_ascii_uppercase() && !name.is_empty() {
            name.push('-');
        }
        name.push(character.to_ascii_lowercase());
    }
    name
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_a_connection_nothing_is_lost() {
        for code in [
            ErrorCode::ConnectionRefused,
            ErrorCode::ConnectionTimeout,
            ErrorCode::DnsTimeout,
            ErrorCode::TlsCertificateError,
            ErrorCode::HttpRequestDenied,
        ] {
            let failure = lost(&code, true);
            assert!(!failure.outcome_unknown, "{code:?}");
            // A host that knows no better takes a timeout for a lost answer.
            assert_ne!(failure.kind, FailureKind::Timeout, "{code:?}");
        }
    }

    #[test]
    fn what_was_taken_whole_is_lost_without_an_answer_whatever_the_host_says_of_its_size() {
        for code in [
            ErrorCode::HttpRequestBodySize(None),
            ErrorCode::ConnectionTerminated,
            ErrorCode::HttpResponseTimeout,
            ErrorCode::InternalError(None),
        ] {
            assert!(lost(&code, true).outcome_unknown, "{code:?}");
            assert!(!lost(&code, false).outcome_unknown, "{code:?}");
        }
    }
}
