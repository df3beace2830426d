//! Authentication: long-lived instances, no filesystem, no network.

use std::sync::{Arc, PoisonError, RwLock};

use loadlock_policy::model::Role;

use crate::component::{Sandbox, Source};
use crate::contract::calls::AuthCalls;
use crate::egress::Network;
use crate::error::{CallError, LoadError};
use crate::inspect::Inspection;
use crate::roles::live::Recipe;
use crate::roles::pool::Pool;
use crate::roles::validator::judge_limits;

pub use crate::model::auth::{AuthPolicy, Denial, Identified, Key, LegacyCredential};
pub use loadlock_policy::model::SignatureAlgorithm;

/// A loaded auth component with its policy.
pub struct Auth {
    pool: Pool<Box<dyn AuthCalls>>,
    name: String,
    inspection: Inspection,
    policy: Arc<RwLock<Arc<AuthPolicy>>>,
}

impl Auth {
    /// Loads an auth component; it is configured whenever an instance starts.
    ///
    /// # Errors
    /// See [`LoadError`].
    pub async fn load(sandbox: &Sandbox, source: &Source, policy: AuthPolicy) -> Result<Self, LoadError> {
        let limits = judge_limits();
        let loaded = sandbox.load(source, Role::Auth, &limits).await?;
        let instantiate = loaded.bind(Role::Auth.interface(), |contract| contract.auth)?;
        let inspection = (*loaded.inspection).clone();
        let name = loaded.name.clone();
        let policy = Arc::new(RwLock::new(Arc::new(policy)));
        let current = policy.clone();
        let pool = Pool::new(Recipe {
            loaded,
            limits,
            environment: Vec::new(),
            state: None,
            network: Network::Denied,
            start: Box::new(move |store| {
                let (instantiate, policy) = (
                    instantiate.clone(),
                    current.read().unwrap_or_else(PoisonError::into_inner).clone(),
                );
                Box::pin(async move {
                    let calls = instantiate(&mut *store).await?;
                    let answer = calls.configure(store, &policy).await?;
                    Ok(answer.map(|()| calls).map_err(CallError::Host))
                })
            }),
        });
        Ok(Self {
            pool,
            name,
            inspection,
            policy,
        })
    }

    /// Where the component came from: `builtin:NAME` or a path.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What the component says about itself.
    pub fn inspection(&self) -> &Inspection {
        &self.inspection
    }

    /// Replaces the policy, whole, or keeps the old one.
    ///
    /// # Errors
    /// The component's reason, or [`CallError`].
    pub async fn configure(&self, policy: AuthPolicy) -> Result<Result<(), String>, CallError> {
        let answer = self
            .pool
            .call_apart(|calls, store| calls.configure(store, &policy))
            .await?;
        if answer.is_ok() {
            *self.policy.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(policy);
            self.pool.renew();
        }
        Ok(answer)
    }

    /// Who presents this credential. The host checks the answer against the key's tenants again.
    ///
    /// # Errors
    /// [`CallError`] if there is no answer; the caller is then refused.
    pub async fn authenticate(
        &self,
        credential: Option<String>,
        now_s: u64,
    ) -> Result<Result<Identified, Denial>, CallError> {
        // Before it is asked: a key that is replaced meanwhile is another one then.
        let asked = self.policy.read().unwrap_or_else(PoisonError::into_inner).clone();
        let answer = self
            .pool
            .call(move |calls, store| calls.authenticate(store, credential, now_s))
            .await?;
        match answer {
            Ok(identified) => {
                let key = key_of(&asked, &identified).map(Key::digest);
                let identified = Identified {
                    key_digest: key,
                    ..identified
                };
                self.check(identified).map(Ok)
            }
            Err(denial) => Ok(Err(denial)),
        }
    }

    /// Why somebody who was let in earlier would not be now, apart from the time that has passed: the token was
    /// revoked, its key does not speak for the tenant any more or is another one under the same id, the credential from
    /// before tokens was taken from the list. The code is one of those of [`Denial`].
    pub fn withdrawn(&self, identity: &Identified) -> Option<&'static str> {
        let policy = self.policy.read().unwrap_or_else(PoisonError::into_inner).clone();
        if identity.legacy {
            let listed = policy
                .legacy
                .iter()
                .any(|legacy| legacy.tenant == identity.tenant && legacy.subject == identity.subject);
            return (!listed).then_some("revoked");
        }
        if identity.token_id.as_ref().is_some_and(|id| policy.revoked.contains(id)) {
            return Some("revoked");
        }
        match key_of(&policy, identity) {
            None => Some("unknown_key"),
            Some(key) if identity.key_digest.as_ref().is_some_and(|was| *was != key.digest()) => Some("unknown_key"),
            Some(key) if !speaks_for(key, &identity.tenant) => Some("wrong_tenant"),
            Some(_) => None,
        }
    }

    /// What the component may not decide alone: a token's principal belongs to a tenant that its key may speak for.
    fn check(&self, principal: Identified) -> Result<Identified, CallError> {
        let policy = self.policy.read().unwrap_or_else(PoisonError::into_inner).clone();
        let sane = |text: &str| !text.is_empty() && text.len() <= 256 && !text.chars().any(char::is_control);
        if !sane(&principal.subject) || !sane(&principal.tenant) {
            return Err(CallError::Answer(
                "the principal has no usable subject or tenant".into(),
            ));
        }
        let allowed = if principal.legacy {
            policy
                .legacy
                .iter()
                .any(|legacy| legacy.tenant == principal.tenant && legacy.subject == principal.subject)
        } else {
            policy
                .keys
                .iter()
                .any(|key| principal.key_id.as_deref() == Some(key.kid.as_str()) && speaks_for(key, &principal.tenant))
        };
        if !allowed {
            return Err(CallError::Answer(format!(
                "the principal's tenant `{}` is not one that its key may speak for",
                principal.tenant
            )));
        }
        Ok(principal)
    }
}

fn key_of<'a>(policy: &'a AuthPolicy, identity: &Identified) -> Option<&'a Key> {
    let mut keys = policy.keys.iter();
    keys.find(|key| identity.key_id.as_deref() == Some(key.kid.as_str()))
}

fn speaks_for(key: &Key, tenant: &str) -> bool {
    key.tenants.iter().any(|one| one == "*" || one == tenant)
}
