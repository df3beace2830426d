//! What may change while the gateway serves: who may come in, from which folders files may come, what each tenant may
//! use.

use loadlock_config::Config;

use crate::admission::Grants;
use crate::error::{Error, ErrorCode, Result};
use crate::setup::{auth, revoked};
use crate::state::gateway::{Gateway, GatewayState};

impl Gateway {
    /// Takes over `[auth]`, `[[tenants]]` and `[[grants]]` of `config`: a request is judged by the old rules or by the
    /// new ones, and an upload that was admitted goes on. Everything else in it waits for a restart; answers whether
    /// there is something that does.
    ///
    /// # Errors
    /// [`ErrorCode::ConfigInvalid`] if a key cannot be read, a folder cannot be opened or the auth component refuses
    /// the policy; everything stays as it was then.
    pub async fn reload(&self, config: &Config) -> Result<bool> {
        let state = &*self.0;
        let _turn = state.config.reloading().await;
        // What may fail comes before what changes anything.
        let listed = revoked::stamp(&state.config.home.keys())?;
        let policy = auth::policy(state.config.env, config, &state.config.home)?;
        let key_ids = auth::key_ids(&policy);
        let protected = state.config.home.protected(config.protected_files())?;
        let grants = Grants::open(&config.grants, &protected)?;
        let answer = state.callers.auth.configure(policy).await.map_err(|error| {
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
        state.callers.knows(listed);
        state.callers.failures.replace_keys(key_ids);
        // First what providers may read, then what may be named: never the other way round.
        for unit in state.providers.iter() {
            unit.component.add_roots(&grants.roots_of(&unit.name));
        }
        let waits = !state.live().config.same_but_for_reload(config);
        state.config.replace(config, grants);
        state.callers.tenants.limit(config);
        state.configuration_recorded().await?;
        tracing::info!(target: "loadlock::auth", keys = config.auth.keys.len(), revoked = config.auth.revoked.len(), "[AUTH] policy replaced");
        Ok(waits)
    }
}

impl GatewayState {
    /// Has the auth component know what was revoked on this machine up to now. Asked by whoever lets somebody in, so
    /// that a revocation holds at every door from the moment that it is written.
    ///
    /// # Errors
    /// [`ErrorCode::StateUnavailable`] if the list cannot be read; [`ErrorCode::ComponentFailed`] if the component does
    /// not take it. Nobody is let in by an older list.
    pub(crate) async fn revocations_in_force(&self) -> Result<()> {
        let keys = self.config.home.keys();
        if revoked::stamp(&keys)? == self.callers.known() {
            return Ok(());
        }
        let _turn = self.config.reloading().await;
        let listed = revoked::stamp(&keys)?;
        if listed == self.callers.known() {
            return Ok(());
        }
        let policy = auth::policy(self.config.env, &self.live().config, &self.config.home)?;
        let failed = |reason: String| {
            Error::new(
                ErrorCode::ComponentFailed,
                format!("the auth component does not take what was revoked: {reason}"),
            )
        };
        let answer = self.callers.auth.configure(policy).await;
        answer.map_err(|error| failed(error.to_string()))?.map_err(failed)?;
        self.callers.knows(listed);
        Ok(())
    }
}
