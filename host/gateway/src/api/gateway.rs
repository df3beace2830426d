//! What doors ask about the gateway itself.

use std::path::Path;
use std::sync::Arc;

use loadlock_config::Config;

use crate::api::request::Target;
use crate::cluster::peers::Elsewhere;
use crate::error::Result;
use crate::state::gateway::Gateway;

impl Gateway {
    /// The configuration that holds now: that of the start, with what a reload has changed since.
    pub fn config(&self) -> Arc<Config> {
        self.0.live().config.clone()
    }

    /// The wall clock that records and sessions go by, milliseconds since 1970.
    pub fn now_ms(&self) -> u64 {
        self.0.clock.wall_ms()
    }

    /// That a pinned provider is configured, for doors that learn of it before the bytes.
    ///
    /// # Errors
    /// [`crate::ErrorCode::ProviderUnknown`].
    pub fn require_provider(&self, target: &Target) -> Result<()> {
        match target {
            Target::Auto => Ok(()),
            Target::Pinned(name) => self.0.providers.named(name).map(drop),
        }
    }

    /// Where its state is.
    pub fn home(&self) -> &Path {
        self.0.config.home.path()
    }

    /// What ids of sessions begin with that are made by doors themselves, so that another gateway knows whose they are.
    /// `None` where there are no others.
    pub fn session_tag(&self) -> Option<&str> {
        self.0.peers.session_tag()
    }

    /// Which other gateway a session's id is of.
    pub fn session_elsewhere(&self, id: &str) -> Option<Elsewhere> {
        self.0.peers.owner_of_session(id)
    }

    /// This gateway's id among those that share its ledger.
    pub fn gateway_id(&self) -> Option<&str> {
        self.0.peers.id()
    }
}
