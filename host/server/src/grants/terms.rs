//! What a grant allows.

use loadlock_gateway::{Error, ErrorCode, Result};
use serde::{Deserialize, Serialize};

use crate::upload_options::UploadOptions;

/// Media types of one grant.
const TYPES: usize = 32;

/// What is asked of an upload under a grant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct GrantTerms {
    /// Bytes of the file.
    pub(super) max_bytes: u64,
    /// Media types as the validator finds them, `image/*` for all of a kind; empty for every one.
    pub(super) media_types: Vec<String>,
    /// Name, purpose, provider and expiry; what is absent is the gateway's choice, except that the holder names the
    /// file.
    pub(super) options: UploadOptions,
    /// The URL that is told of the upload's end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) callback: Option<String>,
}

impl GrantTerms {
    /// Whether the gateway could keep to them.
    ///
    /// # Errors
    /// [`ErrorCode::RequestInvalid`].
    pub(super) fn check(self, largest: u64) -> Result<Self> {
        let invalid = |message: String| Err(Error::new(ErrorCode::RequestInvalid, message));
        if !(1..=largest).contains(&self.max_bytes) {
            return invalid(format!("`max_bytes` must be 1 to {largest}"));
        }
        if self.media_types.len() > TYPES {
            return invalid(format!("at most {TYPES} media types are allowed"));
        }
        if let Some(bad) = self.media_types.iter().find(|one| !is_media_type(one)) {
            return invalid(format!("`{}` is not a media type", bad.escape_debug()));
        }
        if self.options.name.as_deref() == Some("") {
            return invalid("`filename` is empty; leave it out, and the holder names the file".to_owned());
        }
        let options = self.options.check()?;
        Ok(Self { options, ..self })
    }

    /// The options of an upload by the holder. What the grant does not leave open has to be as it says, or absent.
    ///
    /// # Errors
    /// [`ErrorCode::Forbidden`].
    pub(super) fn narrow(&self, asked: UploadOptions, bytes: Option<u64>) -> Result<UploadOptions> {
        let own = &self.options;
        let fixed = [
            ("purpose", asked.purpose.is_some() && asked.purpose != own.purpose),
            ("provider", asked.provider.is_some() && asked.provider != own.provider),
            (
                "expiry",
                asked.expires_in_s.is_some() && asked.expires_in_s != own.expires_in_s,
            ),
            ("idempotency key", asked.idempotency_key.is_some()),
        ];
        if let Some((what, _)) = fixed.iter().find(|(_, differs)| *differs) {
            let message = format!("the grant does not let its holder choose the {what}");
            return Err(Error::new(ErrorCode::Forbidden, message).hint("leave it out"));
        }
        match bytes {
            None => {
                return Err(Error::new(
                    ErrorCode::RequestInvalid,
                    "an upload under a grant says its length when it begins",
                ));
            }
            Some(bytes) if bytes > self.max_bytes => {
                let message = format!("the upload has {bytes} bytes; the grant allows {}", self.max_bytes);
                return Err(Error::new(ErrorCode::FileTooLarge, message));
            }
            Some(_) => {}
        }
        Ok(UploadOptions {
            name: own.name.clone().or(asked.name),
            // What the holder says about it would count where the content does not tell.
            media_type: asked.media_type.filter(|_| self.media_types.is_empty()),
            only_types: self.media_types.clone(),
            ..own.clone()
        })
    }
}

fn is_media_type(text: &str) -> bool {
    let part = |part: &str| {
        !part.is_empty()
            && part
                .bytes()
                .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"+-._".contains(&byte))
    };
    text.len() <= 127
        && text
            .split_once('/')
            .is_some_and(|(kind, rest)| part(kind) && (rest == "*" || part(rest)))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn terms() -> GrantTerms {
        let options = UploadOptions {
            purpose: Some("user_data".into()),
            ..UploadOptions::default()
        };
        GrantTerms {
            max_bytes: 100,
            media_types: vec!["image/*".into(), "text/plain".into()],
            options,
            callback: None,
        }
    }

    #[test]
    fn a_holder_names_the_file_and_chooses_nothing_else() {
        let asked = UploadOptions {
            name: Some("a.txt".into()),
            media_type: Some("text/plain".into()),
            purpose: Some("user_data".into()),
            ..UploadOptions::default()
        };
        let narrowed = terms().narrow(asked.clone(), Some(100)).unwrap();
        assert_eq!(narrowed.only_types, ["image/*", "text/plain"]);
        assert_eq!(
            (narrowed.name.as_deref(), narrowed.purpose.as_deref()),
            (Some("a.txt"), Some("user_data"))
        );
        for bad in [
            UploadOptions {
                purpose: Some("batch".into()),
                ..asked.clone()
            },
            UploadOptions {
                provider: Some("kimi".into()),
                ..asked.clone()
            },
            UploadOptions {
                expires_in_s: Some(60),
                ..asked.clone()
            },
            UploadOptions {
                idempotency_key: Some("k".into()),
                ..asked.clone()
            },
        ] {
            assert_eq!(terms().narrow(bad, Some(1)).unwrap_err().code, ErrorCode::Forbidden);
        }
        assert_eq!(
            terms().narrow(asked.clone(), Some(101)).unwrap_err().code,
            ErrorCode::FileTooLarge
        );
        assert_eq!(terms().narrow(asked, None).unwrap_err().code, ErrorCode::RequestInvalid);
    }

    #[test]
    fn terms_that_cannot_be_kept_are_refused() {
        assert!(terms().check(100).is_ok());
        assert!(terms().check(99).is_err());
        for bad in [
            "",
            "image",
            "*/*",
            "image/",
            "Image/png",
            "a/b/c",
            "text/plain; charset=utf-8",
        ] {
            let terms = GrantTerms {
                media_types: vec![bad.into()],
                ..terms()
            };
            assert!(terms.check(1_000).is_err(), "{bad}");
        }
    }
}
