//! A credential that is made for each request, or fetched: signatures and bearer tokens.

use std::fmt;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use http::{HeaderValue, header};
use loadlock_policy::credential::{AwsSigning, OauthToken};
use loadlock_policy::egress::Origin;
use zeroize::Zeroizing;

use super::aws_keys::KeySource;
use super::error::CredentialError;
use super::fetch::Fetcher;
use super::injection::Injection;
use super::oauth::TokenSource;
use super::renewed::{Life, Renewed};
use super::sigv4::{AwsKeys, Signer};
use super::token_client::TokenClient;
use crate::Secret;
use crate::clock::Clock;
use crate::scrub::Scrubber;

/// A server's clock is believed when it differs from what is used by more than this: AWS refuses what is 15 minutes
/// off.
const SKEW_MS: i64 = 4 * 60 * 1_000;

/// And not when it differs from this machine's by more than this.
const MOST_SKEW_MS: i64 = 24 * 3_600 * 1_000;

/// Signs requests, or adds a token to them.
pub struct Minted {
    provider: String,
    described: String,
    source: MintSource,
    client: Arc<dyn TokenClient>,
    clock: Arc<dyn Clock>,
    held: Renewed<Issued>,
    ahead_ms: Arc<AtomicI64>,
    /// Made anew when the headers or what is issued change: its scrubber is not for free.
    built: Mutex<Option<Built>>,
}

enum MintSource {
    Aws { signing: AwsSigning, keys: KeySource },
    Token(TokenSource),
}

/// What a source gave.
struct Issued {
    what: IssuedValue,
    secrets: Vec<Secret>,
}

enum IssuedValue {
    Keys(AwsKeys),
    Bearer(Secret),
}

struct Built {
    headers: Arc<Injection>,
    issued: Arc<Issued>,
    injection: Arc<Injection>,
}

impl Minted {
    /// Signatures for S3 and its kin. What is on this machine is read now.
    ///
    /// # Errors
    /// [`CredentialError`] names what is missing or makes no sense.
    pub fn aws(
        provider: &str,
        signing: &AwsSigning,
        env: &dyn Fn(&str) -> Option<String>,
        client: Arc<dyn TokenClient>,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, CredentialError> {
        let keys = KeySource::resolve(provider, signing, env)?;
        let first = keys.local(provider).transpose()?;
        let source = MintSource::Aws {
            signing: signing.clone(),
            keys,
        };
        let minted = Self::new(provider, signing.to_string(), source, client, clock);
        if let Some((keys, life)) = first {
            let issued = Issued::new(IssuedValue::Keys(keys), Vec::new());
            minted.held.store(issued, life, Issued::is_same);
        }
        Ok(minted)
    }

    /// A bearer token from an OAuth 2 endpoint, fetched for the first request.
    ///
    /// # Errors
    /// [`CredentialError`] names what is missing or makes no sense.
    pub fn oauth(
        provider: &str,
        token: &OauthToken,
        env: &dyn Fn(&str) -> Option<String>,
        client: Arc<dyn TokenClient>,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, CredentialError> {
        let source = TokenSource::resolve(provider, token, env)?;
        source.secrets(provider)?;
        let source = MintSource::Token(source);
        Ok(Self::new(provider, token.to_string(), source, client, clock))
    }

    fn new(
        provider: &str,
        described: String,
        source: MintSource,
        client: Arc<dyn TokenClient>,
        clock: Arc<dyn Clock>,
    ) -> Self {
        tracing::info!(provider, from = described, "[AUTH] credential loaded");
        Self {
            provider: provider.to_owned(),
            described,
            source,
            client,
            held: Renewed::new(Arc::clone(&clock)),
            clock,
            ahead_ms: Arc::default(),
            built: Mutex::default(),
        }
    }

    /// Where it is fetched, if that is beyond this machine and its links: a proxy variable may apply to it.
    pub fn endpoint(&self) -> Option<&Origin> {
        let endpoint = match &self.source {
            MintSource::Aws { keys, .. } => keys.endpoint()?,
            MintSource::Token(source) => source.endpoint(),
        };
        endpoint.is_remote().then(|| endpoint.origin())
    }

    /// What stays the same when secrets change.
    pub(super) fn identity(&self) -> String {
        match &self.source {
            MintSource::Token(source) => format!("oauth {}", source.identity()),
            MintSource::Aws { signing, keys } => {
                let scope = format!("aws {}/{}", signing.region, signing.service);
                let lasting = matches!(
                    keys,
                    KeySource::Pair {
                        session_token: None,
                        ..
                    }
                );
                match self.held.known().0.as_deref().map(|issued| &issued.what) {
                    Some(IssuedValue::Keys(keys)) if lasting => format!("{scope} {}", keys.key_id),
                    _ => format!("{scope} {}", signing.source),
                }
            }
        }
    }

    /// Everything secret that is known now.
    pub(super) fn secrets(&self) -> Vec<Secret> {
        let (current, previous) = self.held.known();
        let issued = current
            .iter()
            .chain(&previous)
            .flat_map(|issued| issued.secrets.clone());
        let mut secrets: Vec<Secret> = issued.collect();
        if let MintSource::Token(source) = &self.source {
            secrets.extend(source.secrets(&self.provider).unwrap_or_default());
        }
        secrets
    }

    /// `headers` and what is made.
    pub(super) async fn injection(&self, headers: Arc<Injection>) -> Result<Arc<Injection>, CredentialError> {
        let issued = self.held.get(Issued::is_same, || self.fetch()).await?;
        let mut built = self.built.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(built) = built.as_ref()
            && Arc::ptr_eq(&built.headers, &headers)
            && Arc::ptr_eq(&built.issued, &issued)
        {
            return Ok(Arc::clone(&built.injection));
        }
        let injection = Arc::new(self.build(&headers, &issued)?);
        *built = Some(Built {
            headers,
            issued,
            injection: Arc::clone(&injection),
        });
        Ok(injection)
    }

    fn build(&self, headers: &Injection, issued: &Issued) -> Result<Injection, CredentialError> {
        let mut secrets = headers.secrets.clone();
        secrets.extend(self.secrets());
        secrets.extend(issued.secrets.clone());
        let mut inserted = headers.headers.clone();
        let signer = match (&issued.what, &self.source) {
            (IssuedValue::Keys(keys), MintSource::Aws { signing, .. }) => Some(Signer {
                region: signing.region.clone(),
                service: signing.service.clone(),
                keys: keys.clone(),
                ahead_ms: Arc::clone(&self.ahead_ms),
            }),
            (IssuedValue::Bearer(token), _) => {
                let text = Zeroizing::new(format!("Bearer {}", token.expose()));
                let value = HeaderValue::from_str(&text).map_err(|_| CredentialError::Invalid {
                    provider: self.provider.clone(),
                    header: "authorization".to_owned(),
                    reference: self.described.clone(),
                    reason: "its token cannot be part of a header".to_owned(),
                });
                let mut value = value?;
                value.set_sensitive(true);
                inserted.push((header::AUTHORIZATION, value));
                None
            }
            (IssuedValue::Keys(_), MintSource::Token(_)) => None,
        };
        let scrubber = Arc::new(Scrubber::new(&secrets));
        Ok(Injection {
            headers: inserted,
            signer,
            secrets,
            scrubber,
        })
    }

    async fn fetch(&self) -> Result<(Issued, Life), CredentialError> {
        let what = match &self.source {
            MintSource::Aws { .. } => "keys",
            MintSource::Token(_) => "a token",
        };
        let fetcher = Fetcher {
            provider: &self.provider,
            what,
            client: &self.client,
            clock: self.clock.as_ref(),
        };
        let (issued, life) = match &self.source {
            MintSource::Aws { keys, .. } => {
                let (keys, life, secrets) = keys.fetch(&fetcher).await?;
                (Issued::new(IssuedValue::Keys(keys), secrets), life)
            }
            MintSource::Token(source) => {
                let (token, life, secrets) = source.fetch(&fetcher).await?;
                (Issued::new(IssuedValue::Bearer(token), secrets), life)
            }
        };
        if let Life::Until(life) = life {
            tracing::info!(
                provider = self.provider,
                "[AUTH] {what} fetched, good for {} s",
                life.as_secs()
            );
        }
        Ok((issued, life))
    }

    /// See [`super::Credential::answered`].
    pub(super) fn answered(&self, status: u16, date: Option<&HeaderValue>) {
        if !matches!(status, 400 | 401 | 403) {
            return;
        }
        self.held.doubt();
        if status != 403 || !matches!(self.source, MintSource::Aws { .. }) {
            return;
        }
        let Some(theirs) = date.and_then(|date| date.to_str().ok()).and_then(http_date) else {
            return;
        };
        let ahead = theirs.saturating_sub(i64::try_from(self.clock.unix_millis()).unwrap_or(i64::MAX));
        let used = self.ahead_ms.load(Ordering::Relaxed);
        if ahead.saturating_sub(used).saturating_abs() > SKEW_MS && ahead.saturating_abs() < MOST_SKEW_MS {
            self.ahead_ms.store(ahead, Ordering::Relaxed);
            tracing::warn!(
                provider = self.provider,
                "[AUTH] the store's clock is {} s ahead of this machine's; requests are signed for the store's. Set \
                 this machine's clock",
                ahead / 1_000
            );
        }
    }
}

/// `Sun, 06 Nov 1994 08:49:37 GMT`, in milliseconds since 1970.
fn http_date(text: &str) -> Option<i64> {
    let time = jiff::fmt::rfc2822::parse(text).ok()?;
    Some(time.timestamp().as_millisecond())
}

impl Issued {
    fn new(what: IssuedValue, mut secrets: Vec<Secret>) -> Self {
        match &what {
            IssuedValue::Bearer(token) => secrets.push(token.clone()),
            IssuedValue::Keys(keys) => {
                secrets.push(keys.secret.clone());
                secrets.extend(keys.session_token.clone());
            }
        }
        Self { what, secrets }
    }

    fn is_same(&self, other: &Self) -> bool {
        match (&self.what, &other.what) {
            (IssuedValue::Keys(one), IssuedValue::Keys(two)) => one.is_same(two),
            (IssuedValue::Bearer(one), IssuedValue::Bearer(two)) => one.expose() == two.expose(),
            _ => false,
        }
    }
}

impl fmt::Display for Minted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "authorization: {}", self.described)
    }
}

impl fmt::Debug for Minted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
