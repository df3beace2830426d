//! The only way out: every outgoing request of every component passes here.
//!
//! wasmtime-wasi-http is built without its own client, so that [`WasiHttpHooks::send_request`] below is the single
//! place a request can leave from. It asks the policy first and hands what the policy rebuilt (never the guest's own
//! URI) to the provider's transport.

use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use http_body_util::BodyExt;
use loadlock_egress::credential::CredentialError;
use loadlock_egress::observe::Seen;
use loadlock_egress::{Account, Call, Error as SendError, Stage, Timeouts, TlsFault, Transport};
use loadlock_policy::egress::{EgressPolicy, RequestFacts};
use loadlock_policy::model::{Failure, FailureKind, Operation, Reach};
use tracing::Instrument as _;
use wasmtime_wasi_http::{Error, RequestOptions, WasiBody, WasiHttpHooks};

/// What a component may reach.
#[derive(Clone, Default)]
pub enum Network {
    /// Nothing.
    #[default]
    Denied,
    /// What the policy allows, through this transport.
    Granted(Arc<Outlet>),
}

/// One provider's policy and transport.
pub struct Outlet {
    /// Decides.
    pub policy: EgressPolicy,
    /// Connects, adds the credential, scrubs what comes back.
    pub transport: Transport,
}

impl std::fmt::Debug for Network {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Denied => "Denied",
            Self::Granted(_) => "Granted",
        })
    }
}

impl Network {
    /// Whether anything can be reached: something is granted that the component asks for.
    pub fn is_granted(&self) -> bool {
        matches!(self, Self::Granted(outlet) if !outlet.policy.effective().is_empty())
    }

    /// For one call of a provider: the operation that is running, and the remote file that it is about, or the mark of
    /// the upload.
    pub(crate) fn for_call(&self, operation: Option<(Operation, Option<String>)>) -> (Hooks, Observed) {
        let observed = Observed {
            networked: operation.is_some() && self.is_granted(),
            ..Observed::default()
        };
        let hooks = Hooks {
            network: operation.as_ref().map_or(Self::Denied, |_| self.clone()),
            operation: operation.unwrap_or((Operation::Probe, None)),
            observed: observed.clone(),
        };
        (hooks, observed)
    }

    /// For a long-lived instance, which has no operations of the provider interface: what its grants say. A tracker
    /// alone has any.
    pub(crate) fn for_instance(&self) -> Hooks {
        self.for_call(Some((Operation::Track, None))).0
    }
}

/// Denials that are kept of one call; a component that tries more often is only counted by its failures.
const MAX_DENIALS: usize = 16;

/// What the host saw of one call's traffic.
#[derive(Clone, Default)]
pub(crate) struct Observed {
    account: Arc<Account>,
    seen: Seen,
    denied: Arc<Mutex<Vec<String>>>,
    unreachable: Arc<Mutex<Option<String>>>,
    networked: bool,
}

/// Traffic of one call.
#[derive(Clone, Default)]
pub struct EgressReport {
    /// Requests that left.
    pub requests: u64,
    /// Bytes of request bodies.
    pub sent: u64,
    /// Bytes of response bodies.
    pub received: u64,
    /// Time in requests.
    pub elapsed: Duration,
    /// Requests that did not leave: why, and which line of configuration would let them.
    pub denied: Vec<String>,
    /// Requests that may store something and that a connection took, in whole or in part.
    pub storing: u64,
    /// Why the last request found no upstream, if that is how it ended: one sentence for a person.
    pub unreachable: Option<String>,
    /// Whether the component could send anything at all.
    networked: bool,
    seen: Seen,
}

impl EgressReport {
    /// Whether a successful response of this call held `id`: a component cannot make up a receipt.
    pub fn saw(&self, id: &str) -> bool {
        self.seen.contains(id)
    }

    /// Whether a request of this call stored something at a path that ends in `id`. The component chose the path, so
    /// this proves an id only if that holds the upload's own mark.
    pub fn stored_at(&self, id: &str) -> bool {
        self.seen.stored_at(id)
    }

    /// Whether the host knows that nothing can be stored upstream: no byte of a request that may store something left,
    /// and the component was given the network to store things with. One without may have stored the file in a
    /// directory of its own.
    pub fn nothing_stored(&self) -> bool {
        self.networked && self.storing == 0
    }

    /// The component's failure, with what the host knows better: a file cannot be stored by a request of which no byte
    /// left.
    pub fn judge(&self, failure: Failure) -> Failure {
        if !self.nothing_stored() {
            return failure;
        }
        match &self.unreachable {
            Some(why) if is_about_the_connection(failure.kind) => Failure {
                code: failure.code,
                ..Failure::unreachable(why.clone())
            },
            _ => Failure {
                outcome_unknown: false,
                reach: Reach::NothingSent,
                ..failure
            },
        }
    }
}

/// Whether a component may mean by it that its request got no answer. What it found out for itself stands.
fn is_about_the_connection(kind: FailureKind) -> bool {
    use FailureKind as Kind;
    match kind {
        Kind::Unavailable | Kind::Timeout | Kind::Transport | Kind::Protocol | Kind::Internal => true,
        Kind::Rejected
        | Kind::Unauthorized
        | Kind::QuotaExhausted
        | Kind::RateLimited
        | Kind::NotFound
        | Kind::Unsupported => false,
    }
}

impl std::fmt::Debug for EgressReport {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("EgressReport")
            .field("requests", &self.requests)
            .field("sent", &self.sent)
            .field("received", &self.received)
            .field("denied", &self.denied)
            .field("storing", &self.storing)
            .field("unreachable", &self.unreachable)
            .finish_non_exhaustive()
    }
}

impl Observed {
    pub(crate) fn report(&self) -> EgressReport {
        EgressReport {
            requests: self.account.requests(),
            sent: self.account.sent(),
            received: self.account.received(),
            elapsed: self.account.elapsed(),
            denied: self.denied.lock().unwrap_or_else(PoisonError::into_inner).clone(),
            storing: self.account.storing_requests(),
            unreachable: self.unreachable.lock().unwrap_or_else(PoisonError::into_inner).clone(),
            networked: self.networked,
            seen: self.seen.clone(),
        }
    }

    /// How the last request ended: without an upstream, or otherwise.
    fn ended(&self, unreachable: Option<String>) {
        *self.unreachable.lock().unwrap_or_else(PoisonError::into_inner) = unreachable;
    }

    fn deny(&self, why: String) {
        tracing::warn!(target: "loadlock::egress", "{why}");
        let mut denied = self.denied.lock().unwrap_or_else(PoisonError::into_inner);
        if denied.len() < MAX_DENIALS {
            denied.push(why);
        }
    }
}

/// The network as one store sees it.
pub(crate) struct Hooks {
    network: Network,
    operation: (Operation, Option<String>),
    observed: Observed,
}

type Answer = (
    http::Response<WasiBody>,
    Box<dyn Future<Output = Result<(), Error>> + Send>,
);
type Sending = Box<dyn Future<Output = Result<Answer, Error>> + Send>;

impl WasiHttpHooks for Hooks {
    fn p2_outgoing_body_buffer_chunks(&mut self) -> usize {
        crate::files::pipe_depth()
    }

    fn send_request(
        &mut self,
        request: http::Request<WasiBody>,
        options: Option<RequestOptions>,
        _body_sent: Box<dyn Future<Output = Result<(), Error>> + Send>,
    ) -> Sending {
        let Network::Granted(outlet) = &self.network else {
            let origin = format!(
                "{}://{}",
                request.uri().scheme_str().unwrap_or("?"),
                request.uri().authority().map_or("?", |authority| authority.as_str()),
            );
            self.observed.deny(format!(
                "denied a request to {origin}: the component has no network; to allow it, add to its table: egress = \
                 [{{ url = \"{origin}/…\", methods = [\"{}\"] }}]",
                request.method()
            ));
            return Box::new(async { Err(Error::HttpRequestDenied) });
        };
        let uri = request.uri();
        let decided = outlet.policy.decide(&RequestFacts {
            scheme: uri.scheme_str().unwrap_or_default(),
            authority: uri.authority().map_or("", |authority| authority.as_str()),
            path_and_query: uri.path_and_query().map_or("/", |path| path.as_str()),
            method: request.method().as_str(),
            operation: self.operation.0,
            remote_id: self.operation.1.as_deref(),
        });
        let allowed = match decided {
            Ok(allowed) => allowed,
            Err(denied) => {
                self.observed.deny(format!("{denied}: {}", denied.hint()));
                return Box::new(async { Err(Error::HttpRequestDenied) });
            }
        };
        let call = Call {
            account: self.observed.account.clone(),
            seen: Some(self.observed.seen.clone()),
            timeouts: options.map(timeouts),
        };
        let (outlet, observed) = (outlet.clone(), self.observed.clone());
        let sending = async move {
            match outlet.transport.send(request, &allowed, &call).await {
                Ok(response) => {
                    observed.ended(None);
                    let response = response.map(|body| body.map_err(|error| wasi_error(&error)).boxed_unsync());
                    let done: Box<dyn Future<Output = Result<(), Error>> + Send> = Box::new(async { Ok(()) });
                    Ok((response, done))
                }
                Err(error) => {
                    if matches!(error, SendError::AddressRefused { .. }) {
                        observed.deny(error.to_string());
                    }
                    observed.ended(error.unreachable());
                    tracing::debug!(target: "loadlock::egress", %error, "request failed");
                    Err(wasi_error(&error))
                }
            }
        };
        // It becomes a task of its own, which is still part of the attempt.
        Box::new(sending.in_current_span())
    }
}

/// A guest may shorten the operator's times.
fn timeouts(options: RequestOptions) -> Timeouts {
    let longest = Duration::MAX;
    Timeouts {
        connect: options.connect_timeout.unwrap_or(longest),
        first_byte: options.first_byte_timeout.unwrap_or(longest),
        between_bytes: options.between_bytes_timeout.unwrap_or(longest),
        total: longest,
    }
}

/// What the guest is told: the nearest `wasi:http` error code. Details stay with the host, which tells the caller.
fn wasi_error(error: &SendError) -> Error {
    match error {
        // Nothing was sent, and another try may find it there.
        SendError::Credential(CredentialError::Unavailable { .. }) => Error::DestinationUnavailable,
        SendError::Credential(_) | SendError::CredentialOverPlainHttp { .. } => Error::ConfigurationError,
        SendError::RequestInvalid { .. } => Error::HttpRequestUriInvalid,
        SendError::RequestHeadersTooLarge { bytes, .. } => {
            Error::HttpRequestHeaderSectionSize(u32::try_from(*bytes).ok())
        }
        SendError::RequestBody { .. } | SendError::RequestBodyLength { .. } | SendError::RequestBodyDigest => {
            Error::HttpRequestBodySize(None)
        }
        SendError::ConnectionLimit { .. } => Error::ConnectionLimitReached,
        SendError::Dns { .. } => Error::DnsError {
            rcode: None,
            info_code: None,
        },
        SendError::AddressRefused { .. } => Error::DestinationIpProhibited,
        SendError::ConnectRefused { .. } | SendError::NotSent { .. } => Error::ConnectionRefused,
        SendError::ConnectTimeout { stage: Stage::Name, .. } => Error::DnsTimeout,
        SendError::ConnectTimeout { .. } => Error::ConnectionTimeout,
        SendError::Tls { fault, .. } => match fault {
            TlsFault::Certificate => Error::TlsCertificateError,
            TlsFault::Alert => Error::TlsAlertReceived {
                alert_id: None,
                alert_message: None,
            },
            TlsFault::Protocol => Error::TlsProtocolError,
        },
        SendError::FirstByteTimeout { .. } | SendError::TotalTimeout { .. } => Error::HttpResponseTimeout,
        SendError::BetweenBytesTimeout { .. } => Error::ConnectionReadTimeout,
        SendError::ResponseHeadersTooLarge { .. } => Error::HttpResponseHeaderSectionSize(None),
        SendError::ResponseBodyTooLarge { .. } => Error::HttpResponseBodySize(None),
        SendError::ResponseEncoded { .. } => Error::HttpResponseContentCoding(None),
        SendError::ConnectionClosed { .. } => Error::ConnectionTerminated,
        SendError::Protocol { .. } => Error::HttpProtocolError,
    }
}
