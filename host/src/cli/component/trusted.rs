//! Whose signatures do, by the configuration.

use loadlock::config::{Config, TrustRule, revoked_keys, trust_for};
use loadlock_registry::{KeyRing, TrustedKey};

use crate::cli::failure::Failure;

/// The keys that the configuration trusts for a source, `HOST/REPOSITORY`; none of them if it names none.
pub(super) fn key_ring(config: &Config, source: &str) -> Result<KeyRing, Failure> {
    let rule = trust_for(&config.trust, source);
    let keys = rule.map(keys).transpose()?.unwrap_or_default();
    let threshold = rule.map_or(1, |rule| rule.threshold);
    let revoked = revoked_keys(&config.trust).cloned();
    Ok(KeyRing::new(
        keys,
        revoked,
        usize::try_from(threshold).unwrap_or(usize::MAX),
    ))
}

fn keys(rule: &TrustRule) -> Result<Vec<TrustedKey>, Failure> {
    let keys = rule.keys.iter().map(|path| TrustedKey::read(path));
    Ok(keys.collect::<Result<_, _>>()?)
}

/// What a person calls the key with an id: the name of its file, else the beginning of the id.
pub(super) fn key_name(config: &Config, source: &str, id: &str) -> String {
    let revoked = revoked_keys(&config.trust).any(|revoked| revoked == id);
    let rule = trust_for(&config.trust, source);
    let keys = rule.and_then(|rule| keys(rule).ok()).unwrap_or_default();
    let name = keys.iter().find(|key| key.id() == id).map(|key| key.name().to_owned());
    let name = name.unwrap_or_else(|| id.chars().take(12).collect());
    if revoked { format!("{name} (revoked)") } else { name }
}
