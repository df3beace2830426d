//! What is routed, and among whom.

use std::collections::BTreeMap;

use crate::breaker::Admission;
use crate::model::Profile;
use crate::quota::Usage;

/// A file that wants a provider.
#[derive(Clone, Copy, Debug)]
pub struct RouteRequest<'a> {
    /// Size in bytes.
    pub size: u64,
    /// Media type as the validator found it.
    pub media_type: &'a str,
    /// Lower case, without the dot; empty if none.
    pub extension: &'a str,
    /// The purpose asked for, as the vendor spells it. Absent: each provider's default. A purpose that a provider does
    /// not have makes it ineligible, also a generic one (`user_data`): whoever names a purpose means it.
    pub purpose: Option<&'a str>,
    /// The one provider to use.
    pub pinned: Option<&'a str>,
}

/// A configured provider.
#[derive(Clone, Copy, Debug)]
pub struct Candidate<'a> {
    /// Its name in the configuration.
    pub name: &'a str,
    /// What it takes.
    pub profile: &'a Profile,
    /// The operator's order: lower comes first. Equal orders are a tie.
    pub order: u32,
    /// Whether grants give it this file.
    pub granted: bool,
    /// What its breaker says now.
    pub health: Admission,
    /// Uploads in flight.
    pub in_flight: u32,
    /// What its account holds, by purpose, reservations included. Absent: nothing.
    pub used: &'a BTreeMap<String, Usage>,
}
