//! The vendor: an OpenAI-shaped file API that takes every upload, counts its bytes and keeps none.

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use http::{Method, Request, Response};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::Barrier;

use crate::{Result, dav, failed, throttled};

/// Bytes of a form in which the head of its last part must end.
const HEAD: usize = 8 << 10;

struct Sink {
    ids: AtomicU64,
    dav: dav::Entries,
    hold: Barrier,
    throttled: bool,
    delay: Duration,
}

/// Serves until the process is killed. One thread: it stands for a vendor, not for a competitor for this machine's
/// cores.
pub(crate) fn run(hold: usize, throttled: bool, delay: Duration) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(failed("runtime"))?;
    runtime.block_on(async move {
        let listener = TcpListener::bind("127.0.0.1:0").await.map_err(failed("bind"))?;
        let address = listener.local_addr().map_err(failed("address"))?;
        println!("{}", json!({ "address": address.to_string() }));
        let sink = Arc::new(Sink {
            ids: AtomicU64::new(0),
            dav: dav::Entries::default(),
            hold: Barrier::new(hold),
            throttled,
            delay,
        });
        loop {
            let (stream, _) = listener.accept().await.map_err(failed("accept"))?;
            stream.set_nodelay(true).map_err(failed("nodelay"))?;
            let sink = sink.clone();
            let serve = service_fn(move |request| answer(sink.clone(), request));
            let serving = hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), serve);
            tokio::spawn(async move {
                // A client that goes away is no news.
                let _ = serving.await;
            });
        }
    })
}

async fn answer(sink: Arc<Sink>, request: Request<Incoming>) -> std::result::Result<Response<Full<Bytes>>, Infallible> {
    let path = request.uri().path().to_owned();
    if path.starts_with(dav::ROOT) {
        return Ok(sink.dav.answer(request).await);
    }
    let id = path.rsplit('/').next().unwrap_or_default().to_owned();
    let (status, body) = match *request.method() {
        Method::POST => match take(request, sink.throttled).await {
            Ok((bytes, filename)) => {
                sink.hold.wait().await;
                tokio::time::sleep(sink.delay).await;
                let number = sink.ids.fetch_add(1, Ordering::Relaxed);
                let id = format!("file-{:x}-{bytes:x}-{number:x}", std::process::id());
                (200, object(&id, bytes, &filename))
            }
            Err(error) => (400, json!({ "error": { "message": error } })),
        },
        Method::DELETE => (200, json!({ "id": id, "object": "file", "deleted": true })),
        _ if id == "files" => (200, json!({ "object": "list", "data": [], "has_more": false })),
        _ => (200, object(&id, bytes_of(&id), "file.bin")),
    };
    let mut response = Response::new(Full::new(Bytes::from(body.to_string())));
    *response.status_mut() = http::StatusCode::from_u16(status).unwrap_or_default();
    let kind = http::HeaderValue::from_static("application/json");
    response.headers_mut().insert(http::header::CONTENT_TYPE, kind);
    Ok(response)
}

fn object(id: &str, bytes: u64, filename: &str) -> Value {
    json!({
        "id": id, "object": "file", "bytes": bytes, "created_at": 1_700_000_000,
        "filename": filename, "purpose": "user_data", "status": "processed",
    })
}

/// The size is part of the id, so nothing has to be remembered.
fn bytes_of(id: &str) -> u64 {
    let part = id.split('-').nth(2).unwrap_or_default();
    u64::from_str_radix(part, 16).unwrap_or_default()
}

/// Reads a form whose last part is the file; answers the file's bytes and name.
async fn take(request: Request<Incoming>, slow: bool) -> Result<(u64, String)> {
    let kind = request.headers().get(http::header::CONTENT_TYPE);
    let boundary = kind
        .and_then(|kind| kind.to_str().ok()?.split("boundary=").nth(1))
        .map(|boundary| boundary.trim_matches('"').to_owned())
        .ok_or("no boundary")?;
    let mut body = request.into_body();
    let (mut head, mut total) = (Vec::new(), 0u64);
    let began = tokio::time::Instant::now();
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| error.to_string())?;
        let Some(data) = frame.data_ref() else {
            continue;
        };
        total += data.len() as u64;
        if slow {
            tokio::time::sleep_until(began + throttled::due(total)).await;
        }
        let room = HEAD.saturating_sub(head.len());
        head.extend_from_slice(&data[..data.len().min(room)]);
    }
    let (start, filename) = file_part(&head).ok_or("no file in the form")?;
    // `\r\n--BOUNDARY--\r\n`
    let framing = start as u64 + boundary.len() as u64 + 8;
    Ok((total.checked_sub(framing).ok_or("a form without an end")?, filename))
}

/// Where the file's bytes begin, and its name.
fn file_part(head: &[u8]) -> Option<(usize, String)> {
    let find = |needle: &[u8], from: usize| {
        let found = head.get(from..)?.windows(needle.len());
        found
            .into_iter()
            .position(|window| window == needle)
            .map(|at| from + at)
    };
    let name = find(b"filename=\"", 0)? + 10;
    let end = find(b"\"", name)?;
    let start = find(b"\r\n\r\n", end)? + 4;
    Some((start, String::from_utf8_lossy(&head[name..end]).into_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_file_of_a_form_is_found() {
        let form = b"--x\r\nContent-Disposition: form-data; name=\"purpose\"\r\n\r\nuser_data\r\n--x\r\n\
             Content-Disposition: form-data; name=\"file\"; filename=\"a.bin\"\r\n\r\nabc\r\n--x--\r\n";
        let (start, name) = file_part(form).unwrap_or_default();
        assert_eq!((&form[start..start + 3], name.as_str()), (&b"abc"[..], "a.bin"));
        assert_eq!(form.len() - start - 1 - 8, 3);
        assert_eq!(bytes_of("file-1f-400-3"), 1_024);
    }
}
