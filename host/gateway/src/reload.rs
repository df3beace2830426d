//! What may change while the gateway serves: who may come in.

use loadlock_config::Config;

use crate::error::{Error, ErrorCode, Result};
use crate::gateway::Gateway;
use crate::setup::auth;

impl Gateway {
    /// Takes over keys, audiences, legacy credentials and revoked ids of `config`, all at once: a request is judged by the old policy or by the new one. Everything else in it waits
    /// for a restart; answers whether there is something that does.
    ///
    /// # Errors
    /// [`ErrorCode::ConfigInvalid`] if a key cannot be read or the auth component refuses the policy; the old one then stays.
    pub async fn reload(&self, config: &Config) -> Result<bool> {
        let inner = &*self.0;
        let local_key = auth::local_key(&inner.home.keys())?;
        let policy = auth::policy(inner.env, config, &local_key)?;
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
        inner.configuration_recorded().await?;
        tracing::info!(target: "loadlock::auth", keys = config.auth.keys.len(), revoked = config.auth.revoked.len(), "[AUTH] policy replaced");
        Ok(!inner.config.same_but_for_auth(config))
    }
}
