//! What a client asks for beside the bytes. Every door fills this one type, has its values checked here when the upload
//! is created, and reads `auto` here; the bounds are the gateway's own, so nothing is accepted that it refuses later.

use loadlock_gateway::{
    Callback, Error, ErrorCode, Source, Target, UploadRequest, check_expiry, check_idempotency_key, check_purpose,
};
use serde::{Deserialize, Serialize};

/// The word for "whichever provider is best".
pub const AUTO: &str = "auto";
/// Bytes of a media type: more than any that is registered.
const MEDIA_TYPE: usize = 255;

/// Options of a new file.
///
/// ```
/// use loadlock_server::UploadOptions;
/// let options = UploadOptions {
///     purpose: Some("user_data".to_owned()),
///     expires_in_s: Some(60),
///     ..UploadOptions::default()
/// };
/// assert!(options.to("auto".to_owned()).check().is_ok());
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct UploadOptions {
    /// Display name; for a path another one than the path's.
    pub name: Option<String>,
    /// What the client believes the file to be.
    pub media_type: Option<String>,
    /// The vendor's word, or one that the configuration maps.
    pub purpose: Option<String>,
    /// Pinned provider; `None` leaves the choice to the gateway.
    pub provider: Option<String>,
    /// Seconds until the file expires.
    pub expires_in_s: Option<u64>,
    /// The same key and content answer the same file.
    pub idempotency_key: Option<String>,
    /// Media types that the file may have; empty for every one. An upload grant's, never a client's own.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub only_types: Vec<String>,
    /// Who is told of its end. An upload grant's, never a client's own.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub callback: Option<Callback>,
}

/// Which option is wrong: each door has a name of its own for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OptionField {
    /// The display name.
    Name,
    /// The media type.
    MediaType,
    /// The purpose.
    Purpose,
    /// The provider.
    Provider,
    /// The expiry.
    Expiry,
    /// The idempotency key.
    IdempotencyKey,
}

/// An option that the gateway would refuse.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{error}")]
pub struct BadOption {
    /// Which.
    pub field: OptionField,
    /// Why, and what to do.
    pub error: Error,
}

impl From<BadOption> for Error {
    fn from(bad: BadOption) -> Self {
        bad.error
    }
}

impl UploadOptions {
    /// With a provider by name; `auto` is none.
    #[must_use]
    pub fn to(mut self, provider: impl Into<Option<String>>) -> Self {
        self.provider = provider.into().filter(|name| name != AUTO);
        self
    }

    /// Whether the gateway takes every value.
    ///
    /// # Errors
    /// The first that it refuses.
    pub fn check(self) -> Result<Self, BadOption> {
        let of = |field| move |error| BadOption { field, error };
        if let Some(purpose) = &self.purpose {
            check_purpose(purpose).map_err(of(OptionField::Purpose))?;
        }
        if let Some(seconds) = self.expires_in_s {
            check_expiry(seconds).map_err(of(OptionField::Expiry))?;
        }
        if let Some(key) = &self.idempotency_key {
            check_idempotency_key(key).map_err(of(OptionField::IdempotencyKey))?;
        }
        if let Some(media_type) = &self.media_type
            && media_type.len() > MEDIA_TYPE
        {
            let error = Error::new(
                ErrorCode::RequestInvalid,
                format!(
                    "the media type has {} bytes; at most {MEDIA_TYPE} are allowed",
                    media_type.len()
                ),
            );
            return Err(of(OptionField::MediaType)(error.hint("shorten it")));
        }
        Ok(self)
    }

    /// Which provider.
    pub fn target(&self) -> Target {
        self.provider.clone().map_or(Target::Auto, Target::Pinned)
    }

    /// The gateway's request. The name and the media type are those of a path; a body has its own.
    pub fn request(&self, source: Source) -> UploadRequest {
        let name = match source {
            Source::Path { .. } => self.name.clone(),
            Source::Body(_) | Source::Staged(_) | Source::Arriving(_) => None,
        };
        UploadRequest {
            target: self.target(),
            purpose: self.purpose.clone(),
            name,
            idempotency_key: self.idempotency_key.clone(),
            expires_in_s: self.expires_in_s,
            only_types: self.only_types.clone(),
            callback: self.callback.clone(),
            ..UploadRequest::from(source)
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn what_the_gateway_would_refuse_is_refused_by_its_field() {
        let most = 36_525 * 86_400;
        let text = |bytes: usize| Some("x".repeat(bytes));
        let good = UploadOptions {
            name: text(1_000),
            media_type: text(255),
            purpose: text(64),
            provider: None,
            expires_in_s: Some(most),
            idempotency_key: text(255),
            ..UploadOptions::default()
        };
        assert_eq!(good.clone().check().unwrap(), good);
        let wrong = [
            (
                OptionField::Purpose,
                UploadOptions {
                    purpose: text(0),
                    ..good.clone()
                },
            ),
            (
                OptionField::Purpose,
                UploadOptions {
                    purpose: text(65),
                    ..good.clone()
                },
            ),
            (
                OptionField::Expiry,
                UploadOptions {
                    expires_in_s: Some(0),
                    ..good.clone()
                },
            ),
            (
                OptionField::Expiry,
                UploadOptions {
                    expires_in_s: Some(most + 1),
                    ..good.clone()
                },
            ),
            (
                OptionField::IdempotencyKey,
                UploadOptions {
                    idempotency_key: text(0),
                    ..good.clone()
                },
            ),
            (
                OptionField::IdempotencyKey,
                UploadOptions {
                    idempotency_key: text(256),
                    ..good.clone()
                },
            ),
            (
                OptionField::MediaType,
                UploadOptions {
                    media_type: text(256),
                    ..good.clone()
                },
            ),
        ];
        for (field, options) in wrong {
            let bad = options.check().unwrap_err();
            assert_eq!((bad.field, bad.error.code), (field, ErrorCode::RequestInvalid));
        }
    }

    #[test]
    fn auto_is_no_provider() {
        let options = UploadOptions::default();
        assert_eq!(options.clone().to("auto".to_owned()).target(), Target::Auto);
        assert_eq!(options.clone().to(None).target(), Target::Auto);
        assert_eq!(options.to("kimi".to_owned()).target(), Target::Pinned("kimi".into()));
    }
}
