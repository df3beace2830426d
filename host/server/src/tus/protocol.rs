//! The words of tus 1.0.0: <https://tus.io/protocols/resumable-upload>.

use http::{HeaderMap, HeaderName};

use super::problem::Problem;

/// The only version of the protocol that is spoken.
pub(crate) const VERSION: &str = "1.0.0";
/// What is spoken besides the core.
pub(crate) const EXTENSIONS: &str = "creation,creation-with-upload,creation-defer-length,expiration,checksum,checksum-trailer,termination,concatenation";
/// Media type of bytes that are appended.
pub(crate) const OFFSET_OCTETS: &str = "application/offset+octet-stream";

macro_rules! names {
    ($($constant:ident = $name:literal;)*) => {
        $(pub(crate) const $constant: HeaderName = HeaderName::from_static($name);)*
    };
}

names! {
    TUS_RESUMABLE = "tus-resumable";
    TUS_VERSION = "tus-version";
    TUS_EXTENSION = "tus-extension";
    TUS_MAX_SIZE = "tus-max-size";
    TUS_CHECKSUM_ALGORITHM = "tus-checksum-algorithm";
    UPLOAD_OFFSET = "upload-offset";
    UPLOAD_LENGTH = "upload-length";
    UPLOAD_DEFER_LENGTH = "upload-defer-length";
    UPLOAD_METADATA = "upload-metadata";
    UPLOAD_EXPIRES = "upload-expires";
    UPLOAD_CHECKSUM = "upload-checksum";
    UPLOAD_CONCAT = "upload-concat";
    X_HTTP_METHOD_OVERRIDE = "x-http-method-override";
    LOADLOCK_STATUS = "loadlock-status";
    LOADLOCK_ERROR = "loadlock-error";
    LOADLOCK_FILE_ID = "loadlock-file-id";
    LOADLOCK_PROVIDER = "loadlock-provider";
}

/// The value of a header that may occur once.
///
/// # Errors
/// A header that occurs twice or is no visible ASCII: which of two values counts would be a guess.
pub(crate) fn one<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Result<Option<&'a str>, Problem> {
    let mut values = headers.get_all(name).iter();
    let Some(value) = values.next() else {
        return Ok(None);
    };
    match (value.to_str(), values.next()) {
        (Ok(text), None) => Ok(Some(text.trim())),
        (Err(_), _) => Err(Problem::invalid(format!("`{name}` is not plain text"))),
        (_, Some(_)) => Err(Problem::invalid(format!("`{name}` occurs twice"))),
    }
}

/// A header that holds a number of bytes.
///
/// # Errors
/// Anything but decimal digits that fit 63 bits: no sign, no space.
pub(crate) fn number(headers: &HeaderMap, name: &HeaderName) -> Result<Option<u64>, Problem> {
    let Some(text) = one(headers, name)? else {
        return Ok(None);
    };
    digits(text)
        .map(Some)
        .ok_or_else(|| Problem::invalid(format!("`{name}` is not a number of bytes")))
}

fn digits(text: &str) -> Option<u64> {
    let plain = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let value: u64 = plain.then(|| text.parse().ok())??;
    i64::try_from(value).is_ok().then_some(value)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn numbers_are_digits_and_nothing_else() {
        assert_eq!(digits("0"), Some(0));
        assert_eq!(digits("9223372036854775807"), Some(i64::MAX as u64));
        for none in [
            "",
            "-1",
            "+1",
            "1 ",
            "1.0",
            "0x1",
            "9223372036854775808",
            "99999999999999999999",
            "١",
        ] {
            assert_eq!(digits(none), None, "{none}");
        }
    }

    #[test]
    fn a_header_that_is_there_twice_is_refused() {
        let mut headers = HeaderMap::new();
        headers.append(UPLOAD_OFFSET, "1".parse().unwrap());
        assert_eq!(number(&headers, &UPLOAD_OFFSET).unwrap(), Some(1));
        headers.append(UPLOAD_OFFSET, "1".parse().unwrap());
        assert!(number(&headers, &UPLOAD_OFFSET).is_err());
    }

    proptest! {
        #[test]
        fn numbers_round_trip(value in 0..=i64::MAX as u64, text in any::<String>()) {
            prop_assert_eq!(digits(&value.to_string()), Some(value));
            if let Some(read) = digits(&text) {
                prop_assert_eq!(read.to_string(), text.trim_start_matches('0').to_owned() + if read == 0 { "0" } else { "" });
            }
        }
    }
}
