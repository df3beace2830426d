//! A plain HTTP client.

use bytes::Bytes;
use http::{Method, Request};
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt, Full};
use hyper_util::client::legacy;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;

use crate::Answer;

type Body = BoxBody<Bytes, std::io::Error>;

/// One client with one credential and its own connections.
#[derive(Clone)]
pub struct Client {
    address: String,
    token: Option<String>,
    http: legacy::Client<HttpConnector, Body>,
}

impl Client {
    pub(crate) fn new(address: &str, token: Option<&str>) -> Self {
        let http = legacy::Client::builder(TokioExecutor::new()).build_http();
        Self {
            address: address.to_owned(),
            token: token.map(str::to_owned),
            http,
        }
    }

    /// A request with headers and a whole body.
    pub async fn send(&self, method: &str, path: &str, headers: &[(&str, &str)], body: impl Into<Bytes>) -> Answer {
        let body = Full::new(body.into()).map_err(|never| match never {}).boxed();
        self.send_body(method, path, headers, body).await.unwrap()
    }

    /// A request whose body is up to the caller, such as one that stops in the middle.
    pub async fn send_body(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: Body,
    ) -> Result<Answer, legacy::Error> {
        let (head, body) = self.begin(method, path, headers, body).await?.into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        Ok(Answer {
            status: head.status,
            headers: head.headers,
            body,
        })
    }

    async fn begin(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: Body,
    ) -> Result<http::Response<hyper::body::Incoming>, legacy::Error> {
        let mut request = Request::builder()
            .method(Method::from_bytes(method.as_bytes()).unwrap())
            .uri(format!("http://{}{path}", self.address));
        if let Some(token) = &self.token {
            request = request.header("authorization", format!("Bearer {token}"));
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        self.http.request(request.body(body).unwrap()).await
    }

    /// A request whose answer is read while it comes, such as a stream of events.
    pub async fn stream(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: impl Into<Bytes>,
    ) -> http::Response<hyper::body::Incoming> {
        let body = Full::new(body.into()).map_err(|never| match never {}).boxed();
        self.begin(method, path, headers, body).await.unwrap()
    }

    pub async fn get(&self, path: &str) -> Answer {
        self.send("GET", path, &[], "").await
    }

    /// A GET whose answer may break off in the middle; that is `None`.
    pub async fn try_get(&self, path: &str) -> Option<Answer> {
        let mut request = Request::get(format!("http://{}{path}", self.address));
        if let Some(token) = &self.token {
            request = request.header("authorization", format!("Bearer {token}"));
        }
        let empty = Full::new(Bytes::new()).map_err(|never| match never {});
        let request = request.body(empty.boxed()).unwrap();
        let (head, body) = self.http.request(request).await.ok()?.into_parts();
        Some(Answer {
            status: head.status,
            headers: head.headers,
            body: body.collect().await.ok()?.to_bytes(),
        })
    }

    pub async fn delete(&self, path: &str) -> Answer {
        self.send("DELETE", path, &[], "").await
    }

    pub async fn post_json(&self, path: &str, body: serde_json::Value) -> Answer {
        self.send("POST", path, &[("content-type", "application/json")], body.to_string())
            .await
    }

    /// `POST /v1/files` with this file and these further fields, the file last.
    pub async fn upload(&self, name: &str, content: &[u8], fields: &[(&str, &str)]) -> Answer {
        let (kind, body) = form(fields, &[("file", name, content)]);
        self.send("POST", "/v1/files", &[("content-type", &kind)], body).await
    }
}

/// What a token says, unverified.
pub fn claims(token: &str) -> serde_json::Value {
    use base64::Engine;
    let payload = token.split('.').nth(1).unwrap();
    let payload = base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(payload);
    serde_json::from_slice(&payload.unwrap()).unwrap()
}

/// A multipart form: its content type and body.
pub fn form(fields: &[(&str, &str)], files: &[(&str, &str, &[u8])]) -> (String, Vec<u8>) {
    const BOUNDARY: &str = "----loadlock-form-7d1f0a";
    let mut body = Vec::new();
    for (name, value) in fields {
        body.extend(
            format!("--{BOUNDARY}\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n").into_bytes(),
        );
    }
    for (name, filename, content) in files {
        body.extend(
            format!(
                "--{BOUNDARY}\r\nContent-Disposition: form-data; name=\"{name}\"; filename=\"{filename}\"\r\n\
                 Content-Type: application/octet-stream\r\n\r\n"
            )
            .into_bytes(),
        );
        body.extend_from_slice(content);
        body.extend_from_slice(b"\r\n");
    }
    body.extend(format!("--{BOUNDARY}--\r\n").into_bytes());
    (format!("multipart/form-data; boundary={BOUNDARY}"), body)
}
