//! Who got in, and by which token. Kept in memory alone: neither a token nor what stands for it is ever on the disk.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rand::RngExt;
use sha2::{Digest, Sha256};
use tokio::time::Instant;
use zeroize::Zeroizing;

/// Sessions at once: of some hundred people with a few browsers each.
const MOST: usize = 1_024;
/// The longest session of a token without an end.
const LONGEST: Duration = Duration::from_secs(12 * 3_600);
/// How long a one-time code can be used.
const CODE: Duration = Duration::from_secs(10 * 60);

/// What stands for a secret here: nobody who reads this memory later gets in by it.
type Fingerprint = [u8; 32];

/// A token that a session's requests carry.
type SessionCredential = Arc<Zeroizing<String>>;

/// Cheap to clone.
#[derive(Clone, Default)]
pub(crate) struct PageSessions(Arc<Mutex<Open>>);

#[derive(Default)]
struct Open {
    sessions: HashMap<Fingerprint, HeldSession>,
    codes: HashMap<Fingerprint, HeldSession>,
}

struct HeldSession {
    credential: SessionCredential,
    ends: Instant,
}

impl PageSessions {
    fn lock(&self) -> MutexGuard<'_, Open> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Opens a session for whoever presented this token; answers its secret. `lasts` is how long the token does.
    pub(super) fn open(&self, credential: SessionCredential, lasts: Option<Duration>) -> (Zeroizing<String>, Duration) {
        let (secret, lasts) = (
            secret(),
            lasts.unwrap_or(LONGEST).min(Duration::from_secs(400 * 86_400)),
        );
        let now = Instant::now();
        let mut open = self.lock();
        open.sessions.retain(|_, held| held.ends > now);
        if open.sessions.len() >= MOST
            && let Some(first) = open
                .sessions
                .iter()
                .min_by_key(|(_, held)| held.ends)
                .map(|(key, _)| *key)
        {
            open.sessions.remove(&first);
        }
        let ends = now + lasts;
        open.sessions
            .insert(fingerprint(&secret), HeldSession { credential, ends });
        (secret, lasts)
    }

    /// The token behind a session.
    pub(super) fn credential(&self, secret: &str) -> Option<SessionCredential> {
        let open = self.lock();
        let held = open.sessions.get(&fingerprint(secret))?;
        (held.ends > Instant::now()).then(|| held.credential.clone())
    }

    /// Ends a session.
    pub(super) fn close(&self, secret: &str) {
        self.lock().sessions.remove(&fingerprint(secret));
    }

    /// A code that lets one person in, once and soon, as the owner of this token.
    pub(crate) fn invite(&self, token: Zeroizing<String>) -> Zeroizing<String> {
        let code = secret();
        let held = HeldSession {
            credential: Arc::new(token),
            ends: Instant::now() + CODE,
        };
        self.lock().codes.insert(fingerprint(&code), held);
        code
    }

    /// The token that a code is for. It is good no more.
    pub(super) fn redeem(&self, code: &str) -> Option<SessionCredential> {
        let held = self.lock().codes.remove(&fingerprint(code))?;
        (held.ends > Instant::now()).then_some(held.credential)
    }
}

fn secret() -> Zeroizing<String> {
    Zeroizing::new(hex::encode(rand::rng().random::<[u8; 32]>()))
}

fn fingerprint(secret: &str) -> Fingerprint {
    Sha256::digest(secret).into()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn token(text: &str) -> SessionCredential {
        Arc::new(Zeroizing::new(text.to_owned()))
    }

    #[tokio::test(start_paused = true)]
    async fn a_session_ends_with_its_token_or_when_it_is_left() {
        let sessions = PageSessions::default();
        let (first, lasts) = sessions.open(token("a"), Some(Duration::from_secs(60)));
        let (second, longest) = sessions.open(token("b"), None);
        assert_eq!((lasts, longest), (Duration::from_secs(60), LONGEST));
        assert_eq!(sessions.credential(&first).unwrap().as_str(), "a");
        assert!(sessions.credential("nonsense").is_none());
        tokio::time::advance(Duration::from_secs(60)).await;
        assert!(sessions.credential(&first).is_none());
        assert_eq!(sessions.credential(&second).unwrap().as_str(), "b");
        sessions.close(&second);
        assert!(sessions.credential(&second).is_none());
    }

    #[tokio::test(start_paused = true)]
    async fn a_code_is_good_once_and_soon() {
        let sessions = PageSessions::default();
        let invite = || sessions.invite(Zeroizing::new("a".to_owned()));
        let code = invite();
        assert_eq!(sessions.redeem(&code).unwrap().as_str(), "a");
        assert!(sessions.redeem(&code).is_none());
        let late = invite();
        tokio::time::advance(CODE).await;
        assert!(sessions.redeem(&late).is_none());
    }

    #[test]
    fn there_are_only_so_many() {
        let sessions = PageSessions::default();
        let (first, _) = sessions.open(token("first"), Some(Duration::from_secs(1)));
        for _ in 0..MOST {
            sessions.open(token("x"), None);
        }
        assert!(sessions.credential(&first).is_none());
        assert_eq!(sessions.lock().sessions.len(), MOST);
    }
}
