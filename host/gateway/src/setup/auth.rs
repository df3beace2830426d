//! The auth policy: configured keys, and the installation's own signing key.

use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use loadlock_config::{Config, IssuerKeySet};
use loadlock_policy::credential::{Reference, Template, TemplatePart};
use loadlock_policy::model::SignatureAlgorithm;
use loadlock_sandbox::auth::{AuthPolicy, Key, LegacyCredential};
use rand::Rng;
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use crate::error::{Error, ErrorCode, Result};
use crate::home::Home;
use crate::setup::issuers;
use crate::setup::loader::Environment;

/// Key id of the installation's own key.
pub const LOCAL_KEY_ID: &str = "local";
/// Issuer of the tokens that it signs.
pub const LOCAL_ISSUER: &str = "loadlock";
/// Audience where the configuration names none.
pub const DEFAULT_AUDIENCE: &str = "loadlock";

/// The installation's signing key: 32 random bytes, made at first use, readable by this user alone.
///
/// # Errors
/// [`ErrorCode::StateUnavailable`] if it cannot be read or written.
pub fn local_key(keys: &Path) -> Result<Zeroizing<Vec<u8>>> {
    let path = keys.join("local.key");
    let unavailable = |error: std::io::Error| {
        Error::new(
            ErrorCode::StateUnavailable,
            format!("cannot use {}: {error}", path.display()),
        )
    };
    match std::fs::read(&path) {
        Ok(key) if key.len() == 32 => return Ok(Zeroizing::new(key)),
        Ok(_) => {
            return Err(Error::new(
                ErrorCode::StateUnavailable,
                format!("{} is not a key of 32 bytes", path.display()),
            )
            .hint("move the file away; a new key is made, and old tokens are no longer good"));
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
        Err(error) => return Err(unavailable(error)),
    }
    let mut key = Zeroizing::new(vec![0u8; 32]);
    rand::rng().fill_bytes(&mut key);
    let temporary = keys.join("local.key.new");
    let write = || -> std::io::Result<()> {
        let mut file = std::fs::OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(&temporary)?;
        file.write_all(&key)?;
        loadlock_durable::content(&file)?;
        std::fs::rename(&temporary, &path)?;
        loadlock_durable::names(keys)
    };
    write().map_err(unavailable)?;
    Ok(key)
}

/// What the auth component is configured with. Revoked is what the configuration names, and what was revoked here.
pub(crate) fn policy(env: Environment, config: &Config, home: &Home) -> Result<AuthPolicy> {
    policy_with(env, config, home, None)
}

/// As [`policy`], with what an issuer published now instead of what is known of it.
pub(crate) fn policy_with(
    env: Environment,
    config: &Config,
    home: &Home,
    published: Option<(&IssuerKeySet, &[u8])>,
) -> Result<AuthPolicy> {
    let local_key = local_key(&home.keys())?;
    let mut revoked = config.auth.revoked.clone();
    revoked.extend(super::revoked::revoked(&home.keys())?);
    let mut keys = vec![Key {
        kid: LOCAL_KEY_ID.to_owned(),
        algorithm: SignatureAlgorithm::Hs256,
        material: local_key.to_vec(),
        issuers: vec![LOCAL_ISSUER.to_owned()],
        tenants: vec!["*".to_owned()],
    }];
    for key in &config.auth.keys {
        keys.push(Key {
            kid: key.kid.clone(),
            algorithm: key.algorithm,
            material: resolve(env, &key.value, &format!("{} ({})", key.key, key.origin))?,
            issuers: key.issuers.clone(),
            tenants: key.tenants.clone(),
        });
    }
    for set in &config.auth.key_sets {
        let document = match published {
            Some((of, document)) if of == set => Some(document.to_vec()),
            _ => issuers::last_known(&home.keys(), set),
        };
        add_published(&mut keys, set, document.as_deref());
    }
    let audiences = if config.auth.audiences.is_empty() {
        vec![DEFAULT_AUDIENCE.to_owned()]
    } else {
        config.auth.audiences.clone()
    };
    Ok(AuthPolicy {
        keys,
        audiences,
        leeway_s: u32::try_from(config.auth.leeway.as_secs()).unwrap_or(60),
        legacy: config
            .auth
            .legacy
            .iter()
            .map(|legacy| LegacyCredential {
                sha256: hex::encode(legacy.sha256),
                subject: legacy.subject.clone(),
                tenant: legacy.tenant.clone(),
                scopes: legacy.scopes.clone(),
            })
            .collect(),
        legacy_until: config.auth.legacy_until.map(|until| until.0),
        revoked,
    })
}

/// Adds what an issuer publishes. A name is that of one key: no issuer takes another's, nor this installation's.
fn add_published(keys: &mut Vec<Key>, set: &IssuerKeySet, document: Option<&[u8]>) {
    for key in document.map_or_else(Vec::new, |document| issuers::understood(set, document)) {
        if keys.iter().any(|other| other.kid == key.kid) {
            tracing::warn!(target: "loadlock::auth", url = %set.url, kid = %key.kid, "[AUTH] an issuer's key is not used: another key has its `kid`");
            continue;
        }
        keys.push(Key {
            kid: key.kid,
            algorithm: key.algorithm,
            material: key.pem.into_bytes(),
            issuers: set.issuers.clone(),
            tenants: set.tenants.clone(),
        });
    }
}

/// Ids of the keys that tokens may be signed with.
pub(crate) fn key_ids(policy: &AuthPolicy) -> Vec<String> {
    policy.keys.iter().map(|key| key.kid.clone()).collect()
}

/// The auth component does not take its policy.
pub(crate) fn refuses_policy(reason: &str) -> Error {
    Error::new(
        ErrorCode::ConfigInvalid,
        format!("the auth component refuses its policy: {reason}"),
    )
}

/// A token of this machine's own commands, good for a minute: whoever lets in whom it should lets this one in.
pub(crate) fn own_token(config: &Config, home: &Home, now_s: u64) -> Result<Zeroizing<String>> {
    let audience = config.auth.audiences.first().map_or(DEFAULT_AUDIENCE, String::as_str);
    let header = serde_json::json!({ "alg": SignatureAlgorithm::Hs256.as_str(), "typ": "JWT", "kid": LOCAL_KEY_ID });
    let claims = serde_json::json!({
        "iss": LOCAL_ISSUER, "aud": audience, "sub": "swap", "tenant": "local", "scope": "admin",
        "iat": now_s, "exp": now_s.saturating_add(60), "jti": "swap",
    });
    let part = |json: &serde_json::Value| URL_SAFE_NO_PAD.encode(json.to_string());
    let signed = format!("{}.{}", part(&header), part(&claims));
    let signature = URL_SAFE_NO_PAD.encode(hmac(&local_key(&home.keys())?, signed.as_bytes()));
    Ok(Zeroizing::new(format!("{signed}.{signature}")))
}

/// HMAC with SHA-256 (RFC 2104) by a key that is no longer than a block.
fn hmac(key: &[u8], message: &[u8]) -> [u8; 32] {
    let mut block = Zeroizing::new([0u8; 64]);
    for (at, byte) in block.iter_mut().zip(key) {
        *at = *byte;
    }
    let padded = |with: u8| Zeroizing::new(block.map(|byte| byte ^ with));
    let inner = Sha256::new()
        .chain_update(*padded(0x36))
        .chain_update(message)
        .finalize();
    Sha256::new()
        .chain_update(*padded(0x5c))
        .chain_update(inner)
        .finalize()
        .into()
}

/// The value that a template stands for.
pub(crate) fn resolve(env: Environment, template: &Template, place: &str) -> Result<Vec<u8>> {
    let missing = |what: String| {
        Error::new(ErrorCode::ConfigInvalid, format!("{place}: {what}")).hint("provide the key, or remove its entry")
    };
    let mut value = Vec::new();
    for part in template.parts() {
        match part {
            TemplatePart::Text(text) => value.extend_from_slice(text.as_bytes()),
            TemplatePart::Reference(Reference::Env(name)) => value.extend_from_slice(
                env(name)
                    .ok_or_else(|| missing(format!("the variable `{name}` is not set")))?
                    .as_bytes(),
            ),
            TemplatePart::Reference(Reference::File(path)) => {
                let read =
                    std::fs::read(path).map_err(|error| missing(format!("cannot read {}: {error}", path.display())))?;
                value.extend_from_slice(read.trim_ascii_end());
            }
        }
    }
    Ok(value)
}
