//! Servers on loopback and the pieces that most tests need.
#![allow(
    dead_code,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    missing_docs,
    unreachable_pub
)]

use std::convert::Infallible;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use futures::future::BoxFuture;
use http::{Request, Response};
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use loadlock_egress::clock::Clock;
use loadlock_egress::connect::Resolver;
use loadlock_egress::credential::{Credential, HeaderSpec};
use loadlock_egress::tls::Roots;
use loadlock_egress::{Call, Transport, TransportBuilder};
use loadlock_policy::credential::CredentialMode;
use loadlock_policy::egress::{Allowed, Method, Origin};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

pub type Answer = Response<BoxBody<Bytes, Infallible>>;

/// An upstream that stops when it is dropped.
pub struct Server {
    pub address: SocketAddr,
    pub connections: Arc<AtomicUsize>,
    task: tokio::task::JoinHandle<()>,
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Server {
    /// `http://127.0.0.1:port`
    pub fn origin(&self) -> Origin {
        Origin::parse(&format!("http://{}", self.address)).unwrap()
    }

    /// `scheme://host:port`
    pub fn named(&self, scheme: &str, host: &str) -> Origin {
        Origin::parse(&format!("{scheme}://{host}:{}", self.address.port())).unwrap()
    }

    pub fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }
}

/// Gives every connection to `handle`.
pub async fn raw<F>(handle: impl Fn(TcpStream) -> F + Send + 'static) -> Server
where
    F: Future<Output = ()> + Send + 'static,
{
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let connections = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&connections);
    let task = tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            count.fetch_add(1, Ordering::SeqCst);
            tokio::spawn(handle(stream));
        }
    });
    Server {
        address,
        connections,
        task,
    }
}

/// An HTTP server, over TLS when there is an acceptor.
pub async fn serve<F>(
    tls: Option<TlsAcceptor>,
    handle: impl Fn(Request<Incoming>) -> F + Send + Sync + 'static,
) -> Server
where
    F: Future<Output = Answer> + Send + 'static,
{
    let handle = Arc::new(handle);
    raw(move |stream| {
        let handle = Arc::clone(&handle);
        let tls = tls.clone();
        async move {
            let service = service_fn(move |request| {
                let answer = handle(request);
                async move { Ok::<_, Infallible>(answer.await) }
            });
            let builder = auto::Builder::new(TokioExecutor::new());
            // Errors are the client's business: many tests provoke them.
            let _ = match tls {
                None => builder.serve_connection(TokioIo::new(stream), service).await,
                Some(tls) => match tls.accept(stream).await {
                    Ok(stream) => builder.serve_connection(TokioIo::new(stream), service).await,
                    Err(_) => Ok(()),
                },
            };
        }
    })
    .await
}

/// Answers with this text.
pub fn text(text: impl Into<Bytes>) -> Answer {
    Response::new(Full::new(text.into()).boxed())
}

/// An answer that tells the request's version and headers, one a line.
pub async fn echo_head(request: Request<Incoming>) -> Answer {
    let mut lines = format!(
        "{:?} {} {}\n",
        request.version(),
        request.method(),
        request.uri().path()
    );
    for (name, value) in request.headers() {
        lines.push_str(&format!("{name}: {}\n", String::from_utf8_lossy(value.as_bytes())));
    }
    text(lines)
}

/// Reads one request head from a raw connection.
pub async fn read_head(stream: &mut TcpStream) -> io::Result<String> {
    use tokio::io::AsyncReadExt as _;
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let byte = stream.read_u8().await?;
        head.push(byte);
    }
    Ok(String::from_utf8_lossy(&head).into_owned())
}

/// What the policy would have decided.
pub fn allowed(origin: &Origin, method: Method, path: &str) -> Allowed {
    Allowed {
        grant: 0,
        uri: format!("{origin}{path}"),
        path_and_query: path.to_owned(),
        host_header: origin.host_header(),
        method,
        private: true,
        credential: origin.may_carry_credential(),
        origin: origin.clone(),
    }
}

pub fn no_env(_: &str) -> Option<String> {
    None
}

pub fn builder(origin: &Origin) -> TransportBuilder {
    Transport::builder("test", vec![origin.clone()])
}

pub fn transport(origin: &Origin) -> Transport {
    builder(origin).build(&no_env).unwrap()
}

pub fn empty() -> Request<http_body_util::Empty<Bytes>> {
    Request::new(http_body_util::Empty::new())
}

/// `GET path`, whole body as text.
pub async fn get(transport: &Transport, origin: &Origin, path: &str) -> Result<String, loadlock_egress::Error> {
    let response = transport
        .send(empty(), &allowed(origin, Method::Get, path), &Call::default())
        .await?;
    let body = response.into_body().collect().await?.to_bytes();
    Ok(String::from_utf8_lossy(&body).into_owned())
}

/// Answers every name with the same addresses, and counts the questions.
pub struct Fixed {
    pub addresses: Vec<IpAddr>,
    pub asked: AtomicUsize,
}

impl Fixed {
    pub fn new(addresses: &[&str]) -> Arc<Self> {
        Arc::new(Self {
            addresses: addresses.iter().map(|address| address.parse().unwrap()).collect(),
            asked: AtomicUsize::new(0),
        })
    }
}

impl Resolver for Fixed {
    fn resolve(&self, _host: &str) -> BoxFuture<'static, io::Result<Vec<IpAddr>>> {
        self.asked.fetch_add(1, Ordering::SeqCst);
        let addresses = self.addresses.clone();
        Box::pin(async move { Ok(addresses) })
    }
}

/// A certification authority in a file, and servers with certificates of it.
pub struct Authority {
    pub file: PathBuf,
    issuer: rcgen::Issuer<'static, rcgen::KeyPair>,
    _folder: tempfile::TempDir,
}

impl Authority {
    pub fn new() -> Self {
        let key = rcgen::KeyPair::generate().unwrap();
        let mut params = rcgen::CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        let certificate = params.self_signed(&key).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("ca.pem");
        std::fs::write(&file, certificate.pem()).unwrap();
        Self {
            file,
            issuer: rcgen::Issuer::new(params, key),
            _folder: folder,
        }
    }

    pub fn roots(&self) -> Roots {
        Roots::File(self.file.clone())
    }

    pub fn acceptor(&self, host: &str, alpn: &[&str]) -> TlsAcceptor {
        let key = rcgen::KeyPair::generate().unwrap();
        let certificate = rcgen::CertificateParams::new(vec![host.to_owned()])
            .unwrap()
            .signed_by(&key, &self.issuer)
            .unwrap();
        let mut config =
            rustls::ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
                .with_safe_default_protocol_versions()
                .unwrap()
                .with_no_client_auth()
                .with_single_cert(
                    vec![certificate.der().clone()],
                    rustls::pki_types::PrivatePkcs8KeyDer::from(key.serialize_der()).into(),
                )
                .unwrap();
        config.alpn_protocols = alpn.iter().map(|name| name.as_bytes().to_vec()).collect();
        TlsAcceptor::from(Arc::new(config))
    }
}

/// A clock that stands still until it is told.
#[derive(Default)]
pub struct ManualClock(pub AtomicU64);

impl ManualClock {
    pub fn advance(&self, by: Duration) {
        self.0.fetch_add(by.as_millis() as u64, Ordering::SeqCst);
    }
}

impl Clock for ManualClock {
    fn monotonic(&self) -> Duration {
        Duration::from_millis(self.0.load(Ordering::SeqCst))
    }

    fn unix_millis(&self) -> u64 {
        1_700_000_000_000 + self.0.load(Ordering::SeqCst)
    }
}

pub fn spec(name: &'static str, template: &str) -> HeaderSpec {
    HeaderSpec {
        name: http::HeaderName::from_static(name),
        template: template.parse().unwrap(),
        mode: CredentialMode::Plain,
    }
}

/// `authorization: Bearer ${env:KEY}` with this key.
pub fn bearer(key: &'static str) -> Arc<Credential> {
    let specs = [spec("authorization", "Bearer ${env:KEY}")];
    let env = |_: &str| Some(key.to_owned());
    Arc::new(Credential::load("test", &specs, &env, Arc::new(ManualClock::default())).unwrap())
}
