//! Somebody who is told by webhooks.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use http::header::LOCATION;
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto::Builder;
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::sync::mpsc;

/// What it got.
#[derive(Debug, Clone)]
pub struct HookMessage {
    pub path: String,
    pub id: String,
    pub timestamp: u64,
    pub signature: String,
    pub body: Value,
}

type Answering = Arc<Mutex<Box<dyn FnMut(&HookMessage) -> u16 + Send>>>;

/// A running receiver; stops with the test's runtime.
pub struct HookReceiver {
    address: std::net::SocketAddr,
    messages: mpsc::UnboundedReceiver<HookMessage>,
    answering: Answering,
}

impl HookReceiver {
    /// One that takes everything.
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (sender, messages) = mpsc::unbounded_channel();
        let answering: Answering = Arc::new(Mutex::new(Box::new(|_| 204)));
        let answers = answering.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (answers, sender) = (answers.clone(), sender.clone());
                let service = service_fn(move |request: Request<Incoming>| {
                    let (answers, sender) = (answers.clone(), sender.clone());
                    async move {
                        let message = read(request).await?;
                        let status = (answers.lock().unwrap())(&message);
                        let _ = sender.send(message);
                        let mut response = Response::new(Full::new(Bytes::new()));
                        *response.status_mut() = status.try_into().unwrap();
                        response.headers_mut().insert(LOCATION, "/elsewhere".parse().unwrap());
                        Ok::<_, hyper::Error>(response)
                    }
                });
                tokio::spawn(async move {
                    let _ = Builder::new(TokioExecutor::new())
                        .serve_connection(TokioIo::new(stream), service)
                        .await;
                });
            }
        });
        Self {
            address,
            messages,
            answering,
        }
    }

    /// For `webhooks.url`.
    pub fn url(&self) -> String {
        format!("http://{}/hook", self.address)
    }

    /// From here on it answers so.
    pub fn answer(&self, answer: impl FnMut(&HookMessage) -> u16 + Send + 'static) {
        *self.answering.lock().unwrap() = Box::new(answer);
    }

    /// What it gets next.
    pub async fn next(&mut self) -> HookMessage {
        let next = tokio::time::timeout(Duration::from_secs(60), self.messages.recv());
        next.await.expect("a message within a minute").unwrap()
    }
}

async fn read(request: Request<Incoming>) -> Result<HookMessage, hyper::Error> {
    let header = |name: &str| {
        let value = request.headers().get(name);
        value.map_or_else(String::new, |value| value.to_str().unwrap().to_owned())
    };
    let (id, timestamp) = (header("webhook-id"), header("webhook-timestamp").parse().unwrap());
    let (path, signature) = (request.uri().path().to_owned(), header("webhook-signature"));
    let body = request.into_body().collect().await?.to_bytes();
    let body = serde_json::from_slice(&body).unwrap();
    Ok(HookMessage {
        path,
        id,
        timestamp,
        signature,
        body,
    })
}
