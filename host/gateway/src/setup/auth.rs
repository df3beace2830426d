//! The auth policy: configured keys, and the installation's own signing key.

use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use loadlock_config::Config;
use loadlock_policy::credential::{Reference, Template, TemplatePart};
use loadlock_policy::model::SignatureAlgorithm;
use loadlock_sandbox::auth::{AuthPolicy, Key, LegacyCredential};
use rand::Rng;
use zeroize::Zeroizing;

use crate::error::{Error, ErrorCode, Result};
use crate::home::Home;
use crate::state::live::Environment;

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

/// Ids of the keys that tokens may be signed with.
pub(crate) fn key_ids(policy: &AuthPolicy) -> Vec<String> {
    policy.keys.iter().map(|key| key.kid.clone()).collect()
}

fn resolve(env: Environment, template: &Template, place: &str) -> Result<Vec<u8>> {
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
