//! Whether a request comes from the page itself, and not from another page that a browser shows: a cookie counts for
//! the former alone.
//!
//! Browsers say where a request comes from in `Sec-Fetch-Site`, which no page can write, wherever the address is one
//! that they trust. Elsewhere `Origin` says it of every request that may change something; one that only reads is
//! harmless without it, as no other origin can read the answer.

use http::header::{HOST, ORIGIN};
use http::request::Parts;
use http::uri::Authority;
use http::{HeaderMap, HeaderName, Method};

const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// See the module.
pub(super) fn is_own(request: &Parts) -> bool {
    let headers = &request.headers;
    if headers.contains_key(SEC_FETCH_SITE) {
        return only(headers, &SEC_FETCH_SITE) == Some("same-origin");
    }
    if headers.contains_key(ORIGIN) {
        let host = only(headers, &HOST).and_then(|host| host.parse().ok());
        let host: Option<Authority> = host.or_else(|| request.uri.authority().cloned());
        let origin = only(headers, &ORIGIN).and_then(authority);
        return origin.is_some() && origin == host;
    }
    matches!(request.method, Method::GET | Method::HEAD)
}

fn authority(origin: &str) -> Option<Authority> {
    let rest = origin
        .strip_prefix("http://")
        .or_else(|| origin.strip_prefix("https://"));
    rest?.parse().ok()
}

/// The value of a header that occurs once.
fn only<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    let mut values = headers.get_all(name).iter();
    match (values.next(), values.next()) {
        (Some(value), None) => value.to_str().ok(),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn own(method: &str, headers: &[(&str, &str)]) -> bool {
        let mut request = http::Request::builder().method(method).header(HOST, "127.0.0.1:8420");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        is_own(&request.body(()).unwrap().into_parts().0)
    }

    #[test]
    fn what_a_browser_says_of_its_requests_counts() {
        for method in ["GET", "POST"] {
            assert!(own(method, &[("sec-fetch-site", "same-origin")]));
            // Another port of this machine is the same site.
            for other in ["same-site", "cross-site", "none", ""] {
                let headers = [("sec-fetch-site", other), ("origin", "http://127.0.0.1:8420")];
                assert!(!own(method, &headers), "{method} {other}");
            }
            assert!(own(method, &[("origin", "http://127.0.0.1:8420")]));
            for other in [
                "http://127.0.0.1:3000",
                "http://localhost:8420",
                "null",
                "https://evil.example",
            ] {
                assert!(!own(method, &[("origin", other)]), "{method} {other}");
            }
            let both = [("sec-fetch-site", "same-origin"), ("sec-fetch-site", "same-origin")];
            assert!(!own(method, &both));
        }
        assert!(own("GET", &[]) && own("HEAD", &[]));
        assert!(!own("POST", &[]) && !own("DELETE", &[]) && !own("PATCH", &[]));
    }
}
