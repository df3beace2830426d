//! Issuers' keys, before a token of theirs is judged.

use std::sync::Arc;

use loadlock_config::IssuerKeySet;

use crate::setup::issuers::{IssuerClient, keep, last_known, understood};
use crate::setup::jwk::PublishedKey;
use crate::setup::{auth, revoked};
use crate::state::gateway::GatewayState;
use crate::state::issuer_keys::{ClaimedKey, KeyNeed};

impl GatewayState {
    /// Has the auth component know the key that a token names, if the token's issuer publishes it. Nothing is decided
    /// here: a token whose key stays unknown is refused by the component.
    pub(crate) async fn issuer_keys_in_force(self: &Arc<Self>, credential: Option<&str>) {
        let config = self.live().config.clone();
        if config.auth.key_sets.is_empty() {
            return;
        }
        let Some(claimed) = credential.and_then(ClaimedKey::of) else {
            return;
        };
        for set in &config.auth.key_sets {
            if !set.issuers.contains(&claimed.issuer) {
                continue;
            }
            match self.key_need(set, &claimed) {
                KeyNeed::Nothing => {}
                KeyNeed::Look => self.look_at_issuer(set.clone()),
                KeyNeed::Ask => self.ask_issuer(set, &claimed).await,
            }
        }
    }

    fn key_need(&self, set: &IssuerKeySet, claimed: &ClaimedKey) -> KeyNeed {
        let kept = || {
            let document = last_known(&self.config.home.keys(), set);
            document.map_or_else(Vec::new, |document| names(&understood(set, &document)))
        };
        let now_ms = self.clock.wall_ms();
        self.callers.issuers.need(&set.url.to_string(), claimed, now_ms, kept)
    }

    fn issuer_client(&self) -> IssuerClient {
        IssuerClient {
            resolver: self.config.loader.resolver.clone(),
            env: self.config.loader.env,
        }
    }

    /// Asks the issuer while tokens are judged by what is known. The gateway may be closed meanwhile.
    fn look_at_issuer(self: &Arc<Self>, set: IssuerKeySet) {
        let (state, client) = (Arc::downgrade(self), self.issuer_client());
        tokio::spawn(async move {
            let fetched = client.fetch(&set).await;
            if let Some(state) = state.upgrade() {
                state.take_published(&set, fetched).await;
            }
        });
    }

    async fn ask_issuer(self: &Arc<Self>, set: &IssuerKeySet, claimed: &ClaimedKey) {
        let (issuers, url) = (&self.callers.issuers, set.url.to_string());
        let _turn = issuers.asking(&url).await;
        // Whoever was first has asked for those who waited.
        if self.key_need(set, claimed) != KeyNeed::Ask || !issuers.may_ask(&url) {
            return;
        }
        let fetched = self.issuer_client().fetch(set).await;
        self.take_published(set, fetched).await;
    }

    /// Puts what an issuer published in force, or leaves everything as it was.
    async fn take_published(&self, set: &IssuerKeySet, fetched: Result<Vec<u8>, String>) {
        let taken = match fetched {
            Ok(document) => self.put_in_force(set, &document).await,
            Err(why) => Err(why),
        };
        if let Err(why) = taken {
            tracing::warn!(target: "loadlock::auth", key = %set.key, url = %set.url, "[AUTH] no keys from the issuer, the last known ones stay: {why}");
        }
    }

    async fn put_in_force(&self, set: &IssuerKeySet, document: &[u8]) -> Result<(), String> {
        let keys = self.config.home.keys();
        let kids = names(&understood(set, document));
        let _turn = self.config.reloading().await;
        let config = self.live().config.clone();
        // A reload may have taken it away since it was asked.
        if !config.auth.key_sets.contains(set) {
            return Ok(());
        }
        if last_known(&keys, set).as_deref() != Some(document) {
            let listed = revoked::stamp(&keys).map_err(|error| error.message)?;
            let env = self.config.loader.env;
            let policy = auth::policy_with(env, &config, &self.config.home, Some((set, document)));
            let policy = policy.map_err(|error| error.message)?;
            let key_ids = auth::key_ids(&policy);
            let answer = self.callers.auth.configure(policy).await;
            answer.map_err(|error| error.to_string())??;
            self.callers.knows(listed);
            self.callers.failures.replace_keys(key_ids);
            keep(&keys, set, document).map_err(|error| format!("they cannot be kept: {error}"))?;
            tracing::info!(target: "loadlock::auth", url = %set.url, keys = kids.len(), "[AUTH] an issuer's keys replaced");
        }
        let now_ms = self.clock.wall_ms();
        self.callers.issuers.published(&set.url.to_string(), kids, now_ms);
        Ok(())
    }
}

fn names(keys: &[PublishedKey]) -> Vec<String> {
    keys.iter().map(|key| key.kid.clone()).collect()
}
