//! A single size that divides files between two providers: a preference from before profiles were data.

use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::candidate::Candidate;

/// Files of at most `bytes` prefer one provider, larger ones another. It only reorders: a provider that cannot take a
/// file is filtered out whatever this prefers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SizeThreshold {
    /// The largest file that still prefers `at_most`.
    pub bytes: u64,
    /// Name of the provider for files of at most `bytes`.
    pub at_most: String,
    /// Name of the provider for larger files.
    pub above: String,
}

impl SizeThreshold {
    /// The provider that a file of this size prefers.
    pub fn prefers(&self, size: u64) -> &str {
        if size <= self.bytes { &self.at_most } else { &self.above }
    }
}

/// A threshold that would prefer a provider that cannot take the file. Correct the configuration.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum ThresholdError {
    /// It names a provider that is not configured.
    #[error("the size threshold names the provider `{name}`, which is not configured")]
    Unknown {
        /// The name.
        name: String,
    },
    /// The provider for small files does not take all of them.
    #[error(
        "the size threshold gives files of up to {bytes} bytes to `{name}`, which takes at most {max}; lower it to \
         {max}, \
         or remove it: routing knows each provider's limits without it"
    )]
    TooSmall {
        /// The provider.
        name: String,
        /// The threshold.
        bytes: u64,
        /// What it takes.
        max: u64,
    },
    /// The provider for large files takes less than another one does.
    #[error(
        "the size threshold gives every file over {bytes} bytes to `{name}`, which takes at most {max}, while \
         `{better}` \
         takes larger ones; name `{better}` for them, or remove it: routing knows each provider's limits without it"
    )]
    TooLarge {
        /// The provider.
        name: String,
        /// The threshold.
        bytes: u64,
        /// What it takes.
        max: u64,
        /// A provider that takes more.
        better: String,
    },
}

/// Refuses a threshold that would select a provider for a file that it cannot take.
///
/// The limits compared are those of each provider's default purpose, which is what a file without a purpose goes to. A
/// provider without a documented limit takes everything.
///
/// # Errors
/// [`ThresholdError`] names the provider and the limit.
pub fn check_threshold(threshold: &SizeThreshold, candidates: &[Candidate<'_>]) -> Result<(), ThresholdError> {
    let limit = |name: &str| {
        candidates
            .iter()
            .find(|candidate| candidate.name == name)
            .map(max_bytes)
            .ok_or_else(|| ThresholdError::Unknown { name: name.to_owned() })
    };
    let bytes = threshold.bytes;
    let small = limit(&threshold.at_most)?;
    if small < bytes {
        let name = threshold.at_most.clone();
        return Err(ThresholdError::TooSmall {
            name,
            bytes,
            max: small,
        });
    }
    let max = limit(&threshold.above)?;
    let better = candidates.iter().find(|candidate| max_bytes(candidate) > max);
    // A provider that takes nothing above the threshold is wrong even where nobody takes more.
    if better.is_some() || max <= bytes {
        return Err(ThresholdError::TooLarge {
            name: threshold.above.clone(),
            bytes,
            max,
            better: better
                .map_or(&*threshold.at_most, |candidate| candidate.name)
                .to_owned(),
        });
    }
    Ok(())
}

fn max_bytes(candidate: &Candidate<'_>) -> u64 {
    candidate
        .profile
        .default_purpose()
        .and_then(|purpose| purpose.max_bytes)
        .unwrap_or(u64::MAX)
}
