//! Credentials: where they come from, what they look like on the wire, and who gets to see them.
//!
//! A provider's credential is one or more header templates such as `Bearer ${env:MOONSHOT_API_KEY}`, and at most one
//! that is made: a signature of each request, or a token that is fetched ([`Minted`]). The host resolves the templates,
//! re-reads files that change, and adds the headers to requests that the policy has marked for it. No component ever
//! sees the result: a component that sets such a header itself is overridden, and the override is logged by name.
//!
//! What is logged is always the name of a header, variable or file, never a value.

mod aws_keys;
mod error;
mod escape;
mod fetch;
mod glm;
mod headers;
mod injection;
mod minted;
mod oauth;
mod renewed;
mod secret_file;
mod sigv4;
mod source;
pub mod token_client;

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use hmac::{Hmac, KeyInit as _, Mac as _};
use http::{HeaderName, HeaderValue};
use loadlock_policy::credential::{CredentialMode, Reference, Template, TemplatePart};
use sha2::Sha256;
use zeroize::Zeroizing;

pub use self::error::CredentialError;
pub(crate) use self::escape::decoded;
pub(crate) use self::fetch::is_metadata;
pub use self::glm::{TOKEN_LIFE, TOKEN_REUSE};
pub(crate) use self::headers::inject;
pub use self::headers::{CREDENTIAL_HEADERS, is_credential_header};
pub use self::injection::Injection;
pub use self::minted::Minted;
pub use self::renewed::RECHECK;
pub(crate) use self::sigv4::Unsigned;
use crate::Secret;
use crate::clock::Clock;
use crate::scrub::{SHORTEST, Scrubber};

/// One header to inject, as configured.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HeaderSpec {
    /// For example `authorization`.
    pub name: HeaderName,
    /// For example `Bearer ${env:OPENAI_API_KEY}`.
    pub template: Template,
    /// What a reference stands for.
    pub mode: CredentialMode,
}

/// The credential of one provider.
///
/// ```
/// use std::sync::Arc;
/// use loadlock_egress::clock::SystemClock;
/// use loadlock_egress::credential::{Credential, HeaderSpec};
/// use loadlock_policy::credential::CredentialMode;
///
/// let spec = HeaderSpec {
///     name: http::header::AUTHORIZATION,
///     template: "Bearer ${env:MOONSHOT_API_KEY}".parse()?,
///     mode: CredentialMode::Plain,
/// };
/// let missing = Credential::load("kimi", &[spec], &|_| None, Arc::new(SystemClock::new()));
/// assert!(missing.is_err_and(|error| error.to_string().contains("`MOONSHOT_API_KEY`")));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Credential {
    provider: String,
    specs: Vec<HeaderSpec>,
    clock: Arc<dyn Clock>,
    state: Mutex<CredentialState>,
    refreshing: tokio::sync::Mutex<()>,
    minted: Option<Minted>,
}

type Values = BTreeMap<Reference, Secret>;

struct CredentialState {
    values: Values,
    /// Replaced values: a response still under way may echo the key before last, not older ones.
    previous: Vec<Secret>,
    checked: Duration,
    expires: Option<Duration>,
    current: Result<Arc<Injection>, CredentialError>,
}

impl Credential {
    /// Resolves every reference now. `env` looks a variable up: `&|name| std::env::var(name).ok()` in production.
    ///
    /// # Errors
    ///
    /// [`CredentialError`] names the first variable or file that is missing or unusable.
    pub fn load(
        provider: &str,
        specs: &[HeaderSpec],
        env: &dyn Fn(&str) -> Option<String>,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, CredentialError> {
        for (index, spec) in specs.iter().enumerate() {
            if specs.iter().skip(index + 1).any(|other| other.name == spec.name) {
                return Err(CredentialError::Duplicate {
                    provider: provider.to_owned(),
                    header: spec.name.to_string(),
                });
            }
        }
        let mut values = Values::new();
        for (spec, reference) in references(specs) {
            let value = source::read(provider, spec, reference, env)?;
            if value.expose().len() < SHORTEST {
                tracing::warn!(
                    provider,
                    %reference,
                    "[AUTH] the credential is shorter than {SHORTEST} bytes: responses and logs are not searched for it"
                );
            }
            values.insert(reference.clone(), value);
        }
        let now = clock.monotonic();
        let (injection, expires) = render(provider, specs, &values, &[], clock.as_ref())?;
        for spec in specs {
            tracing::info!(provider, header = %spec.name, from = %spec.template, "[AUTH] credential loaded");
        }
        Ok(Self {
            provider: provider.to_owned(),
            specs: specs.to_vec(),
            clock,
            state: Mutex::new(CredentialState {
                values,
                previous: Vec::new(),
                checked: now,
                expires,
                current: Ok(Arc::new(injection)),
            }),
            refreshing: tokio::sync::Mutex::new(()),
            minted: None,
        })
    }

    /// The same with a credential that is made.
    #[must_use]
    pub fn with_minted(mut self, minted: Minted) -> Self {
        self.minted = Some(minted);
        self
    }

    /// The headers for a request that leaves now. Files are read again when the last look is [`RECHECK`] ago, tokens
    /// are minted again when [`TOKEN_REUSE`] has passed, and what is fetched is renewed before it ends.
    ///
    /// # Errors
    ///
    /// [`CredentialError`] when a file has gone or holds no usable value any more: taking the file away takes the
    /// credential away. The next look is [`RECHECK`] later.
    pub async fn injection(&self) -> Result<Arc<Injection>, CredentialError> {
        let headers = self.headers_now().await?;
        match &self.minted {
            None => Ok(headers),
            Some(minted) => minted.injection(headers).await,
        }
    }

    /// A server has answered a request with this credential: with 401 or 403 what is fetched is doubted, and a clock
    /// that is far from ours is taken for the signature's.
    pub(crate) fn answered(&self, status: u16, date: Option<&HeaderValue>) {
        if let Some(minted) = &self.minted {
            minted.answered(status, date);
        }
    }

    /// The time that signatures are made at.
    pub(crate) fn unix_millis(&self) -> u64 {
        self.clock.unix_millis()
    }

    async fn headers_now(&self) -> Result<Arc<Injection>, CredentialError> {
        if let Some(current) = self.current() {
            return current;
        }
        let _one_at_a_time = self.refreshing.lock().await;
        if let Some(current) = self.current() {
            return current;
        }
        let specs = self.specs.clone();
        let provider = self.provider.clone();
        // Small local files, but a file system may hang: never on a thread that drives requests.
        let read = tokio::task::spawn_blocking(move || source::read_files(&provider, &specs)).await;
        let files = match read {
            Ok(files) => files,
            // The runtime is going down; what is known is still true.
            Err(_) => Ok(Values::new()),
        };
        self.update(files)
    }

    /// The names of the headers that this credential sets.
    pub fn header_names(&self) -> impl Iterator<Item = &HeaderName> {
        self.specs.iter().map(|spec| &spec.name)
    }

    /// Every file that a template names, as configured. Admission must refuse to admit or preopen them.
    pub fn files(&self) -> Vec<PathBuf> {
        references(&self.specs)
            .filter_map(|(_, reference)| match reference {
                Reference::File(path) => Some(path.clone()),
                Reference::Env(_) => None,
            })
            .collect()
    }

    /// Masks the present and the previous values, for log lines and messages.
    pub fn scrubber(&self) -> Arc<Scrubber> {
        let state = self.lock();
        if let Some(minted) = &self.minted {
            let made = minted.secrets();
            return Arc::new(Scrubber::new(state.values.values().chain(&state.previous).chain(&made)));
        }
        match &state.current {
            Ok(injection) => Arc::clone(injection.scrubber()),
            Err(_) => Arc::new(Scrubber::new(state.values.values().chain(&state.previous))),
        }
    }

    /// A name for the account behind this credential that does not give the credential away: the first 16 bytes of an
    /// HMAC-SHA-256 under a key of this installation, in hexadecimal.
    ///
    /// Of a GLM key only the id counts, so that a new secret for the same id stays the same account.
    pub fn fingerprint(&self, installation_key: &[u8]) -> String {
        // Any key length is valid for HMAC.
        let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(installation_key) else {
            return String::new();
        };
        mac.update(b"loadlock account\0");
        let state = self.lock();
        for spec in &self.specs {
            for reference in spec.template.references() {
                let Some(value) = state.values.get(reference) else {
                    continue;
                };
                let part = match spec.mode {
                    CredentialMode::Plain => value.expose(),
                    CredentialMode::GlmSigned => glm::id(value),
                };
                mac.update(&(part.len() as u64).to_be_bytes());
                mac.update(part.as_bytes());
            }
        }
        if let Some(minted) = &self.minted {
            mac.update(minted.identity().as_bytes());
        }
        hex::encode(&mac.finalize().into_bytes()[..16])
    }

    /// What is injected and where it comes from, by name: `authorization: Bearer ${env:OPENAI_API_KEY}`.
    pub fn describe(&self) -> Vec<String> {
        self.specs
            .iter()
            .map(|spec| format!("{}: {}", spec.name, spec.template))
            .chain(self.minted.iter().map(ToString::to_string))
            .collect()
    }

    /// The present injection when neither a look at the files nor a new token is due.
    fn current(&self) -> Option<Result<Arc<Injection>, CredentialError>> {
        let now = self.clock.monotonic();
        let state = self.lock();
        let has_files = references(&self.specs).any(|(_, r)| matches!(r, Reference::File(_)));
        let look = has_files && now.saturating_sub(state.checked) >= RECHECK;
        let mint = state.expires.is_some_and(|expires| now >= expires);
        (!look && !mint).then(|| state.current.clone())
    }

    fn update(&self, files: Result<Values, CredentialError>) -> Result<Arc<Injection>, CredentialError> {
        let now = self.clock.monotonic();
        let mut state = self.lock();
        state.checked = now;
        let files = match files {
            Ok(files) => files,
            Err(error) => {
                tracing::error!(provider = self.provider, "[AUTH] {error}");
                state.current = Err(error.clone());
                return Err(error);
            }
        };
        let mut replaced = Vec::new();
        for (reference, value) in files {
            let known = state.values.get(&reference);
            if known.is_some_and(|known| known.expose() == value.expose()) {
                continue;
            }
            tracing::info!(provider = self.provider, %reference, "[AUTH] credential changed");
            replaced.extend(state.values.insert(reference, value));
        }
        if !replaced.is_empty() {
            state.previous = replaced;
        }
        let rendered = render(
            &self.provider,
            &self.specs,
            &state.values,
            &state.previous,
            self.clock.as_ref(),
        );
        state.current = match rendered {
            Ok((injection, expires)) => {
                state.expires = expires;
                Ok(Arc::new(injection))
            }
            Err(error) => {
                tracing::error!(provider = self.provider, "[AUTH] {error}");
                Err(error)
            }
        };
        state.current.clone()
    }

    fn lock(&self) -> MutexGuard<'_, CredentialState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Credential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credential")
            .field("provider", &self.provider)
            .field("headers", &self.describe())
            .finish_non_exhaustive()
    }
}

fn references(specs: &[HeaderSpec]) -> impl Iterator<Item = (&HeaderSpec, &Reference)> {
    specs
        .iter()
        .flat_map(|spec| spec.template.references().map(move |reference| (spec, reference)))
}

/// Puts the secrets in the place of their references.
fn fill<E>(template: &Template, mut value: impl FnMut(&Reference) -> Result<Secret, E>) -> Result<Secret, E> {
    // Pieces first, one allocation after: a growing buffer would leave copies of the secret behind.
    let mut pieces = Vec::with_capacity(template.parts().len());
    for part in template.parts() {
        pieces.push(match part {
            TemplatePart::Text(text) => Secret::new(text.clone()),
            TemplatePart::Reference(reference) => value(reference)?,
        });
    }
    let length = pieces.iter().map(|piece| piece.expose().len()).sum();
    let mut text = Zeroizing::new(String::with_capacity(length));
    for piece in &pieces {
        text.push_str(piece.expose());
    }
    Ok(Secret::new(std::mem::take(&mut *text)))
}

/// Header values from the present secrets, and the monotonic time at which a token must be minted again.
fn render(
    provider: &str,
    specs: &[HeaderSpec],
    values: &Values,
    previous: &[Secret],
    clock: &dyn Clock,
) -> Result<(Injection, Option<Duration>), CredentialError> {
    let mut secrets: Vec<Secret> = values.values().chain(previous).cloned().collect();
    let mut expires = None;
    let mut headers = Vec::with_capacity(specs.len());
    for spec in specs {
        let invalid = |reference: &Reference, reason: &str| CredentialError::Invalid {
            provider: provider.to_owned(),
            header: spec.name.to_string(),
            reference: reference.to_string(),
            reason: reason.to_owned(),
        };
        let mut used = None;
        let text = fill(&spec.template, |reference| {
            let value = values
                .get(reference)
                .ok_or_else(|| invalid(reference, "it was never read"))?;
            used = Some(reference.clone());
            match spec.mode {
                CredentialMode::Plain => Ok(value.clone()),
                CredentialMode::GlmSigned => {
                    let token = glm::mint(value, clock.unix_millis()).map_err(|reason| invalid(reference, reason))?;
                    expires = Some(clock.monotonic() + TOKEN_REUSE);
                    secrets.extend(glm::parts(value));
                    secrets.push(token.clone());
                    Ok(token)
                }
            }
        })?;
        let mut value = HeaderValue::from_str(text.expose()).map_err(|_| {
            let reference = used.unwrap_or_else(|| Reference::Env(String::new()));
            invalid(
                &reference,
                "it contains a character that a header may not contain, such as a line break in the middle",
            )
        })?;
        value.set_sensitive(true);
        headers.push((spec.name.clone(), value));
    }
    let scrubber = Arc::new(Scrubber::new(&secrets));
    let injection = Injection {
        headers,
        signer: None,
        secrets,
        scrubber,
    };
    Ok((injection, expires))
}
