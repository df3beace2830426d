//! The configuration that holds now. There is one: a reload replaces what may change while the gateway serves, and
//! leaves the rest of it as it was at the start.

use std::sync::{Arc, PoisonError, RwLock};

use loadlock_config::Config;

use crate::admission::Grants;
use crate::home::Home;

/// Looks environment variables up.
pub type Environment = fn(&str) -> Option<String>;

/// What a request is judged by.
pub(crate) struct Live {
    pub(crate) config: Arc<Config>,
    /// Its grants, opened.
    pub(crate) grants: Grants,
}

/// The configuration, where it is kept, and what it is read with.
pub(crate) struct LiveConfig {
    live: RwLock<Arc<Live>>,
    /// Held while a reload is under way.
    reloading: tokio::sync::Mutex<()>,
    pub(crate) env: Environment,
    pub(crate) home: Home,
}

impl LiveConfig {
    pub(crate) fn new(config: Config, grants: Grants, env: Environment, home: Home) -> Self {
        Self {
            live: RwLock::new(Arc::new(Live {
                config: Arc::new(config),
                grants,
            })),
            reloading: tokio::sync::Mutex::default(),
            env,
            home,
        }
    }

    pub(crate) fn live(&self) -> Arc<Live> {
        self.live.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The turn to reload.
    pub(crate) async fn reloading(&self) -> tokio::sync::MutexGuard<'_, ()> {
        self.reloading.lock().await
    }

    /// Takes `[auth]`, `[[tenants]]` and `[[grants]]` of `config` over. Under [`Self::reloading`].
    pub(crate) fn replace(&self, config: &Config, grants: Grants) {
        let mut latest = Config::clone(&self.live().config);
        // What plays a role is loaded at the start.
        let component = std::mem::replace(&mut latest.auth, config.auth.clone()).component;
        latest.auth.component = component;
        latest.tenants.clone_from(&config.tenants);
        latest.grants.clone_from(&config.grants);
        *self.live.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(Live {
            config: Arc::new(latest),
            grants,
        });
    }
}
