//! What may change while the gateway serves: who may come in, from which folders files may come, what each tenant may
//! use.

use std::sync::{Arc, PoisonError};

use loadlock_config::Config;

use crate::admission::Grants;
use crate::error::{Error, ErrorCode, Result};
use crate::gateway::{Gateway, Inner};
use crate::setup::auth;

/// What a reload replaces, all at once.
pub(crate) struct Live {
    /// The latest configuration. Of it hold `[auth]`, `[[tenants]]` and `[[grants]]`; for everything else the one of
    /// the start does.
    pub(crate) config: Config,
    /// Its grants, opened.
    pub(crate) grants: Grants,
}

impl Inner {
    /// What holds now. A request that took it keeps it.
    pub(crate) fn live(&self) -> Arc<Live> {
        self.live.read().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Gateway {
    /// The configuration of the last reload, or of the start.
    pub fn latest_config(&self) -> Config {
        self.0.live().config.clone()
    }

    /// Takes over `[auth]`, `[[tenants]]` and `[[grants]]` of `config`: a request is judged by the old rules or by the
    /// new ones, and an upload that was admitted goes on. Everything else in it waits for a restart; answers whether
    /// there is something that does.
    ///
    /// # Errors
    /// [`ErrorCode::ConfigInvalid`] if a key cannot be read, a folder cannot be opened or the auth component refuses
    /// the policy; everything stays as it was then.
    pub async fn reload(&self, config: &Config) -> Result<bool> {
        let inner = &*self.0;
        let _turn = inner.reloading.lock().await;
        // What may fail comes before what changes anything.
        let local_key = auth::local_key(&inner.home.keys())?;
        let policy = auth::policy(inner.env, config, &local_key)?;
        let key_ids = auth::key_ids(&policy);
        let protected = inner.home.protected(config.protected_files())?;
        let grants = Grants::open(&config.grants, &protected)?;
        let answer = inner.auth.configure(policy).await.map_err(|error| {
            Error::new(
                ErrorCode::ComponentFailed,
                format!("the auth component gave no answer: {error}"),
            )
        })?;
        answer.map_err(|reason| {
            Error::new(
                ErrorCode::ConfigInvalid,
                format!("the auth component refuses its policy: {reason}"),
            )
        })?;
        inner.failures.replace_keys(key_ids);
        // First what providers may read, then what may be named: never the other way round.
        for unit in &inner.providers {
            unit.component.add_roots(&grants.roots_of(&unit.name));
        }
        let live = Arc::new(Live {
            config: config.clone(),
            grants,
        });
        *inner.live.write().unwrap_or_else(PoisonError::into_inner) = live;
        inner.tenants.limit(config);
        inner.configuration_recorded().await?;
        tracing::info!(target: "loadlock::auth", keys = config.auth.keys.len(), revoked = config.auth.revoked.len(), "[AUTH] policy replaced");
        Ok(!inner.config.same_but_for_reload(config))
    }
}
