//! Adapters between the public contract and the internal model, one module per WIT version. They convert and decide
//! nothing: every check works on the model, so that a new version cannot bring a hole of its own.
//!
//! A version is its WIT, a module here that implements the traits of [`calls`], its line in [`CONTRACTS`], and its
//! number in `inspect::VERSIONS`.

pub(crate) mod calls;
mod v0_1;
#[cfg(test)]
mod v0_test;

use calls::{AuthCalls, BatchCalls, Bind, CoordinationCalls, ProviderCalls, TrackerCalls, ValidatorCalls};

/// One version of the contract: how a component of each role is bound.
pub(crate) struct Contract {
    /// As in the component's exports, for example `0.1.0`.
    pub(crate) version: &'static str,
    pub(crate) provider: Bind<dyn ProviderCalls>,
    pub(crate) tracker: Bind<dyn TrackerCalls>,
    pub(crate) coordination: Bind<dyn CoordinationCalls>,
    pub(crate) batches: Bind<dyn BatchCalls>,
    pub(crate) validator: Bind<dyn ValidatorCalls>,
    pub(crate) auth: Bind<dyn AuthCalls>,
}

/// Every version that this host speaks.
static CONTRACTS: &[Contract] = &[
    v0_1::CONTRACT,
    #[cfg(test)]
    v0_test::CONTRACT,
];

/// The contract of this version.
pub(crate) fn of(version: &str) -> Option<&'static Contract> {
    CONTRACTS.iter().find(|contract| contract.version == version)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inspect::VERSIONS;

    #[test]
    fn every_version_that_is_recognised_is_spoken() {
        let spoken: Vec<_> = CONTRACTS.iter().map(|contract| contract.version).collect();
        for version in VERSIONS {
            assert!(of(version).is_some(), "{version}");
        }
        assert_eq!(spoken.len(), VERSIONS.len());
    }
}
