//! A vendor that gives no answer at all.
//!
//! Each kind of outage is met twice, with a small file and with one that fits no buffer: as the preferred vendor with
//! a healthy one behind it, and alone. What was sent is counted at the fakes; the only bound on time is generous.

use std::net::{SocketAddr, TcpListener as Listener};
use std::os::fd::AsFd;
use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use loadlock_served::Place;
use loadlock_upstream::{Fault, Operation, Options, Upstream, Vendor};
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};
use serde_json::Value;
use tokio::io::AsyncReadExt;
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

const KEY: &str = "sk-outage";

/// Far below the retries' waits of minutes, far above what a loaded machine needs.
const BOUND: Duration = Duration::from_secs(60);

/// A vendor that cannot be reached, and what keeps it so.
struct Down {
    base: String,
    /// A file with the authority that the gateway trusts there.
    ca: Option<String>,
    /// Connections that it took.
    taken: Arc<AtomicU32>,
    /// What the error says, and nothing about an address behind the name.
    says: &'static str,
    _kept: Vec<Box<dyn Send + Sync>>,
}

impl Down {
    fn at(base: String, says: &'static str) -> Self {
        Self {
            base,
            ca: None,
            taken: Arc::default(),
            says,
            _kept: Vec::new(),
        }
    }

    /// Takes connections and does `then` with each.
    async fn serving<F>(scheme: &str, says: &'static str, then: impl Fn(TcpStream) -> F + Send + 'static) -> Self
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base = format!("{scheme}://{}/v1", listener.local_addr().unwrap());
        let down = Self::at(base, says);
        let taken = down.taken.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                taken.fetch_add(1, Ordering::SeqCst);
                tokio::spawn(then(stream));
            }
        });
        down
    }

    /// Shows this certificate. Its authority is trusted, unless `trusted` names another.
    async fn certified(leaf: CertificateParams, trusted: bool, says: &'static str) -> Self {
        Self::secured(leaf, trusted, false, says).await
    }

    /// The same, and may want the client to show one as well.
    async fn secured(leaf: CertificateParams, trusted: bool, both: bool, says: &'static str) -> Self {
        let authority = |name: &str| {
            let mut params = CertificateParams::new(Vec::new()).unwrap();
            params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
            params.distinguished_name.push(DnType::CommonName, name);
            let key = KeyPair::generate().unwrap();
            let pem = params.self_signed(&key).unwrap().pem();
            (Issuer::new(params, key), pem)
        };
        let ((issuer, pem), (_, other)) = (authority("one"), authority("another"));
        let key = KeyPair::generate().unwrap();
        let certificate = leaf.signed_by(&key, &issuer).unwrap();
        let crypto = Arc::new(rustls::crypto::ring::default_provider());
        let mut clients = RootCertStore::empty();
        clients
            .add(CertificateDer::from_pem_slice(pem.as_bytes()).unwrap())
            .unwrap();
        let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(clients), crypto.clone());
        let verifier = match both {
            true => verifier.build().unwrap(),
            false => WebPkiClientVerifier::no_client_auth(),
        };
        let config = ServerConfig::builder_with_provider(crypto)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_client_cert_verifier(verifier)
            .with_single_cert(
                vec![certificate.der().clone()],
                PrivateKeyDer::Pkcs8(key.serialize_der().into()),
            )
            .unwrap();
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let mut down = Self::serving("https", says, move |stream| {
            let acceptor = acceptor.clone();
            async move {
                if let Ok(mut stream) = acceptor.accept(stream).await {
                    let _ = stream.read_to_end(&mut Vec::new()).await;
                }
            }
        })
        .await;
        down.ca = Some(if trusted { pem } else { other });
        down
    }
}

fn named(name: &str) -> CertificateParams {
    CertificateParams::new(vec![name.to_owned()]).unwrap()
}

/// A configuration with this vendor first, and a healthy one behind it if there is one.
fn place(down: &Down, healthy: Option<&Upstream>) -> Place {
    let mut place = Place::new(env!("CARGO_BIN_EXE_loadlock"), env!("CARGO_TARGET_TMPDIR"));
    place.env("OUTAGE_KEY", KEY);
    let mut text = String::from("grants = [{ root = \"{files}\" }]\n");
    text.push_str(match healthy {
        Some(_) => "order = [\"first\", \"second\"]\n",
        None => "order = [\"first\"]\n",
    });
    let mut provider = |name: &str, base: &str, more: &str| {
        text.push_str(&format!(
            "[providers.{name}]\ncomponent = \"builtin:kimi\"\naccount = \"{name}\"\n\
             settings = {{ base_url = \"{base}\" }}\n\
             egress = [{{ url = \"{base}/files\", methods = [\"GET\", \"POST\", \"DELETE\"], private = true }}]\n\
             credential = {{ header = \"Authorization\", value = \"Bearer ${{env:OUTAGE_KEY}}\" }}\n{more}"
        ));
    };
    let ca = down.ca.as_ref().map(|pem| {
        let path = place.home().join("authority.pem");
        std::fs::write(&path, pem).unwrap();
        format!("ca_file = {path:?}\n")
    });
    provider("first", &down.base, ca.as_deref().unwrap_or_default());
    if let Some(healthy) = healthy {
        provider("second", &healthy.base_url(), "");
    }
    place.configure(&text);
    place
}

async fn upload(place: &Place, bytes: usize) -> (i32, Vec<Value>) {
    let path = place.file("report.txt", vec![b'x'; bytes]);
    let began = Instant::now();
    let ended = place.run(&["upload", path.to_str().unwrap()]).await;
    assert!(began.elapsed() < BOUND, "{:?} for {ended:?}", began.elapsed());
    ended
}

async fn vendor() -> Upstream {
    Upstream::start(Vendor::Kimi, Options::with_key(KEY)).await.unwrap()
}

/// With a healthy vendor behind it: one look at the first, and stored at the second.
async fn falls_back(down: &Down, bytes: usize) {
    let healthy = vendor().await;
    let place = place(down, Some(&healthy));
    let (status, lines) = upload(&place, bytes).await;
    assert_eq!(status, 0, "{lines:?}");
    let file = lines.last().unwrap();
    assert_eq!(file["provider"], "second", "{lines:?}");
    assert_eq!(file["attempts"], 2, "one at each: {lines:?}");
    assert_eq!(healthy.requests().of(Operation::Create).len(), 1);
    assert_eq!(healthy.files().len(), 1);
}

/// A person who is watching is told which provider failed, why, and which one took the file.
#[tokio::test]
async fn a_fallback_says_so() {
    let (healthy, nobody) = (vendor().await, nobody());
    let down = Down::at(format!("http://{nobody}/v1"), "connection refused");
    let place = place(&down, Some(&healthy));
    let path = place.file("report.txt", "some text");
    let mut command = place.command(&["upload", path.to_str().unwrap()]);
    let output = command.stderr(Stdio::piped()).output().await.unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    let says = format!("[FALLBACK] first: cannot connect to {nobody}: connection refused; second takes the file");
    assert_eq!(said.matches(&says).count(), 1, "{said}");
}

/// Alone: an error of its own that says what is wrong, and nothing left to settle.
async fn fails_clearly(down: &Down, bytes: usize) {
    let place = place(down, None);
    let (status, lines) = upload(&place, bytes).await;
    assert_ne!(status, 0, "{lines:?}");
    let error = &lines.last().unwrap()["error"];
    assert_eq!(error["code"], "provider_unreachable", "{lines:?}");
    let message = error["message"].as_str().unwrap();
    assert!(message.contains(down.says), "{message}");
    assert!(!message.contains(KEY), "{message}");
    let (_, sheet) = place.run(&["fsck"]).await;
    let counts = sheet[0]["lines"].as_array().unwrap();
    for line in counts {
        let name = line["name"].as_str().unwrap();
        if name.contains("open") || name.contains("unknown") {
            assert_eq!(line["count"], 0, "{line}");
        }
    }
}

async fn is_left_at_once(down: Down) {
    // Some take the whole time that a connection may take.
    tokio::join!(
        falls_back(&down, 14),
        falls_back(&down, 3_000_000),
        fails_clearly(&down, 14),
        fails_clearly(&down, 3_000_000),
    );
    // One for each that fell back; alone it may be tried as often as an upload is sent.
    let taken = down.taken.load(Ordering::SeqCst);
    assert!(taken <= 2 + 2 * 3 + 2, "{taken} connections");
}

/// A port that nobody listens at.
fn nobody() -> SocketAddr {
    Listener::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}

#[tokio::test]
async fn a_refused_connection() {
    let base = format!("http://{}/v1", nobody());
    is_left_at_once(Down::at(base, "connection refused")).await;
}

#[tokio::test]
async fn a_name_without_an_address() {
    let base = "https://nowhere.invalid/v1".to_owned();
    is_left_at_once(Down::at(base, "nowhere.invalid")).await;
}

/// Connections that were opened and never taken fill the queue; the kernel drops whatever comes after them.
#[tokio::test]
async fn a_black_hole() {
    let listener = Listener::bind("127.0.0.1:0").unwrap();
    rustix::net::listen(listener.as_fd(), 0).unwrap();
    let address = listener.local_addr().unwrap();
    let mut down = Down::at(format!("http://{address}/v1"), "nothing answered");
    down._kept.push(Box::new(listener));
    while let Ok(Ok(stream)) = tokio::time::timeout(Duration::from_millis(500), TcpStream::connect(address)).await {
        down._kept.push(Box::new(stream));
    }
    is_left_at_once(down).await;
}

#[tokio::test]
async fn a_certificate_that_has_expired() {
    let mut leaf = named("127.0.0.1");
    leaf.not_before = rcgen::date_time_ymd(2020, 1, 1);
    leaf.not_after = rcgen::date_time_ymd(2021, 2, 3);
    is_left_at_once(Down::certified(leaf, true, "expired on 2021-02-03").await).await;
}

#[tokio::test]
async fn a_certificate_for_another_name() {
    is_left_at_once(Down::certified(named("other.test"), true, "another name").await).await;
}

#[tokio::test]
async fn a_certificate_of_an_unknown_authority() {
    is_left_at_once(Down::certified(named("127.0.0.1"), false, "an authority that is not trusted").await).await;
}

/// With TLS 1.3 the server says so when the client's side of the handshake is done.
#[tokio::test]
async fn a_certificate_of_the_client_that_is_asked_for() {
    let says = "certificate";
    is_left_at_once(Down::secured(named("127.0.0.1"), true, true, says).await).await;
}

/// A vendor that has moved, or a login page in front of it: the request was not fulfilled, and nothing is followed.
#[tokio::test]
async fn an_answer_that_leads_elsewhere() {
    for status in [301, 302, 307, 308] {
        let (first, second) = (vendor().await, vendor().await);
        let place = place(&Down::at(first.base_url(), ""), Some(&second));
        let location = "https://login.example/".to_owned();
        for operation in [Operation::Create, Operation::List] {
            let location = location.clone();
            first.faults().always(operation, Fault::Redirect { status, location });
        }
        let (ended, lines) = upload(&place, 14).await;
        assert_eq!(ended, 0, "{lines:?}");
        assert_eq!(lines.last().unwrap()["provider"], "second", "{lines:?}");
    }
}

#[tokio::test]
async fn a_port_that_does_not_speak_tls() {
    let plain = |mut stream: TcpStream| async move {
        let mut some = [0; 64];
        let _ = stream.read(&mut some).await;
        let answer = b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n";
        let _ = tokio::io::AsyncWriteExt::write_all(&mut stream, answer).await;
    };
    is_left_at_once(Down::serving("https", "does not speak TLS", plain).await).await;
}

#[tokio::test]
async fn a_handshake_that_nobody_answers() {
    let silent = |stream: TcpStream| async move {
        let _open = stream;
        std::future::pending::<()>().await;
    };
    is_left_at_once(Down::serving("https", "TLS handshake", silent).await).await;
}

#[tokio::test]
async fn a_connection_that_is_taken_and_closed() {
    let closed = |stream: TcpStream| async move { drop(stream) };
    is_left_at_once(Down::serving("https", "ended in the handshake", closed).await).await;
}

/// The contrary: what was sent whole is not sent elsewhere, whatever becomes of its answer, until somebody has looked.
#[tokio::test]
async fn an_answer_that_is_lost_is_looked_for() {
    for bytes in [14, 3_000_000] {
        let (first, second) = (vendor().await, vendor().await);
        let down = Down::at(first.base_url(), "");
        let place = place(&down, Some(&second));
        // Stored, and the answer lost: it is found.
        first.faults().push(Operation::Create, Fault::ResetAfter);
        let (status, lines) = upload(&place, bytes).await;
        assert_eq!(status, 0, "{lines:?}");
        assert_eq!(lines.last().unwrap()["provider"], "first", "{lines:?}");
        assert_eq!(first.requests().of(Operation::Create).len(), 1, "sent once");
        assert!(!first.requests().of(Operation::List).is_empty(), "looked for");
        assert_eq!((first.files().len(), second.files().len()), (1, 0));
    }
}

/// And where the list fails too, the caller hears so in bounded time; nothing is sent elsewhere.
#[tokio::test]
async fn a_lost_answer_at_a_vendor_that_cannot_be_asked_ends_in_time() {
    let (first, second) = (vendor().await, vendor().await);
    let down = Down::at(first.base_url(), "");
    let place = place(&down, Some(&second));
    let text = std::fs::read_to_string(place.config()).unwrap();
    place.configure(&format!(
        "{text}[retry]\nattempts = 2\nbase = \"5ms\"\ndeadline = \"5s\"\n"
    ));
    first.faults().push(Operation::Create, Fault::ResetAfter);
    for number in 0..100 {
        // Some of the looks get no answer at all.
        let fault = if number % 4 == 3 {
            Fault::Hang
        } else {
            Fault::ResetBefore
        };
        first.faults().push(Operation::List, fault);
    }
    let (status, lines) = upload(&place, 14).await;
    assert_ne!(status, 0, "{lines:?}");
    assert_eq!(lines.last().unwrap()["error"]["code"], "outcome_unknown", "{lines:?}");
    assert!(second.files().is_empty());
    // Once it can be asked, it is found: nobody has to send it again.
    first.faults().clear();
    let (status, lines) = place.run(&["upload", "report.txt"]).await;
    assert_eq!(status, 0, "{lines:?}");
    assert_eq!(first.files().len(), 1, "{lines:?}");
    assert_eq!(first.requests().of(Operation::Create).len(), 1, "sent once: {lines:?}");
}

/// What is asked of a vendor that is down besides uploads: a clear answer, and none of them waits for long.
#[tokio::test]
async fn everything_else_that_is_asked_of_it_says_so() {
    let upstream = vendor().await;
    let down = Down::at(upstream.base_url(), "connection refused");
    let place = place(&down, None);
    let (status, lines) = upload(&place, 14).await;
    assert_eq!(status, 0, "{lines:?}");
    let id = lines.last().unwrap()["id"].as_str().unwrap().to_owned();
    upstream.stop().await;
    let began = Instant::now();
    let (status, lines) = place.run(&["files", "content", &id, "-o", "copy.txt"]).await;
    assert_ne!(status, 0, "{lines:?}");
    let error = &lines.last().unwrap()["error"];
    assert_eq!(error["code"], "provider_unreachable", "{lines:?}");
    let (_, lines) = place.run(&["providers", "probe", "first"]).await;
    assert!(lines[0].to_string().contains("connection refused"), "{lines:?}");
    // Deleting here is done here; the vendor hears of it when it is back.
    let (status, lines) = place.run(&["files", "rm", &id]).await;
    assert_eq!(status, 0, "{lines:?}");
    // And the next start is not held up by what waits there.
    let served = place.serve().await;
    assert!(served.stop().await.is_some());
    assert!(began.elapsed() < BOUND, "{:?}", began.elapsed());
}
