//! Failed authentications, by address and by key.
//!
//! Only failures count. Once an address or a key has too many, credentials from there or under that key are refused
//! unseen for a while, with the time to wait. A credential that was accepted before is always looked at: nobody who
//! guesses can lock out those who are in, not even from the same address or under the same key, or after a restart.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::num::NonZeroU32;
use std::sync::{Mutex, PoisonError, RwLock};
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use governor::clock::{Clock, DefaultClock, Reference};
use governor::middleware::NoOpMiddleware;
use governor::state::keyed::DefaultKeyedStateStore;
use governor::{Quota, RateLimiter};

use super::accepted_credentials::AcceptedCredentials;
use crate::principal::Peer;

/// Failures in a row from one address, and as many again in each minute: a person who mistypes, a client that retries
/// with an old token.
const BY_ADDRESS: NonZeroU32 = NonZeroU32::new(10).unwrap();
/// Under one key: many clients may meet a rotation at the same time.
const BY_KEY: NonZeroU32 = NonZeroU32::new(100).unwrap();
/// Addresses that are kept apart; beyond them all new ones share one account. Some 1 MiB.
const MAX_ADDRESSES: usize = 10_000;

/// Whose failures are counted together.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum FailureAccount {
    /// An IPv4 address, or an IPv6 network of 64 bits: that is what one customer gets.
    Address(IpAddr),
    /// A client that the proxy at this address hides, by the name that it has there.
    Alias(IpAddr, String),
    /// Everybody who came when there was no room.
    Others,
    Key(String),
}

type FailureStore = DefaultKeyedStateStore<FailureAccount>;
type Counter<C> = RateLimiter<FailureAccount, FailureStore, C, NoOpMiddleware<<C as Clock>::Instant>>;

/// The accounts of one kind.
struct FailureAccounts<C: Clock> {
    failures: Counter<C>,
    blocked: Mutex<HashMap<FailureAccount, C::Instant>>,
}

impl<C: Clock> FailureAccounts<C> {
    fn new(limit: NonZeroU32, clock: C) -> Self {
        Self {
            failures: RateLimiter::new(Quota::per_minute(limit), FailureStore::default(), clock),
            blocked: Mutex::default(),
        }
    }

    /// How long it is blocked.
    fn blocked(&self, account: &FailureAccount, now: C::Instant) -> Option<Duration> {
        let mut blocked = self.blocked.lock().unwrap_or_else(PoisonError::into_inner);
        let until = *blocked.get(account)?;
        let left = Duration::from(until.duration_since(now));
        if left.is_zero() {
            blocked.remove(account);
            return None;
        }
        Some(left)
    }

    /// Counts a failure; true if it is blocked because of it.
    fn failed(&self, account: FailureAccount, now: C::Instant) -> bool {
        let Err(until) = self.failures.check_key(&account) else {
            return false;
        };
        let mut blocked = self.blocked.lock().unwrap_or_else(PoisonError::into_inner);
        if blocked.len() >= MAX_ADDRESSES {
            blocked.retain(|_, until| *until > now);
        }
        blocked.insert(account, until.earliest_possible()).is_none()
    }
}

/// What kept a credential from being looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Blocked {
    /// `address` or `key`.
    pub(crate) by: &'static str,
    pub(crate) retry_after: Duration,
}

/// Counts failed authentications.
pub(crate) struct FailureLimiter<C: Clock = DefaultClock> {
    clock: C,
    /// Key ids that are configured; all others share one account.
    keys: RwLock<Vec<String>>,
    by_address: FailureAccounts<C>,
    by_key: FailureAccounts<C>,
    accepted: Mutex<AcceptedCredentials>,
}

impl FailureLimiter {
    pub(crate) fn new(keys: Vec<String>, accepted: AcceptedCredentials) -> Self {
        Self::with_clock(keys, accepted, DefaultClock::default())
    }
}

impl<C: Clock + Clone> FailureLimiter<C> {
    fn with_clock(keys: Vec<String>, accepted: AcceptedCredentials, clock: C) -> Self {
        Self {
            keys: RwLock::new(keys),
            by_address: FailureAccounts::new(BY_ADDRESS, clock.clone()),
            by_key: FailureAccounts::new(BY_KEY, clock.clone()),
            accepted: Mutex::new(accepted),
            clock,
        }
    }

    /// Other key ids are configured from now on. Failures under those that stay, and all addresses, stay counted.
    pub(crate) fn replace_keys(&self, keys: Vec<String>) {
        *self.keys.write().unwrap_or_else(PoisonError::into_inner) = keys;
    }

    fn accepted(&self) -> std::sync::MutexGuard<'_, AcceptedCredentials> {
        self.accepted.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn key(&self, credential: Option<&str>) -> Option<FailureAccount> {
        let kid = presented_key_id(credential?)?;
        let keys = self.keys.read().unwrap_or_else(PoisonError::into_inner);
        let known = keys.contains(&kid);
        Some(if known {
            FailureAccount::Key(kid)
        } else {
            FailureAccount::Others
        })
    }

    /// Whether the credential may be looked at.
    pub(crate) fn check(&self, from: Option<FailureAccount>, credential: Option<&str>) -> Result<(), Blocked> {
        let now = self.clock.now();
        let of = |by, account: Option<FailureAccount>, accounts: &FailureAccounts<C>| {
            let retry_after = accounts.blocked(&account?, now)?;
            Some(Blocked { by, retry_after })
        };
        let blocked = of("address", from, &self.by_address).or_else(|| of("key", self.key(credential), &self.by_key));
        match blocked {
            Some(blocked) if !credential.is_some_and(|it| self.accepted().holds(it)) => Err(blocked),
            _ => Ok(()),
        }
    }

    /// It was accepted.
    pub(crate) fn succeeded(&self, credential: Option<&str>) {
        if let Some(credential) = credential {
            self.accepted().insert(credential);
        }
    }

    /// It was refused. What is blocked from now on, if anything newly is.
    pub(crate) fn failed(&self, from: Option<FailureAccount>, credential: Option<&str>) -> Option<&'static str> {
        let now = self.clock.now();
        if let Some(credential) = credential {
            self.accepted().remove(credential);
        }
        let mut newly = None;
        if let Some(account) = self.key(credential)
            && self.by_key.failed(account, now)
        {
            newly = Some("key");
        }
        if let Some(mut account) = from {
            let counted = &self.by_address.failures;
            if counted.len() >= MAX_ADDRESSES {
                counted.retain_recent();
                if counted.len() >= MAX_ADDRESSES {
                    account = FailureAccount::Others;
                }
            }
            if self.by_address.failed(account, now) {
                newly = Some("address");
            }
        }
        newly
    }
}

impl FailureAccount {
    /// Whose account a failed request from there is.
    pub(crate) fn of(peer: &Peer) -> Option<Self> {
        let address = peer.address?;
        Some(match &peer.alias {
            Some(alias) => Self::Alias(address, alias.clone()),
            None => network(address),
        })
    }
}

fn network(address: IpAddr) -> FailureAccount {
    let address = match address.to_canonical() {
        IpAddr::V6(six) => IpAddr::V6(Ipv6Addr::from_bits(six.to_bits() & (u128::MAX << 64))),
        four => four,
    };
    FailureAccount::Address(address)
}

/// The key id that a token names, unverified; at most 64 printable characters.
pub(crate) fn presented_key_id(credential: &str) -> Option<String> {
    #[derive(serde::Deserialize)]
    struct Header {
        kid: String,
    }
    let header = credential.split('.').next().filter(|head| head.len() <= 1_024)?;
    if credential.split('.').count() != 3 {
        return None;
    }
    let header: Header = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(header).ok()?).ok()?;
    let printable =
        |kid: &String| !kid.is_empty() && kid.len() <= 64 && kid.bytes().all(|byte| byte.is_ascii_graphic());
    Some(header.kid).filter(printable)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use governor::clock::FakeRelativeClock;

    use super::*;

    fn limiter(clock: &FakeRelativeClock) -> FailureLimiter<FakeRelativeClock> {
        FailureLimiter::with_clock(vec!["known".into()], AcceptedCredentials::in_memory(), clock.clone())
    }

    fn token(kid: &str, rest: &str) -> String {
        let header = URL_SAFE_NO_PAD.encode(format!("{{\"alg\":\"HS256\",\"kid\":\"{kid}\"}}"));
        format!("{header}.{rest}.c2ln")
    }

    fn address(last: u8) -> Option<FailureAccount> {
        Some(network(IpAddr::from([192, 0, 2, last])))
    }

    fn numbered(number: u32) -> Option<FailureAccount> {
        Some(network(IpAddr::from(number.to_be_bytes())))
    }

    #[test]
    fn an_address_is_blocked_by_its_own_failures_and_for_a_while() {
        let clock = FakeRelativeClock::default();
        let limiter = limiter(&clock);
        limiter.succeeded(Some("good"));
        for _ in 0..BY_ADDRESS.get() {
            assert_eq!(limiter.check(address(1), Some("bad")), Ok(()));
            assert_eq!(limiter.failed(address(1), Some("bad")), None);
        }
        assert_eq!(limiter.failed(address(1), Some("bad")), Some("address"));
        // It is said once.
        assert_eq!(limiter.failed(address(1), Some("bad")), None);
        let blocked = limiter.check(address(1), Some("bad")).unwrap_err();
        assert_eq!(blocked.by, "address");
        assert!(blocked.retry_after > Duration::ZERO && blocked.retry_after <= Duration::from_secs(60));
        assert!(limiter.check(address(1), None).is_err());
        // Others, and whoever is in, are not.
        assert_eq!(limiter.check(address(2), Some("bad")), Ok(()));
        assert_eq!(limiter.check(address(1), Some("good")), Ok(()));
        limiter.failed(address(2), Some("good"));
        assert!(limiter.check(address(1), Some("good")).is_err(), "it is good no longer");
        clock.advance(Duration::from_secs(60));
        assert_eq!(limiter.check(address(1), Some("bad")), Ok(()));
    }

    #[test]
    fn a_key_is_blocked_over_all_addresses() {
        let clock = FakeRelativeClock::default();
        let limiter = limiter(&clock);
        limiter.succeeded(Some(&token("known", "mine")));
        let bad = token("known", "bad");
        for number in 0..=BY_KEY.get() {
            limiter.failed(numbered(number), Some(&bad));
        }
        assert_eq!(limiter.check(address(1), Some(&bad)).unwrap_err().by, "key");
        assert_eq!(limiter.check(address(1), Some(&token("known", "mine"))), Ok(()));
        assert_eq!(limiter.check(address(1), Some(&token("another", "x"))), Ok(()));
        assert_eq!(limiter.check(address(1), Some("legacy")), Ok(()));
    }

    #[test]
    fn memory_is_bounded_and_ipv6_networks_count_as_one() {
        let clock = FakeRelativeClock::default();
        let limiter = limiter(&clock);
        for number in 0..(2 * MAX_ADDRESSES as u32) {
            limiter.failed(numbered(number), None);
            limiter.failed(numbered(number), Some(&token(&format!("k{number}"), "x")));
            limiter.succeeded(Some(&format!("good {number}")));
        }
        assert!(limiter.by_address.failures.len() <= MAX_ADDRESSES + 1);
        assert!(limiter.by_address.blocked.lock().unwrap().len() <= MAX_ADDRESSES + 1);
        assert_eq!(limiter.by_key.failures.len(), 1);
        assert!(limiter.accepted().len() <= crate::state::accepted_credentials::CAPACITY);
        let six = |text: &str| network(text.parse().unwrap());
        assert_eq!(six("2001:db8::1"), six("2001:db8:0:0:ffff::2"));
        assert_ne!(six("2001:db8::1"), six("2001:db8:0:1::1"));
        assert_eq!(Some(six("::ffff:192.0.2.1")), address(1));
    }

    #[test]
    fn only_a_token_names_a_key() {
        assert_eq!(presented_key_id(&token("k-1", "x")).as_deref(), Some("k-1"));
        for odd in [
            "",
            "a.b",
            "a.b.c",
            &token("", "x"),
            &token("a b", "x"),
            &token("k", "x.y"),
        ] {
            assert_eq!(presented_key_id(odd), None, "{odd}");
        }
    }
}
