//! The vendor's other face: as much WebDAV as a client that pushes files needs. It counts bytes and keeps none.

use std::collections::HashMap;
use std::fmt::Write;
use std::sync::{Mutex, PoisonError};

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;

/// Every path of it begins with this.
pub(crate) const ROOT: &str = "/dav";

/// What a path is.
#[derive(Debug, Clone, Copy)]
enum Entry {
    Folder,
    File { bytes: u64 },
}

/// Paths that were made, without a `/` at their end.
#[derive(Debug, Default)]
pub(crate) struct Entries(Mutex<HashMap<String, Entry>>);

impl Entries {
    fn insert(&self, path: String, entry: Entry) {
        let mut entries = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        entries.insert(path, entry);
    }

    fn get(&self, path: &str) -> Option<Entry> {
        if path == ROOT {
            return Some(Entry::Folder);
        }
        let entries = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        entries.get(path).copied()
    }

    /// Answers one request.
    pub(crate) async fn answer(&self, request: Request<Incoming>) -> Response<Full<Bytes>> {
        let path = request.uri().path().trim_end_matches('/').to_owned();
        let (status, body) = match request.method().as_str() {
            "MKCOL" => {
                self.insert(path, Entry::Folder);
                (StatusCode::CREATED, String::new())
            }
            "PUT" => match length(request.into_body()).await {
                Ok(bytes) => {
                    self.insert(path, Entry::File { bytes });
                    (StatusCode::CREATED, String::new())
                }
                Err(error) => (StatusCode::BAD_REQUEST, error.to_string()),
            },
            "PROPFIND" => match self.get(&path) {
                Some(entry) => (StatusCode::MULTI_STATUS, properties(&path, entry)),
                None => (StatusCode::NOT_FOUND, String::new()),
            },
            _ => (StatusCode::METHOD_NOT_ALLOWED, String::new()),
        };
        let mut response = Response::new(Full::new(Bytes::from(body)));
        *response.status_mut() = status;
        let kind = http::HeaderValue::from_static("application/xml; charset=utf-8");
        response.headers_mut().insert(http::header::CONTENT_TYPE, kind);
        response
    }
}

async fn length(mut body: Incoming) -> hyper::Result<u64> {
    let mut bytes = 0;
    while let Some(frame) = body.frame().await {
        bytes += frame?.data_ref().map_or(0, |data| data.len() as u64);
    }
    Ok(bytes)
}

/// A `multistatus` of one; no folder is asked for what is in it but while it is empty.
fn properties(path: &str, entry: Entry) -> String {
    let mut kind = String::new();
    // Writing to a string does not fail.
    let _ = match entry {
        Entry::Folder => write!(kind, "<d:resourcetype><d:collection/></d:resourcetype>"),
        Entry::File { bytes } => write!(
            kind,
            "<d:resourcetype/><d:getcontentlength>{bytes}</d:getcontentlength>"
        ),
    };
    format!(
        "<?xml version=\"1.0\" encoding=\"utf-8\"?><d:multistatus \
         xmlns:d=\"DAV:\"><d:response><d:href>{path}</d:href><d:propstat><d:prop>{kind}\
         <d:getlastmodified>Tue, 14 Nov 2023 22:13:20 GMT</d:getlastmodified></d:prop><d:status>HTTP/1.1 200 \
         OK</d:status></d:propstat></d:response></d:multistatus>"
    )
}
