//! Why a provider is not in a route.

use std::fmt;

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::breaker::Refusal;
use crate::quota::QuotaExceeded;
use crate::{Millis, counted};

/// Why one provider is not in a route.
#[derive(Clone, Debug, PartialEq, Eq, Error, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Reason {
    /// No provider of this name is configured.
    #[error("no provider of this name is configured")]
    Unknown,
    /// The file comes from a place, or the principal from a tenant, that is not granted to it.
    #[error("it is not granted this file")]
    NotGranted,
    /// It has no such purpose.
    #[error("it has no purpose `{asked}`; it has {}", list(.has))]
    NoSuchPurpose {
        /// The purpose asked for.
        asked: String,
        /// The purposes it has.
        has: Vec<String>,
    },
    /// It takes no empty file.
    #[error("it takes no empty file")]
    Empty,
    /// Too large for the purpose.
    #[error("the file has {}, `{purpose}` takes at most {max}", bytes(.size))]
    TooLarge {
        /// The purpose.
        purpose: String,
        /// The file's size.
        size: u64,
        /// The largest that is taken.
        max: u64,
    },
    /// Small enough for a file, too large for an image.
    #[error("the image has {}, `{purpose}` takes images of at most {max}", bytes(.size))]
    ImageTooLarge {
        /// The purpose.
        purpose: String,
        /// The image's size.
        size: u64,
        /// The largest that is taken.
        max: u64,
    },
    /// Neither extension nor media type is taken.
    #[error("`{purpose}` takes neither `{extension}` files nor `{media_type}`")]
    Type {
        /// The purpose.
        purpose: String,
        /// The file's extension.
        extension: String,
        /// Its media type.
        media_type: String,
    },
    /// The account is full.
    #[error("the account is full for `{purpose}`: {exceeded}")]
    Quota {
        /// The purpose.
        purpose: String,
        /// Which limit.
        exceeded: QuotaExceeded,
    },
    /// The breaker does not let anything in.
    #[error("{0}")]
    Unhealthy(Refusal),
    /// Nothing that it sends for an upload would leave, and why.
    #[error("{0}")]
    Blocked(String),
    /// It is configured and could not be made ready. Why is the operator's to know.
    #[error("it is out of service")]
    OutOfService,
}

fn bytes(size: &u64) -> String {
    counted(*size, "byte")
}

fn list(names: &[String]) -> String {
    names
        .iter()
        .map(|name| format!("`{name}`"))
        .collect::<Vec<_>>()
        .join(", ")
}

impl Reason {
    /// A stable word for metrics and `--json`.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Unknown => "unknown_provider",
            Self::NotGranted => "not_granted",
            Self::NoSuchPurpose { .. } => "no_such_purpose",
            Self::Empty => "empty_file",
            Self::TooLarge { .. } => "file_too_large",
            Self::ImageTooLarge { .. } => "image_too_large",
            Self::Type { .. } => "type_not_accepted",
            Self::Quota { .. } => "quota_exhausted",
            Self::Unhealthy(_) => "unhealthy",
            Self::Blocked(_) => "egress_denied",
            Self::OutOfService => "out_of_service",
        }
    }
}

/// A provider that is not in the route.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refused {
    /// Its name in the configuration.
    pub name: String,
    /// Why.
    pub reason: Reason,
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.name, self.reason)
    }
}

/// What all refusals together amount to: what to answer a client. The one that a client can do most about wins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// No provider is configured, or not the one asked for.
    NoSuchProvider,
    /// None may have the file.
    NotGranted,
    /// Those that might take it cannot send it anywhere.
    Blocked,
    /// Those that might take it could not be made ready.
    OutOfService,
    /// None has the purpose asked for.
    NoSuchPurpose,
    /// None takes such a file, whatever its size.
    NotAccepted,
    /// It is too large for every provider that takes such a file.
    TooLarge,
    /// Those that take it are full.
    QuotaExhausted,
    /// Those that take it and have room are not well just now.
    Unavailable {
        /// When the first of them may be asked again.
        until: Millis,
    },
}

/// No provider is eligible. Nothing was sent.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub struct NoRoute {
    /// The provider asked for, if one was.
    pub pinned: Option<String>,
    /// Every provider that was considered, with its reason.
    pub refused: Vec<Refused>,
}

impl NoRoute {
    /// What the refusals amount to.
    ///
    /// The order is by how near a provider came to taking the file: if one that takes it is only unwell, waiting helps,
    /// whatever the others say.
    pub fn verdict(&self) -> Verdict {
        let reasons = || self.refused.iter().map(|refused| &refused.reason);
        let any = |test: fn(&Reason) -> bool| reasons().any(test);
        let until = reasons()
            .filter_map(|reason| match reason {
                Reason::Unhealthy(refusal) => Some(refusal.until()),
                _ => None,
            })
            .min();
        if let Some(until) = until {
            Verdict::Unavailable { until }
        } else if any(|r| matches!(r, Reason::Quota { .. })) {
            Verdict::QuotaExhausted
        } else if any(|r| matches!(r, Reason::TooLarge { .. } | Reason::ImageTooLarge { .. })) {
            Verdict::TooLarge
        } else if any(|r| matches!(r, Reason::Type { .. } | Reason::Empty)) {
            Verdict::NotAccepted
        } else if any(|r| matches!(r, Reason::Blocked(_))) {
            Verdict::Blocked
        } else if any(|r| matches!(r, Reason::OutOfService)) {
            Verdict::OutOfService
        } else if any(|r| matches!(r, Reason::NoSuchPurpose { .. })) {
            Verdict::NoSuchPurpose
        } else if any(|r| matches!(r, Reason::NotGranted)) {
            Verdict::NotGranted
        } else {
            Verdict::NoSuchProvider
        }
    }
}

impl fmt::Display for NoRoute {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.pinned {
            Some(name) => write!(f, "the provider `{name}` that was asked for cannot take the file")?,
            None => write!(f, "no provider can take the file")?,
        }
        if self.refused.is_empty() {
            return write!(f, "; none is configured");
        }
        for (index, refused) in self.refused.iter().enumerate() {
            write!(f, "{} {refused}", if index == 0 { ":" } else { ";" })?;
        }
        Ok(())
    }
}
