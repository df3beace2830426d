//! What a response's head must be like before its body is touched.

use http::{StatusCode, header};
use http_body::Body as _;
use hyper::body::Incoming;

use crate::{Error, Limits};

/// `bytes` is the size of the headers.
pub(super) fn judge(
    limits: &Limits,
    head: &http::response::Parts,
    body: &Incoming,
    bytes: usize,
    origin: &str,
) -> Result<(), Error> {
    let origin = || origin.to_owned();
    if head.headers.len() > limits.response_headers || bytes > limits.response_header_bytes {
        return Err(Error::ResponseHeadersTooLarge {
            origin: origin(),
            headers: limits.response_headers,
            bytes: limits.response_header_bytes,
        });
    }
    if head.status == StatusCode::SWITCHING_PROTOCOLS {
        return Err(Error::Protocol {
            origin: origin(),
            reason: "it switches protocols without being asked to".to_owned(),
        });
    }
    for coding in head.headers.get_all(header::CONTENT_ENCODING) {
        if !coding.as_bytes().eq_ignore_ascii_case(b"identity") {
            return Err(Error::ResponseEncoded {
                origin: origin(),
                coding: String::from_utf8_lossy(coding.as_bytes()).into_owned(),
            });
        }
    }
    if body.size_hint().lower() > limits.response_body_bytes {
        return Err(Error::ResponseBodyTooLarge {
            origin: origin(),
            limit: limits.response_body_bytes,
        });
    }
    Ok(())
}
