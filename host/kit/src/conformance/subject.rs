//! What is tested, and why it cannot be.

use std::path::PathBuf;

use loadlock_policy::model::Role;
use loadlock_sandbox::{Limits, Source};
use thiserror::Error;

use super::vendor::VendorError;

/// The word in a setting's value that stands for the vendor's address.
pub const VENDOR: &str = "{vendor}";

/// What is tested, and with what.
#[derive(Debug)]
pub struct ConformanceSubject {
    /// The component.
    pub source: Source,
    /// The role that it is tested in.
    pub role: Role,
    /// Settings of a provider. [`VENDOR`] in a value stands for the vendor's address as the component is to see it.
    pub settings: Vec<(String, String)>,
    /// The vendor's base URL, for a provider that has one.
    pub vendor: Option<String>,
    /// Headers that the proxy adds to each request, as a gateway adds the credential.
    pub headers: http::HeaderMap,
    /// What a call may use.
    pub limits: Limits,
    /// A new, empty folder that belongs to the test.
    pub scratch: PathBuf,
}

/// Why there is no report.
#[derive(Debug, Error)]
pub enum ConformanceError {
    /// The component is not loaded.
    #[error(transparent)]
    Load(#[from] loadlock_sandbox::LoadError),
    /// It has no profile.
    #[error("it has no usable profile: {0}")]
    Profile(String),
    /// It asks for the network, and there is no vendor.
    #[error("its profile asks for {0}, and there is no vendor to test it against")]
    NoVendor(String),
    /// It asks for something else than the vendor.
    #[error("its profile asks for {asked}, not for the vendor under test, {vendor}")]
    OtherVendor {
        /// What it asks for.
        asked: String,
        /// What it should.
        vendor: String,
    },
    /// The vendor is not usable.
    #[error(transparent)]
    Vendor(#[from] VendorError),
    /// A tracker that keeps its ledger over the network.
    #[error("it keeps its ledger over the network, and each case wants an empty one")]
    LedgerElsewhere,
    /// The machine.
    #[error("{0}")]
    Machine(String),
}

impl ConformanceError {
    /// What to do.
    pub fn hint(&self) -> &'static str {
        match self {
            Self::Load(_) => "`loadlock providers inspect` shows what is refused and why",
            Self::Profile(_) => {
                "`profile` has neither files nor network, and depends on the settings alone: give them by `--set`"
            }
            Self::NoVendor(_) => "start one with `--vendor COMMAND`, or name one that runs with `--vendor-url URL`",
            Self::OtherVendor { .. } => {
                "name the setting that holds the address, as in `--set endpoint={vendor}`; by default it is `base_url`"
            }
            Self::Vendor(_) => "a vendor prints its base URL, such as `http://127.0.0.1:9000/v1`, as a line of its own",
            Self::LedgerElsewhere => {
                "run `loadlock_kit::conformance::tracker::CASES` on empty ledgers, as `tests/ledger` does"
            }
            Self::Machine(_) => "check the folder for temporary files and its space",
        }
    }
}
