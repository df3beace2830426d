//! The parts that components play.

use serde::{Deserialize, Serialize};

/// The part that a component plays.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Role {
    /// Stores files at one upstream API.
    Provider,
    /// Keeps the ledger.
    Tracker,
    /// Judges names, types and sizes.
    Validator,
    /// Decides who is asking.
    Auth,
}

impl Role {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Provider, Self::Tracker, Self::Validator, Self::Auth];

    /// The interface's name in the WIT package.
    pub const fn interface(self) -> &'static str {
        match self {
            Self::Provider => "provider",
            Self::Tracker => "tracker",
            Self::Validator => "validator",
            Self::Auth => "auth",
        }
    }

    /// Whether the role may use the network.
    pub const fn may_use_http(self) -> bool {
        matches!(self, Self::Provider | Self::Tracker)
    }
}
