//! Promises of this door's parsers.

use crate::fuzz_input::headers_of;
use crate::upload_options::UploadOptions;

use super::append::Announced;
use super::checksum::{ALGORITHMS, Checksum};
use super::concat::{Kind, is_id};
use super::metadata::Metadata;
use super::protocol::{UPLOAD_LENGTH, number};

/// A header by the first byte: what is read is written and read again as the same.
#[allow(clippy::expect_used)]
pub fn tus(bytes: &[u8]) {
    let Some((kind, rest)) = bytes.split_first() else {
        return;
    };
    if kind % 4 == 3 {
        return announced(rest);
    }
    let Ok(text) = std::str::from_utf8(rest) else {
        return;
    };
    match kind % 4 {
        0 => {
            if let Ok(metadata) = Metadata::parse(text) {
                let again = Metadata::parse(&metadata.format()).expect("our own words");
                assert_eq!(again, metadata);
                if let Ok(Ok(options)) = metadata.options().map(UploadOptions::check) {
                    // A year has fewer than 32 million seconds.
                    assert!(options.expires_in_s.is_none_or(|s| s <= 100 * 32_000_000));
                }
            }
        }
        1 => {
            if let Ok(kind) = Kind::parse(Some(text)) {
                let again = kind.format();
                assert_eq!(Kind::parse(again.as_deref()).ok(), Some(kind.clone()));
                if let Kind::Final { parts } = kind {
                    assert!(parts.iter().all(|id| is_id(id)) && parts.len() <= 256);
                }
            }
        }
        _ => {
            if Checksum::parse(text).is_ok() {
                let name = text.split_once(' ').map(|(name, _)| name);
                assert!(ALGORITHMS.split(',').any(|known| Some(known) == name));
            }
        }
    }
}

/// The headers of `PATCH`.
fn announced(bytes: &[u8]) {
    let headers = headers_of(bytes);
    if let Ok(announced) = Announced::parse(&headers) {
        let most = i64::MAX.unsigned_abs();
        assert!(announced.bytes.is_none_or(|bytes| bytes <= most));
    }
    if let Ok(Some(length)) = number(&headers, &UPLOAD_LENGTH) {
        let text = headers[UPLOAD_LENGTH].to_str().unwrap_or_default().trim();
        let digits = text.trim_start_matches('0');
        let wanted = if digits.is_empty() { "0" } else { digits };
        assert_eq!(length.to_string(), wanted);
    }
}
