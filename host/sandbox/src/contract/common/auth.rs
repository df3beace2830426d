//! The auth component's part.

use wasmtime::Store;

use super::bindings::auth::AuthComponent;
use super::bindings::auth::exports::loadlock::upload::auth as w;
use crate::contract::calls::{AuthCalls, Called};
use crate::model::auth::{AuthPolicy, Denial, Identified};
use crate::state::CallState;
use loadlock_policy::model::SignatureAlgorithm;

impl AuthCalls for AuthComponent {
    fn configure<'s>(&'s self, store: &'s mut Store<CallState>, policy: &AuthPolicy) -> Called<'s, Result<(), String>> {
        let policy = to_wit(policy);
        Box::pin(async move { self.loadlock_upload_auth().call_configure(store, &policy).await })
    }

    fn authenticate<'s>(
        &'s self,
        store: &'s mut Store<CallState>,
        credential: Option<String>,
        now_s: u64,
    ) -> Called<'s, Result<Identified, Denial>> {
        Box::pin(async move {
            let auth = self.loadlock_upload_auth();
            let answer = auth.call_authenticate(store, credential.as_deref(), now_s).await?;
            Ok(answer.map(identified).map_err(denial))
        })
    }
}

fn identified(principal: w::Principal) -> Identified {
    Identified {
        subject: principal.subject,
        tenant: principal.tenant,
        scopes: principal.scopes,
        legacy: matches!(principal.method, w::Method::Legacy),
        key_id: principal.key_id,
        // The host knows it.
        key_digest: None,
        token_id: principal.token_id,
        expires_at: principal.expires_at,
    }
}

fn denial(denial: w::Denial) -> Denial {
    Denial {
        code: code(denial.code),
        message: denial.message,
        hint: denial.hint,
    }
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
                    SignatureAlgorithm::Hs256 => w::Algorithm::Hs256,
                    SignatureAlgorithm::Es256 => w::Algorithm::Es256,
                    SignatureAlgorithm::EdDsa => w::Algorithm::Eddsa,
                    SignatureAlgorithm::Rs256 => w::Algorithm::Rs256,
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
