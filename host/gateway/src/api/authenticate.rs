//! The gate of every front door: who presents this credential, recorded whatever the answer.

use loadlock_audit::{Event, Outcome};
use sha2::{Digest, Sha256};

use crate::audit::{stranger, whom};
use crate::error::{Error, ErrorCode, Result};
use crate::metrics;
use crate::principal::{Door, Peer, Principal, authenticate};
use crate::state::failure_limiter::{FailureAccount, presented_key_id};
use crate::state::gateway::{Gateway, GatewayState};

impl Gateway {
    /// Who presents this credential at this door, of a request of which nothing else is known.
    ///
    /// # Errors
    /// As [`Gateway::authenticate_from`].
    pub async fn authenticate(&self, door: Door, credential: Option<&str>) -> Result<Principal> {
        self.authenticate_from(door, credential, Peer::default()).await
    }

    /// Who presents this credential at this door. At the network's doors, too many failures from one address or under
    /// one key are answered without looking at further credentials from there, except those that were accepted before.
    ///
    /// # Errors
    /// [`ErrorCode::Unauthenticated`]; [`ErrorCode::RateLimited`] with the time to wait after too many failures;
    /// [`ErrorCode::StateUnavailable`] while nothing can be recorded.
    pub async fn authenticate_from(&self, door: Door, credential: Option<&str>, peer: Peer) -> Result<Principal> {
        let state = &self.0;
        let limited = door == Door::Network;
        if limited && let Err(blocked) = state.callers.failures.check(FailureAccount::of(&peer), credential) {
            // Recorded when it began; a flood of it fills no disk.
            metrics::auth_blocked(blocked.by);
            let wait = u64::try_from(blocked.retry_after.as_millis().max(1)).ok();
            return Err(Error::new(
                ErrorCode::RateLimited,
                format!("too many failed authentications by this {}", blocked.by),
            )
            .retry_after(wait));
        }
        state.issuer_keys_in_force(credential).await;
        state.revocations_in_force().await?;
        let who = stranger(door, &peer);
        let request_id = peer.request_id.clone();
        let mut pending = state.audit.begin(Event::Authentication, who, request_id).await?;
        pending.who().key_id = credential.and_then(presented_key_id);
        let from = FailureAccount::of(&peer);
        let now = state.clock.wall_ms() / 1_000;
        match authenticate(&state.callers.auth, door, credential, peer, now).await {
            Ok(principal) => {
                metrics::authentication("accepted");
                if principal.identity().legacy {
                    metrics::legacy(principal.tenant(), principal.subject());
                }
                if limited {
                    state.callers.failures.succeeded(credential);
                }
                *pending.who() = whom(&principal);
                pending.finish(Outcome::Ok, None).await;
                Ok(principal)
            }
            Err(refused) => {
                metrics::authentication(refused.code);
                if limited && let Some(by) = state.callers.failures.failed(from, credential) {
                    pending.what().detail = Some(format!("too many failures: this {by} has to wait"));
                }
                pending.finish(Outcome::Denied, Some(refused.code)).await;
                Err(refused.error)
            }
        }
    }

    /// Records that an upload grant was made, used or revoked. What cannot be recorded is not done.
    ///
    /// # Errors
    /// [`ErrorCode::StateUnavailable`].
    pub async fn note_grant(&self, who: &Principal, id: &str, what: &str) -> Result<()> {
        let mut pending = self.0.audit.begin_for(who, Event::Grant).await?;
        pending.what().detail = Some(format!("{what}: {id}"));
        pending.finish(Outcome::Ok, None).await;
        Ok(())
    }

    /// Whether a caller who was let in earlier may go on, for work that outlives its request. A token that has expired
    /// since was good when the work was ordered; one that was revoked meanwhile, or whose key was taken away, is not
    /// trusted any more.
    ///
    /// # Errors
    /// [`ErrorCode::Unauthenticated`], recorded as a denial; [`ErrorCode::StateUnavailable`] while nothing can be
    /// recorded.
    pub async fn recheck(&self, who: &Principal) -> Result<()> {
        self.0.revocations_in_force().await?;
        let Some(code) = self.0.callers.auth.now().component.withdrawn(who.identity()) else {
            return Ok(());
        };
        tracing::warn!(
            target: "loadlock::auth",
            code,
            subject = who.subject(),
            tenant = who.tenant(),
            "[AUTH] credential withdrawn: the background uploads that it started end"
        );
        let mut pending = self.0.audit.begin_for(who, Event::Denial).await?;
        pending.what().detail = Some("the credential was withdrawn meanwhile".into());
        pending.finish(Outcome::Denied, Some(code)).await;
        Err(Error::new(
            ErrorCode::Unauthenticated,
            format!("the credential that started this upload is no longer accepted ({code})"),
        )
        .hint("start it again with one that is"))
    }
}

impl GatewayState {
    /// Which configuration is in force from now on: its file, by digest.
    pub(crate) async fn configuration_recorded(&self) -> Result<()> {
        let who = loadlock_audit::Who {
            door: Some("gateway".into()),
            ..loadlock_audit::Who::default()
        };
        let mut pending = self.audit.begin(Event::Configuration, who, None).await?;
        let what = pending.what();
        match &self.live().config.file {
            Some(file) => {
                what.path = Some(file.display().to_string());
                what.sha256 = std::fs::read(file).ok().map(|bytes| hex::encode(Sha256::digest(bytes)));
            }
            None => what.detail = Some("no file".into()),
        }
        pending.finish(Outcome::Ok, None).await;
        Ok(())
    }
}
