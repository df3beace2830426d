//! The ranking.

use std::cmp::Reverse;

use serde::{Deserialize, Serialize};

use super::candidate::{Candidate, RouteRequest};
use super::filter::eligible;
use super::reason::{NoRoute, Reason, Refused};
use super::threshold::SizeThreshold;
use crate::breaker::Admission;

/// A provider in a route.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ranked {
    /// Its name in the configuration.
    pub name: String,
    /// The vendor's word for the purpose to upload for.
    pub purpose: String,
}

/// Where a file may go.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Route {
    /// At least one, the best first. One only if a provider was pinned.
    pub ranked: Vec<Ranked>,
    /// Everyone else that was considered.
    pub refused: Vec<Refused>,
}

/// Decides where a file may go.
///
/// Providers that asked for a pause come last, whatever the operator's order. Of providers with equal rank those come
/// first that are known to work: one whose breaker is half-open would be a probe.
///
/// # Errors
/// [`NoRoute`] lists every provider with its reason.
pub fn route(
    request: &RouteRequest<'_>,
    candidates: &[Candidate<'_>],
    threshold: Option<&SizeThreshold>,
) -> Result<Route, NoRoute> {
    let considered = || {
        candidates
            .iter()
            .filter(|candidate| request.pinned.is_none_or(|name| name == candidate.name))
    };
    let preferred = threshold.map(|threshold| threshold.prefers(request.size));
    let mut ranked = Vec::new();
    let mut refused = Vec::new();
    for candidate in considered() {
        match eligible(request, candidate) {
            Ok(purpose) => ranked.push((candidate, purpose.purpose.clone())),
            Err(reason) => refused.push(Refused {
                name: candidate.name.to_owned(),
                reason,
            }),
        }
    }
    if let Some(name) = request.pinned
        && considered().next().is_none()
    {
        refused.push(Refused {
            name: name.to_owned(),
            reason: Reason::Unknown,
        });
    }
    if ranked.is_empty() {
        return Err(NoRoute {
            pinned: request.pinned.map(str::to_owned),
            refused,
        });
    }
    // The sort is stable: what remains equal keeps the configuration's order.
    ranked.sort_by_key(|(candidate, _)| {
        (
            matches!(candidate.health, Admission::Refused(_)),
            Reverse(preferred == Some(candidate.name)),
            candidate.order,
            candidate.health != Admission::Ready,
            candidate.in_flight,
        )
    });
    let ranked = ranked
        .into_iter()
        .map(|(candidate, purpose)| Ranked {
            name: candidate.name.to_owned(),
            purpose,
        })
        .collect();
    Ok(Route { ranked, refused })
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
