//! HTTP as a client speaks it, and a form with a file.

use std::time::Duration;

use bytes::Bytes;
use futures::stream::BoxStream;
use http::{HeaderMap, Request, Response};
use http_body::Frame;
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full, StreamBody};
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::net::TcpStream;

use crate::{Result, failed};

pub(crate) const BOUNDARY: &str = "loadlock-bench-7d1f0a9c";

/// An answer that does not come is a failure, not a wait for ever.
const PATIENCE: Duration = Duration::from_secs(300);

pub(crate) type Body = UnsyncBoxBody<Bytes, std::io::Error>;

/// What stands before and after a file in its form. The file comes last, as OpenAI's SDK for Python sends it.
pub(crate) fn form(filename: &str) -> (String, String) {
    let before = format!(
        "--{BOUNDARY}\r\nContent-Disposition: form-data; name=\"purpose\"\r\n\r\nuser_data\r\n--{BOUNDARY}\r\n\
         Content-Disposition: form-data; name=\"file\"; filename=\"{filename}\"\r\nContent-Type: \
              application/octet-stream\r\n\r\n"
    );
    (before, format!("\r\n--{BOUNDARY}--\r\n"))
}

/// A form in memory.
pub(crate) fn whole_form(filename: &str, content: &[u8]) -> Bytes {
    let (before, after) = form(filename);
    [before.as_bytes(), content, after.as_bytes()].concat().into()
}

/// One connection that is kept.
pub(crate) struct Client {
    address: String,
    token: Option<String>,
    sender: SendRequest<Body>,
}

impl Client {
    pub(crate) async fn connect(address: &str, token: Option<&str>) -> Result<Self> {
        let stream = TcpStream::connect(address).await.map_err(failed(address))?;
        stream.set_nodelay(true).map_err(failed("nodelay"))?;
        let (sender, connection) = handshake(TokioIo::new(stream)).await.map_err(failed(address))?;
        tokio::spawn(async move {
            // Whoever waits for an answer learns of the end.
            let _ = connection.await;
        });
        Ok(Self {
            address: address.to_owned(),
            token: token.map(str::to_owned),
            sender,
        })
    }

    async fn send(&mut self, request: http::request::Builder, body: Body) -> Result<Value> {
        let (_, body) = self.exchange(request, body).await?;
        if body.is_empty() {
            return Ok(Value::Null);
        }
        serde_json::from_slice(&body).map_err(failed("answer"))
    }

    /// A request of tus with these headers; answers where the upload is, if that is told.
    pub(crate) async fn tus(
        &mut self,
        method: http::Method,
        path: &str,
        headers: &[(&str, &str)],
        body: Bytes,
    ) -> Result<String> {
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header("tus-resumable", "1.0.0")
            .header("content-type", "application/offset+octet-stream");
        let request = headers
            .iter()
            .fold(request, |request, (name, value)| request.header(*name, *value));
        let body = Full::new(body).map_err(|never| match never {}).boxed_unsync();
        let (headers, _) = self.exchange(request, body).await?;
        let location = headers.get("location").and_then(|value| value.to_str().ok());
        Ok(location.unwrap_or_default().to_owned())
    }

    async fn exchange(&mut self, request: http::request::Builder, body: Body) -> Result<(HeaderMap, Bytes)> {
        let request = request.header("host", &self.address);
        let request = match &self.token {
            Some(token) => request.header("authorization", format!("Bearer {token}")),
            None => request,
        };
        let request = request.body(body).map_err(failed("request"))?;
        let exchange = async {
            self.sender.ready().await.map_err(failed("connection"))?;
            let response = self.sender.send_request(request).await;
            read(response.map_err(failed("answer"))?).await
        };
        tokio::time::timeout(PATIENCE, exchange)
            .await
            .map_err(|_| "no answer".to_owned())?
    }

    /// `POST /v1/files` with a whole form.
    pub(crate) async fn upload(&mut self, form: Bytes) -> Result<Value> {
        let length = form.len() as u64;
        self.post(length, Full::new(form).map_err(|never| match never {}).boxed_unsync())
            .await
    }

    /// `POST /v1/files` with a form of `length` bytes that comes in pieces.
    pub(crate) async fn upload_stream(
        &mut self,
        length: u64,
        pieces: BoxStream<'static, std::io::Result<Bytes>>,
    ) -> Result<Value> {
        use futures::StreamExt;
        let body = StreamBody::new(pieces.map(|piece| piece.map(Frame::data)));
        self.post(length, body.boxed_unsync()).await
    }

    async fn post(&mut self, length: u64, body: Body) -> Result<Value> {
        let kind = format!("multipart/form-data; boundary={BOUNDARY}");
        let request = Request::post("/v1/files")
            .header("content-type", kind)
            .header("content-length", length);
        self.send(request, body).await
    }

    /// `POST` of JSON.
    pub(crate) async fn post_json(&mut self, path: &str, value: &Value) -> Result<Value> {
        let body = Full::new(Bytes::from(value.to_string())).map_err(|never| match never {});
        let request = Request::post(path).header("content-type", "application/json");
        self.send(request, body.boxed_unsync()).await
    }

    /// A part of an upload in parts.
    pub(crate) async fn part(&mut self, path: &str, content: &[u8]) -> Result<Value> {
        let before =
            format!("--{BOUNDARY}\r\nContent-Disposition: form-data; name=\"data\"; filename=\"part\"\r\n\r\n");
        let body = [before.as_bytes(), content, format!("\r\n--{BOUNDARY}--\r\n").as_bytes()].concat();
        let kind = format!("multipart/form-data; boundary={BOUNDARY}");
        let request = Request::post(path)
            .header("content-type", kind)
            .header("content-length", body.len());
        let body = Full::new(Bytes::from(body)).map_err(|never| match never {});
        self.send(request, body.boxed_unsync()).await
    }

    pub(crate) async fn delete(&mut self, path: &str) -> Result<Value> {
        let body = Full::new(Bytes::new()).map_err(|never| match never {});
        self.send(Request::delete(path), body.boxed_unsync()).await
    }

    pub(crate) async fn get(&mut self, path: &str) -> Result<Value> {
        let body = Full::new(Bytes::new()).map_err(|never| match never {});
        self.send(Request::get(path), body.boxed_unsync()).await
    }
}

async fn read(response: Response<hyper::body::Incoming>) -> Result<(HeaderMap, Bytes)> {
    let (head, body) = response.into_parts();
    let body = body.collect().await.map_err(failed("answer"))?.to_bytes();
    if !head.status.is_success() {
        return Err(format!("{}: {}", head.status, String::from_utf8_lossy(&body)));
    }
    Ok((head.headers, body))
}
