//! The same proxy without a sandbox: the same form, the same two syncs, the same vendor, and nothing else.
//!
//! Before it forwards a file it notes that it will, and before it answers it notes that it did; both notes are on the
//! disk first. As in Loadlock's journal, notes that wait together share one sync.

use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::sync::{Arc, mpsc};

use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::{Json, Router, routing};
use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use tokio::sync::oneshot;

use crate::client::whole_form;
use crate::{Result, failed};

/// A log with one writer.
#[derive(Clone)]
struct Log(mpsc::Sender<(String, oneshot::Sender<()>)>);

impl Log {
    fn open(path: &Path) -> Result<Self> {
        let mut file = File::create(path).map_err(failed("log"))?;
        let (notes, waiting) = mpsc::channel::<(String, oneshot::Sender<()>)>();
        std::thread::spawn(move || {
            while let Ok(first) = waiting.recv() {
                let batch: Vec<_> = std::iter::once(first).chain(waiting.try_iter()).collect();
                let text: String = batch.iter().map(|(note, _)| note.as_str()).collect();
                if file.write_all(text.as_bytes()).and_then(|()| file.sync_data()).is_err() {
                    // Nobody is answered any more: a proxy that cannot write is no baseline.
                    return;
                }
                for (_, done) in batch {
                    let _ = done.send(());
                }
            }
        });
        Ok(Self(notes))
    }

    async fn note(&self, note: Value) -> Answer<()> {
        let (done, waiting) = oneshot::channel();
        self.0.send((format!("{note}\n"), done)).map_err(internal)?;
        waiting.await.map_err(internal)
    }
}

type Answer<T> = std::result::Result<T, (StatusCode, String)>;

fn internal(error: impl std::fmt::Display) -> (StatusCode, String) {
    (StatusCode::INTERNAL_SERVER_ERROR, error.to_string())
}

fn wrong(error: impl std::fmt::Display) -> (StatusCode, String) {
    (StatusCode::BAD_REQUEST, error.to_string())
}

struct Proxy {
    log: Log,
    upstream: String,
    http: Client<HttpConnector, Full<Bytes>>,
}

/// Serves until the process is killed.
pub(crate) fn run(upstream: &str, log: &Path) -> Result<()> {
    let mut connector = HttpConnector::new();
    connector.set_nodelay(true);
    let proxy = Arc::new(Proxy {
        log: Log::open(log)?,
        upstream: format!("http://{upstream}/v1/files"),
        http: Client::builder(TokioExecutor::new()).build(connector),
    });
    let runtime = tokio::runtime::Runtime::new().map_err(failed("runtime"))?;
    runtime.block_on(async move {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0")
            .await
            .map_err(failed("bind"))?;
        let address = listener.local_addr().map_err(failed("address"))?;
        println!("{}", json!({ "address": address.to_string() }));
        let router = Router::new()
            .route("/v1/files", routing::post(upload))
            .with_state(proxy);
        axum::serve(listener, router).await.map_err(failed("serve"))
    })
}

async fn upload(State(proxy): State<Arc<Proxy>>, request: Request) -> Answer<Json<Value>> {
    let kind = request
        .headers()
        .get("content-type")
        .and_then(|kind| kind.to_str().ok());
    let boundary = multer::parse_boundary(kind.unwrap_or_default()).map_err(wrong)?;
    let mut form = multer::Multipart::new(request.into_body().into_data_stream(), boundary);
    let (mut content, mut name) = (Bytes::new(), String::new());
    while let Some(field) = form.next_field().await.map_err(wrong)? {
        if let Some(filename) = field.file_name() {
            name = filename.to_owned();
            content = field.bytes().await.map_err(wrong)?;
        }
    }
    let digest = hex::encode(Sha256::digest(&content));
    proxy.log.note(json!({ "intent": name, "sha256": digest })).await?;
    let request = http::Request::post(&proxy.upstream)
        .header("content-type", kind_of_form())
        .body(Full::new(whole_form(&name, &content)))
        .map_err(internal)?;
    let response = proxy.http.request(request).await.map_err(internal)?;
    let body = response.into_body().collect().await.map_err(internal)?.to_bytes();
    let stored: Value = serde_json::from_slice(&body).map_err(internal)?;
    if stored["bytes"].as_u64() != Some(content.len() as u64) {
        return Err(internal(format!("the vendor says {stored}")));
    }
    proxy.log.note(json!({ "accepted": name, "id": stored["id"] })).await?;
    Ok(Json(stored))
}

fn kind_of_form() -> String {
    format!("multipart/form-data; boundary={}", crate::client::BOUNDARY)
}
