//! What is known of issuers' keys, and when an issuer is asked again.

use std::collections::BTreeMap;
use std::num::NonZeroU32;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use governor::{DefaultKeyedRateLimiter, Quota, RateLimiter};

use super::failure_limiter::presented_key_id;

/// How long a set is good without another look: as long as a key that was withdrawn may go on.
const FRESH_MS: u64 = 10 * 60 * 1_000;
/// When an issuer that did not answer is asked again.
const AGAIN_MS: u64 = 60 * 1_000;
/// For keys that nobody knows an issuer is asked this often in a row, and then once in [`PERIOD`].
const IN_A_ROW: NonZeroU32 = NonZeroU32::new(3).unwrap();
const PERIOD: Duration = Duration::from_secs(10);

/// What a token says of itself, before anybody has checked it.
pub(crate) struct ClaimedKey {
    kid: Option<String>,
    pub(crate) issuer: String,
}

impl ClaimedKey {
    /// `None` for what is no token, or names no issuer.
    pub(crate) fn of(credential: &str) -> Option<Self> {
        #[derive(serde::Deserialize)]
        struct IssuerClaim {
            iss: String,
        }
        let mut parts = credential.split('.');
        let (Some(_), Some(claims), Some(_), None) = (parts.next(), parts.next(), parts.next(), parts.next()) else {
            return None;
        };
        let claims: IssuerClaim = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(claims).ok()?).ok()?;
        Some(Self {
            kid: presented_key_id(credential),
            issuer: claims.iss,
        })
    }
}

/// What has to be done before a token can be judged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum KeyNeed {
    /// Nothing: the key is known.
    Nothing,
    /// Nothing, but the issuer is to be asked meanwhile.
    Look,
    /// The issuer is to be asked first.
    Ask,
}

/// One set.
#[derive(Default)]
struct KnownSet {
    kids: Vec<String>,
    /// When the issuer is to be asked again.
    due_ms: u64,
    /// Held by whoever asks the issuer because a key is not known: those who come meanwhile wait for the same answer.
    asking: Arc<tokio::sync::Mutex<()>>,
}

/// All sets, by their addresses.
pub(crate) struct IssuerKeys {
    sets: Mutex<BTreeMap<String, KnownSet>>,
    for_strangers: DefaultKeyedRateLimiter<String>,
}

impl Default for IssuerKeys {
    fn default() -> Self {
        let quota = Quota::with_period(PERIOD).unwrap_or(Quota::per_minute(IN_A_ROW));
        Self {
            sets: Mutex::default(),
            for_strangers: RateLimiter::keyed(quota.allow_burst(IN_A_ROW)),
        }
    }
}

impl IssuerKeys {
    fn sets(&self) -> std::sync::MutexGuard<'_, BTreeMap<String, KnownSet>> {
        self.sets.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// These are the keys of a set, as the issuer published them now.
    pub(crate) fn published(&self, url: &str, kids: Vec<String>, now_ms: u64) {
        let mut sets = self.sets();
        let set = sets.entry(url.to_owned()).or_default();
        (set.kids, set.due_ms) = (kids, now_ms + FRESH_MS);
    }

    /// What has to be done for a token of a set; `kept` says which keys were known when a process ended.
    pub(crate) fn need(
        &self,
        url: &str,
        claimed: &ClaimedKey,
        now_ms: u64,
        kept: impl FnOnce() -> Vec<String>,
    ) -> KeyNeed {
        let mut sets = self.sets();
        // Keys of before are good, and looked at as soon as one of them is used.
        let set = sets.entry(url.to_owned()).or_insert_with(|| KnownSet {
            kids: kept(),
            ..KnownSet::default()
        });
        let known = match &claimed.kid {
            Some(kid) => set.kids.contains(kid),
            None => !set.kids.is_empty(),
        };
        match known {
            false => KeyNeed::Ask,
            true if now_ms < set.due_ms => KeyNeed::Nothing,
            true => {
                set.due_ms = now_ms + AGAIN_MS;
                KeyNeed::Look
            }
        }
    }

    /// The turn to ask an issuer for a key that is not known.
    pub(crate) async fn asking(&self, url: &str) -> tokio::sync::OwnedMutexGuard<()> {
        let turn = self.sets().entry(url.to_owned()).or_default().asking.clone();
        turn.lock_owned().await
    }

    /// Whether the issuer may be asked for a key that nobody knows: anybody can name one.
    pub(crate) fn may_ask(&self, url: &str) -> bool {
        self.for_strangers.check_key(&url.to_owned()).is_ok()
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn token(header: &str, claims: &str) -> String {
        format!(
            "{}.{}.x",
            URL_SAFE_NO_PAD.encode(header),
            URL_SAFE_NO_PAD.encode(claims)
        )
    }

    #[test]
    fn a_known_key_waits_for_nobody_and_is_looked_at_once_it_is_old() {
        let keys = IssuerKeys::default();
        let of = |kid: &str| ClaimedKey::of(&token(&format!(r#"{{"kid":"{kid}"}}"#), r#"{"iss":"i"}"#)).unwrap();
        let need = |kid: &str, at: u64| keys.need("u", &of(kid), at, || vec!["kept".into()]);
        assert_eq!(need("kept", 1), KeyNeed::Look);
        assert_eq!(need("kept", 2), KeyNeed::Nothing);
        assert_eq!(need("new", 2), KeyNeed::Ask);
        keys.published("u", vec!["new".into()], 1_000);
        assert_eq!(need("new", 1_000 + FRESH_MS - 1), KeyNeed::Nothing);
        assert_eq!(need("kept", 1_001), KeyNeed::Ask);
        assert_eq!(need("new", 1_000 + FRESH_MS), KeyNeed::Look);
        assert_eq!(need("new", 1_000 + FRESH_MS + AGAIN_MS), KeyNeed::Look);
    }

    #[test]
    fn what_is_no_token_or_names_no_issuer_asks_nobody() {
        for odd in [
            "",
            "a.b.c",
            "one",
            &token("{}", r#"{"sub":"s"}"#),
            &format!("{}.y", token("{}", r#"{"iss":"i"}"#)),
        ] {
            assert!(ClaimedKey::of(odd).is_none(), "{odd}");
        }
        let keys = IssuerKeys::default();
        let nameless = ClaimedKey::of(&token("{}", r#"{"iss":"i"}"#)).unwrap();
        assert_eq!(keys.need("u", &nameless, 1, Vec::new), KeyNeed::Ask);
        assert_eq!((0..20).filter(|_| keys.may_ask("u")).count(), 3);
    }
}
