//! A registry in memory. It does what the specification says, and whatever a test tells it to do instead. The tests of
//! the command line use it as well.
#![allow(dead_code, clippy::unwrap_used)]

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::time::Duration;

use bytes::Bytes;
use futures::StreamExt as _;
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt, Full, StreamBody};
use hyper::body::{Frame, Incoming};
use hyper::{HeaderMap, Method, Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use loadlock_registry::Sha256Digest;

type Body = BoxBody<Bytes, std::io::Error>;

/// A request that came.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    pub(crate) method: Method,
    /// With the query.
    pub(crate) path: String,
    pub(crate) headers: HeaderMap,
}

impl Seen {
    pub(crate) fn authorization(&self) -> Option<&str> {
        self.headers.get("authorization").and_then(|value| value.to_str().ok())
    }

    pub(crate) fn is_blob(&self) -> bool {
        self.method == Method::GET && self.path.contains("/blobs/")
    }
}

/// What it answers instead.
#[derive(Clone, Debug)]
pub(crate) enum Reply {
    Answer(u16, Vec<(&'static str, String)>, Bytes),
    /// Announces more bytes than it sends, and closes the connection.
    Cut(u64, Bytes),
    /// Announces more bytes than it sends, and says nothing more.
    Silence(u64, Bytes),
}

impl Reply {
    pub(crate) fn status(status: u16) -> Self {
        Self::Answer(status, Vec::new(), Bytes::new())
    }

    pub(crate) fn redirect(to: impl Into<String>) -> Self {
        Self::Answer(307, vec![("location", to.into())], Bytes::new())
    }

    pub(crate) fn bytes(bytes: impl Into<Bytes>) -> Self {
        Self::Answer(200, Vec::new(), bytes.into())
    }
}

type Script = Box<dyn Fn(&Seen) -> Option<Reply> + Send>;

#[derive(Default)]
pub(crate) struct Contents {
    pub(crate) blobs: BTreeMap<String, Bytes>,
    /// By `repository:tag` and `repository@digest`.
    pub(crate) manifests: BTreeMap<String, (String, Bytes)>,
    /// Whether it knows the referrers endpoint.
    pub(crate) referrers: bool,
    seen: Vec<Seen>,
    script: Option<Script>,
}

#[derive(Clone)]
pub(crate) struct FakeRegistry {
    address: SocketAddr,
    shared: Arc<(Mutex<Contents>, Condvar)>,
}

impl FakeRegistry {
    /// Starts one, on a thread of its own that ends with the process.
    pub(crate) fn start() -> Self {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let registry = Self {
            address: listener.local_addr().unwrap(),
            shared: Arc::default(),
        };
        let serving = registry.clone();
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .unwrap();
            runtime.block_on(serving.serve(listener));
        });
        registry
    }

    pub(crate) fn host(&self) -> String {
        self.address.to_string()
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, Contents> {
        self.shared.0.lock().unwrap()
    }

    /// From now on the script answers first.
    pub(crate) fn script(&self, script: impl Fn(&Seen) -> Option<Reply> + Send + 'static) {
        self.lock().script = Some(Box::new(script));
    }

    pub(crate) fn seen(&self) -> Vec<Seen> {
        self.lock().seen.clone()
    }

    /// Waits until such a request has come after the first `count`.
    pub(crate) fn wait_for_after(&self, count: usize, such: impl Fn(&Seen) -> bool) {
        let (lock, news) = &*self.shared;
        let waiting = |contents: &mut Contents| !contents.seen.iter().skip(count).any(&such);
        let (_contents, timeout) = news
            .wait_timeout_while(lock.lock().unwrap(), Duration::from_secs(120), waiting)
            .unwrap();
        assert!(!timeout.timed_out(), "no such request came");
    }

    /// Copies a component to another tag with other words in its configuration and another version; the digest of its
    /// layer.
    pub(crate) fn pretend(&self, (from, to): (&str, &str), old: &str, new: &str, version: &str) -> String {
        let mut contents = self.lock();
        let (kind, bytes) = contents.manifests[from].clone();
        let mut manifest: serde_json::Value = serde_json::from_slice(&bytes).unwrap();
        let config = contents.blobs[manifest["config"]["digest"].as_str().unwrap()].clone();
        let config = String::from_utf8(config.to_vec())
            .unwrap()
            .replace(&format!("@{old}"), &format!("@{new}"));
        manifest["config"]["digest"] = digest(config.as_bytes()).into();
        manifest["config"]["size"] = config.len().into();
        manifest["annotations"]["org.opencontainers.image.version"] = version.into();
        contents.blobs.insert(digest(config.as_bytes()), config.into());
        let bytes = Bytes::from(manifest.to_string());
        let repository = to.split(':').next().unwrap_or_default();
        contents.manifests.insert(
            format!("{repository}@{}", digest(&bytes)),
            (kind.clone(), bytes.clone()),
        );
        contents.manifests.insert(to.to_owned(), (kind, bytes));
        manifest["layers"][0]["digest"].as_str().unwrap().to_owned()
    }

    /// The digest that a tag points to.
    pub(crate) fn tagged(&self, name: &str) -> String {
        digest(&self.lock().manifests[name].1)
    }

    /// Moves a tag, as whoever can write to the registry could.
    pub(crate) fn move_tag(&self, from: &str, to: &str) {
        let mut contents = self.lock();
        let manifest = contents.manifests[from].clone();
        contents.manifests.insert(to.to_owned(), manifest);
    }

    /// Takes away what is beside components of a repository and holds this predicate.
    pub(crate) fn strip(&self, repository: &str, predicate: &str) {
        let of_repository = format!("{repository}@");
        let is_it = |bytes: &Bytes| {
            let manifest: serde_json::Value = serde_json::from_slice(bytes).unwrap();
            manifest["annotations"]["dev.sigstore.bundle.predicateType"] == predicate
        };
        let mut contents = self.lock();
        contents
            .manifests
            .retain(|name, (_, bytes)| !(name.starts_with(&of_repository) && is_it(bytes)));
    }

    async fn serve(self, listener: std::net::TcpListener) {
        let listener = tokio::net::TcpListener::from_std(listener).unwrap();
        loop {
            let Ok((stream, _)) = listener.accept().await else {
                continue;
            };
            let registry = self.clone();
            tokio::spawn(async move {
                let service = hyper::service::service_fn(move |request| {
                    let registry = registry.clone();
                    async move { Ok::<_, Infallible>(registry.answer(request).await) }
                });
                // What breaks is the client's to notice.
                let _ = hyper::server::conn::http1::Builder::new()
                    .serve_connection(TokioIo::new(stream), service)
                    .await;
            });
        }
    }

    async fn answer(&self, request: Request<Incoming>) -> Response<Body> {
        let (head, body) = request.into_parts();
        let body = body.collect().await.map(|body| body.to_bytes()).unwrap_or_default();
        let seen = Seen {
            method: head.method,
            path: head.uri.path_and_query().map(ToString::to_string).unwrap_or_default(),
            headers: head.headers,
        };
        let mut contents = self.lock();
        contents.seen.push(seen.clone());
        self.shared.1.notify_all();
        let scripted = contents.script.as_ref().and_then(|script| script(&seen));
        let reply = scripted.unwrap_or_else(|| plain(&mut contents, &seen, body));
        drop(contents);
        response(reply)
    }
}

/// What the specification says.
fn plain(contents: &mut Contents, seen: &Seen, body: Bytes) -> Reply {
    let (path, query) = seen.path.split_once('?').unwrap_or((&seen.path, ""));
    let Some(path) = path.strip_prefix("/v2/") else {
        return Reply::status(404);
    };
    let of = |marker: &str| path.split_once(marker);
    if let Some((repository, reference)) = of("/manifests/") {
        manifest(contents, seen, repository, reference, body)
    } else if of("/blobs/uploads/").is_some() && seen.method == Method::POST {
        Reply::Answer(
            202,
            vec![("location", format!("/v2/{path}one?state=a%2Fb"))],
            Bytes::new(),
        )
    } else if of("/blobs/uploads/").is_some() {
        let wanted = query.rsplit("digest=").next().unwrap_or_default().replace("%3A", ":");
        if digest(&body) != wanted {
            return Reply::status(400);
        }
        contents.blobs.insert(wanted, body);
        Reply::status(201)
    } else if let Some((_, digest)) = of("/blobs/") {
        contents
            .blobs
            .get(digest)
            .map_or(Reply::status(404), |bytes| Reply::bytes(bytes.clone()))
    } else if let Some((repository, _)) = of("/tags/list") {
        let start = format!("{repository}:");
        let tags = contents.manifests.keys().filter_map(|key| key.strip_prefix(&start));
        let tags: Vec<&str> = tags.collect();
        Reply::bytes(serde_json::json!({ "name": repository, "tags": tags }).to_string())
    } else if let Some((repository, subject)) = of("/referrers/")
        && contents.referrers
    {
        Reply::bytes(referrers(contents, repository, subject))
    } else {
        Reply::status(404)
    }
}

fn manifest(contents: &mut Contents, seen: &Seen, repository: &str, reference: &str, body: Bytes) -> Reply {
    let joint = if reference.starts_with("sha256:") { '@' } else { ':' };
    let key = format!("{repository}{joint}{reference}");
    if seen.method == Method::PUT {
        let kind = seen.headers["content-type"].to_str().unwrap().to_owned();
        let by_digest = format!("{repository}@{}", digest(&body));
        contents.manifests.insert(by_digest, (kind.clone(), body.clone()));
        contents.manifests.insert(key, (kind, body));
        return Reply::status(201);
    }
    match contents.manifests.get(&key) {
        Some((kind, bytes)) => {
            let headers = vec![("content-type", kind.clone()), ("docker-content-digest", digest(bytes))];
            Reply::Answer(200, headers, bytes.clone())
        }
        None => Reply::status(404),
    }
}

fn referrers(contents: &Contents, repository: &str, subject: &str) -> String {
    let start = format!("{repository}@");
    let manifests = contents.manifests.iter().filter(|(key, _)| key.starts_with(&start));
    let listed: Vec<serde_json::Value> = manifests
        .filter_map(|(_, (kind, bytes))| {
            let manifest: serde_json::Value = serde_json::from_slice(bytes).ok()?;
            (manifest["subject"]["digest"] == subject).then(|| {
                serde_json::json!({
                    "mediaType": kind, "digest": digest(bytes), "size": bytes.len(),
                    "artifactType": manifest["artifactType"],
                })
            })
        })
        .collect();
    serde_json::json!({
        "schemaVersion": 2, "mediaType": "application/vnd.oci.image.index.v1+json", "manifests": listed,
    })
    .to_string()
}

fn response(reply: Reply) -> Response<Body> {
    let (status, headers, length, bytes, end) = match reply {
        Reply::Answer(status, headers, bytes) => (status, headers, None, bytes, End::Clean),
        Reply::Cut(length, bytes) => (200, Vec::new(), Some(length), bytes, End::Cut),
        Reply::Silence(length, bytes) => (200, Vec::new(), Some(length), bytes, End::Silence),
    };
    let mut response = Response::builder().status(StatusCode::from_u16(status).unwrap());
    for (name, value) in headers {
        response = response.header(name, value);
    }
    if let Some(length) = length {
        response = response.header("content-length", length);
    }
    let sent = futures::stream::iter([Ok(Frame::data(bytes.clone()))]);
    let body = match end {
        End::Clean => Full::new(bytes).map_err(|never| match never {}).boxed(),
        End::Cut => {
            let end = futures::stream::iter([Err(std::io::Error::other("cut"))]);
            BodyExt::boxed(StreamBody::new(sent.chain(end)))
        }
        End::Silence => BodyExt::boxed(StreamBody::new(sent.chain(futures::stream::pending()))),
    };
    response.body(body).unwrap()
}

enum End {
    Clean,
    Cut,
    Silence,
}

pub(crate) fn digest(bytes: &[u8]) -> String {
    Sha256Digest::of(bytes).to_string()
}
