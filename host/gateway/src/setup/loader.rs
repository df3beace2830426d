//! What components are loaded with, also after the start.

use std::collections::BTreeMap;
use std::sync::Arc;

use loadlock_egress::connect::Resolver;
use loadlock_sandbox::Sandbox;
use loadlock_sandbox::files::GrantRoot;

use crate::clock::Clock;

/// Looks environment variables up.
pub type Environment = fn(&str) -> Option<String>;

/// Components that are part of the program, by name.
pub type Builtins = BTreeMap<&'static str, &'static [u8]>;

/// Engines, built-in components and whatever else a component needs that no configuration says.
pub(crate) struct Loader {
    pub(crate) sandbox: Sandbox,
    /// The spool, which every provider may read from.
    pub(crate) spool: Arc<GrantRoot>,
    pub(crate) env: Environment,
    pub(crate) builtins: Builtins,
    pub(crate) resolver: Option<Arc<dyn Resolver>>,
    pub(crate) clock: Clock,
}
