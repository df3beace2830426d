//! Promises of this door's parsers.

use std::collections::BTreeMap;

use axum::extract::Query;
use futures::executor::block_on;
use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderValue, Uri};
use loadlock_gateway::Target;

use super::options::{of_form, of_json, respond_async};
use super::{create, files, form, kept, list, parts, uploads};
use crate::fuzz_input::first_line;
use crate::upload_options::UploadOptions;

/// A content type on the first line, then a form: it reads the same however it is cut, within its limits, and a refused
/// one leaves nothing.
pub fn form(bytes: &[u8]) {
    let (kind, body) = first_line(bytes);
    let Ok(kind) = HeaderValue::from_bytes(kind) else {
        return;
    };
    let mut headers = HeaderMap::new();
    headers.insert(CONTENT_TYPE, kind);
    let read = |chunk| block_on(kept::read(&headers, body, chunk)).ok();
    let whole = read(body.len());
    for chunk in [1, 7] {
        assert_eq!(read(chunk), whole, "chunks of {chunk}");
    }
    let Some((fields, _, content)) = whole else {
        return;
    };
    assert!(content.len() < body.len() && fields.len() < form::PARTS);
    for (name, value) in &fields {
        assert!(name.len() <= form::NAME && value.len() <= form::VALUE);
    }
    if let Ok(options) = of_form(&HeaderMap::new(), fields) {
        in_bounds(&options);
    }
}

fn in_bounds(options: &UploadOptions) {
    let within = |text: &Option<String>, most: usize| text.as_ref().is_none_or(|text| (1..=most).contains(&text.len()));
    assert!(within(&options.purpose, 64) && within(&options.idempotency_key, 255));
    assert!(
        options
            .expires_in_s
            .is_none_or(|seconds| (1..=36_525 * 86_400).contains(&seconds))
    );
    assert_ne!(options.target(), Target::Pinned("auto".into()));
    let stored = serde_json::to_string(options).ok();
    let again = stored.and_then(|text| serde_json::from_str(&text).ok());
    assert_eq!(again.as_ref(), Some(options), "an order would forget its options");
}

/// Headers of an upload.
pub(crate) fn upload_options(headers: &HeaderMap) {
    if let Ok(options) = of_json(headers, None, None, None) {
        in_bounds(&options);
    }
    if respond_async(headers) {
        assert!(headers.contains_key("prefer"));
    }
}

/// A query, or a JSON body, by the first byte.
pub fn openai(bytes: &[u8]) {
    let Some((kind, rest)) = bytes.split_first() else {
        return;
    };
    match kind % 5 {
        0 => query(rest),
        1 => {
            let _ = serde_json::from_slice::<create::ByPath>(rest);
        }
        2 => {
            let _ = serde_json::from_slice::<uploads::Wanted>(rest);
        }
        3 => completion(rest),
        _ => file_name(rest),
    }
}

fn query(text: &[u8]) {
    let uri = [b"/v1/files?", text].concat();
    let Ok(uri) = Uri::try_from(uri) else { return };
    let Ok(Query(asked)) = Query::<list::Asked>::try_from_uri(&uri) else {
        return;
    };
    if let Ok(page) = asked.page() {
        assert!((1..=10_000).contains(&page.limit));
    }
}

/// Parts that are put together are there, each once, and as long as was announced.
fn completion(json: &[u8]) {
    let Ok(completion) = serde_json::from_slice::<uploads::Completion>(json) else {
        return;
    };
    let data = [("part_a", 3), ("part_b", 4), (parts::WHOLE, 7)];
    let data: BTreeMap<_, _> = data.map(|(name, len)| (name.to_owned(), len)).into();
    if parts::check(&completion.part_ids, &data, 7).is_ok() {
        let mut ids = completion.part_ids;
        ids.sort();
        assert_eq!(ids, ["part_a", "part_b"]);
    }
}

/// `Content-Disposition` of any name is one header value, from which the same name is read.
fn file_name(name: &[u8]) {
    let name = String::from_utf8_lossy(name);
    let header = files::disposition(&name);
    assert!(HeaderValue::try_from(&header).is_ok(), "{header:?}");
    let (_, coded) = header.split_once("''").unwrap_or_default();
    let mut bytes = Vec::new();
    let mut rest = coded.as_bytes();
    while let Some((byte, after)) = rest.split_first() {
        match (byte, after.get(..2).and_then(|hex| std::str::from_utf8(hex).ok())) {
            (b'%', Some(hex)) => {
                bytes.push(u8::from_str_radix(hex, 16).unwrap_or_default());
                rest = &after[2..];
            }
            _ => {
                bytes.push(*byte);
                rest = after;
            }
        }
    }
    assert_eq!(bytes, name.as_bytes());
}
