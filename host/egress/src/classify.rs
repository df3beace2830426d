//! From the errors of the HTTP machinery to our own.

use crate::{Error, Limits, TlsFault, alert};

/// Gives an error of the HTTP machinery its name, by looking at what is inside it.
pub(crate) fn classify(error: &(dyn std::error::Error + 'static), origin: &str, limits: &Limits) -> Error {
    if let Some(reason) = alert::refusal(error) {
        return Error::Tls {
            origin: origin.to_owned(),
            fault: TlsFault::Alert,
            reason,
        };
    }
    let mut next = Some(error);
    while let Some(error) = next {
        // Our own errors travel through hyper as the cause of its own: from the connector, or from the guest's body.
        if let Some(own) = error.downcast_ref::<Error>() {
            return own.clone();
        }
        if let Some(hyper) = error.downcast_ref::<hyper::Error>() {
            if let Some(own) = own_cause(hyper) {
                return own;
            }
            return classify_hyper(hyper, origin, limits);
        }
        if let Some(io) = error.downcast_ref::<std::io::Error>() {
            return Error::ConnectionClosed {
                origin: origin.to_owned(),
                reason: io.to_string(),
            };
        }
        next = error.source();
    }
    Error::ConnectionClosed {
        origin: origin.to_owned(),
        reason: chain(error),
    }
}

fn own_cause(error: &hyper::Error) -> Option<Error> {
    let mut next = std::error::Error::source(error);
    while let Some(error) = next {
        if let Some(own) = error.downcast_ref::<Error>() {
            return Some(own.clone());
        }
        next = error.source();
    }
    None
}

fn classify_hyper(error: &hyper::Error, origin: &str, limits: &Limits) -> Error {
    let origin = origin.to_owned();
    // hyper hands the request back untouched in exactly this case.
    if error.is_canceled() {
        return Error::NotSent { origin };
    }
    if error.is_parse_too_large() {
        return Error::ResponseHeadersTooLarge {
            origin,
            headers: limits.response_headers,
            bytes: limits.response_header_bytes,
        };
    }
    let reason = chain(error);
    if error.is_parse() || error.is_user() {
        return Error::Protocol { origin, reason };
    }
    if error.is_timeout() || error.is_closed() || error.is_incomplete_message() {
        return Error::ConnectionClosed { origin, reason };
    }
    // What is left is I/O or HTTP/2.
    let http2 = std::error::Error::source(error).and_then(|cause| cause.downcast_ref::<h2::Error>());
    match http2 {
        // RFC 9113, 8.7: the server says that it has not processed the request in any way.
        Some(cause) if cause.is_remote() && cause.reason() == Some(h2::Reason::REFUSED_STREAM) => {
            Error::NotSent { origin }
        }
        // Found here, not reported by the other side: it broke the protocol.
        Some(cause) if !cause.is_remote() && !cause.is_io() => Error::Protocol { origin, reason },
        _ => Error::ConnectionClosed { origin, reason },
    }
}

/// An error and its causes in one line.
pub(crate) fn chain(error: &(dyn std::error::Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(error) = next {
        let cause = error.to_string();
        if !text.ends_with(&cause) {
            text.push_str(": ");
            text.push_str(&cause);
        }
        next = error.source();
    }
    text
}
