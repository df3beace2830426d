//! Bodies are taken as they come: one that says it is encoded, such as with gzip, is refused before anything is made of
//! it (RFC 9110 §15.5.16).

use axum::extract::Request;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::header::{ACCEPT_ENCODING, CONTENT_ENCODING};
use http::{HeaderMap, HeaderValue};
use loadlock_gateway::{Error, ErrorCode};

use crate::answer::Refusal;

/// Refuses every coding but `identity`.
pub(crate) async fn layer(request: Request, next: Next) -> Response {
    if is_plain(request.headers()) {
        return next.run(request).await;
    }
    let error = Error::new(
        ErrorCode::EncodingUnsupported,
        "the body has a `Content-Encoding` that is not accepted here",
    );
    let mut response = Refusal(error).into_response();
    let headers = response.headers_mut();
    headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
    response
}

fn is_plain(headers: &HeaderMap) -> bool {
    headers.get_all(CONTENT_ENCODING).iter().all(|value| {
        let value = value.to_str().unwrap_or("?");
        let mut codings = value.split(',').map(str::trim).filter(|coding| !coding.is_empty());
        codings.all(|coding| coding.eq_ignore_ascii_case("identity"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_identity_is_plain() {
        let plain = |value: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert(CONTENT_ENCODING, HeaderValue::from_static(value));
            is_plain(&headers)
        };
        assert!(is_plain(&HeaderMap::new()));
        assert!(plain("identity") && plain("Identity") && plain(""));
        assert!(!plain("gzip") && !plain("identity, br") && !plain("aws-chunked"));
    }
}
