//! From a granted origin to a connection: resolve once, judge every address, connect to one of those judged.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;
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
use tokio_rustls::TlsConnector;
use tower_service::Service;

use crate::account::Account;
use crate::classify::chain;
use crate::stream::{Stream, Tcp};
use crate::{Error, tls};

/// Turns a granted name into addresses. Asked once per connection; its answer is what is judged and connected to.
pub trait Resolver: Send + Sync + 'static {
    /// All addresses of a host name, in order of preference.
    fn resolve(&self, host: &str) -> BoxFuture<'static, io::Result<Vec<IpAddr>>>;
}

/// The operating system's resolver.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemResolver;

impl Resolver for SystemResolver {
    fn resolve(&self, host: &str) -> BoxFuture<'static, io::Result<Vec<IpAddr>>> {
        let host = host.to_owned();
        Box::pin(async move {
            let found = tokio::net::lookup_host((host, 0)).await?;
            Ok(found.map(|address| address.ip()).collect())
        })
    }
}

/// Where a pool connects to. The pool key: a connection that one grant opened is never used under another whose rules
/// for addresses differ.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Target {
    pub(crate) origin: Origin,
    pub(crate) private: bool,
}

impl Target {
    fn check(&self, address: IpAddr) -> Result<(), Error> {
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
}

impl Connector {
    pub(crate) fn new(
        target: Arc<Target>,
        tls: Option<Arc<ClientConfig>>,
        resolver: Arc<dyn Resolver>,
        timeout: Duration,
        account: Arc<Account>,
    ) -> Self {
        let mut http = HttpConnector::new_with_resolver(CheckedResolver {
            target: Arc::clone(&target),
            resolver,
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
        let tcp = self
            .http
            .call(uri)
            .await
            .map_err(|error| connect_error(origin, self.timeout, &error))?
            .into_inner();
        let peer = tcp.peer_addr().map_err(|error| Error::ConnectRefused {
            origin: origin.to_string(),
            reason: error.to_string(),
        })?;
        // What was judged is what is connected to; this asks the socket itself, before a byte is sent.
        self.target.check(peer.ip())?;
        self.account.add_connection();
        let tcp = Tcp::new(tcp);
        let stream = match (origin.scheme, self.tls) {
            (Scheme::Http, _) => Stream::Plain(tcp),
            (Scheme::Https, Some(config)) => {
                let name = tls::server_name(&origin.host)?;
                let tls = TlsConnector::from(config)
                    .connect(name, tcp)
                    .await
                    .map_err(|error| tls::handshake_error(&origin.host, &error))?;
                Stream::Tls(Box::new(tls))
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
            tokio::time::timeout(after, this.connect(uri))
                .await
                .unwrap_or(Err(Error::ConnectTimeout { origin, after }))
        })
    }
}

fn connect_error(origin: &Origin, after: Duration, error: &(dyn std::error::Error + 'static)) -> Error {
    let mut next = Some(error);
    while let Some(cause) = next {
        if let Some(own) = cause.downcast_ref::<Error>() {
            return own.clone();
        }
        if let Some(io) = cause.downcast_ref::<io::Error>()
            && io.kind() == io::ErrorKind::TimedOut
        {
            return Error::ConnectTimeout {
                origin: origin.to_string(),
                after,
            };
        }
        next = cause.source();
    }
    Error::ConnectRefused {
        origin: origin.to_string(),
        reason: chain(error),
    }
}

/// The resolver that the TCP connector asks: it passes addresses on only when all of them may be connected to.
///
/// One refused address refuses the name. Were the others used, a zone that mixes a public and a private address would
/// work or fail by the order of its records.
#[derive(Clone)]
struct CheckedResolver {
    target: Arc<Target>,
    resolver: Arc<dyn Resolver>,
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
        Box::pin(async move {
            let failed = |reason: String| Error::Dns {
                host: name.as_str().to_owned(),
                reason,
            };
            let addresses = answer.await.map_err(|error| failed(error.to_string()))?;
            if addresses.is_empty() {
                return Err(failed("the name has no address".to_owned()));
            }
            for &address in &addresses {
                target.check(address)?;
            }
            let port = target.origin.port;
            let sockets: Vec<_> = addresses
                .into_iter()
                .map(|address| SocketAddr::new(address, port))
                .collect();
            Ok(sockets.into_iter())
        })
    }
}
