//! The configuration that holds now. There is one: a reload replaces what may change while the gateway serves, and
//! leaves the rest of it as it was at the start.

use std::sync::{Arc, PoisonError, RwLock};

use loadlock_config::Config;

use crate::admission::Grants;
use crate::home::Home;
use crate::setup::loader::Loader;
use crate::webhooks::receiver::Webhooks;

/// What a request is judged by.
pub(crate) struct Live {
    pub(crate) config: Arc<Config>,
    /// Its grants, opened.
    pub(crate) grants: Grants,
}

/// The configuration, where it is kept, and what it is read with.
pub(crate) struct LiveConfig {
    live: RwLock<Arc<Live>>,
    /// Held while a reload or a swap is under way, as long as that takes.
    changing: tokio::sync::Mutex<()>,
    /// Held while the auth component or what it knows is replaced. Whoever lets somebody in may wait for it, so not for
    /// long; within the other one.
    reloading: tokio::sync::Mutex<()>,
    /// What components are loaded with.
    pub(crate) loader: Loader,
    pub(crate) home: Home,
    /// Who is told of the ends of uploads.
    pub(crate) webhooks: Webhooks,
}

impl LiveConfig {
    pub(crate) fn new(config: Config, grants: Grants, loader: Loader, home: Home, webhooks: Webhooks) -> Self {
        Self {
            live: RwLock::new(Arc::new(Live {
                config: Arc::new(config),
                grants,
            })),
            changing: tokio::sync::Mutex::default(),
            reloading: tokio::sync::Mutex::default(),
            loader,
            home,
            webhooks,
        }
    }

    pub(crate) fn live(&self) -> Arc<Live> {
        self.live.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The turn to change components and the configuration.
    pub(crate) async fn changing(&self) -> tokio::sync::MutexGuard<'_, ()> {
        self.changing.lock().await
    }

    /// The turn to change what the auth component knows.
    pub(crate) async fn reloading(&self) -> tokio::sync::MutexGuard<'_, ()> {
        self.reloading.lock().await
    }

    /// Takes `config` over, but for what waits for a restart, and for providers that go on as they were. Under
    /// [`Self::changing`].
    pub(crate) fn replace(&self, config: &Config, grants: Grants, as_they_were: &[String]) {
        let old = self.live().config.clone();
        let mut latest = old.reloaded(config);
        for provider in &mut latest.providers {
            if let Some(before) = old
                .provider(&provider.name)
                .filter(|_| as_they_were.contains(&provider.name))
            {
                *provider = before.clone();
            }
        }
        *self.live.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(Live {
            config: Arc::new(latest),
            grants,
        });
    }
}
