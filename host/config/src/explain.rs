//! Each value with its origin.

use crate::origin::Provenance;

/// One line of `loadlock config explain`. Holds no secret: credentials are shown as the templates they are.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Explained {
    /// The full key, for example `providers.kimi.egress[0]`.
    pub key: String,
    /// The value as one would write it, or a description of what holds by default.
    pub value: String,
    /// Who set it.
    pub origin: Provenance,
    /// What the setting does.
    pub meaning: &'static str,
    /// `bytes` or `time` where the value has a unit, else empty.
    pub unit: &'static str,
}
