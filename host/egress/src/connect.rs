//! From a granted origin to a connection: resolve once, judge every address, connect to one of those judged.

use std::io;
use std::net::{IpAddr, SocketAddr, ToSocketAddrs as _};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use futures::future::BoxFuture;
use http::Uri;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::client::legacy::connect::dns::Name;
use hyper_util::rt::TokioIo;
use loadlock_policy::address;
use loadlock_policy::egress::{Host, Origin, Scheme};
use rustls::ClientConfig;
use tokio::io::AsyncBufReadExt as _;
use tokio::net::TcpStream;
use tokio::sync::{Semaphore, oneshot};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tower_service::Service;

use crate::account::Account;
use crate::classify::chain;
use crate::stream::{Stream, Tcp};
use crate::{Error, Stage, TlsFault, tls};

/// Turns a granted name into addresses. Asked once per connection; its answer is what is judged and connected to.
pub trait Resolver: Send + Sync + 'static {
    /// All addresses of a host name, in order of preference.
    fn resolve(&self, host: &str) -> BoxFuture<'static, io::Result<Vec<IpAddr>>>;
}

/// Lookups of one provider that may be under way in the operating system at once. Nobody can end one that hangs, and
/// each holds a thread until the system gives up, which takes half a minute and more.
const LOOKUPS: usize = 8;

/// The operating system's resolver.
#[derive(Debug, Clone)]
pub struct SystemResolver {
    lookups: Arc<Semaphore>,
}

impl Default for SystemResolver {
    fn default() -> Self {
        Self {
            lookups: Arc::new(Semaphore::new(LOOKUPS)),
        }
    }
}

impl Resolver for SystemResolver {
    /// A lookup has a thread of its own: on the runtime's threads for blocking calls, a resolver that never answers
    /// would take the place of file access, and the process could not end before it.
    fn resolve(&self, host: &str) -> BoxFuture<'static, io::Result<Vec<IpAddr>>> {
        let (host, lookups) = (host.to_owned(), Arc::clone(&self.lookups));
        Box::pin(async move {
            let permit = lookups.acquire_owned().await.map_err(io::Error::other)?;
            let (tell, told) = oneshot::channel();
            std::thread::Builder::new().name("resolver".into()).spawn(move || {
                let found = (host.as_str(), 0).to_socket_addrs();
                // Nobody may be waiting any more.
                let _ = tell.send(found.map(|found| found.map(|address| address.ip()).collect()));
                drop(permit);
            })?;
            told.await
                .unwrap_or_else(|_| Err(io::Error::other("the lookup ended without an answer")))
        })
    }
}

/// What the connection to a target that was begun last waits for: the HTTP machinery opens connections by itself, and
/// the request that runs out of time has to say why.
#[derive(Debug, Default)]
pub(crate) struct Opening(AtomicU8);

impl Opening {
    pub(crate) fn stage(&self) -> Stage {
        match self.0.load(Ordering::Relaxed) {
            0 => Stage::Name,
            1 => Stage::Tcp,
            _ => Stage::Tls,
        }
    }

    fn set(&self, stage: Stage) {
        let number = match stage {
            Stage::Name => 0,
            Stage::Tcp => 1,
            Stage::Tls => 2,
        };
        self.0.store(number, Ordering::Relaxed);
    }
}

/// Where a pool connects to. The pool key: a connection that one grant opened is never used under another whose rules
/// for addresses differ.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Target {
    pub(crate) origin: Origin,
    pub(crate) private: bool,
    /// Whether the host is written as the address of a metadata service, and it is the host itself that asks.
    pub(crate) metadata: bool,
}

impl Target {
    fn check(&self, address: IpAddr) -> Result<(), Error> {
        let written = match self.origin.host {
            Host::V4(host) => address == IpAddr::V4(host),
            Host::V6(host) => address == IpAddr::V6(host),
            Host::Name(_) => false,
        };
        if self.metadata && written {
            return Ok(());
        }
        address::check(address, &self.origin.host, self.private).map_err(|refused| Error::AddressRefused {
            host: self.origin.host.to_string(),
            refused,
        })
    }
}

/// Opens connections to one target.
#[derive(Clone)]
pub(crate) struct Connector {
    target: Arc<Target>,
    tls: Option<Arc<ClientConfig>>,
    http: HttpConnector<CheckedResolver>,
    timeout: Duration,
    account: Arc<Account>,
    opening: Arc<Opening>,
}

impl Connector {
    pub(crate) fn new(
        target: Arc<Target>,
        tls: Option<Arc<ClientConfig>>,
        resolver: Arc<dyn Resolver>,
        timeout: Duration,
        account: Arc<Account>,
        opening: Arc<Opening>,
    ) -> Self {
        let mut http = HttpConnector::new_with_resolver(CheckedResolver {
            target: Arc::clone(&target),
            resolver,
            opening: Arc::clone(&opening),
        });
        http.enforce_http(false);
        http.set_nodelay(true);
        http.set_connect_timeout(Some(timeout));
        // A dead peer of an idle connection is noticed by the system; 60 s is below common NAT timeouts.
        http.set_keepalive(Some(Duration::from_secs(60)));
        Self {
            target,
            tls,
            http,
            timeout,
            account,
            opening,
        }
    }

    async fn connect(mut self, uri: Uri) -> Result<TokioIo<Stream>, Error> {
        let origin = &self.target.origin;
        // The connector below takes a literal address without asking the resolver, so it is judged here.
        match origin.host {
            Host::V4(address) => self.target.check(address.into())?,
            Host::V6(address) => self.target.check(address.into())?,
            Host::Name(_) => {}
        }
        self.opening.set(match origin.host {
            Host::Name(_) => Stage::Name,
            Host::V4(_) | Host::V6(_) => Stage::Tcp,
        });
        let tcp = self
            .http
            .call(uri)
            .await
            .map_err(|error| connect_error(origin, self.timeout, &error))?
            .into_inner();
        let peer = tcp.peer_addr().map_err(|error| Error::ConnectRefused {
            origin: origin.to_string(),
            reason: plainly(&error),
        })?;
        // What was judged is what is connected to; this asks the socket itself, before a byte is sent.
        self.target.check(peer.ip())?;
        self.account.add_connection();
        let stream = match (origin.scheme, self.tls) {
            (Scheme::Http, _) => {
                stays_open(origin, &tcp).await?;
                Stream::Plain(Tcp::new(tcp))
            }
            (Scheme::Https, Some(config)) => {
                self.opening.set(Stage::Tls);
                let name = tls::server_name(origin)?;
                let mut tls = TlsConnector::from(config)
                    .connect(name, Tcp::new(tcp))
                    .await
                    .map_err(|error| tls::handshake_error(origin, &error))?;
                stays_secure(origin, &mut tls).await?;
                Stream::secured(tls)
            }
            (Scheme::Https, None) => {
                return Err(Error::RequestInvalid {
                    reason: format!("{origin} is not among the origins that this transport was built for"),
                });
            }
        };
        Ok(TokioIo::new(stream))
    }
}

impl Service<Uri> for Connector {
    type Response = TokioIo<Stream>;
    type Error = Error;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Error>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        let this = self.clone();
        Box::pin(async move {
            let after = this.timeout;
            let origin = this.target.origin.to_string();
            let opening = Arc::clone(&this.opening);
            tokio::time::timeout(after, this.connect(uri))
                .await
                .unwrap_or_else(|_| {
                    let stage = opening.stage();
                    Err(Error::ConnectTimeout { origin, stage, after })
                })
        })
    }
}

/// How long a new connection is watched before a request is written to it.
const FIRST_LOOK: Duration = Duration::from_millis(2);

/// A forwarder in front of a server that is down (a container's published port, a load balancer without a backend)
/// takes the connection and closes it at once. A request that is written meanwhile would count as sent.
async fn stays_open(origin: &Origin, tcp: &TcpStream) -> Result<(), Error> {
    let closed = |reason: String| Error::ConnectRefused {
        origin: origin.to_string(),
        reason,
    };
    match tokio::time::timeout(FIRST_LOOK, tcp.peek(&mut [0])).await {
        Ok(Ok(0)) => Err(closed("the connection was accepted and closed at once".to_owned())),
        Ok(Err(error)) => Err(closed(plainly(&error))),
        // An HTTP server does not speak first: whatever this is, HTTP has a name for it.
        Ok(Ok(_)) | Err(_) => Ok(()),
    }
}

/// The same for TLS, where a server may refuse when our side of the handshake is done (see [`crate::alert`]). What it
/// says first stays to be read: with HTTP/2 it does.
async fn stays_secure(origin: &Origin, tls: &mut TlsStream<Tcp>) -> Result<(), Error> {
    match tokio::time::timeout(FIRST_LOOK, tls.fill_buf()).await {
        Ok(Ok([])) => Err(Error::Tls {
            origin: origin.to_string(),
            fault: TlsFault::Protocol,
            reason: "the connection was closed right after the handshake".to_owned(),
        }),
        Ok(Err(error)) => Err(tls::handshake_error(origin, &error)),
        Ok(Ok(_)) | Err(_) => Ok(()),
    }
}

/// What the system said, without its number and without an address.
fn plainly(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::ConnectionRefused => "connection refused".to_owned(),
        io::ErrorKind::ConnectionReset => "connection reset".to_owned(),
        io::ErrorKind::ConnectionAborted => "connection aborted".to_owned(),
        io::ErrorKind::HostUnreachable => "no route to the host".to_owned(),
        io::ErrorKind::NetworkUnreachable => "the network is unreachable".to_owned(),
        io::ErrorKind::NetworkDown => "the network is down".to_owned(),
        io::ErrorKind::PermissionDenied => "the system does not allow the connection".to_owned(),
        kind => kind.to_string(),
    }
}

fn connect_error(origin: &Origin, after: Duration, error: &(dyn std::error::Error + 'static)) -> Error {
    let refused = |reason| Error::ConnectRefused {
        origin: origin.to_string(),
        reason,
    };
    let mut next = Some(error);
    while let Some(cause) = next {
        if let Some(own) = cause.downcast_ref::<Error>() {
            return own.clone();
        }
        if let Some(io) = cause.downcast_ref::<io::Error>() {
            return match io.kind() {
                io::ErrorKind::TimedOut => Error::ConnectTimeout {
                    origin: origin.to_string(),
                    stage: Stage::Tcp,
                    after,
                },
                _ => refused(plainly(io)),
            };
        }
        next = cause.source();
    }
    refused(chain(error))
}

/// The resolver that the TCP connector asks: it passes addresses on only when all of them may be connected to.
///
/// One refused address refuses the name. Were the others used, a zone that mixes a public and a private address would
/// work or fail by the order of its records.
#[derive(Clone)]
struct CheckedResolver {
    target: Arc<Target>,
    resolver: Arc<dyn Resolver>,
    opening: Arc<Opening>,
}

impl Service<Name> for CheckedResolver {
    type Response = std::vec::IntoIter<SocketAddr>;
    type Error = Error;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Error>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, name: Name) -> Self::Future {
        let answer = self.resolver.resolve(name.as_str());
        let target = Arc::clone(&self.target);
        let opening = Arc::clone(&self.opening);
        Box::pin(async move {
            let failed = |reason: String| Error::Dns {
                host: name.as_str().to_owned(),
                reason,
            };
            let addresses = answer.await.map_err(|error| {
                let reason = error.to_string();
                // The standard library's preface, which the sentence around it says already.
                failed(
                    reason
                        .trim_start_matches("failed to lookup address information: ")
                        .to_owned(),
                )
            })?;
            if addresses.is_empty() {
                return Err(failed("the name has no address".to_owned()));
            }
            for &address in &addresses {
                target.check(address)?;
            }
            opening.set(Stage::Tcp);
            let port = target.origin.port;
            let sockets: Vec<_> = addresses
                .into_iter()
                .map(|address| SocketAddr::new(address, port))
                .collect();
            Ok(sockets.into_iter())
        })
    }
}
