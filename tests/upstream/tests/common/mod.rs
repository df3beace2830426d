//! A client that is nothing but a TCP connection.
#![allow(dead_code, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::io;

use loadlock_upstream::{Options, Upstream, Vendor};
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

pub(crate) const KEY: &str = "id.secret";
pub(crate) const BOUNDARY: &str = "gc0p4Jq0M2Yt08jU534c0p";

pub(crate) async fn start(vendor: Vendor) -> Upstream {
    start_with(vendor, |_| {}).await
}

pub(crate) async fn start_with(vendor: Vendor, change: impl FnOnce(&mut Options)) -> Upstream {
    let mut options = Options::with_key(KEY);
    change(&mut options);
    Upstream::start(vendor, options).await.unwrap()
}

/// An answer, read to the end of the connection or of its length.
#[derive(Debug)]
pub(crate) struct RawAnswer {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: Vec<u8>,
}

impl RawAnswer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|_| panic!("not JSON: {}", String::from_utf8_lossy(&self.body)))
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().find_map(|line| {
            let (known, value) = line.split_once(": ")?;
            known.eq_ignore_ascii_case(name).then_some(value)
        })
    }
}

/// Sends the bytes of one request on a connection of its own.
pub(crate) async fn send(upstream: &Upstream, request: &[u8]) -> io::Result<RawAnswer> {
    let mut stream = TcpStream::connect(upstream.address()).await?;
    stream.write_all(request).await?;
    read(&mut stream).await
}

/// Reads one answer that has a length, or one that the end of the connection ends.
pub(crate) async fn read(stream: &mut TcpStream) -> io::Result<RawAnswer> {
    let mut bytes = Vec::new();
    loop {
        if let Some(at) = find(&bytes, b"\r\n\r\n") {
            let head = String::from_utf8_lossy(&bytes[..at]).into_owned();
            let mut answer = RawAnswer {
                status: head.split(' ').nth(1).unwrap().parse().unwrap(),
                head,
                body: bytes[at + 4..].to_vec(),
            };
            let length = answer
                .header("content-length")
                .map(|text| text.parse::<usize>().unwrap());
            while length.is_none_or(|length| answer.body.len() < length) {
                let mut more = [0; 4096];
                let count = stream.read(&mut more).await?;
                if count == 0 {
                    assert!(length.is_none(), "the answer broke off");
                    break;
                }
                answer.body.extend_from_slice(&more[..count]);
            }
            return Ok(answer);
        }
        let mut more = [0; 4096];
        let count = stream.read(&mut more).await?;
        if count == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        bytes.extend_from_slice(&more[..count]);
    }
}

pub(crate) fn find(bytes: &[u8], pattern: &[u8]) -> Option<usize> {
    bytes.windows(pattern.len()).position(|window| window == pattern)
}

/// One part of a form: name, file name, value.
pub(crate) type Part<'a> = (&'a str, Option<&'a str>, &'a [u8]);

pub(crate) fn form(parts: &[Part<'_>]) -> Vec<u8> {
    let mut body = Vec::new();
    for (name, filename, value) in parts {
        body.extend(format!("--{BOUNDARY}\r\nContent-Disposition: form-data; name=\"{name}\"").bytes());
        if let Some(filename) = filename {
            body.extend(format!("; filename=\"{filename}\"\r\nContent-Type: text/plain").bytes());
        }
        body.extend(b"\r\n\r\n");
        body.extend(*value);
        body.extend(b"\r\n");
    }
    body.extend(format!("--{BOUNDARY}--\r\n").bytes());
    body
}

pub(crate) fn request(method: &str, path: &str, content_type: &str, body: &[u8]) -> Vec<u8> {
    let mut bytes = format!(
        "{method} {path} HTTP/1.1\r\nHost: fake\r\nAuthorization: Bearer {KEY}\r\nContent-Type: {content_type}\r\n\
         Content-Length: {}\r\nConnection: close\r\n\r\n",
        body.len()
    )
    .into_bytes();
    bytes.extend(body);
    bytes
}

pub(crate) fn post_form(path: &str, body: &[u8]) -> Vec<u8> {
    let content_type = format!("multipart/form-data; boundary={BOUNDARY}");
    request("POST", path, &content_type, body)
}

pub(crate) fn upload(path: &str, purpose: &str, name: &str, content: &[u8]) -> Vec<u8> {
    let purpose = ("purpose", None, purpose.as_bytes());
    post_form(path, &form(&[purpose, ("file", Some(name), content)]))
}

pub(crate) async fn get(upstream: &Upstream, path: &str) -> RawAnswer {
    send(upstream, &request("GET", path, "text/plain", b"")).await.unwrap()
}

pub(crate) async fn delete(upstream: &Upstream, path: &str) -> RawAnswer {
    send(upstream, &request("DELETE", path, "text/plain", b""))
        .await
        .unwrap()
}

pub(crate) async fn post_json(upstream: &Upstream, path: &str, body: &Value) -> RawAnswer {
    let body = body.to_string();
    let bytes = request("POST", path, "application/json", body.as_bytes());
    send(upstream, &bytes).await.unwrap()
}
