//! Whether a profile is one that the host can work with.

use std::collections::BTreeSet;

use thiserror::Error;

use super::{EgressNeed, Profile, PurposeProfile, Retention, VerifyMethod};
use crate::egress::{Method, Origin, OriginError, PathPrefix, UriFault};

/// Most purposes in one profile. The vendors known have up to seven.
pub const MAX_PURPOSES: usize = 64;
/// Most network needs in one profile.
pub const MAX_EGRESS_NEEDS: usize = 64;
/// Longest text in a profile, in bytes.
pub const MAX_TEXT_BYTES: usize = 256;
/// Most entries in a list of extensions or media types. Kimi documents about sixty extensions.
const MAX_TYPES: usize = 1_024;
/// Milliseconds between two asks about a file that is still processed.
const POLL_INTERVAL_MS: std::ops::RangeInclusive<u32> = 500..=60_000;
/// Longest retention in seconds that is taken for a fact: a hundred years.
const MAX_RETENTION_S: u64 = 100 * 365 * 24 * 3_600;

/// Why a profile is refused. Each is a mistake of the component or its settings: correct the settings, or update the
/// component.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum ProfileError {
    /// There is nothing to upload for.
    #[error("the profile has no purpose; a provider needs at least one")]
    NoPurpose,
    /// More than the host keeps.
    #[error("the profile has {count} entries in `{field}`, at most {max} are allowed")]
    TooMany {
        /// Which list.
        field: &'static str,
        /// Its length.
        count: usize,
        /// The limit.
        max: usize,
    },
    /// Two purposes of one name.
    #[error("the profile lists the purpose `{purpose}` twice")]
    DuplicatePurpose {
        /// The name.
        purpose: String,
    },
    /// Empty, too long, or with a control character.
    #[error("`{field}` is empty, longer than {MAX_TEXT_BYTES} bytes or holds a control character")]
    BadText {
        /// Which text.
        field: &'static str,
    },
    /// Not lower case, or with a dot or a separator.
    #[error("purpose `{purpose}`: `{extension}` is not an extension; write it in lower case and without the dot")]
    BadExtension {
        /// Of which purpose.
        purpose: String,
        /// What it says.
        extension: String,
    },
    /// Not `type/subtype`.
    #[error("purpose `{purpose}`: `{media_type}` is not a media type; write `type/subtype` or `type/*`")]
    BadMediaType {
        /// Of which purpose.
        purpose: String,
        /// What it says.
        media_type: String,
    },
    /// A limit that nothing can meet.
    #[error("purpose `{purpose}`: `{field}` is 0, so nothing could be stored; leave it out where there is no limit")]
    ZeroLimit {
        /// Of which purpose.
        purpose: String,
        /// Which limit.
        field: &'static str,
    },
    /// A retention of nothing, an inverted range or more than a century.
    #[error("purpose `{purpose}`: the retention of {min} to {max} seconds is not a range")]
    BadRetention {
        /// Of which purpose.
        purpose: String,
        /// Shortest, in seconds.
        min: u64,
        /// Longest, in seconds.
        max: u64,
    },
    /// A wait that would be a busy loop, or none at all.
    #[error("`poll-interval-ms` is {ms}; it must be from 500 to 60000, and needs `stat`")]
    BadPollInterval {
        /// What it says.
        ms: u32,
    },
    /// `mark` and `digest` are found by listing.
    #[error("the profile verifies by `{verify:?}`, which needs `list`, but says that `list` does not work")]
    VerifyNeedsList {
        /// The method.
        verify: VerifyMethod,
    },
    /// A provider that takes no upload at all.
    #[error("`max-concurrency` is 0, so nothing could be uploaded; leave it out where there is no limit")]
    ZeroConcurrency,
    /// Not `http(s)://host[:port]`.
    #[error("egress: `{origin}` is not an origin: {source}")]
    BadOrigin {
        /// What it says.
        origin: String,
        /// What is wrong with it.
        source: OriginError,
    },
    /// Not a canonical path.
    #[error("egress: `{prefix}` is not a path prefix: {source}")]
    BadPrefix {
        /// What it says.
        prefix: String,
        /// What is wrong with it.
        source: UriFault,
    },
    /// Not one of the methods that Loadlock sends.
    #[error("egress: `{method}` is not one of GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS")]
    BadMethod {
        /// What it says.
        method: String,
    },
    /// A need that allows nothing.
    #[error("egress: the need for `{origin}` names no {missing}")]
    EmptyNeed {
        /// Its origin.
        origin: String,
        /// `method` or `operation`.
        missing: &'static str,
    },
}

impl Profile {
    /// Checks everything that the rest of the host relies on.
    ///
    /// # Errors
    /// [`ProfileError`] names the first thing that is wrong.
    pub fn check(&self) -> Result<(), ProfileError> {
        text("title", &self.title)?;
        if self.purposes.is_empty() {
            return Err(ProfileError::NoPurpose);
        }
        at_most("purposes", self.purposes.len(), MAX_PURPOSES)?;
        let mut seen = BTreeSet::new();
        for purpose in &self.purposes {
            check_purpose(purpose)?;
            if !seen.insert(purpose.purpose.as_str()) {
                return Err(ProfileError::DuplicatePurpose {
                    purpose: purpose.purpose.clone(),
                });
            }
        }
        if matches!(self.verify, VerifyMethod::Mark | VerifyMethod::Digest) && !self.can_list {
            return Err(ProfileError::VerifyNeedsList { verify: self.verify });
        }
        let polls = |ms: u32| !POLL_INTERVAL_MS.contains(&ms) || !self.can_stat;
        if let Some(ms) = self.poll_interval_ms.filter(|ms| polls(*ms)) {
            return Err(ProfileError::BadPollInterval { ms });
        }
        if self.max_concurrency == Some(0) {
            return Err(ProfileError::ZeroConcurrency);
        }
        at_most("egress", self.egress.len(), MAX_EGRESS_NEEDS)?;
        self.egress.iter().try_for_each(check_need)
    }
}

fn check_purpose(purpose: &PurposeProfile) -> Result<(), ProfileError> {
    text("purpose", &purpose.purpose)?;
    let name = || purpose.purpose.clone();
    at_most("extensions", purpose.extensions.len(), MAX_TYPES)?;
    at_most("media-types", purpose.media_types.len(), MAX_TYPES)?;
    for extension in &purpose.extensions {
        text("extensions", extension)?;
        let odd = |c: char| c.is_uppercase() || c.is_whitespace() || matches!(c, '/' | '\\');
        // `tar.gz` is one extension to some vendors; a leading dot is a mistake.
        if extension.starts_with('.') || extension.contains(odd) {
            return Err(ProfileError::BadExtension {
                purpose: name(),
                extension: extension.clone(),
            });
        }
    }
    for media_type in &purpose.media_types {
        text("media-types", media_type)?;
        let parts = media_type.split_once('/');
        let token = |s: &str| {
            !s.is_empty()
                && s.bytes()
                    .all(|b| b.is_ascii_graphic() && !matches!(b, b'/' | b';' | b','))
        };
        if !parts.is_some_and(|(t, s)| token(t) && token(s)) {
            return Err(ProfileError::BadMediaType {
                purpose: name(),
                media_type: media_type.clone(),
            });
        }
    }
    for (field, limit) in [
        ("max-bytes", purpose.max_bytes),
        ("image-max-bytes", purpose.image_max_bytes),
        ("max-count", purpose.max_count),
        ("max-total-bytes", purpose.max_total_bytes),
    ] {
        if limit == Some(0) {
            return Err(ProfileError::ZeroLimit { purpose: name(), field });
        }
    }
    let range = match purpose.retention {
        Retention::UntilDeleted | Retention::Unknown => None,
        Retention::Fixed(seconds) => Some((seconds, seconds)),
        Retention::Chosen(min, max) => Some((min, max)),
    };
    match range {
        Some((min, max)) if min == 0 || min > max || max > MAX_RETENTION_S => Err(ProfileError::BadRetention {
            purpose: name(),
            min,
            max,
        }),
        _ => Ok(()),
    }
}

fn check_need(need: &EgressNeed) -> Result<(), ProfileError> {
    Origin::parse(&need.origin).map_err(|source| ProfileError::BadOrigin {
        origin: need.origin.clone(),
        source,
    })?;
    PathPrefix::parse(&need.path_prefix).map_err(|source| ProfileError::BadPrefix {
        prefix: need.path_prefix.clone(),
        source,
    })?;
    let empty = |missing| ProfileError::EmptyNeed {
        origin: need.origin.clone(),
        missing,
    };
    if need.methods.is_empty() {
        return Err(empty("method"));
    }
    if need.operations.is_empty() {
        return Err(empty("operation"));
    }
    at_most("methods", need.methods.len(), Method::ALL.len())?;
    for method in &need.methods {
        if Method::parse(method).is_none() {
            return Err(ProfileError::BadMethod { method: method.clone() });
        }
    }
    Ok(())
}

fn text(field: &'static str, value: &str) -> Result<(), ProfileError> {
    if value.is_empty() || value.len() > MAX_TEXT_BYTES || value.chars().any(char::is_control) {
        return Err(ProfileError::BadText { field });
    }
    Ok(())
}

fn at_most(field: &'static str, count: usize, max: usize) -> Result<(), ProfileError> {
    if count > max {
        Err(ProfileError::TooMany { field, count, max })
    } else {
        Ok(())
    }
}

#[cfg(test)]
#[path = "check_tests.rs"]
mod tests;
