//! One provider's way out.

mod builder;
mod head;
mod pool;

use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, Method, Request, Response, Version, header};
use http_body::Body;
use hyper::body::Incoming;
use hyper_util::client::legacy::connect::capture_connection;
use loadlock_policy::egress::{Allowed, Origin};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, sleep_until, timeout};

pub use self::builder::TransportBuilder;
use self::head::judge;
use self::pool::Pools;
use crate::account::Account;
use crate::classify::classify;
use crate::credential::{self, Credential, Injection, Unsigned};
use crate::observe::Seen;
use crate::progress::{Progress, later};
use crate::reach::Reach;
use crate::request::{self, RequestBody};
use crate::response::{Inherited, ResponseBody};
use crate::scrub::Scrubber;
use crate::{Error, Limits, Timeouts, trace};

/// What one call of a component brings along.
#[derive(Debug, Clone, Default)]
pub struct Call {
    /// Counts this call's requests.
    pub account: Arc<Account>,
    /// Keeps this call's successful responses for the receipt.
    pub seen: Option<Seen>,
    /// Shorter times than the operator's; longer ones have no effect.
    pub timeouts: Option<Timeouts>,
}

/// The connections, credential and counters of one provider.
///
/// ```no_run
/// use bytes::Bytes;
/// use http::Request;
/// use http_body_util::Empty;
/// use loadlock_egress::{Call, Transport};
/// use loadlock_policy::egress::{Allowed, Origin};
///
/// # async fn example(allowed: Allowed) -> Result<(), Box<dyn std::error::Error>> {
/// let origin = Origin::parse("https://api.moonshot.ai")?;
/// let transport = Transport::builder("kimi", vec![origin]).build(&|name| std::env::var(name).ok())?;
/// let request = Request::get("https://ignored.example/").body(Empty::<Bytes>::new())?;
/// let response = transport.send(request, &allowed, &Call::default()).await?;
/// println!("{}", response.status());
/// # Ok(())
/// # }
/// ```
pub struct Transport {
    provider: String,
    timeouts: Timeouts,
    limits: Limits,
    credential: Option<Arc<Credential>>,
    credential_origins: Option<Vec<Origin>>,
    /// Whether requests are the host's own.
    for_host: bool,
    pools: Pools,
    in_flight: Arc<Semaphore>,
    account: Arc<Account>,
    nothing: Arc<Scrubber>,
}

impl Transport {
    /// Starts the settings for a provider that may reach these origins.
    pub fn builder(provider: impl Into<String>, origins: Vec<Origin>) -> TransportBuilder {
        TransportBuilder::new(provider.into(), origins)
    }

    /// Sends a request that the policy has decided, and gives the response's head with a body that streams.
    ///
    /// Method, URI and `Host` come from `allowed`; of `request` only headers and body are used. The request's
    /// credential headers are replaced by the host's. A redirect is a response like any other. Nothing is sent twice.
    ///
    /// # Errors
    ///
    /// [`Error`]; [`Error::reached_upstream`] says whether the upstream may have seen the request.
    pub async fn send<B>(
        &self,
        request: Request<B>,
        allowed: &Allowed,
        call: &Call,
    ) -> Result<Response<ResponseBody>, Error>
    where
        B: Body<Data = Bytes> + Send + 'static,
        B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        let started = Instant::now();
        let timeouts = call
            .timeouts
            .map_or(self.timeouts, |shorter| self.timeouts.at_most(shorter));
        let accounts = [Arc::clone(&self.account), Arc::clone(&call.account)];
        for account in &accounts {
            account.add_request();
        }
        let inherited = Inherited {
            origin: allowed.origin.to_string(),
            started,
            timeouts,
            limits: self.limits,
            accounts,
        };
        let total = later(started, timeouts.total);
        let reach = Arc::new(Reach::new(allowed.method, &call.account));
        let sent = tokio::select! {
            sent = self.exchange(request, allowed, &inherited, &reach) => {
                match &sent {
                    Ok(_) => reach.taken(),
                    Err(error) => reach.failed(error),
                }
                sent
            }
            // How far it came by then is known.
            () = sleep_until(total) => Err(Error::TotalTimeout {
                origin: inherited.origin.clone(),
                after: timeouts.total,
            }),
        };
        match sent {
            Ok((response, scrubber, permit)) => {
                if let Some(credential) = self.credential.as_ref().filter(|_| self.is_injected(allowed)) {
                    credential.answered(response.status().as_u16(), response.headers().get(header::DATE));
                }
                if let Some(seen) = &call.seen {
                    seen.answered(allowed, response.status());
                }
                self.receive(response, scrubber, permit, call, inherited)
            }
            Err(error) => {
                inherited.finish();
                Err(error)
            }
        }
    }

    /// Counters over all requests of this provider.
    pub fn account(&self) -> &Arc<Account> {
        &self.account
    }

    /// The provider's credential, if it has one.
    pub fn credential(&self) -> Option<&Arc<Credential>> {
        self.credential.as_ref()
    }

    async fn exchange<B>(
        &self,
        request: Request<B>,
        allowed: &Allowed,
        inherited: &Inherited,
        reach: &Arc<Reach>,
    ) -> Result<(Response<Incoming>, Arc<Scrubber>, OwnedSemaphorePermit), Error>
    where
        B: Body<Data = Bytes> + Send + 'static,
        B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        let timeouts = &inherited.timeouts;
        let permit = self.permit(timeouts).await?;
        let injection = self.injection(allowed).await?;
        let scrubber = self.scrubber(injection.as_deref());

        let (head, body) = request.into_parts();
        let declared = request::declared_length(&head.headers, &body)?;
        let (body, length) = request::begun(body, declared).await?;
        let is_empty = body.is_end_stream() || length == Some(0);
        let (head, digest) = self.head(head.headers, allowed, injection.as_deref(), (length, is_empty))?;
        let bytes = request::head_bytes(head.headers());
        let (client, opening) = self.pools.get(allowed, request::wants_http1(length, &self.limits));
        let progress = Arc::new(Progress::new(Instant::now(), opening));
        let accounts = inherited.accounts.clone();
        let body = RequestBody::new(body, length, Arc::clone(&progress), Arc::clone(reach), accounts).promised(digest);
        let mut outgoing = head.map(|()| body);
        for account in &inherited.accounts {
            account.add_sent(bytes as u64);
        }

        let mut capture = capture_connection(&mut outgoing);
        let mut response = std::pin::pin!(client.request(outgoing));
        let mut connected = std::pin::pin!(async move {
            capture.wait_for_connection_metadata().await;
        });
        loop {
            let deadline = progress.deadline(timeouts, &inherited.origin);
            let overdue = async {
                match deadline {
                    Some((at, _)) => sleep_until(at).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                biased;
                result = &mut response => {
                    let response = result.map_err(|error| classify(&error, &inherited.origin, &self.limits))?;
                    return Ok((response, scrubber, permit));
                }
                () = &mut connected, if progress.is_connecting() => {
                    reach.taken();
                    progress.connected(is_empty);
                }
                () = progress.changed() => {}
                () = overdue => {
                    // It may have moved on since, and what it waits for within a phase too.
                    let still = progress.deadline(timeouts, &inherited.origin);
                    if let Some((at, error)) = still
                        && at <= Instant::now()
                    {
                        return Err(error);
                    }
                }
            }
        }
    }

    async fn permit(&self, timeouts: &Timeouts) -> Result<OwnedSemaphorePermit, Error> {
        let permit = Arc::clone(&self.in_flight).acquire_owned();
        match timeout(timeouts.connect, permit).await {
            Ok(Ok(permit)) => Ok(permit),
            // The semaphore is never closed, so this is the time that has run out.
            Ok(Err(_)) | Err(_) => Err(Error::ConnectionLimit {
                limit: self.limits.in_flight,
                after: timeouts.connect,
            }),
        }
    }

    fn is_injected(&self, allowed: &Allowed) -> bool {
        injected_at(&self.credential_origins, &allowed.origin)
    }

    async fn injection(&self, allowed: &Allowed) -> Result<Option<Arc<Injection>>, Error> {
        let Some(credential) = &self.credential else {
            return Ok(None);
        };
        let origin = &allowed.origin;
        if !self.is_injected(allowed) {
            return Ok(None);
        }
        if !allowed.credential || !origin.may_carry_credential() {
            return Err(Error::CredentialOverPlainHttp {
                origin: origin.to_string(),
            });
        }
        Ok(Some(credential.injection().await?))
    }

    /// The head that leaves, complete and signed, and the digest that the signature promises of the body.
    fn head(
        &self,
        mut headers: HeaderMap,
        allowed: &Allowed,
        injection: Option<&Injection>,
        (length, is_empty): (Option<u64>, bool),
    ) -> Result<(Request<()>, Option<[u8; 32]>), Error> {
        let invalid = |reason: String| Error::RequestInvalid { reason };
        request::clean_head(&mut headers, allowed.method, length);
        trace::pass_on(&mut headers);
        self.inject(&mut headers, injection);
        let mut uri = allowed.uri.clone();
        let mut digest = None;
        if let (Some(signer), Some(credential)) = (injection.and_then(Injection::signer), &self.credential) {
            let unsigned = Unsigned {
                method: allowed.method.as_str(),
                host: &allowed.host_header,
                path_and_query: &allowed.path_and_query,
                is_empty,
                now_ms: credential.unix_millis(),
            };
            let signed = signer
                .sign(&unsigned, &mut headers)
                .map_err(|reason| invalid(reason.to_owned()))?;
            signed.taken.iter().for_each(|name| self.tell_taken(name));
            uri = format!("{}{}", allowed.origin, signed.path_and_query);
            digest = signed.digest;
        }
        let bytes = request::head_bytes(&headers);
        let limit = self.limits.request_header_bytes;
        if bytes > limit {
            return Err(Error::RequestHeadersTooLarge { bytes, limit });
        }
        let method = Method::from_bytes(allowed.method.as_str().as_bytes());
        let mut head = Request::new(());
        *head.method_mut() = method.map_err(|error| invalid(error.to_string()))?;
        *head.uri_mut() = uri
            .parse()
            .map_err(|error: http::uri::InvalidUri| invalid(error.to_string()))?;
        *head.version_mut() = Version::HTTP_11;
        *head.headers_mut() = headers;
        Ok((head, digest))
    }

    fn tell_taken(&self, name: &str) {
        tracing::warn!(
            provider = self.provider,
            header = name,
            "[AUTH] the component set a credential of its own; it was taken away"
        );
    }

    fn scrubber(&self, injection: Option<&Injection>) -> Arc<Scrubber> {
        Arc::clone(injection.map_or(&self.nothing, Injection::scrubber))
    }

    fn inject(&self, headers: &mut HeaderMap, injection: Option<&Injection>) {
        if self.for_host {
            return;
        }
        let own: Vec<HeaderName> = self
            .credential
            .iter()
            .flat_map(|credential| credential.header_names().cloned())
            .collect();
        for name in credential::inject(headers, own.iter(), injection) {
            self.tell_taken(name.as_str());
        }
    }

    fn receive(
        &self,
        response: Response<Incoming>,
        scrubber: Arc<Scrubber>,
        permit: OwnedSemaphorePermit,
        call: &Call,
        inherited: Inherited,
    ) -> Result<Response<ResponseBody>, Error> {
        let (mut head, body) = response.into_parts();
        let bytes = request::head_bytes(&head.headers);
        for account in &inherited.accounts {
            account.add_received(bytes as u64);
        }
        if let Err(error) = judge(&self.limits, &head, &body, bytes, &inherited.origin) {
            inherited.finish();
            return Err(error);
        }
        request::clean_response_head(&mut head.headers);
        for value in head.headers.values_mut() {
            if !scrubber.is_empty() {
                *value = scrubber.header(value);
            }
        }
        // Among them is the reason phrase, free text of the upstream's.
        head.extensions.clear();
        let tap = call.seen.as_ref().and_then(|seen| seen.response(head.status));
        let body = ResponseBody::new(body, scrubber, tap, permit, inherited);
        Ok(Response::from_parts(head, body))
    }
}

impl std::fmt::Debug for Transport {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Transport")
            .field("provider", &self.provider)
            .field("credential", &self.credential)
            .finish_non_exhaustive()
    }
}

fn injected_at(only: &Option<Vec<Origin>>, origin: &Origin) -> bool {
    only.as_ref().is_none_or(|only| only.contains(origin))
}
