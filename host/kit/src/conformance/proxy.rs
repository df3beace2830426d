//! A proxy before the author's vendor that fails on command and remembers what it saw.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use futures::StreamExt as _;
use http::{HeaderMap, Method, Request, Response, StatusCode, Uri};
use http_body::Frame;
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt as _, Empty, Full, StreamBody};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioIo};
use sha2::{Digest, Sha256};
use tokio::net::TcpListener;

type ProxyBody = UnsyncBoxBody<Bytes, std::io::Error>;

/// What goes wrong with one request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ProxyFault {
    /// The vendor carries it out, and the connection closes without an answer.
    LoseAnswer,
    /// The vendor carries it out, and the connection closes within the answer.
    CutAnswer,
    /// The vendor carries it out, and this is answered instead.
    Instead(ProxyAnswer),
    /// The request is read to its end, and this is answered. The vendor hears nothing.
    Answer(ProxyAnswer),
    /// This is answered after so many bytes of the body, and the rest is read and dropped.
    Early(u64, ProxyAnswer),
    /// The request is read, and nothing is ever answered.
    Hang,
    /// The connection closes at once.
    Close,
}

/// An answer of the proxy's own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProxyAnswer {
    /// The status.
    pub status: u16,
    /// One more header.
    pub header: Option<(&'static str, &'static str)>,
    /// The body, and how many times it is sent.
    pub body: (Bytes, usize),
}

impl ProxyAnswer {
    /// A status with a short text.
    pub fn status(status: u16) -> Self {
        Self {
            status,
            header: None,
            body: (Bytes::from_static(b"{\"error\":\"as the test says\"}"), 1),
        }
    }
}

/// A request that the proxy saw.
#[derive(Debug, Clone)]
pub struct SeenRequest {
    /// The method.
    pub method: Method,
    /// Path and query.
    pub path: String,
    /// Bytes of its body.
    pub bytes: u64,
    /// SHA-256 of its body.
    pub sha256: String,
}

impl SeenRequest {
    /// Whether it may store something.
    pub fn stores(&self) -> bool {
        is_storing(&self.method)
    }
}

fn is_storing(method: &Method) -> bool {
    *method == Method::POST || *method == Method::PUT || *method == Method::PATCH
}

#[derive(Default)]
struct ProxyState {
    /// For the requests to come: `None` lets one through.
    plan: VecDeque<Option<ProxyFault>>,
    /// For every request, until it is taken away.
    always: Option<ProxyFault>,
    seen: Vec<SeenRequest>,
    /// Requests that began since it was cleared.
    begun: usize,
    /// How often it was cleared. What began before and ends later, such as a body that nobody waits for, is not seen.
    round: usize,
}

/// A running proxy; it ends with its last holder.
pub struct FaultProxy {
    state: Arc<Mutex<ProxyState>>,
    address: SocketAddr,
    accepting: tokio::task::JoinHandle<()>,
}

impl FaultProxy {
    /// Starts one before the vendor at `address`, which is sent these headers as well.
    ///
    /// # Errors
    /// If there is no port.
    pub async fn start(address: SocketAddr, headers: HeaderMap) -> std::io::Result<Self> {
        let vendor = Arc::new(ProxiedVendor { address, headers });
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let address = listener.local_addr()?;
        let state = Arc::<Mutex<ProxyState>>::default();
        let client = Client::builder(TokioExecutor::new()).build_http();
        let shared = Arc::clone(&state);
        let accepting = tokio::spawn(async move {
            let mut connections = tokio::task::JoinSet::new();
            loop {
                let Ok((stream, _)) = listener.accept().await else {
                    tokio::task::yield_now().await;
                    continue;
                };
                while connections.try_join_next().is_some() {}
                let _ = stream.set_nodelay(true);
                let (state, client, vendor) = (Arc::clone(&shared), client.clone(), Arc::clone(&vendor));
                connections.spawn(async move {
                    let service = service_fn(move |request| {
                        answer(Arc::clone(&state), client.clone(), Arc::clone(&vendor), request)
                    });
                    let _ = hyper::server::conn::http1::Builder::new()
                        .serve_connection(TokioIo::new(stream), service)
                        .await;
                });
            }
        });
        Ok(Self {
            state,
            address,
            accepting,
        })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Forgets what was planned and seen.
    pub fn clear(&self) {
        let mut state = locked(&self.state);
        *state = ProxyState {
            round: state.round + 1,
            ..ProxyState::default()
        };
    }

    /// After `before` requests one meets this fault.
    pub fn plan(&self, before: usize, fault: ProxyFault) {
        let mut state = locked(&self.state);
        state.plan.extend(std::iter::repeat_n(None, before));
        state.plan.push_back(Some(fault));
    }

    /// Every request meets this fault.
    pub fn always(&self, fault: ProxyFault) {
        locked(&self.state).always = Some(fault);
    }

    /// What it saw since it was cleared.
    pub fn seen(&self) -> Vec<SeenRequest> {
        locked(&self.state).seen.clone()
    }

    /// How many requests began since it was cleared.
    pub fn begun(&self) -> usize {
        locked(&self.state).begun
    }
}

impl Drop for FaultProxy {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

fn locked(state: &Mutex<ProxyState>) -> MutexGuard<'_, ProxyState> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The connection closes without an answer.
#[derive(Debug, thiserror::Error)]
#[error("as the test says")]
struct NoAnswer;

/// What stands behind the proxy.
struct ProxiedVendor {
    address: SocketAddr,
    headers: HeaderMap,
}

type Answered = Result<Response<ProxyBody>, NoAnswer>;

async fn answer(
    state: Arc<Mutex<ProxyState>>,
    client: Client<HttpConnector, ProxyBody>,
    vendor: Arc<ProxiedVendor>,
    request: Request<Incoming>,
) -> Answered {
    let (fault, round) = {
        let mut state = locked(&state);
        state.begun += 1;
        let fault = match state.plan.pop_front() {
            Some(planned) => planned,
            None => state.always.clone(),
        };
        (fault, state.round)
    };
    let (head, body) = request.into_parts();
    let path = head.uri.path_and_query().map_or("/", |path| path.as_str()).to_owned();
    let note = Note {
        state,
        round,
        method: head.method.clone(),
        path: path.clone(),
        hasher: Sha256::new(),
        bytes: 0,
    };
    let forward = async |note: Note, body: Incoming| -> Answered {
        let uri: Uri = format!("http://{}{path}", vendor.address)
            .parse()
            .map_err(|_| NoAnswer)?;
        let mut request = Request::new(noted(note, body));
        *request.method_mut() = head.method.clone();
        *request.uri_mut() = uri;
        *request.headers_mut() = passed_on(&head.headers);
        request.headers_mut().extend(vendor.headers.clone());
        match client.request(request).await {
            Ok(response) => {
                let (mut head, body) = response.into_parts();
                head.headers = passed_on(&head.headers);
                Ok(Response::from_parts(
                    head,
                    body.map_err(std::io::Error::other).boxed_unsync(),
                ))
            }
            Err(_) => Err(NoAnswer),
        }
    };
    match fault {
        None => forward(note, body).await,
        Some(ProxyFault::Close) => Err(NoAnswer),
        Some(ProxyFault::LoseAnswer) => {
            let _ = forward(note, body).await?.into_body().collect().await;
            Err(NoAnswer)
        }
        Some(ProxyFault::CutAnswer) => Ok(cut(forward(note, body).await?).await),
        Some(ProxyFault::Instead(instead)) => {
            let _ = forward(note, body).await?.into_body().collect().await;
            Ok(own(instead))
        }
        Some(ProxyFault::Answer(answer)) => {
            drain(note, body, u64::MAX).await;
            Ok(own(answer))
        }
        Some(ProxyFault::Early(after, answer)) => {
            if let Some((note, body)) = drain(note, body, after).await {
                tokio::spawn(drain(note, body, u64::MAX));
            }
            Ok(own(answer))
        }
        Some(ProxyFault::Hang) => {
            drain(note, body, u64::MAX).await;
            std::future::pending().await
        }
    }
}

/// What is seen of a request, noted when its body has ended.
struct Note {
    state: Arc<Mutex<ProxyState>>,
    round: usize,
    method: Method,
    path: String,
    hasher: Sha256,
    bytes: u64,
}

impl Note {
    fn add(&mut self, bytes: &[u8]) {
        self.hasher.update(bytes);
        self.bytes += bytes.len() as u64;
    }
}

impl Drop for Note {
    fn drop(&mut self) {
        let seen = SeenRequest {
            method: self.method.clone(),
            path: self.path.clone(),
            bytes: self.bytes,
            sha256: hex::encode(self.hasher.finalize_reset()),
        };
        let mut state = locked(&self.state);
        if state.round == self.round {
            state.seen.push(seen);
        }
    }
}

fn noted(note: Note, body: Incoming) -> ProxyBody {
    let length = http_body::Body::size_hint(&body).exact();
    if length == Some(0) {
        drop(note);
        return Empty::new().map_err(|never: Infallible| match never {}).boxed_unsync();
    }
    let mut note = note;
    let frames = body.into_data_stream().map(move |data| {
        let data = data.map_err(std::io::Error::other)?;
        note.add(&data);
        Ok(Frame::data(data))
    });
    StreamBody::new(frames).boxed_unsync()
}

/// Reads `most` bytes of a body; `None` at its end.
async fn drain(mut note: Note, mut body: Incoming, most: u64) -> Option<(Note, Incoming)> {
    while note.bytes < most {
        let frame = body.frame().await?.ok()?;
        if let Some(data) = frame.data_ref() {
            note.add(data);
        }
    }
    Some((note, body))
}

/// The first half of an answer's body, and then its connection closes.
async fn cut(response: Response<ProxyBody>) -> Response<ProxyBody> {
    let (head, body) = response.into_parts();
    let whole = body.collect().await.map(|body| body.to_bytes()).unwrap_or_default();
    let half = Frame::data(whole.slice(..whole.len() / 2));
    let frames = futures::stream::iter([Ok(half), Err(std::io::ErrorKind::ConnectionReset.into())]);
    Response::from_parts(head, StreamBody::new(frames).boxed_unsync())
}

fn own(answer: ProxyAnswer) -> Response<ProxyBody> {
    let (part, times) = answer.body;
    let body = if times == 1 {
        Full::new(part)
            .map_err(|never: Infallible| match never {})
            .boxed_unsync()
    } else {
        let parts = futures::stream::iter(std::iter::repeat_n(part, times)).map(|part| Ok(Frame::data(part)));
        StreamBody::new(parts).boxed_unsync()
    };
    let mut response = Response::new(body);
    *response.status_mut() = StatusCode::from_u16(answer.status).unwrap_or(StatusCode::BAD_GATEWAY);
    if let Some((name, value)) = answer.header {
        response
            .headers_mut()
            .insert(name, http::HeaderValue::from_static(value));
    }
    response
}

/// Headers without those of one connection.
fn passed_on(headers: &HeaderMap) -> HeaderMap {
    let mut headers = headers.clone();
    for name in [
        "connection",
        "keep-alive",
        "transfer-encoding",
        "upgrade",
        "te",
        "trailer",
        "host",
    ] {
        headers.remove(name);
    }
    headers
}
