//! The calls of the API.

use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;
use std::time::{Duration, UNIX_EPOCH};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::request::Parts;
use http::{Method, Request, Response, Uri};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use md5::Md5;
use sha2::{Digest as _, Sha256};

use super::signature::{self, Refusal, decoded, encoded, has_body};
use super::{Bucket, S3_BUCKET, S3Call, S3Fault, S3State, S3Version};
use crate::locked;

pub(super) type Reply = Response<Full<Bytes>>;

/// Smallest part but the last.
const LEAST_PART: usize = 5 << 20;

/// A request taken apart.
pub(super) struct Asked {
    pub(super) call: S3Call,
    pub(super) key: String,
    query: BTreeMap<String, String>,
    head: Parts,
    body: Bytes,
}

impl Asked {
    fn header(&self, name: &str) -> Option<&str> {
        self.head.headers.get(name).and_then(|value| value.to_str().ok())
    }

    fn query(&self, name: &str) -> &str {
        self.query.get(name).map_or("", String::as_str)
    }
}

pub(super) async fn answer(state: Arc<S3State>, request: Request<Incoming>) -> io::Result<Reply> {
    let (head, body) = request.into_parts();
    let body = match body.collect().await {
        Ok(body) => body.to_bytes(),
        Err(error) => return Err(io::Error::other(error)),
    };
    let is_head = head.method == Method::HEAD;
    let mut reply = match asked(head, body) {
        None => refusal((404, "NoSuchBucket", String::new())),
        Some(asked) => {
            let mut bucket = locked(&state.bucket);
            let query = asked.head.uri.query().unwrap_or_default().to_owned();
            bucket.seen.push((asked.call, asked.head.headers.clone(), query));
            let fault = bucket
                .faults
                .get_mut(&asked.call)
                .and_then(std::collections::VecDeque::pop_front);
            match fault {
                Some(S3Fault::Refuse(status, code)) => refusal((status, code, String::new())),
                Some(S3Fault::Disguised(code)) => error(200, code, ""),
                Some(S3Fault::DisguisedAndDone(code)) => {
                    let _ = done(&state, &mut bucket, &asked);
                    error(200, code, "")
                }
                Some(S3Fault::Lost) => {
                    let _ = done(&state, &mut bucket, &asked);
                    return Err(io::ErrorKind::ConnectionAborted.into());
                }
                None => done(&state, &mut bucket, &asked).unwrap_or_else(refusal),
            }
        }
    };
    let now = UNIX_EPOCH + Duration::from_secs(signature::now_s(&state.options).unsigned_abs());
    let date = http_date(now);
    if let Ok(date) = date.parse() {
        reply.headers_mut().insert("date", date);
    }
    if is_head {
        let length = reply.headers().get("content-length").cloned();
        *reply.body_mut() = Full::default();
        // That of the object, or of the error that is not sent.
        if let Some(length) = length {
            reply.headers_mut().insert("content-length", length);
        }
    }
    Ok(reply)
}

pub(super) fn asked(head: Parts, body: Bytes) -> Option<Asked> {
    let (call, key, query) = route(&head.method, &head.uri)?;
    Some(Asked {
        call,
        key,
        query,
        head,
        body,
    })
}

/// The call, its key and its query, unless it is about something else than the bucket.
pub(super) fn route(method: &Method, uri: &Uri) -> Option<(S3Call, String, BTreeMap<String, String>)> {
    let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
    let path = text(decoded(uri.path()));
    let rest = path.strip_prefix('/')?;
    let (bucket, key) = rest.split_once('/').unwrap_or((rest, ""));
    if bucket != S3_BUCKET {
        return None;
    }
    let query: BTreeMap<String, String> = uri
        .query()
        .unwrap_or_default()
        .split('&')
        .filter(|part| !part.is_empty())
        .map(|part| part.split_once('=').unwrap_or((part, "")))
        .map(|(name, value)| (text(decoded(name)), text(decoded(value))))
        .collect();
    let has = |name: &str| query.contains_key(name);
    let call = match (method.as_str(), key.is_empty()) {
        ("GET", true) if has("uploads") => S3Call::Sessions,
        ("GET", true) => S3Call::List,
        ("PUT", false) if has("partNumber") => S3Call::Part,
        ("PUT", false) => S3Call::Put,
        ("POST", false) if has("uploads") => S3Call::Begin,
        ("POST", false) if has("uploadId") => S3Call::Complete,
        ("DELETE", false) if has("uploadId") => S3Call::Abort,
        ("DELETE", false) => S3Call::Delete,
        ("HEAD", false) => S3Call::Head,
        ("GET", false) => S3Call::Get,
        _ => return None,
    };
    Some((call, key.to_owned(), query))
}

pub(super) fn done(state: &S3State, bucket: &mut Bucket, asked: &Asked) -> Result<Reply, Refusal> {
    signature::check(&state.options, &asked.head)?;
    body_is_right(state, asked)?;
    match asked.call {
        S3Call::Put => put(state, bucket, asked),
        S3Call::Head | S3Call::Get => get(bucket, asked),
        S3Call::Delete => Ok(delete(state, bucket, asked)),
        S3Call::List => Ok(list(bucket, asked)),
        S3Call::Begin => Ok(begin(bucket, asked)),
        S3Call::Part => part(bucket, asked),
        S3Call::Complete => complete(state, bucket, asked),
        S3Call::Abort => match bucket.sessions.remove(asked.query("uploadId")) {
            Some(_) => Ok(reply(204, "")),
            None => Err((404, "NoSuchUpload", String::new())),
        },
        S3Call::Sessions => Ok(sessions(bucket, asked)),
    }
}

fn body_is_right(state: &S3State, asked: &Asked) -> Result<(), Refusal> {
    let plain = |status, code| Err((status, code, String::new()));
    if has_body(&asked.head.method) && asked.header("content-length").is_none() {
        return plain(411, "MissingContentLength");
    }
    if asked.header("content-encoding").is_some() || asked.header("x-amz-trailer").is_some() {
        return plain(501, "NotImplemented");
    }
    let modern = ["x-amz-checksum-sha256", "if-none-match", "x-amz-checksum-algorithm"];
    if !state.options.modern && modern.iter().any(|name| asked.header(name).is_some()) {
        return plain(501, "NotImplemented");
    }
    let digest = Sha256::digest(&asked.body);
    match asked.header("x-amz-content-sha256") {
        Some("UNSIGNED-PAYLOAD") => {}
        Some(promised) if promised == hex::encode(digest) => {}
        _ => return plain(400, "XAmzContentSHA256Mismatch"),
    }
    match asked.header("x-amz-checksum-sha256") {
        Some(promised) if promised != STANDARD.encode(digest) => plain(400, "BadDigest"),
        _ => Ok(()),
    }
}

/// What an object keeps of the request that made it.
fn kept(asked: &Asked) -> BTreeMap<String, String> {
    let headers = asked.head.headers.iter();
    headers
        .filter(|(name, _)| name.as_str() == "content-type" || name.as_str().starts_with("x-amz-meta-"))
        .map(|(name, value)| (name.to_string(), String::from_utf8_lossy(value.as_bytes()).into_owned()))
        .collect()
}

fn taken(bucket: &Bucket, asked: &Asked) -> Result<(), Refusal> {
    match asked.header("if-none-match") {
        Some(_) if bucket.current(&asked.key).is_some() => Err((412, "PreconditionFailed", String::new())),
        _ => Ok(()),
    }
}

fn put(state: &S3State, bucket: &mut Bucket, asked: &Asked) -> Result<Reply, Refusal> {
    taken(bucket, asked)?;
    let mut headers = kept(asked);
    if let Some(checksum) = asked.header("x-amz-checksum-sha256") {
        headers.insert("x-amz-checksum-sha256".to_owned(), checksum.to_owned());
    }
    let version = bucket.store(
        &asked.key,
        state.options.versioned,
        Some(asked.body.to_vec()),
        headers.clone(),
    );
    Ok(with(reply(200, ""), &version, &headers))
}

fn get(bucket: &Bucket, asked: &Asked) -> Result<Reply, Refusal> {
    let Some(versions) = bucket.objects.get(&asked.key).filter(|versions| !versions.is_empty()) else {
        return Err((404, "NoSuchKey", String::new()));
    };
    let Some(S3Version {
        id,
        body: Some(body),
        headers,
    }) = versions.last()
    else {
        let mut marker = error(404, "NoSuchKey", "");
        marker
            .headers_mut()
            .insert("x-amz-delete-marker", http::HeaderValue::from_static("true"));
        return Ok(marker);
    };
    let mut headers = headers.clone();
    if asked.header("x-amz-checksum-mode").is_none() {
        headers.remove("x-amz-checksum-sha256");
    }
    let mut found = Response::new(Full::new(Bytes::from(body.clone())));
    found.headers_mut().insert("content-length", body.len().into());
    Ok(with(found, id, &headers))
}

fn delete(state: &S3State, bucket: &mut Bucket, asked: &Asked) -> Reply {
    if let Some(version) = asked.query.get("versionId") {
        if let Some(versions) = bucket.objects.get_mut(&asked.key) {
            versions.retain(|one| one.id != *version);
        }
        return with(reply(204, ""), version, &BTreeMap::new());
    }
    if !state.options.versioned {
        bucket.objects.remove(&asked.key);
        return reply(204, "");
    }
    let marker = bucket.store(&asked.key, true, None, BTreeMap::new());
    let headers = BTreeMap::from([("x-amz-delete-marker".to_owned(), "true".to_owned())]);
    with(reply(204, ""), &marker, &headers)
}

fn list(bucket: &Bucket, asked: &Asked) -> Reply {
    let most: usize = asked.query("max-keys").parse().unwrap_or(1_000);
    let (prefix, after) = (asked.query("prefix"), asked.query("continuation-token"));
    let mut found = bucket
        .objects
        .keys()
        .filter(|key| key.starts_with(prefix) && key.as_str() > after)
        .filter_map(|key| Some((key, bucket.current(key)?.body.as_ref()?.len())));
    let is_url = asked.query("encoding-type") == "url";
    let page: Vec<(&String, usize)> = found.by_ref().take(most).collect();
    let contents: String = page
        .iter()
        .map(|(key, size)| {
            let key = if is_url { encoded(key.as_bytes()) } else { (*key).clone() };
            format!("<Contents><Key>{key}</Key><LastModified>2026-11-29T16:00:00.000Z</LastModified><Size>{size}</Size></Contents>")
        })
        .collect();
    let more = found.next().is_some();
    let next = page.last().filter(|_| more).map_or_else(String::new, |(key, _)| {
        format!("<NextContinuationToken>{key}</NextContinuationToken>")
    });
    let url = if is_url { "<EncodingType>url</EncodingType>" } else { "" };
    xml(
        "ListBucketResult",
        &format!("{url}<IsTruncated>{more}</IsTruncated>{next}{contents}"),
    )
}

fn begin(bucket: &mut Bucket, asked: &Asked) -> Reply {
    let session = bucket.begin(&asked.key, kept(asked));
    xml(
        "InitiateMultipartUploadResult",
        &format!("<Key>{}</Key><UploadId>{session}</UploadId>", asked.key),
    )
}

fn part(bucket: &mut Bucket, asked: &Asked) -> Result<Reply, Refusal> {
    let number: u32 = asked.query("partNumber").parse().unwrap_or(0);
    if !(1..=10_000).contains(&number) {
        return Err((400, "InvalidArgument", String::new()));
    }
    let session = bucket.sessions.get_mut(asked.query("uploadId"));
    let session = session.filter(|session| session.key == asked.key);
    let session = session.ok_or((404, "NoSuchUpload", String::new()))?;
    session.parts.insert(number, asked.body.to_vec());
    let headers = BTreeMap::from([("etag".to_owned(), tag(&asked.body))]);
    Ok(with(reply(200, ""), "null", &headers))
}

fn tag(body: &[u8]) -> String {
    format!("\"{}\"", hex::encode(Md5::digest(body)))
}

fn complete(state: &S3State, bucket: &mut Bucket, asked: &Asked) -> Result<Reply, Refusal> {
    taken(bucket, asked)?;
    let session = bucket.sessions.get(asked.query("uploadId")).cloned();
    let session = session.filter(|session| session.key == asked.key);
    let session = session.ok_or((404, "NoSuchUpload", String::new()))?;
    let text = String::from_utf8_lossy(&asked.body).into_owned();
    let of = |part: &str, name: &str| {
        let (_, rest) = part.split_once(&format!("<{name}>"))?;
        rest.split_once(&format!("</{name}>"))
            .map(|(inner, _)| inner.replace("&quot;", "\""))
    };
    let mut body = Vec::new();
    let mut last = 0;
    let listed: Vec<&str> = text.split("<Part>").skip(1).collect();
    for (index, one) in listed.iter().enumerate() {
        let number = of(one, "PartNumber")
            .and_then(|number| number.parse().ok())
            .unwrap_or(0);
        let part = session.parts.get(&number).ok_or((400, "InvalidPart", String::new()))?;
        if number <= last {
            return Err((400, "InvalidPartOrder", String::new()));
        }
        last = number;
        let checksum = of(one, "ChecksumSHA256").is_none_or(|sum| sum == STANDARD.encode(Sha256::digest(part)));
        if of(one, "ETag") != Some(tag(part)) || !checksum {
            return Err((400, "InvalidPart", String::new()));
        }
        if index + 1 < listed.len() && part.len() < LEAST_PART {
            return Err((400, "EntityTooSmall", String::new()));
        }
        body.extend_from_slice(part);
    }
    if listed.is_empty() {
        return Err((400, "MalformedXML", String::new()));
    }
    bucket.sessions.remove(asked.query("uploadId"));
    let mut headers = session.headers;
    headers.insert(
        "x-amz-checksum-sha256".to_owned(),
        format!("{}-{}", STANDARD.encode([7; 32]), listed.len()),
    );
    let version = bucket.store(&asked.key, state.options.versioned, Some(body), headers);
    let done = xml("CompleteMultipartUploadResult", &format!("<Key>{}</Key>", asked.key));
    Ok(with(done, &version, &BTreeMap::new()))
}

fn sessions(bucket: &Bucket, asked: &Asked) -> Reply {
    let open = bucket
        .sessions
        .iter()
        .filter(|(_, session)| session.key.starts_with(asked.query("prefix")));
    let uploads: String = open
        .map(|(id, session)| format!("<Upload><Key>{}</Key><UploadId>{id}</UploadId></Upload>", session.key))
        .collect();
    xml(
        "ListMultipartUploadsResult",
        &format!("<IsTruncated>false</IsTruncated>{uploads}"),
    )
}

fn xml(name: &str, inner: &str) -> Reply {
    let space = "http://s3.amazonaws.com/doc/2006-03-01/";
    reply(
        200,
        &format!("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<{name} xmlns=\"{space}\">{inner}</{name}>"),
    )
}

pub(super) fn refusal((status, code, more): Refusal) -> Reply {
    error(status, code, &more)
}

fn error(status: u16, code: &str, more: &str) -> Reply {
    reply(
        status,
        &format!("<?xml version=\"1.0\"?><Error><Code>{code}</Code>{more}<RequestId>1</RequestId></Error>"),
    )
}

fn reply(status: u16, body: &str) -> Reply {
    let mut reply = Response::new(Full::new(Bytes::copy_from_slice(body.as_bytes())));
    *reply.status_mut() = http::StatusCode::from_u16(status).unwrap_or(http::StatusCode::IM_A_TEAPOT);
    reply
}

fn with(mut reply: Reply, version: &str, headers: &BTreeMap<String, String>) -> Reply {
    if version != "null"
        && let Ok(version) = version.parse()
    {
        reply.headers_mut().insert("x-amz-version-id", version);
    }
    for (name, value) in headers {
        if let (Ok(name), Ok(value)) = (http::HeaderName::from_bytes(name.as_bytes()), value.parse()) {
            reply.headers_mut().insert(name, value);
        }
    }
    reply
}

/// `Sun, 29 Nov 2026 16:00:00 GMT`
fn http_date(time: std::time::SystemTime) -> String {
    httpdate::fmt_http_date(time)
}
