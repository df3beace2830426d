//! From an MCP client on standard input and output to the gateway that runs on the same home, over its socket.
//!
//! Messages are passed on as they are, with two exceptions: relative paths are made absolute, since the gateway works
//! in another folder, and a session that the gateway has lost is opened again with what the client said when it opened
//! its own. If the gateway goes, whoever serves next is asked, or a gateway of this process.

use std::collections::HashMap;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use hyper::header::{ACCEPT, CONTENT_TYPE};
use hyper::{Method, Response, StatusCode};
use loadlock::config::Config;
use loadlock::{Error, ErrorCode, Result};
use loadlock_server::{Beside, SOCKET};
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::args::Globals;
use super::failure::Failure;
use super::mcp::serve_commands;
use super::output::Output;
use super::running::{JSON, Running, read, refused, whole};
use super::turn::{Whom, Wish, take};

const SESSION: &str = "mcp-session-id";
const VERSION: &str = "mcp-protocol-version";
const BOTH: &str = "application/json, text/event-stream";
/// Most bytes of one message: what `/mcp` takes, and room for what it does not, so that it can say so.
const MESSAGE: usize = 32 << 20;
/// Messages that wait for a client that does not read.
const AHEAD: usize = 64;
/// How long calls that were cancelled when the client left may take to end in order.
const FAREWELL: Duration = Duration::from_secs(30);
/// JSON-RPC's code for a failure of the server's own.
const INTERNAL: i64 = -32_603;

/// One client, and whoever serves it at the moment.
pub(super) struct Bridge(Arc<Inner>);

struct Inner {
    config: Config,
    globals: Globals,
    output: Output,
    upstream: Mutex<Upstream>,
    /// Held while another gateway is looked for.
    looking: tokio::sync::Mutex<()>,
    calls: TaskTracker,
}

struct Upstream {
    running: Arc<Running>,
    session: Option<String>,
    version: Option<String>,
    /// What the client said when it opened its session.
    greeting: Option<Value>,
    /// If it is this process's own.
    beside: Option<Beside>,
    /// Requests without an answer, by what cancels them.
    open: HashMap<String, Value>,
}

impl Bridge {
    pub(super) fn new(config: Config, globals: &Globals, output: &Output, running: Running) -> Self {
        Self(Arc::new(Inner {
            config,
            globals: globals.clone(),
            output: output.clone(),
            upstream: Mutex::new(Upstream {
                running: Arc::new(running),
                session: None,
                version: None,
                greeting: None,
                beside: None,
                open: HashMap::new(),
            }),
            looking: tokio::sync::Mutex::default(),
            calls: TaskTracker::new(),
        }))
    }

    /// Passes messages on until the client closes standard input, or until `stop`.
    pub(super) async fn run(self, stop: CancellationToken) -> Result<(), Failure> {
        let (sink, mut answers) = mpsc::channel::<String>(AHEAD);
        let writing = tokio::spawn(async move {
            let mut out = tokio::io::stdout();
            while let Some(line) = answers.recv().await {
                out.write_all(line.as_bytes()).await?;
                out.write_all(b"\n").await?;
                out.flush().await?;
            }
            Ok::<_, std::io::Error>(())
        });
        let mut input = BufReader::new(tokio::io::stdin());
        let mut line = Vec::new();
        loop {
            line.clear();
            let read = tokio::select! {
                read = read_line(&mut input, &mut line) => read?,
                () = stop.cancelled() => false,
            };
            if !read {
                break;
            }
            self.0.clone().message(&line, &sink).await;
        }
        self.0.end().await;
        drop(sink);
        let _ = writing.await;
        Ok(())
    }
}

/// One line; false at the end of the input.
async fn read_line(input: &mut (impl AsyncBufReadExt + Unpin), line: &mut Vec<u8>) -> std::io::Result<bool> {
    use tokio::io::AsyncReadExt;
    let most = u64::try_from(MESSAGE).unwrap_or(u64::MAX);
    let read = input.take(most).read_until(b'\n', line).await?;
    if read == MESSAGE && !line.ends_with(b"\n") {
        return Err(std::io::Error::other("a message is longer than any that is answered"));
    }
    Ok(read > 0)
}

impl Inner {
    fn upstream(&self) -> MutexGuard<'_, Upstream> {
        self.upstream.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// One message of the client. Requests are answered beside each other; what opens a session, and notifications,
    /// keep their order.
    async fn message(self: Arc<Self>, line: &[u8], sink: &mpsc::Sender<String>) {
        let Ok(mut message) = serde_json::from_slice::<Value>(line) else {
            if !line.trim_ascii().is_empty() {
                let refused = json!({ "jsonrpc": "2.0", "id": null, "error": { "code": -32_700, "message": "a message is not JSON" } });
                let _ = sink.send(refused.to_string()).await;
            }
            return;
        };
        absolute(&mut message, std::env::current_dir().ok().as_deref());
        let id = message.get("id").filter(|_| message.get("method").is_some()).cloned();
        let Some(id) = id else {
            let _ = self.pass(&message, sink).await;
            return;
        };
        if message["method"] == "initialize" {
            self.upstream().greeting = Some(message.clone());
            return self.answer(&message, &id, sink).await;
        }
        self.upstream().open.insert(id.to_string(), id.clone());
        let (inner, sink) = (self.clone(), sink.clone());
        self.calls.spawn(async move {
            inner.answer(&message, &id, &sink).await;
            inner.upstream().open.remove(&id.to_string());
        });
    }

    /// Has a request answered, if need be by saying why it is not.
    async fn answer(&self, request: &Value, id: &Value, sink: &mpsc::Sender<String>) {
        let why = match self.pass(request, sink).await {
            Ok(answered) if answered.iter().any(|one| one == id) => return,
            Ok(_) => "the gateway ended before it had answered; call again".to_owned(),
            Err(error) => format!("{} ({})", error.message, error.hint),
        };
        let refused = json!({ "jsonrpc": "2.0", "id": id, "error": { "code": INTERNAL, "message": why } });
        let _ = sink.send(refused.to_string()).await;
    }

    /// Sends a message and passes on what comes back; answers which requests that answered.
    async fn pass(&self, message: &Value, sink: &mpsc::Sender<String>) -> Result<Vec<Value>> {
        let response = match self.post(message).await? {
            Posted::Answered(response) => response,
            Posted::NoSession => {
                self.open_again().await?;
                match self.post(message).await? {
                    Posted::Answered(response) => response,
                    Posted::NoSession => return Err(ended()),
                }
            }
        };
        if message["method"] == "initialize" {
            let session = response.headers().get(SESSION).and_then(|id| id.to_str().ok());
            self.upstream().session = session.map(str::to_owned);
        }
        let asked = message.get("method").and(message.get("id"));
        if !response.status().is_success() {
            let refusal = read(response).await?;
            if refusal.get("jsonrpc").is_none() {
                return Err(refused(&refusal));
            }
            // The gateway has answered as JSON-RPC asks, if need be without an id.
            let _ = sink.send(refusal.to_string()).await;
            return Ok(asked.cloned().into_iter().collect());
        }
        let mut answered = Vec::new();
        let mut told = Messages::of(response);
        while let Some(one) = told.next().await? {
            if let Some(version) = one["result"]["protocolVersion"].as_str() {
                self.upstream().version = Some(version.to_owned());
            }
            if one.get("method").is_none() {
                answered.extend(one.get("id").cloned());
            }
            let _ = sink.send(one.to_string()).await;
            if asked.is_some_and(|id| answered.contains(id)) {
                break;
            }
        }
        Ok(answered)
    }

    async fn post(&self, message: &Value) -> Result<Posted> {
        let (running, headers) = {
            let upstream = self.upstream();
            (upstream.running.clone(), headers(&upstream, message))
        };
        let body = whole(message.to_string());
        match running.send(Method::POST, "/mcp", &headers, body).await {
            Ok(response) if response.status() == StatusCode::NOT_FOUND => Ok(Posted::NoSession),
            Ok(response) => Ok(Posted::Answered(response)),
            // Nobody was there to be asked, so it can be asked again.
            Err(_) if running.was_never_asked() => Ok(Posted::NoSession),
            Err(error) => Err(error),
        }
    }

    /// Finds whoever serves now, and opens the client's session there.
    async fn open_again(&self) -> Result<()> {
        let before = self.upstream().running.clone();
        let _one_at_a_time = self.looking.lock().await;
        let greeting = {
            let upstream = self.upstream();
            if !Arc::ptr_eq(&before, &upstream.running) {
                return Ok(());
            }
            upstream.greeting.clone()
        };
        let whom = take(&self.config, Wish::Change, &self.globals, &self.output).await;
        let (running, beside) = match whom.map_err(Failure::into_error)? {
            Whom::Running(running) => (running, None),
            Whom::Own(session) => {
                let beside = serve_commands(&session.gateway);
                let running = Running::on(&self.config, SOCKET).await.ok_or_else(ended)?;
                (running, beside)
            }
        };
        {
            let mut upstream = self.upstream();
            upstream.running = Arc::new(running);
            (upstream.session, upstream.version) = (None, None);
            if beside.is_some() {
                upstream.beside = beside;
            }
        }
        let Some(greeting) = greeting else {
            return Ok(());
        };
        // Its answer the client has had; only what comes of it counts.
        let (unheard, mut heard) = mpsc::channel(AHEAD);
        let draining = tokio::spawn(async move { while heard.recv().await.is_some() {} });
        Box::pin(self.pass(&greeting, &unheard)).await?;
        let opened = json!({ "jsonrpc": "2.0", "method": "notifications/initialized" });
        Box::pin(self.pass(&opened, &unheard)).await?;
        drop(unheard);
        let _ = draining.await;
        Ok(())
    }

    /// The client has gone: what it asked for is cancelled and ends in order, within a bounded time.
    async fn end(&self) {
        let open: Vec<Value> = self.upstream().open.values().cloned().collect();
        for id in open {
            let cancel = json!({
                "jsonrpc": "2.0", "method": "notifications/cancelled",
                "params": { "requestId": id, "reason": "the client has gone" },
            });
            let _ = self.post(&cancel).await;
        }
        self.calls.close();
        let _ = tokio::time::timeout(FAREWELL, self.calls.wait()).await;
        let (running, session, beside) = {
            let mut upstream = self.upstream();
            (
                upstream.running.clone(),
                upstream.session.take(),
                upstream.beside.take(),
            )
        };
        if let Some(session) = session {
            let _ = running
                .send(Method::DELETE, "/mcp", &[(SESSION, session)], whole(String::new()))
                .await;
        }
        if let Some(beside) = beside {
            beside.stop().await;
        }
    }
}

enum Posted {
    Answered(Response<Incoming>),
    /// The gateway has gone, or does not know the session any more; it has done nothing.
    NoSession,
}

fn ended() -> Error {
    Error::new(ErrorCode::Overloaded, "the gateway on this home has ended").hint("call again")
}

/// What `/mcp` wants to know besides the message.
fn headers(upstream: &Upstream, message: &Value) -> Vec<(&'static str, String)> {
    let mut headers = vec![
        (CONTENT_TYPE.as_str(), JSON.to_owned()),
        (ACCEPT.as_str(), BOTH.to_owned()),
    ];
    let opens = message["method"] == "initialize";
    let session = upstream.session.as_ref().filter(|_| !opens);
    headers.extend(session.map(|session| (SESSION, session.clone())));
    // Revisions without sessions say in each message which they are.
    let own = message["params"]["_meta"]["io.modelcontextprotocol/protocolVersion"].as_str();
    let version = own
        .map(str::to_owned)
        .or_else(|| upstream.version.clone().filter(|_| !opens));
    headers.extend(version.map(|version| (VERSION, version)));
    if own.is_some() {
        let text = |value: &Value| value.as_str().map(str::to_owned);
        headers.extend(text(&message["method"]).map(|method| ("mcp-method", method)));
        headers.extend(text(&message["params"]["name"]).map(|name| ("mcp-name", name)));
    }
    headers
}

/// Paths in a tool's arguments are relative to where this program was started.
fn absolute(message: &mut Value, current_dir: Option<&Path>) {
    let Some(current_dir) = current_dir else { return };
    if message["method"] != "tools/call" {
        return;
    }
    let join = |path: &mut Value| {
        let joined = path.as_str().map(|text| current_dir.join(text));
        // One that is not UTF-8 stays as it is, and is refused as a relative path.
        if let Some(text) = joined.as_deref().and_then(Path::to_str) {
            *path = text.into();
        }
    };
    let Some(arguments) = message.pointer_mut("/params/arguments").and_then(Value::as_object_mut) else {
        return;
    };
    if let Some(path) = arguments.get_mut("path") {
        join(path);
    }
    if let Some(paths) = arguments.get_mut("paths").and_then(Value::as_array_mut) {
        paths.iter_mut().for_each(join);
    }
}

/// The messages of an answer: one JSON text, or a stream of events.
struct Messages {
    body: Incoming,
    events: bool,
    text: BytesMut,
    over: bool,
}

impl Messages {
    fn of(response: Response<Incoming>) -> Self {
        let kind = response.headers().get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
        Self {
            events: kind.is_some_and(|kind| kind.starts_with("text/event-stream")),
            body: response.into_body(),
            text: BytesMut::new(),
            over: false,
        }
    }

    /// The next one.
    async fn next(&mut self) -> Result<Option<Value>> {
        loop {
            if let Some(text) = self.taken() {
                match serde_json::from_slice::<Value>(&text) {
                    Ok(message) if message.is_object() => return Ok(Some(message)),
                    _ => continue,
                }
            }
            if self.over {
                return Ok(None);
            }
            match self.body.frame().await {
                // The request is told that it has no answer.
                Some(Err(_)) | None => self.over = true,
                Some(Ok(frame)) => {
                    if let Ok(data) = frame.into_data() {
                        self.text.extend_from_slice(&data);
                    }
                }
            }
            if self.text.len() > MESSAGE {
                return Err(Error::new(ErrorCode::Internal, "the gateway's answer is too long").hint("ask for less"));
            }
        }
    }

    /// What has come whole.
    fn taken(&mut self) -> Option<Bytes> {
        if !self.events {
            return (self.over && !self.text.is_empty()).then(|| self.text.split().freeze());
        }
        let end = self.text.windows(2).position(|two| two == b"\n\n")?;
        let event = self.text.split_to(end + 2);
        let lines = event[..].split(|byte| *byte == b'\n');
        let data = lines.filter_map(|line| line.strip_prefix(b"data:")).flatten().copied();
        Some(data.collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_of_a_call_are_made_absolute_and_nothing_else_is() {
        let mut call = json!({ "method": "tools/call", "params": { "name": "x", "arguments": {
            "path": "a.txt", "paths": ["b.txt", "/c.txt"], "name": "d.txt",
        } } });
        absolute(&mut call, Some(Path::new("/here")));
        let arguments = json!({ "path": "/here/a.txt", "paths": ["/here/b.txt", "/c.txt"], "name": "d.txt" });
        assert_eq!(call["params"]["arguments"], arguments);
        let mut other = json!({ "method": "resources/read", "params": { "arguments": { "path": "a.txt" } } });
        let before = other.clone();
        absolute(&mut other, Some(Path::new("/here")));
        assert_eq!(other, before);
    }
}
