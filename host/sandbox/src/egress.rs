//! The only way out: every outgoing request of every component passes here.
//!
//! wasmtime-wasi-http is built without its own client, so that [`WasiHttpHooks::send_request`] below is the single
//! place a request can leave from. It asks the policy first and hands what the policy rebuilt (never the guest's own
//! URI) to the provider's transport.

use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use http_body_util::BodyExt;
use loadlock_egress::observe::Seen;
use loadlock_egress::{Account, Call, Error as SendError, Timeouts, TlsFault, Transport};
use loadlock_policy::egress::{EgressPolicy, RequestFacts};
use loadlock_policy::model::Operation;
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
    /// Whether anything can be reached.
    pub fn is_granted(&self) -> bool {
        matches!(self, Self::Granted(_))
    }

    /// For one call of a provider: the operation that is running, and the remote file that it is about.
    pub(crate) fn for_call(&self, operation: Option<(Operation, Option<String>)>) -> (Hooks, Observed) {
        let observed = Observed::default();
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
    seen: Seen,
}

impl EgressReport {
    /// Whether a successful response of this call held `id`: a component cannot make up a receipt.
    pub fn saw(&self, id: &str) -> bool {
        self.seen.contains(id)
    }
}

impl std::fmt::Debug for EgressReport {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("EgressReport")
            .field("requests", &self.requests)
            .field("sent", &self.sent)
            .field("received", &self.received)
            .field("denied", &self.denied)
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
            seen: self.seen.clone(),
        }
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
                    let response = response.map(|body| body.map_err(|error| wasi_error(&error)).boxed_unsync());
                    let done: Box<dyn Future<Output = Result<(), Error>> + Send> = Box::new(async { Ok(()) });
                    Ok((response, done))
                }
                Err(error) => {
                    if matches!(error, SendError::AddressRefused { .. }) {
                        observed.deny(error.to_string());
                    }
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

/// What the guest is told: the nearest `wasi:http` error code. Details stay in the host's log.
fn wasi_error(error: &SendError) -> Error {
    match error {
        SendError::Credential(_) | SendError::CredentialOverPlainHttp { .. } => Error::ConfigurationError,
        SendError::RequestInvalid { .. } => Error::HttpRequestUriInvalid,
        SendError::RequestHeadersTooLarge { bytes, .. } => {
            Error::HttpRequestHeaderSectionSize(u32::try_from(*bytes).ok())
        }
        SendError::RequestBody { .. } | SendError::RequestBodyLength { .. } => Error::HttpRequestBodySize(None),
        SendError::ConnectionLimit { .. } => Error::ConnectionLimitReached,
        SendError::Dns { .. } => Error::DnsError {
            rcode: None,
            info_code: None,
        },
        SendError::AddressRefused { .. } => Error::DestinationIpProhibited,
        SendError::ConnectRefused { .. } | SendError::NotSent { .. } => Error::ConnectionRefused,
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
