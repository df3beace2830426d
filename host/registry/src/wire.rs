//! Requests to one registry, and to the hosts that it may send us to.
//!
//! Everything leaves by the transport that components' requests leave by: addresses are judged, nothing is followed
//! unseen, times and sizes are bounded. Where a registry points (a download elsewhere, the realm of a login) we go only
//! if the operator named that host, and credentials go to the registry and to its realm alone.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::header::{AUTHORIZATION, LOCATION, RETRY_AFTER};
use http::{HeaderMap, HeaderName, HeaderValue, Request};
use http_body_util::{BodyExt as _, Full};
use loadlock_egress::clock::SystemClock;
use loadlock_egress::credential::{Credential, HeaderSpec};
use loadlock_egress::tls::Roots;
use loadlock_egress::{Call, Secret, Timeouts, Transport};
use loadlock_policy::credential::CredentialMode;
use loadlock_policy::egress::{Allowed, EgressGrant, EgressPolicy, Method, Origin, RequestFacts, Scheme};
use loadlock_policy::model::{EgressNeed, Operation};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Deserialize;

use crate::RegistryError;
use crate::challenge::{Challenge, challenge};
use crate::docker_config::Login;

/// Waits between attempts of one request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RetryWaits {
    /// Before each further attempt; their number bounds the attempts.
    pub waits: [Duration; 2],
    /// Longest `Retry-After` that is waited for.
    pub longest: Duration,
}

impl Default for RetryWaits {
    fn default() -> Self {
        Self {
            waits: [Duration::from_millis(500), Duration::from_secs(2)],
            longest: Duration::from_secs(20),
        }
    }
}

/// How a registry is spoken to.
#[derive(Debug, Clone)]
pub struct RegistryOptions {
    /// Other hosts that it may send us to, `HOST` or `HOST:PORT`.
    pub hosts: Vec<String>,
    /// Whose certificates are believed.
    pub roots: Roots,
    /// The credentials for it.
    pub login: Option<Login>,
    /// Bounds on each request.
    pub timeouts: Timeouts,
    /// Between attempts.
    pub retry: RetryWaits,
}

impl Default for RegistryOptions {
    /// 10 s to connect, 60 s for an answer, 30 s of silence, 10 min in all: 64 MiB at 110 KB/s.
    fn default() -> Self {
        Self {
            hosts: Vec::new(),
            roots: Roots::default(),
            login: None,
            timeouts: Timeouts {
                connect: Duration::from_secs(10),
                first_byte: Duration::from_secs(60),
                between_bytes: Duration::from_secs(30),
                total: Duration::from_secs(600),
            },
            retry: RetryWaits::default(),
        }
    }
}

/// One request.
pub(crate) struct Ask<'a> {
    pub(crate) method: &'static str,
    /// Absolute path and query at the registry, or a URL that it gave.
    pub(crate) target: String,
    pub(crate) headers: Vec<(HeaderName, HeaderValue)>,
    pub(crate) body: Bytes,
    /// Most bytes of the answer.
    pub(crate) limit: u64,
    /// What it is about, for messages.
    pub(crate) what: &'a str,
}

/// What came back.
#[derive(Debug)]
pub(crate) struct WireAnswer {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

/// The connections to one registry.
pub(crate) struct Wire {
    registry: Origin,
    repository: String,
    /// `pull`, or `pull,push`.
    actions: &'static str,
    policy: EgressPolicy,
    origins: Vec<Origin>,
    options: RegistryOptions,
    plain: Transport,
    /// Once the registry has asked for it.
    authorised: Mutex<Option<Arc<Transport>>>,
}

const HOPS: usize = 5;
const TOKEN_ANSWER: u64 = 64 << 10;

impl Wire {
    pub(crate) fn new(
        registry: &Origin,
        repository: &str,
        push: bool,
        options: RegistryOptions,
    ) -> Result<Self, RegistryError> {
        let mut origins = vec![registry.clone()];
        for host in &options.hosts {
            let bad = |reason: String| RegistryError::Host {
                host: host.clone(),
                reason,
            };
            let origin = Origin::from_parts(registry.scheme.as_str(), host).map_err(|error| bad(error.to_string()))?;
            if origin.scheme == Scheme::Http && !origin.host.is_loopback() {
                return Err(RegistryError::PlainHttp { host: host.clone() });
            }
            if !origins.contains(&origin) {
                origins.push(origin);
            }
        }
        let policy = policy(&origins)?;
        let plain = transport(registry, &origins, &options, None)?;
        Ok(Self {
            registry: registry.clone(),
            repository: repository.to_owned(),
            actions: if push { "pull,push" } else { "pull" },
            policy,
            origins,
            options,
            plain,
            authorised: Mutex::default(),
        })
    }

    pub(crate) fn host(&self) -> String {
        self.registry.host_header()
    }

    /// Sends a request: logs in if the registry wants that, follows it where it may send us, tries again what a
    /// registry that is overloaded or away did not answer. All requests are such that a repeat does no harm.
    pub(crate) async fn send(&self, ask: Ask<'_>) -> Result<WireAnswer, RegistryError> {
        let mut waits = self.options.retry.waits.into_iter();
        loop {
            let outcome = self.logged_in(&ask).await;
            let (again, asked) = match &outcome {
                Ok(answer) => (
                    matches!(answer.status, 429 | 502 | 503 | 504),
                    retry_after(&answer.headers),
                ),
                Err(RegistryError::Unreachable { .. }) => (true, None),
                Err(_) => (false, None),
            };
            let longest = self.options.retry.longest;
            let patient = asked.is_none_or(|asked| asked <= longest);
            match waits.next() {
                Some(wait) if again && patient => tokio::time::sleep(asked.unwrap_or(wait)).await,
                _ => return outcome,
            }
        }
    }

    /// An answer of another status than these is an error.
    pub(crate) async fn expect(&self, ask: Ask<'_>, good: &[u16]) -> Result<WireAnswer, RegistryError> {
        let what = ask.what.to_owned();
        let answer = self.send(ask).await?;
        if good.contains(&answer.status) {
            return Ok(answer);
        }
        let host = self.host();
        Err(match answer.status {
            401 => RegistryError::Unauthorised {
                host,
                repository: self.repository.clone(),
                presented: self.options.login.is_some(),
            },
            403 => RegistryError::Forbidden { host, what },
            404 => RegistryError::NotFound { host, what },
            429 => RegistryError::Throttled {
                host,
                what,
                retry_after: retry_after(&answer.headers).map(|wait| wait.as_secs()),
            },
            status => RegistryError::Status { host, what, status },
        })
    }

    async fn logged_in(&self, ask: &Ask<'_>) -> Result<WireAnswer, RegistryError> {
        let known = self.authorised.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let (answer, at_registry) = self.follow(ask, known.as_deref().unwrap_or(&self.plain)).await?;
        // A host that a download is at is shown no credentials, whatever it asks for.
        if answer.status != 401 || !at_registry {
            return Ok(answer);
        }
        let Some(challenge) = challenge(&answer.headers) else {
            return Ok(answer);
        };
        let Some(transport) = self.log_in(&challenge).await? else {
            return Ok(answer);
        };
        let transport = Arc::new(transport);
        *self.authorised.lock().unwrap_or_else(PoisonError::into_inner) = Some(Arc::clone(&transport));
        Ok(self.follow(ask, &transport).await?.0)
    }

    /// A transport with what the challenge asks for; none if there is nothing to answer it with.
    async fn log_in(&self, challenge: &Challenge) -> Result<Option<Transport>, RegistryError> {
        let login = self.options.login.as_ref();
        let (template, secret) = match challenge {
            Challenge::Basic => match login {
                Some(login) => (BASIC, login.encoded().clone()),
                None => return Ok(None),
            },
            Challenge::Bearer { realm, service } => (BEARER, self.token(realm, service.as_deref()).await?),
        };
        let credential = Some((template, &secret, &self.registry));
        transport(&self.registry, &self.origins, &self.options, credential).map(Some)
    }

    /// Asks the realm for a token, with the credentials if there are any. What it is for is ours to say: a registry
    /// could ask for more.
    async fn token(&self, realm: &str, service: Option<&str>) -> Result<Secret, RegistryError> {
        let (scheme, authority, path) = split_url(realm).ok_or_else(|| self.bad_redirect(LOGIN, "it has no host"))?;
        let scope = format!("repository:{}:{}", self.repository, self.actions);
        let mut query = format!("scope={}", utf8_percent_encode(&scope, NON_ALPHANUMERIC));
        if let Some(service) = service {
            query = format!("service={}&{query}", utf8_percent_encode(service, NON_ALPHANUMERIC));
        }
        let joint = if path.contains('?') { '&' } else { '?' };
        let allowed = self.decide("GET", scheme, authority, &format!("{path}{joint}{query}"), LOGIN)?;
        let realm_transport = match &self.options.login {
            Some(login) => {
                let credential = Some((BASIC, login.encoded(), &allowed.origin));
                Some(transport(&self.registry, &self.origins, &self.options, credential)?)
            }
            None => None,
        };
        let ask = Ask {
            method: "GET",
            target: String::new(),
            headers: Vec::new(),
            body: Bytes::new(),
            limit: TOKEN_ANSWER,
            what: "the login",
        };
        let answer = self
            .one(&ask, realm_transport.as_ref().unwrap_or(&self.plain), &allowed)
            .await?;
        match answer.status {
            200 => {}
            400 | 401 | 403 => {
                return Err(RegistryError::Unauthorised {
                    host: self.host(),
                    repository: self.repository.clone(),
                    presented: self.options.login.is_some(),
                });
            }
            status => {
                let (host, what) = (allowed.origin.host_header(), "the login".to_owned());
                return Err(RegistryError::Status { host, what, status });
            }
        }
        #[derive(Deserialize)]
        struct Token {
            token: Option<String>,
            access_token: Option<String>,
        }
        let token = serde_json::from_slice::<Token>(&answer.body).ok();
        let token = token
            .and_then(|token| token.token.or(token.access_token))
            .map(Secret::new);
        let good =
            |token: &Secret| !token.expose().is_empty() && token.expose().bytes().all(|byte| byte.is_ascii_graphic());
        token.filter(good).ok_or_else(|| RegistryError::Malformed {
            what: "the answer to the login".to_owned(),
            reason: "it holds no token".to_owned(),
        })
    }

    /// Sends a request and follows redirects of reading ones; whether the last answer is the registry's own.
    async fn follow(&self, ask: &Ask<'_>, transport: &Transport) -> Result<(WireAnswer, bool), RegistryError> {
        let mut allowed = self.located(ask.method, &ask.target, &self.registry)?;
        for _ in 0..HOPS {
            let answer = self.one(ask, transport, &allowed).await?;
            let redirect = matches!(answer.status, 301 | 302 | 303 | 307 | 308) && matches!(ask.method, "GET" | "HEAD");
            if !redirect {
                let own = allowed.origin == self.registry;
                return Ok((answer, own));
            }
            let target =
                header(&answer.headers, &LOCATION).ok_or_else(|| self.bad_redirect(DOWNLOAD, "it names none"))?;
            allowed = self.located(ask.method, target, &allowed.origin)?;
        }
        Err(self.bad_redirect(DOWNLOAD, "there are more redirects than anybody needs"))
    }

    /// A path at `base`, or a whole URL.
    fn located(&self, method: &str, target: &str, base: &Origin) -> Result<Allowed, RegistryError> {
        let what = if matches!(method, "GET" | "HEAD") {
            DOWNLOAD
        } else {
            UPLOAD
        };
        match split_url(target) {
            Some((scheme, authority, path)) => self.decide(method, scheme, authority, path, what),
            None => self.decide(method, base.scheme.as_str(), &base.host_header(), target, what),
        }
    }

    fn decide(
        &self,
        method: &str,
        scheme: &str,
        authority: &str,
        path_and_query: &str,
        what: &'static str,
    ) -> Result<Allowed, RegistryError> {
        let origin =
            Origin::from_parts(scheme, authority).map_err(|error| self.bad_redirect(what, &error.to_string()))?;
        if !self.origins.contains(&origin) {
            return Err(RegistryError::Elsewhere {
                registry: self.host(),
                what,
                origin: origin.to_string(),
            });
        }
        let facts = RequestFacts {
            scheme,
            authority,
            path_and_query,
            method,
            operation: Operation::Track,
            remote_id: None,
        };
        self.policy
            .decide(&facts)
            .map_err(|denied| self.bad_redirect(what, &denied.reason.to_string()))
    }

    fn bad_redirect(&self, what: &'static str, reason: &str) -> RegistryError {
        RegistryError::BadRedirect {
            registry: self.host(),
            what,
            reason: reason.to_owned(),
        }
    }

    async fn one(&self, ask: &Ask<'_>, transport: &Transport, allowed: &Allowed) -> Result<WireAnswer, RegistryError> {
        let unreachable = |error: loadlock_egress::Error| RegistryError::Unreachable {
            host: allowed.origin.host_header(),
            what: ask.what.to_owned(),
            reason: plain_words(&error.to_string()),
        };
        let mut request = Request::new(Full::new(ask.body.clone()));
        request.headers_mut().extend(ask.headers.iter().cloned());
        let response = transport
            .send(request, allowed, &Call::default())
            .await
            .map_err(unreachable)?;
        let (head, mut body) = response.into_parts();
        let too_large = || RegistryError::TooLarge {
            what: ask.what.to_owned(),
            limit: ask.limit,
        };
        let mut bytes = BytesMut::new();
        while let Some(frame) = body.frame().await {
            let frame = frame.map_err(unreachable)?;
            let Ok(data) = frame.into_data() else { continue };
            if bytes.len() as u64 + data.len() as u64 > ask.limit {
                return Err(too_large());
            }
            bytes.extend_from_slice(&data);
        }
        Ok(WireAnswer {
            status: head.status.as_u16(),
            headers: head.headers,
            body: bytes.freeze(),
        })
    }
}

const DOWNLOAD: &str = "a download";
const UPLOAD: &str = "an upload";
const LOGIN: &str = "the login";
const BASIC: &str = "Basic ${env:SECRET}";
const BEARER: &str = "Bearer ${env:SECRET}";

/// What may be sent: anything to the registry, reading requests to the hosts that it may name.
fn policy(origins: &[Origin]) -> Result<EgressPolicy, RegistryError> {
    let refused = |host: String, reason: String| RegistryError::Host { host, reason };
    let (mut needs, mut grants) = (Vec::new(), Vec::new());
    for (index, origin) in origins.iter().enumerate() {
        let methods = match index {
            0 => vec![Method::Get, Method::Head, Method::Post, Method::Put],
            _ => vec![Method::Get, Method::Head],
        };
        needs.push(EgressNeed {
            origin: origin.to_string(),
            path_prefix: "/".to_owned(),
            methods: methods.iter().map(|method| method.as_str().to_owned()).collect(),
            operations: vec![Operation::Track],
        });
        // Whoever names a host of the own network means it.
        let grant = EgressGrant::parse(&origin.to_string(), "/", methods, true);
        grants.push(grant.map_err(|error| refused(origin.host_header(), error.to_string()))?);
    }
    EgressPolicy::new("registry", &needs, true, grants).map_err(|error| {
        refused(
            origins.first().map(Origin::host_header).unwrap_or_default(),
            error.to_string(),
        )
    })
}

/// A transport that adds a credential at one origin.
fn transport(
    registry: &Origin,
    origins: &[Origin],
    options: &RegistryOptions,
    credential: Option<(&str, &Secret, &Origin)>,
) -> Result<Transport, RegistryError> {
    let host = registry.host_header();
    let unusable = |reason: String| RegistryError::Unreachable {
        host: host.clone(),
        what: "before anything is sent".to_owned(),
        reason: plain_words(&reason),
    };
    let mut builder = Transport::builder(host.clone(), origins.to_vec())
        .roots(options.roots.clone())
        .timeouts(options.timeouts);
    if let Some((template, secret, at)) = credential {
        let spec = HeaderSpec {
            name: AUTHORIZATION,
            template: template
                .parse()
                .map_err(|_| unusable("no credential can be set".to_owned()))?,
            mode: CredentialMode::Plain,
        };
        let value = |_: &str| Some(secret.expose().to_owned());
        let loaded = Credential::load(&host, &[spec], &value, Arc::new(SystemClock::new()));
        let loaded = loaded.map_err(|error| unusable(error.to_string()))?;
        builder = builder
            .credential(Arc::new(loaded))
            .credential_only_at(vec![at.clone()]);
    }
    builder
        .build(&|name| std::env::var(name).ok())
        .map_err(|error| unusable(error.to_string()))
}

/// Scheme, authority, and path with query; nothing for what is no absolute URL.
fn split_url(text: &str) -> Option<(&str, &str, &str)> {
    let (scheme, rest) = text.split_once("://")?;
    if !scheme.bytes().all(|byte| byte.is_ascii_alphabetic()) {
        return None;
    }
    let at = rest.find(['/', '?']).unwrap_or(rest.len());
    let (authority, path) = rest.split_at(at);
    Some((scheme, authority, if path.is_empty() { "/" } else { path }))
}

fn header<'h>(headers: &'h HeaderMap, name: &HeaderName) -> Option<&'h str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}

/// In seconds; dates are not waited for.
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    header(headers, &RETRY_AFTER)?
        .trim()
        .parse()
        .ok()
        .map(Duration::from_secs)
}

/// Without the word that metrics call it by.
fn plain_words(error: &str) -> String {
    match error.split_once(": ") {
        Some((word, rest)) if word.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_') => rest.to_owned(),
        _ => error.to_owned(),
    }
}
