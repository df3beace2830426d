//! `Upload-Concat`: a part, or what parts make together.

use serde::{Deserialize, Serialize};

use super::problem::Problem;

/// Where uploads are; parts are named by URLs below it.
pub(crate) const PREFIX: &str = "/v1/tus/";
/// Most parts of one upload.
const PARTS: usize = 256;
/// Most characters of an id.
const ID: usize = 64;

/// What an upload is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "is", rename_all = "snake_case")]
pub(crate) enum Kind {
    /// A file.
    Whole,
    /// A part of one, which is kept until it is named in a final upload.
    Partial,
    /// A file that consists of parts.
    Final {
        /// Their ids, in order.
        parts: Vec<String>,
    },
}

impl Kind {
    /// Reads the header.
    ///
    /// # Errors
    /// Anything but `partial` and `final;` with the URLs of uploads here.
    pub(crate) fn parse(header: Option<&str>) -> Result<Self, Problem> {
        let Some(header) = header else {
            return Ok(Self::Whole);
        };
        if header == "partial" {
            return Ok(Self::Partial);
        }
        let wrong = |what: &str| Problem::invalid(format!("`Upload-Concat`: {what}"));
        let urls = header
            .strip_prefix("final;")
            .ok_or_else(|| wrong("neither `partial` nor `final;` and URLs"))?;
        let parts: Option<Vec<_>> = urls.split_ascii_whitespace().map(id_of).collect();
        let parts = parts.ok_or_else(|| wrong("a URL does not name an upload of this gateway"))?;
        if parts.is_empty() || parts.len() > PARTS {
            return Err(wrong("there must be between 1 and 256 parts"));
        }
        let mut sorted: Vec<_> = parts.iter().collect();
        sorted.sort_unstable();
        sorted.dedup();
        if sorted.len() != parts.len() {
            return Err(wrong("a part is listed twice"));
        }
        Ok(Self::Final { parts })
    }

    /// The header again, with URLs relative to the host.
    pub(crate) fn format(&self) -> Option<String> {
        match self {
            Self::Whole => None,
            Self::Partial => Some("partial".to_owned()),
            Self::Final { parts } => {
                let urls: Vec<_> = parts.iter().map(|id| format!("{PREFIX}{id}")).collect();
                Some(format!("final;{}", urls.join(" ")))
            }
        }
    }
}

/// The id in an absolute URL or a path. The host is not looked at: behind a proxy the client knows another one.
fn id_of(url: &str) -> Option<String> {
    let path = match url.split_once("://") {
        Some((_, rest)) => &rest[rest.find('/')?..],
        None => url,
    };
    let id = path.strip_prefix(PREFIX)?;
    is_id(id).then(|| id.to_owned())
}

/// Whether it has the form of an id.
pub(crate) fn is_id(text: &str) -> bool {
    (1..=ID).contains(&text.len()) && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'z'))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use proptest::prelude::*;

    const A: &str = "00112233445566778899aabbccddeeff";

    #[test]
    fn urls_name_uploads_here_whatever_the_host() {
        let kind = Kind::parse(Some(&format!(
            "final;/v1/tus/{A} https://gate.example:8420/v1/tus/{}",
            A.replace('0', "1")
        )))
        .unwrap();
        assert_eq!(
            kind,
            Kind::Final {
                parts: vec![A.to_owned(), A.replace('0', "1")]
            }
        );
        assert_eq!(Kind::parse(None).unwrap(), Kind::Whole);
        assert_eq!(Kind::parse(Some("partial")).unwrap(), Kind::Partial);
    }

    #[test]
    fn what_is_refused() {
        let many: Vec<_> = (0..257).map(|number| format!("/v1/tus/{number:032x}")).collect();
        for header in [
            "",
            "Partial",
            "final",
            "final;",
            "final; ",
            "final;/v1/tus/",
            "final;/v1/tus/../x",
            "final;https://host",
            "final;/v1/files/00112233445566778899aabbccddeeff",
            "final;/v1/tus/00112233445566778899AABBCCDDEEFF",
            &format!("final;/v1/tus/{A} /v1/tus/{A}"),
            &format!("final;/v1/tus/{A}/"),
            &format!("final;{}", many.join(" ")),
        ] {
            assert!(Kind::parse(Some(header)).is_err(), "{header:?}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused(header in any::<String>(), urls in ".{0,40}") {
            let _ = Kind::parse(Some(&header));
            let _ = Kind::parse(Some(&format!("final;{urls}")));
        }

        #[test]
        fn what_is_written_is_read(parts in proptest::collection::hash_set("[0-9a-z]{26}", 1..20)) {
            let kind = Kind::Final { parts: parts.into_iter().collect() };
            prop_assert_eq!(Kind::parse(kind.format().as_deref()).unwrap(), kind);
        }
    }
}
