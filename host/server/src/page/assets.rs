//! The page's own files, embedded in the program.

use std::sync::OnceLock;

use axum::extract::Path;
use axum::response::{IntoResponse, Response};
use http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, ETAG, IF_NONE_MATCH, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS,
};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use include_dir::{Dir, include_dir};
use loadlock_gateway::{Error, ErrorCode};
use sha2::{Digest, Sha256};

use crate::answer::Refusal;
use crate::query::NoQuery;

static PAGE: Dir<'static> = include_dir!("$CARGO_MANIFEST_DIR/page");
/// Of all files together: what the page is may change with each version of the program alone.
static TAG: OnceLock<Option<HeaderValue>> = OnceLock::new();

/// Nothing but the page's own files and the gateway's own answers; no text ever becomes markup or script.
const POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; base-uri 'none'; \
     form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'",
);
const COOP: HeaderName = HeaderName::from_static("cross-origin-opener-policy");
const CORP: HeaderName = HeaderName::from_static("cross-origin-resource-policy");

pub(super) async fn index(_: NoQuery, headers: HeaderMap) -> Result<Response, Refusal> {
    serve("index.html", &headers)
}

pub(super) async fn file(_: NoQuery, Path(name): Path<String>, headers: HeaderMap) -> Result<Response, Refusal> {
    serve(&name, &headers)
}

fn serve(name: &str, asked: &HeaderMap) -> Result<Response, Refusal> {
    let Some(file) = PAGE.get_file(name).filter(|_| kind(name).is_some()) else {
        return Err(Error::new(ErrorCode::NoSuchEndpoint, "there is nothing at this path").into());
    };
    let tag = TAG.get_or_init(tag);
    let known = tag.is_some() && asked.get(IF_NONE_MATCH) == tag.as_ref();
    let mut response = match known {
        true => StatusCode::NOT_MODIFIED.into_response(),
        false => file.contents().into_response(),
    };
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(kind(name).unwrap_or_default()));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    headers.insert(CONTENT_SECURITY_POLICY, POLICY);
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    headers.insert(COOP, HeaderValue::from_static("same-origin"));
    headers.insert(CORP, HeaderValue::from_static("same-origin"));
    if let Some(tag) = tag {
        headers.insert(ETAG, tag.clone());
    }
    Ok(response)
}

/// By the name's end; a file of another kind is no part of the page.
fn kind(name: &str) -> Option<&'static str> {
    Some(match name.rsplit('.').next()? {
        "html" => "text/html; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "js" => "text/javascript; charset=utf-8",
        "svg" => "image/svg+xml",
        _ => return None,
    })
}

fn tag() -> Option<HeaderValue> {
    let mut digest = Sha256::new();
    for file in PAGE.files() {
        digest.update(file.contents());
    }
    HeaderValue::try_from(format!("\"{}\"", hex::encode(&digest.finalize()[..16]))).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Of everything that a browser loads.
    const MOST: usize = 200_000;

    #[test]
    fn the_page_is_small_and_whole() {
        let bytes: usize = PAGE.files().map(|file| file.contents().len()).sum();
        assert!(bytes <= MOST, "{bytes} bytes");
        assert!(PAGE.get_file("index.html").is_some());
        assert!(PAGE.dirs().next().is_none());
    }
}
