//! Authentication: long-lived instances, no filesystem, no network.

use std::sync::{Arc, PoisonError, RwLock};

use crate::bindings::auth::exports::loadlock::upload::auth as w;
use crate::bindings::auth::{AuthComponent, AuthComponentPre};
use crate::component::{Sandbox, Source};
use crate::egress::Network;
use crate::error::{CallError, LoadError};
use crate::inspect::{Inspection, Role};
use crate::roles::live::Recipe;
use crate::roles::pool::Pool;
use crate::roles::validator::judge_limits;

/// Signature algorithms.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Algorithm {
    /// HMAC with SHA-256.
    Hs256,
    /// ECDSA on P-256.
    Es256,
    /// Ed25519.
    EdDsa,
    /// RSA PKCS #1 v1.5 with SHA-256.
    Rs256,
}

/// A verification key; see `key` in `wit/auth.wit`.
#[derive(Clone)]
pub struct Key {
    /// Key id.
    pub kid: String,
    /// The only algorithm it verifies.
    pub algorithm: Algorithm,
    /// Secret bytes or public PEM.
    pub material: Vec<u8>,
    /// Issuers that it may speak for.
    pub issuers: Vec<String>,
    /// Tenants that it may speak for; `*` is any.
    pub tenants: Vec<String>,
}

impl std::fmt::Debug for Key {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Key")
            .field("kid", &self.kid)
            .field("algorithm", &self.algorithm)
            .finish_non_exhaustive()
    }
}

/// A credential from before tokens.
#[derive(Debug, Clone)]
pub struct LegacyCredential {
    /// SHA-256 of the credential, lower-case hexadecimal.
    pub sha256: String,
    /// Whom it stands for.
    pub subject: String,
    /// Tenant.
    pub tenant: String,
    /// Scopes.
    pub scopes: Vec<String>,
}

/// What authentication depends on.
#[derive(Debug, Clone, Default)]
pub struct AuthPolicy {
    /// Verification keys.
    pub keys: Vec<Key>,
    /// Accepted audiences.
    pub audiences: Vec<String>,
    /// Seconds by which clocks may differ.
    pub leeway_s: u32,
    /// Credentials from before tokens.
    pub legacy: Vec<LegacyCredential>,
    /// Until when they are accepted, in seconds since 1970.
    pub legacy_until: Option<u64>,
    /// Token ids that are no longer good.
    pub revoked: Vec<String>,
}

/// Who asks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identified {
    /// Subject.
    pub subject: String,
    /// Tenant.
    pub tenant: String,
    /// Scopes.
    pub scopes: Vec<String>,
    /// Recognised by a credential from before tokens.
    pub legacy: bool,
    /// Key that verified the token.
    pub key_id: Option<String>,
    /// Token id.
    pub token_id: Option<String>,
    /// Until when it is good, in seconds since 1970.
    pub expires_at: Option<u64>,
}

/// Who does not get in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Denial {
    /// Stable, snake case: `expired`, `bad_signature` …
    pub code: &'static str,
    /// For the log.
    pub message: String,
    /// For the client.
    pub hint: String,
}

/// A loaded auth component with its policy.
pub struct Auth {
    pool: Pool<AuthComponent>,
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
        let pre = AuthComponentPre::new(loaded.pre.clone()).map_err(|error| LoadError::Contract {
            name: source.name.clone(),
            detail: format!("{error:#}"),
        })?;
        let inspection = (*loaded.inspection).clone();
        let policy = Arc::new(RwLock::new(Arc::new(policy)));
        let current = policy.clone();
        let pool = Pool::new(Recipe {
            loaded,
            limits,
            environment: Vec::new(),
            state: None,
            network: Network::Denied,
            start: Box::new(move |store| {
                let (pre, policy) = (
                    pre.clone(),
                    current.read().unwrap_or_else(PoisonError::into_inner).clone(),
                );
                Box::pin(async move {
                    let bindings = pre.instantiate_async(&mut *store).await?;
                    let answer = bindings
                        .loadlock_upload_auth()
                        .call_configure(store, &to_wit(&policy))
                        .await?;
                    Ok(answer.map(|()| bindings).map_err(CallError::Host))
                })
            }),
        });
        Ok(Self {
            pool,
            inspection,
            policy,
        })
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
        let wit = to_wit(&policy);
        let answer = self
            .pool
            .call_apart(move |bindings, store| {
                Box::pin(async move { bindings.loadlock_upload_auth().call_configure(store, &wit).await })
            })
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
        let answer = self
            .pool
            .call(move |bindings, store| {
                Box::pin(async move {
                    bindings
                        .loadlock_upload_auth()
                        .call_authenticate(store, credential.as_deref(), now_s)
                        .await
                })
            })
            .await?;
        match answer {
            Ok(principal) => self.check(principal).map(Ok),
            Err(denial) => Ok(Err(Denial {
                code: code(denial.code),
                message: denial.message,
                hint: denial.hint,
            })),
        }
    }

    /// Why somebody who was let in earlier would not be now, apart from the time that has passed: the token was
    /// revoked, its key does not speak for the tenant any more, the credential from before tokens was taken from the
    /// list. The code is one of those of [`Denial`].
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
        let key = policy
            .keys
            .iter()
            .find(|key| identity.key_id.as_deref() == Some(key.kid.as_str()));
        match key {
            None => Some("unknown_key"),
            Some(key) if !speaks_for(key, &identity.tenant) => Some("wrong_tenant"),
            Some(_) => None,
        }
    }

    /// What the component may not decide alone: a token's principal belongs to a tenant that its key may speak for.
    fn check(&self, principal: w::Principal) -> Result<Identified, CallError> {
        let policy = self.policy.read().unwrap_or_else(PoisonError::into_inner).clone();
        let sane = |text: &str| !text.is_empty() && text.len() <= 256 && !text.chars().any(char::is_control);
        if !sane(&principal.subject) || !sane(&principal.tenant) {
            return Err(CallError::Answer(
                "the principal has no usable subject or tenant".into(),
            ));
        }
        let allowed = match principal.method {
            w::Method::Token => policy
                .keys
                .iter()
                .any(|key| principal.key_id.as_deref() == Some(key.kid.as_str()) && speaks_for(key, &principal.tenant)),
            w::Method::Legacy => policy
                .legacy
                .iter()
                .any(|legacy| legacy.tenant == principal.tenant && legacy.subject == principal.subject),
        };
        if !allowed {
            return Err(CallError::Answer(format!(
                "the principal's tenant `{}` is not one that its key may speak for",
                principal.tenant
            )));
        }
        Ok(Identified {
            subject: principal.subject,
            tenant: principal.tenant,
            scopes: principal.scopes,
            legacy: matches!(principal.method, w::Method::Legacy),
            key_id: principal.key_id,
            token_id: principal.token_id,
            expires_at: principal.expires_at,
        })
    }
}

fn speaks_for(key: &Key, tenant: &str) -> bool {
    key.tenants.iter().any(|one| one == "*" || one == tenant)
}

fn code(code: w::DenialCode) -> &'static str {
    use w::DenialCode as D;
    match code {
        D::Missing => "missing",
        D::Malformed => "malformed",
        D::UnknownKey => "unknown_key",
        D::WrongAlgorithm => "wrong_algorithm",
        D::BadSignature => "bad_signature",
        D::Expired => "expired",
        D::NotYetValid => "not_yet_valid",
        D::WrongIssuer => "wrong_issuer",
        D::WrongAudience => "wrong_audience",
        D::MissingClaim => "missing_claim",
        D::WrongTenant => "wrong_tenant",
        D::Revoked => "revoked",
        D::LegacyEnded => "legacy_ended",
    }
}

fn to_wit(policy: &AuthPolicy) -> w::Policy {
    w::Policy {
        keys: policy
            .keys
            .iter()
            .map(|key| w::Key {
                kid: key.kid.clone(),
                algorithm: match key.algorithm {
                    Algorithm::Hs256 => w::Algorithm::Hs256,
                    Algorithm::Es256 => w::Algorithm::Es256,
                    Algorithm::EdDsa => w::Algorithm::Eddsa,
                    Algorithm::Rs256 => w::Algorithm::Rs256,
                },
                material: key.material.clone(),
                issuers: key.issuers.clone(),
                tenants: key.tenants.clone(),
            })
            .collect(),
        audiences: policy.audiences.clone(),
        leeway_s: policy.leeway_s,
        legacy: policy
            .legacy
            .iter()
            .map(|legacy| w::LegacyCredential {
                sha256: legacy.sha256.clone(),
                subject: legacy.subject.clone(),
                tenant: legacy.tenant.clone(),
                scopes: legacy.scopes.clone(),
            })
            .collect(),
        legacy_until: policy.legacy_until,
        revoked: policy.revoked.clone(),
    }
}
