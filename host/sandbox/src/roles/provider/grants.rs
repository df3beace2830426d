//! What the operator gives one provider.

use std::sync::Arc;

use crate::egress::Network;
use crate::files::GrantRoot;
use crate::limits::Limits;

/// What the operator gives one provider.
#[derive(Debug, Default)]
pub struct ProviderGrants {
    /// Settings, handed over as `LOADLOCK_SETTING_<NAME>`.
    pub settings: Vec<(String, String)>,
    /// Roots whose admitted files it may read, as long as somebody holds them: a provider that is loaded does not.
    pub roots: Vec<Arc<GrantRoot>>,
    /// A directory of its own, writable, seen as `/state`.
    pub state: Option<Arc<std::fs::File>>,
    /// What it may reach.
    pub network: Network,
    /// What a call may use.
    pub limits: Limits,
}
