//! Binds, accepts connections, and stops in a bounded time.

mod beside;
mod linger;
mod local;
mod patient;
mod proxy_protocol;
mod tls;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::connect_info::ConnectInfo;
use hyper::body::Incoming;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use hyper_util::server::graceful::{GracefulShutdown, Watcher};
use hyper_util::service::TowerToHyperService;
use loadlock_gateway::Gateway;
use loadlock_policy::forwarding::TrustedProxies;
use loadlock_policy::web_origins::WebOrigins;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpSocket, TcpStream, UnixStream};
use tokio::sync::Semaphore;
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;
use zeroize::Zeroizing;

use crate::app::App;
use crate::mcp::Hosts;
use crate::request_id::OnThisMachine;
use crate::router::router;
use crate::tus;
use crate::{metrics, openai};
use linger::{LINGERING, lend};

pub use beside::Beside;
use local::LocalListener;
pub use local::{COMMAND_SOCKET, SOCKET};
use patient::Patient;
pub use tls::{Certificate, TlsFiles};

/// A client has this long for a TLS handshake, and as long for each request's line and headers, waiting for the next
/// request included: slow-loris attacks live from patience.
const HEAD: Duration = Duration::from_secs(15);
/// Bytes of request line and headers together.
const HEAD_BYTES: usize = 64 << 10;
/// Headers of one request.
const HEADERS: usize = 100;
/// Requests at once on one HTTP/2 connection.
const STREAMS: u32 = 64;
/// Connections at once; each takes a descriptor and some 20 KiB.
const CONNECTIONS: usize = 8_192;
/// Connections that wait to be accepted; the kernel takes at most `net.core.somaxconn`, 4,096 by default. Of a larger
/// burst, some clients wait a second to try again, and some are reset without an answer. 128 is what a listener has if
/// nobody says otherwise.
const BACKLOG: u32 = 4_096;

/// How often expired sessions are removed.
const EXPIRY: Duration = Duration::from_secs(30);

/// How a server listens.
#[derive(Debug, Clone)]
pub struct Options {
    /// Where; port 0 takes a free one.
    pub listen: SocketAddr,
    /// HTTPS with this certificate.
    pub tls: Option<Certificate>,
    /// Serve plain HTTP beyond loopback all the same: a proxy in front speaks TLS.
    pub plain_http: bool,
    /// How long it goes on serving once it is told to leave, with `/readyz` answering 503: a balancer in front sends
    /// its clients elsewhere meanwhile.
    pub leave: Duration,
    /// How long requests under way may take to end once it stops; what is left is cancelled.
    pub drain: Duration,
    /// Names that clients reach it by, besides its addresses and `localhost`; `/mcp` answers to no other, since
    /// browsers can be made to send requests under a name of an attacker's choosing.
    pub hosts: Vec<String>,
    /// Proxies whose `Forwarded` and `X-Forwarded-For` name the client.
    pub trusted_proxies: TrustedProxies,
    /// Proxies whose connections begin with a header of the PROXY protocol.
    pub proxy_protocol: TrustedProxies,
    /// Pages that may ask from a browser.
    pub origins: WebOrigins,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 8420)),
            tls: None,
            plain_http: false,
            leave: Duration::ZERO,
            drain: Duration::from_secs(30),
            hosts: Vec::new(),
            trusted_proxies: TrustedProxies::default(),
            proxy_protocol: TrustedProxies::default(),
            origins: WebOrigins::default(),
        }
    }
}

/// Why a server does not serve.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// The address cannot be bound.
    #[error("cannot listen on {address}: {error}")]
    Bind {
        /// As asked for.
        address: SocketAddr,
        /// The system's reason.
        error: std::io::Error,
    },
    /// Tokens would cross a network in the clear.
    #[error("{address} can be reached from other machines, and plain HTTP would show every token and file on the way")]
    PlainHttp {
        /// As asked for.
        address: SocketAddr,
    },
    /// Certificate or key cannot be used.
    #[error("cannot use {}: {reason}", file.display())]
    Certificate {
        /// Which file.
        file: PathBuf,
        /// Why.
        reason: String,
    },
}

/// A bound server.
pub struct Server {
    listener: TcpListener,
    /// `None` where it cannot be: the command line then says that the home is in use.
    local: Option<LocalListener>,
    address: SocketAddr,
    tls: Option<TlsAcceptor>,
    trusted_proxies: TrustedProxies,
    proxy_protocol: TrustedProxies,
    origins: WebOrigins,
    app: App,
    stopping: CancellationToken,
    leave: Duration,
    drain: Duration,
}

/// What tells a server to end.
#[derive(Debug, Clone, Default)]
pub struct Stop {
    /// Go on serving for [`Options::leave`], and stop then.
    pub leave: CancellationToken,
    /// Stop at once.
    pub now: CancellationToken,
}

impl Server {
    /// Binds.
    ///
    /// # Errors
    /// See [`ServeError`].
    pub async fn bind(gateway: Gateway, options: Options) -> Result<Self, ServeError> {
        let address = options.listen;
        if options.tls.is_none() && !options.plain_http && !address.ip().to_canonical().is_loopback() {
            return Err(ServeError::PlainHttp { address });
        }
        let tls = options.tls.as_ref().map(Certificate::acceptor).transpose()?;
        metrics::install();
        let failed = |error| ServeError::Bind { address, error };
        let listener = listener(address).map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        let stopping = CancellationToken::new();
        let local = LocalListener::bind(gateway.home(), SOCKET)
            .inspect_err(|error| tracing::warn!(%error, "no local socket: the command line cannot ask this gateway"))
            .ok();
        Ok(Self {
            listener,
            local,
            address,
            tls,
            trusted_proxies: options.trusted_proxies,
            proxy_protocol: options.proxy_protocol,
            origins: options.origins,
            app: App::new(gateway, stopping.clone(), Hosts::new(&options.hosts)),
            stopping,
            leave: options.leave,
            drain: options.drain,
        })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// A one-time code for the page of this server: whoever opens it on this machine soon gets in as the owner of the
    /// token.
    pub fn invite(&self, token: Zeroizing<String>) -> Zeroizing<String> {
        self.app.page_sessions().invite(token)
    }

    /// Serves until `stop`, then lets requests under way end for [`Options::drain`] and cancels what is left. What was
    /// accepted is in the ledger then, if the ledger answers.
    pub async fn run(self, stop: Stop) {
        let upkeep = self.app.gateway().start_upkeep();
        openai::resume(&self.app);
        tus::resume(self.app.gateway()).await;
        tokio::spawn(close_expired(self.app.clone()));
        let graceful = GracefulShutdown::new();
        let acceptance = Arc::new(Acceptance::new(
            router(self.app.clone(), self.trusted_proxies, self.origins),
            self.tls,
            self.proxy_protocol,
        ));
        let mut over = std::pin::pin!(told_to_stop(stop, self.app.clone(), self.leave));
        let places = Arc::new(Semaphore::new(CONNECTIONS));
        loop {
            let accepted = tokio::select! {
                accepted = self.listener.accept() => accepted.map(|(stream, peer)| Came::Network(stream, peer)),
                accepted = next(self.local.as_ref()) => accepted.map(Came::Local),
                () = &mut over => break,
            };
            let Ok(came) = accepted else {
                // Out of descriptors: connections that end free some.
                tokio::time::sleep(Duration::from_millis(50)).await;
                continue;
            };
            let Ok(place) = places.clone().try_acquire_owned() else {
                tracing::warn!(?came, "{CONNECTIONS} connections are open; this one is closed");
                continue;
            };
            let (acceptance, watcher) = (acceptance.clone(), graceful.watcher());
            tokio::spawn(async move {
                acceptance.serve(came, watcher).await;
                drop(place);
            });
        }
        drop((self.listener, self.local));
        self.stopping.cancel();
        let ended = async {
            graceful.shutdown().await;
            // Their connections were upgraded, so they are not among those above.
            self.app.sockets().closed().await;
        };
        if tokio::time::timeout(self.drain, ended).await.is_err() {
            tracing::warn!(
                uploads = self.app.uploads().under_way(),
                "requests under way are cancelled"
            );
        }
        self.app.uploads().stop().await;
        upkeep.stop().await;
    }
}

fn listener(address: SocketAddr) -> std::io::Result<TcpListener> {
    let socket = match address {
        SocketAddr::V4(_) => TcpSocket::new_v4(),
        SocketAddr::V6(_) => TcpSocket::new_v6(),
    }?;
    // A server that starts again need not wait for the connections of the one before.
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

/// Ends when the server is to stop. Until then `/readyz` says that it leaves.
async fn told_to_stop(stop: Stop, app: App, leave: Duration) {
    tokio::select! {
        () = stop.now.cancelled() => return,
        () = stop.leave.cancelled() => {}
    }
    app.leaving().cancel();
    if leave.is_zero() {
        return;
    }
    tracing::info!(
        seconds = leave.as_secs_f64(),
        "draining: still serving, but no longer ready"
    );
    tokio::select! {
        () = stop.now.cancelled() => {}
        () = tokio::time::sleep(leave) => {}
    }
}

/// Removes expired sessions until the server stops.
async fn close_expired(app: App) {
    // Often enough that nothing is kept for much longer than promised.
    let pause = (app.gateway().config().limits.tus_expiry / 4).clamp(Duration::from_millis(100), EXPIRY);
    let mut ticks = tokio::time::interval(pause);
    loop {
        tokio::select! {
            _ = ticks.tick() => {
                if let Some(recorder) = metrics::install() {
                    recorder.run_upkeep();
                }
                let gateway = app.gateway().clone();
                let _ = tokio::task::spawn_blocking(move || gateway.close_expired_sessions()).await;
            }
            () = app.stopping().cancelled() => return,
        }
    }
}

/// A connection, and where it came in.
#[derive(Debug)]
enum Came {
    Network(TcpStream, SocketAddr),
    Local(UnixStream),
}

/// The next local connection, if there is a local socket.
async fn next(local: Option<&LocalListener>) -> std::io::Result<UnixStream> {
    match local {
        Some(local) => local.accept().await,
        None => std::future::pending().await,
    }
}

/// What every connection needs.
struct Acceptance {
    http: Builder<TokioExecutor>,
    router: axum::Router,
    tls: Option<TlsAcceptor>,
    proxy_protocol: TrustedProxies,
    /// Room for connections that are being closed.
    lingering: Semaphore,
}

impl Acceptance {
    fn new(router: Router, tls: Option<TlsAcceptor>, proxy_protocol: TrustedProxies) -> Self {
        let mut http = Builder::new(TokioExecutor::new());
        http.http1()
            .timer(TokioTimer::new())
            .header_read_timeout(HEAD)
            .max_buf_size(HEAD_BYTES)
            .max_headers(HEADERS);
        http.http2()
            .timer(TokioTimer::new())
            .max_header_list_size(HEAD_BYTES as u32)
            .max_concurrent_streams(STREAMS)
            .keep_alive_interval(HEAD);
        Self {
            http,
            router,
            tls,
            proxy_protocol,
            lingering: Semaphore::new(LINGERING),
        }
    }

    async fn serve(&self, came: Came, watcher: Watcher) {
        let (mut stream, mut peer) = match came {
            Came::Network(stream, peer) => (stream, peer),
            Came::Local(stream) => return self.speak(stream, None, watcher).await,
        };
        let _ = stream.set_nodelay(true);
        if self.proxy_protocol.trusts(peer.ip()) {
            match tokio::time::timeout(HEAD, proxy_protocol::read(&mut stream)).await {
                Ok(Ok(client)) => peer = client.unwrap_or(peer),
                Ok(Err(error)) => return tracing::warn!(%peer, %error, "a proxy's connection is closed"),
                Err(_) => return tracing::debug!(%peer, "a proxy's connection did not begin in time"),
            }
        }
        match &self.tls {
            None => self.speak(stream, Some(peer), watcher).await,
            Some(tls) => match tokio::time::timeout(HEAD, tls.accept(stream)).await {
                Ok(Ok(stream)) => self.speak(stream, Some(peer), watcher).await,
                Ok(Err(error)) => tracing::debug!(%peer, %error, "the TLS handshake failed"),
                Err(_) => tracing::debug!(%peer, "a TLS handshake took too long"),
            },
        }
    }

    async fn speak(
        &self,
        stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
        peer: Option<SocketAddr>,
        watcher: Watcher,
    ) {
        let router = self
            .router
            .clone()
            .map_request(move |mut request: http::Request<Incoming>| {
                let extensions = request.extensions_mut();
                match peer {
                    Some(peer) => drop(extensions.insert(ConnectInfo(peer))),
                    None => drop(extensions.insert(OnThisMachine)),
                }
                request
            });
        let (lent, back) = lend(stream);
        let connection = self
            .http
            .serve_connection_with_upgrades(TokioIo::new(Patient::new(lent, HEAD)), TowerToHyperService::new(router));
        if let Err(error) = watcher.watch(connection.into_owned()).await {
            tracing::debug!(?peer, error, "a connection ended early");
        }
        // At once, or when the protocol that the connection was upgraded to ends.
        if let Ok(stream) = back.await {
            linger::close(stream, &self.lingering).await;
        }
    }
}
