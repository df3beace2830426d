//! `Upload-Metadata`: pairs of a key and a Base64 value.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::problem::Problem;
use crate::upload_options::UploadOptions;

/// Longest header. It is repeated in every answer to `HEAD` and kept on the disk.
const BYTES: usize = 8 << 10;
/// Most pairs.
const PAIRS: usize = 64;

/// The pairs, in the client's order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Metadata(Vec<(String, Option<String>)>);

impl Metadata {
    /// Reads the header.
    ///
    /// # Errors
    /// Empty or repeated keys, values that are not padded Base64 of UTF-8, more than there may be.
    pub(crate) fn parse(header: &str) -> Result<Self, Problem> {
        let wrong = |what: &str| Problem::invalid(format!("`Upload-Metadata`: {what}"));
        if header.len() > BYTES {
            return Err(wrong("longer than 8 KiB"));
        }
        let mut pairs: Vec<(String, Option<String>)> = Vec::new();
        for pair in header.split(',').map(str::trim_start) {
            let (key, value) = match pair.split_once(' ') {
                Some((key, value)) => (key, Some(value)),
                None => (pair, None),
            };
            if key.is_empty() || !key.bytes().all(|byte| byte.is_ascii_graphic()) {
                return Err(wrong("a key is empty or not plain ASCII"));
            }
            if pairs.iter().any(|(known, _)| known == key) {
                return Err(wrong("a key occurs twice"));
            }
            if pairs.len() == PAIRS {
                return Err(wrong("more than 64 pairs"));
            }
            let value = value
                .map(|value| STANDARD.decode(value).map_err(|_| wrong("a value is not Base64")))
                .transpose()?
                .map(|bytes| String::from_utf8(bytes).map_err(|_| wrong("a value is not UTF-8")))
                .transpose()?;
            pairs.push((key.to_owned(), value));
        }
        Ok(Self(pairs))
    }

    /// The header again.
    #[cfg(any(test, feature = "fuzzing"))]
    pub(super) fn format(&self) -> String {
        let pair = |(key, value): &(String, Option<String>)| match value {
            Some(value) => format!("{key} {}", STANDARD.encode(value)),
            None => key.clone(),
        };
        self.0.iter().map(pair).collect::<Vec<_>>().join(",")
    }

    /// The first of these keys that has a value; an empty one if it has none, which is another thing than no key.
    fn get(&self, keys: &[&str]) -> Option<String> {
        let of = |key: &&str| {
            let pair = self.0.iter().find(|(known, _)| known == key)?;
            Some(pair.1.clone().unwrap_or_default())
        };
        let values = keys.iter().filter_map(of);
        values.reduce(|first, next| if first.is_empty() { next } else { first })
    }

    /// What the keys ask for that mean something here, not checked yet; clients may send others.
    ///
    /// # Errors
    /// `expires_in` that is not a number of seconds.
    pub(crate) fn options(&self) -> Result<UploadOptions, Problem> {
        let expires_in_s = self
            .get(&["expires_in"])
            .map(|text| {
                text.parse().map_err(|_| {
                    let shown = text.escape_debug();
                    Problem::invalid(format!("`expires_in` is \"{shown}\"; it must be a number of seconds"))
                })
            })
            .transpose()?;
        let options = UploadOptions {
            // Uppy sends `name` and `type` as well as the others; some clients send nothing else.
            name: self.get(&["filename", "name"]),
            // Browsers know no type of many files, and their clients send that.
            media_type: self.get(&["filetype", "type"]).filter(|media| !media.is_empty()),
            purpose: self.get(&["purpose"]),
            provider: None,
            expires_in_s,
            idempotency_key: self.get(&["idempotency_key"]),
            ..UploadOptions::default()
        };
        Ok(options.to(self.get(&["provider"])))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn pairs_and_what_they_ask_for() {
        let metadata = Metadata::parse(
            "filename YS50eHQ=, filetype dGV4dC9wbGFpbg==,is_confidential,purpose \
             YmF0Y2g=,provider bG9jYWw=,expires_in NjA=",
        )
        .unwrap();
        let options = metadata.options().unwrap();
        let wanted = UploadOptions {
            name: Some("a.txt".into()),
            media_type: Some("text/plain".into()),
            purpose: Some("batch".into()),
            provider: Some("local".into()),
            expires_in_s: Some(60),
            idempotency_key: None,
            ..UploadOptions::default()
        };
        assert_eq!(options, wanted);
        assert_eq!(Metadata::default().options().unwrap(), UploadOptions::default());
    }

    #[test]
    fn what_is_refused() {
        for header in [
            "",
            ",",
            "a YQ==,",
            "a YQ==,a YQ==",
            "a YQ",
            "a Y Q==",
            "a  YQ==",
            "ä YQ==",
            "a /w==",
            "a b YQ==",
        ] {
            assert!(Metadata::parse(header).is_err(), "{header:?}");
        }
        assert!(Metadata::parse(&format!("a {}", "A".repeat(8 << 10))).is_err());
        let keys: Vec<_> = (0..65).map(|number| format!("k{number}")).collect();
        assert!(Metadata::parse(&keys[..64].join(",")).is_ok());
        assert!(Metadata::parse(&keys.join(",")).is_err());
        for seconds in ["", "-1", "1h", "0", "3155760001", "18446744073709551616"] {
            let header = format!("expires_in {}", STANDARD.encode(seconds));
            let options = Metadata::parse(&header).unwrap().options();
            let options = options.map(UploadOptions::check);
            assert!(!matches!(options, Ok(Ok(_))), "{seconds}");
        }
        // What is empty was sent, and is not what is left out.
        for header in ["purpose", "purpose ", "idempotency_key "] {
            let options = Metadata::parse(header).unwrap().options().map(UploadOptions::check);
            assert!(!matches!(options, Ok(Ok(_))), "{header}");
        }
        let named = Metadata::parse("name ,filename").unwrap().options().unwrap();
        assert_eq!(named.name.as_deref(), Some(""));
        let options = Metadata::parse("filename ,name YQ==,filetype ")
            .unwrap()
            .options()
            .unwrap();
        assert_eq!((options.name.as_deref(), options.media_type), (Some("a"), None));
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused(header in any::<String>()) {
            if let Ok(metadata) = Metadata::parse(&header) {
                let _ = metadata.options().map(UploadOptions::check);
            }
        }

        #[test]
        fn what_is_written_is_read(pairs in proptest::collection::hash_map("[!-+\\--~]{1,12}", proptest::option::of(".{0,20}"), 1..10)) {
            let metadata = Metadata(pairs.into_iter().collect());
            prop_assert_eq!(Metadata::parse(&metadata.format()).unwrap(), metadata);
        }
    }
}
