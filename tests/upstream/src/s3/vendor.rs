//! The bucket as one of the vendors, with their faults, their record and their presence.

use bytes::Bytes;
use http::{Method, Uri};
use http_body_util::BodyExt as _;
use sha2::{Digest as _, Sha256};

use super::calls::{self, Asked};
use super::{Bucket, S3Call};
use crate::body::Tap;
use crate::locked;
use crate::reply::{Content, Problem, Reply};
use crate::store::{Kept, StoredFile, now};
use crate::vendor::{Exchange, Failed, Operation};

const XML: &str = "application/xml";

/// Larger bodies are for real stores: everything is held in memory here.
const MOST_BYTES: usize = 64 << 20;

/// What a request is among those of the vendors, and its key.
pub(crate) fn operation(method: &Method, uri: &Uri) -> Option<(Operation, String)> {
    let (call, key, _) = calls::route(method, uri)?;
    let operation = match call {
        S3Call::Put => Operation::Create,
        S3Call::Head => Operation::Retrieve,
        S3Call::Get => Operation::Content,
        S3Call::Delete => Operation::Delete,
        S3Call::List => Operation::List,
        S3Call::Begin => Operation::CreateUpload,
        S3Call::Part => Operation::AddPart,
        S3Call::Complete => Operation::CompleteUpload,
        S3Call::Abort => Operation::CancelUpload,
        S3Call::Sessions => Operation::QueryUpload,
    };
    Some((operation, key))
}

pub(crate) async fn perform(exchange: &Exchange<'_>, tap: &mut Tap) -> Result<Reply, Failed> {
    let Some(body) = tap.collect(MOST_BYTES).await? else {
        let message = "this fake holds no more";
        return Err(Problem::new(400, message).code("EntityTooLarge").into());
    };
    let (head, body) = answer(exchange, body.into())?.into_parts();
    let bytes = body.collect().await.map(|body| body.to_bytes()).unwrap_or_default();
    let is_head = exchange.call.method == Method::HEAD;
    let mut media_type = XML.to_owned();
    let mut headers = Vec::new();
    for (name, value) in &head.headers {
        let value = String::from_utf8_lossy(value.as_bytes()).into_owned();
        match name.as_str() {
            "content-type" => media_type = value,
            // Otherwise it is that of the bytes.
            "content-length" if !is_head => {}
            name => headers.push((name.to_owned(), value)),
        }
    }
    let bytes = if is_head { Bytes::new() } else { bytes };
    Ok(Reply {
        status: head.status.as_u16(),
        headers,
        content: Content::Bytes { media_type, bytes },
    })
}

fn answer(exchange: &Exchange<'_>, body: Bytes) -> Result<calls::Reply, Problem> {
    let (mut head, ()) = http::Request::new(()).into_parts();
    head.method = exchange.call.method.clone();
    head.uri = exchange.call.uri.clone();
    head.headers = exchange.headers.clone();
    let asked = calls::asked(head, body);
    let asked = asked.ok_or_else(|| Problem::new(404, "no such bucket").code("NoSuchBucket"))?;
    let state = &exchange.state.s3;
    let mut bucket = locked(&state.bucket);
    let reply = calls::done(state, &mut bucket, &asked).unwrap_or_else(calls::refusal);
    mirror(exchange, &bucket, &asked);
    Ok(reply)
}

/// Keeps the files of the fake what the bucket has.
fn mirror(exchange: &Exchange<'_>, bucket: &Bucket, asked: &Asked) {
    if !matches!(asked.call, S3Call::Put | S3Call::Complete | S3Call::Delete) {
        return;
    }
    let files = &exchange.state.files;
    let id = asked.key.split_once('/').map_or(asked.key.as_str(), |(_, id)| id);
    let current = bucket
        .current(&asked.key)
        .and_then(|version| Some((version, version.body.as_ref()?)));
    let Some((version, body)) = current else {
        files.lose(id);
        return;
    };
    let sha256 = hex::encode(Sha256::digest(body));
    if files.get(id).is_some_and(|known| known.sha256 == sha256) {
        return;
    }
    files.lose(id);
    let header = |name: &str| version.headers.get(name).cloned();
    exchange.add(StoredFile {
        id: id.to_owned(),
        filename: header("x-amz-meta-name").unwrap_or_default(),
        purpose: "object".to_owned(),
        bytes: body.len() as u64,
        sha256,
        content_type: header("content-type"),
        created_at: now(),
        expires_at: None,
        kept: Kept::Memory(Bytes::copy_from_slice(body)),
    });
}

/// A problem in S3's shape.
pub(crate) fn error(problem: &Problem) -> Reply {
    let code = problem.code.as_deref().unwrap_or(match problem.status {
        403 => "AccessDenied",
        404 => "NoSuchKey",
        409 => "OperationAborted",
        429 => "SlowDown",
        501 => "NotImplemented",
        503 => "ServiceUnavailable",
        500.. => "InternalError",
        _ => "InvalidRequest",
    });
    let message = problem.message.replace('&', "&amp;").replace('<', "&lt;");
    let text = format!("<?xml version=\"1.0\"?><Error><Code>{code}</Code><Message>{message}</Message></Error>");
    Reply {
        status: problem.status,
        headers: problem.headers.clone(),
        content: Content::Bytes {
            media_type: XML.to_owned(),
            bytes: text.into(),
        },
    }
}
