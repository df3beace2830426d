//! Gemini: `/v1/files` and `/v1beta/files`, and resumable uploads beneath `/upload`.
//!
//! The address of a session is a secret by itself: requests to it need no key. What arrived of a request that broke is
//! kept in whole pieces of the granularity. Videos and sounds are processed first ([`crate::Options::processing`]).

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::HeaderMap;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use tokio::sync::Mutex;

use super::{Exchange, Failed, Operation};
use crate::body::Tap;
use crate::locked;
use crate::reply::{Problem, Reply};
use crate::store::{Keeper, StoredFile, now, random_id};

/// Largest file, 2 GB.
pub const MAX_BYTES: u64 = 2_000_000_000;

/// How long every file lives, in seconds.
pub const LIFETIME: u64 = 48 * 3600;

/// Every request of an upload but the last has a multiple of this many bytes.
pub const GRANULARITY: u64 = 256 * 1024;

/// An upload on its way.
pub(crate) struct Session {
    name: String,
    display_name: String,
    media_type: String,
    bytes: u64,
    received: u64,
    digest: Sha256,
    keeper: Option<Keeper>,
    status: &'static str,
}

/// What a request to the address of a session asks for.
pub(super) fn operation(headers: &HeaderMap) -> Option<Operation> {
    let command = headers.get("x-goog-upload-command")?.to_str().ok()?;
    match command.replace(' ', "").as_str() {
        "start" => Some(Operation::CreateUpload),
        "upload" => Some(Operation::AddPart),
        "upload,finalize" | "finalize" => Some(Operation::Create),
        "query" => Some(Operation::QueryUpload),
        "cancel" => Some(Operation::CancelUpload),
        _ => None,
    }
}

pub(super) async fn perform(exchange: &Exchange<'_>, tap: &mut Tap) -> Result<Reply, Failed> {
    let call = exchange.call;
    if call.query("key").is_some() {
        return Err(invalid("a key in the address is in every log: send x-goog-api-key").into());
    }
    match call.operation {
        Operation::CreateUpload => {
            authorize(exchange)?;
            start(exchange, tap).await
        }
        Operation::AddPart | Operation::Create => receive(exchange, tap).await,
        Operation::QueryUpload | Operation::CancelUpload => {
            tap.drain().await?;
            let session = session(exchange)?;
            let mut session = session.lock().await;
            if call.operation == Operation::CancelUpload && session.status == "active" {
                session.status = "cancelled";
            }
            Ok(standing(&session, Reply::text(String::new())))
        }
        _ => {
            authorize(exchange)?;
            about_files(exchange)
        }
    }
}

fn about_files(exchange: &Exchange<'_>) -> Result<Reply, Failed> {
    let id = format!("files/{}", exchange.call.id);
    match exchange.call.operation {
        Operation::List => Ok(list(exchange)?),
        Operation::Retrieve => {
            let file = exchange.state.files.get(&id).ok_or_else(|| unknown(&id))?;
            locked(&exchange.state.files.0).look(&id);
            Ok(Reply::json(file_object(exchange, &file)))
        }
        Operation::Delete if exchange.state.files.lose(&id) => Ok(Reply::json(json!({}))),
        Operation::Delete => Err(unknown(&id).into()),
        _ => Err(Problem::new(404, "not found").into()),
    }
}

fn authorize(exchange: &Exchange<'_>) -> Result<(), Problem> {
    let key = exchange
        .headers
        .get("x-goog-api-key")
        .and_then(|value| value.to_str().ok());
    match key {
        Some(key) if exchange.knows(key) => Ok(()),
        Some(_) => Err(invalid("API key not valid. Please pass a valid API key.").code("API_KEY_INVALID")),
        None => {
            let message = "Method doesn't allow unregistered callers (callers without established identity).";
            Err(Problem::new(403, message).kind("PERMISSION_DENIED"))
        }
    }
}

async fn start(exchange: &Exchange<'_>, tap: &mut Tap) -> Result<Reply, Failed> {
    let header = |name: &str| exchange.headers.get(name).and_then(|value| value.to_str().ok());
    if header("x-goog-upload-protocol") != Some("resumable") {
        return Err(invalid("the upload protocol must be resumable").into());
    }
    if exchange
        .headers
        .get("x-goog-upload-file-name")
        .is_some_and(|name| name.to_str().is_err())
    {
        return Err(invalid("x-goog-upload-file-name must be ASCII").into());
    }
    let described = exchange.json(tap).await?.unwrap_or_default();
    let described = described.get("file").cloned().unwrap_or_default();
    // Both spellings of the JSON form of a message.
    let text = |snake: &str, camel: &str| {
        let value = described.get(camel).or_else(|| described.get(snake));
        value.and_then(Value::as_str).map(str::to_owned)
    };
    let bytes = header("x-goog-upload-header-content-length").and_then(|text| text.parse().ok());
    let bytes: u64 = bytes.ok_or_else(|| invalid("x-goog-upload-header-content-length is missing"))?;
    let options = &exchange.state.options;
    if bytes == 0 || bytes > options.max_bytes.unwrap_or(MAX_BYTES) {
        return Err(invalid(format!("a file of {bytes} bytes is not accepted")).into());
    }
    if options.max_files.is_some_and(|most| exchange.state.files.len() >= most) {
        let message = "You have exceeded your file storage.";
        return Err(Problem::new(429, message)
            .kind("RESOURCE_EXHAUSTED")
            .code("file_storage_bytes")
            .into());
    }
    let name = text("name", "name").unwrap_or_else(|| format!("files/{}", random_id("", 12)));
    if !is_name(&name) {
        return Err(invalid(format!(
            "{name} is not a name: files/ and up to 40 of a-z, 0-9 and inner dashes"
        ))
        .into());
    }
    let display_name = text("display_name", "displayName").unwrap_or_default();
    if display_name.chars().count() > 512 {
        return Err(invalid("the display name has more than 512 characters").into());
    }
    let typed = header("x-goog-upload-header-content-type").map(str::to_owned);
    let media_type = text("mime_type", "mimeType").or(typed).unwrap_or_default();
    if media_type.is_empty() {
        return Err(invalid("Unsupported MIME type").into());
    }
    let session = Session {
        name,
        display_name,
        media_type,
        bytes,
        received: 0,
        digest: Sha256::new(),
        keeper: Some(exchange.keeper()),
        status: "active",
    };
    let id = random_id("", 40);
    let scheme = if options.tls { "https" } else { "http" };
    let host = header("host").unwrap_or_default();
    let version = &exchange.call.version;
    let url = format!("{scheme}://{host}/upload/{version}/files?upload_id={id}&upload_protocol=resumable");
    let mut reply = standing(&session, Reply::json(json!({})));
    reply.headers.push(("x-goog-upload-url".to_owned(), url.clone()));
    reply.headers.push(("x-goog-upload-control-url".to_owned(), url));
    reply
        .headers
        .push(("x-goog-upload-chunk-granularity".to_owned(), GRANULARITY.to_string()));
    let session = Arc::new(Mutex::new(session));
    locked(&exchange.state.files.0).sessions.insert(id, session);
    Ok(reply)
}

fn session(exchange: &Exchange<'_>) -> Result<Arc<Mutex<Session>>, Problem> {
    let id = exchange.call.query("upload_id").unwrap_or_default();
    let found = locked(&exchange.state.files.0).sessions.get(id).cloned();
    found.ok_or_else(|| Problem::new(404, "there is no such upload").kind("NOT_FOUND"))
}

async fn receive(exchange: &Exchange<'_>, tap: &mut Tap) -> Result<Reply, Failed> {
    let session = session(exchange)?;
    // A request that the client has given up may hold it still.
    let mut session = session.lock().await;
    let session = &mut *session;
    let offset = exchange
        .headers
        .get("x-goog-upload-offset")
        .and_then(|value| value.to_str().ok()?.parse().ok());
    if session.status != "active" || offset != Some(session.received) {
        let message = format!("the upload is {} at byte {}", session.status, session.received);
        return Err(invalid(message).into());
    }
    let is_last = exchange.call.operation == Operation::Create;
    // Told with the last request, and again if that is repeated.
    if is_last && exchange.state.files.get(&session.name).is_some() {
        tap.drain().await?;
        let message = format!("Resource with name {} already exists.", session.name);
        return Err(Problem::new(409, message).kind("ALREADY_EXISTS").into());
    }
    let rest = take(session, tap).await?;
    let whole = session.received + rest.len() as u64;
    if !is_last && !rest.is_empty() {
        return Err(invalid(format!("{whole} is not a multiple of {GRANULARITY}")).into());
    }
    session.keep(&rest);
    if !is_last {
        return Ok(standing(session, Reply::text(String::new())));
    }
    if session.received != session.bytes {
        let message = format!("{} of {} bytes have arrived", session.received, session.bytes);
        return Err(invalid(message).into());
    }
    Ok(finish(exchange, session))
}

/// Keeps whole pieces as they arrive; answers what is left. A body that breaks off leaves its last piece out.
async fn take(session: &mut Session, tap: &mut Tap) -> Result<Vec<u8>, Failed> {
    let mut rest = Vec::new();
    while let Some(chunk) = tap.chunk().await {
        rest.extend_from_slice(&chunk?);
        let whole = rest.len() - rest.len() % GRANULARITY as usize;
        let left = rest.split_off(whole);
        session.keep(&rest);
        rest = left;
    }
    Ok(rest)
}

impl Session {
    fn keep(&mut self, bytes: &[u8]) {
        self.received += bytes.len() as u64;
        self.digest.update(bytes);
        if let Some(keeper) = &mut self.keeper {
            keeper.take(bytes);
        }
    }
}

fn finish(exchange: &Exchange<'_>, session: &mut Session) -> Reply {
    let created_at = now();
    let Some(keeper) = session.keeper.take() else {
        return Reply::text(String::new());
    };
    let stored = StoredFile {
        id: session.name.clone(),
        filename: session.display_name.clone(),
        purpose: "user_data".to_owned(),
        bytes: session.bytes,
        sha256: hex::encode(session.digest.clone().finalize()),
        content_type: Some(session.media_type.clone()),
        created_at,
        expires_at: Some(created_at + LIFETIME),
        kept: keeper.finish(),
    };
    session.status = "final";
    let is_processed = ["video/", "audio/"]
        .iter()
        .any(|kind| session.media_type.starts_with(kind));
    if is_processed && exchange.state.options.processing > 0 {
        locked(&exchange.state.files.0)
            .processing
            .insert(stored.id.clone(), exchange.state.options.processing);
    }
    exchange.add(stored.clone());
    let file = file_object(exchange, &stored);
    standing(session, Reply::json(json!({ "file": file })))
}

fn standing(session: &Session, mut reply: Reply) -> Reply {
    reply
        .headers
        .push(("x-goog-upload-status".to_owned(), session.status.to_owned()));
    let received = session.received.to_string();
    reply.headers.push(("x-goog-upload-size-received".to_owned(), received));
    reply
}

fn list(exchange: &Exchange<'_>) -> Result<Reply, Problem> {
    let call = exchange.call;
    let limit = call.query("pageSize").map_or(Ok(10), str::parse::<usize>);
    let limit = limit.ok().filter(|limit| (1..=100).contains(limit));
    let limit = limit.ok_or_else(|| invalid("pageSize must be 1 to 100"))?;
    let mut files = exchange.state.files.all();
    files.reverse();
    if let Some(token) = call.query("pageToken") {
        let last = token.strip_prefix("after-").unwrap_or_default();
        let at = files.iter().position(|file| file.id == last);
        files.drain(..=at.ok_or_else(|| invalid("pageToken is not one"))?);
    }
    let more = files.len() > limit;
    files.truncate(limit);
    let mut page = json!({});
    if !files.is_empty() {
        page["files"] = files.iter().map(|file| file_object(exchange, file)).collect();
    }
    if let Some(last) = files.last().filter(|_| more) {
        page["nextPageToken"] = format!("after-{}", last.id).into();
    }
    Ok(Reply::json(page))
}

fn is_name(name: &str) -> bool {
    let letter = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    name.strip_prefix("files/").is_some_and(|id| {
        (1..=40).contains(&id.len()) && id.bytes().all(letter) && !id.starts_with('-') && !id.ends_with('-')
    })
}

fn invalid(message: impl Into<String>) -> Problem {
    Problem::new(400, message).kind("INVALID_ARGUMENT")
}

/// The live service does not tell an unknown file from somebody else's.
fn unknown(id: &str) -> Problem {
    let message = format!("You do not have permission to access the File {id} or it may not exist.");
    Problem::new(403, message).kind("PERMISSION_DENIED")
}

fn file_object(exchange: &Exchange<'_>, file: &StoredFile) -> Value {
    let left = locked(&exchange.state.files.0).processing.get(&file.id).copied();
    let host = exchange
        .headers
        .get("host")
        .and_then(|host| host.to_str().ok())
        .unwrap_or_default();
    let expires_at = file.expires_at.unwrap_or(file.created_at + LIFETIME);
    let mut object = json!({
        "name": file.id,
        "mimeType": file.content_type.as_deref().unwrap_or("application/octet-stream"),
        "sizeBytes": file.bytes.to_string(),
        "createTime": super::rfc3339(file.created_at),
        "updateTime": super::rfc3339(file.created_at),
        "expirationTime": super::rfc3339(expires_at),
        // Of the text, not of the bytes.
        "sha256Hash": STANDARD.encode(&file.sha256),
        "uri": format!("https://{host}/{}/{}", exchange.call.version, file.id),
        "state": if left.is_some_and(|left| left > 0) { "PROCESSING" } else { "ACTIVE" },
        "source": "UPLOADED",
    });
    if !file.filename.is_empty() {
        object["displayName"] = file.filename.as_str().into();
    }
    if left == Some(0) && exchange.state.options.processing_fails {
        object["state"] = "FAILED".into();
        object["error"] = json!({ "code": 3, "message": "The video has no frames." });
    }
    object
}

pub(super) fn error(problem: &Problem) -> Value {
    let status = problem.kind.as_deref().unwrap_or(match problem.status {
        401 => "UNAUTHENTICATED",
        403 => "PERMISSION_DENIED",
        404 => "NOT_FOUND",
        409 => "ALREADY_EXISTS",
        429 => "RESOURCE_EXHAUSTED",
        503 => "UNAVAILABLE",
        504 => "DEADLINE_EXCEEDED",
        500.. => "INTERNAL",
        _ => "INVALID_ARGUMENT",
    });
    let kind = |name: &str| format!("type.googleapis.com/google.rpc.{name}");
    let retry = |delay: &str| json!({ "@type": kind("RetryInfo"), "retryDelay": delay });
    let details = match problem.code.as_deref() {
        None => json!([]),
        Some("file_storage_bytes") => json!([
            { "@type": kind("QuotaFailure"), "violations": [{ "quotaId": "file_storage_bytes" }] },
            retry("9223372036854775807s"),
        ]),
        Some(delay) if delay.ends_with('s') => json!([retry(delay)]),
        Some(reason) => json!([{ "@type": kind("ErrorInfo"), "reason": reason, "domain": "googleapis.com" }]),
    };
    json!({ "error": { "code": problem.status, "message": problem.message, "status": status, "details": details } })
}
