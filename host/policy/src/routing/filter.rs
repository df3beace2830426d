//! Whether one provider may take one file.

use super::candidate::{Candidate, RouteRequest};
use super::reason::Reason;
use crate::breaker::{Admission, Refusal};
use crate::model::PurposeProfile;
use crate::quota::{Limits, Usage};

/// The purpose that the file would be uploaded for, or the first reason against it: what never changes before what
/// may change by itself, so that a person is told the reason worth acting on.
pub(super) fn eligible<'a>(
    request: &RouteRequest<'_>,
    candidate: &Candidate<'a>,
) -> Result<&'a PurposeProfile, Reason> {
    if !candidate.granted {
        return Err(Reason::NotGranted);
    }
    let profile = candidate.profile;
    let purpose = match request.purpose {
        Some(asked) => profile.purpose(asked),
        None => profile.default_purpose(),
    }
    .ok_or_else(|| Reason::NoSuchPurpose {
        asked: request.purpose.unwrap_or_default().to_owned(),
        has: profile.purposes.iter().map(|p| p.purpose.clone()).collect(),
    })?;
    let name = || purpose.purpose.clone();

    if !purpose.accepts_type(request.extension, request.media_type) {
        return Err(Reason::Type {
            purpose: name(),
            extension: request.extension.to_owned(),
            media_type: request.media_type.to_owned(),
        });
    }
    let size = request.size;
    if size == 0 && !profile.takes_empty {
        return Err(Reason::Empty);
    }
    if let Some(max) = purpose.max_bytes
        && size > max
    {
        return Err(Reason::TooLarge {
            purpose: name(),
            size,
            max,
        });
    }
    if let Some(max) = purpose.max_bytes_for(request.media_type)
        && size > max
    {
        return Err(Reason::ImageTooLarge {
            purpose: name(),
            size,
            max,
        });
    }
    let limits = Limits {
        max_count: purpose.max_count,
        max_bytes: purpose.max_total_bytes,
    };
    let used = candidate
        .used
        .get(&purpose.purpose)
        .copied()
        .unwrap_or(Usage::default());
    limits.admit(used, size).map_err(|exceeded| Reason::Quota {
        purpose: name(),
        exceeded,
    })?;
    match candidate.health {
        Admission::Ready | Admission::Probe => Ok(purpose),
        // It works and says when to come back: an upload that has nowhere better to go waits.
        Admission::Refused(Refusal::CoolingDown { .. }) => Ok(purpose),
        Admission::Refused(refusal) => Err(Reason::Unhealthy(refusal)),
    }
}
