//! MCP clients: over streamable HTTP, and over the standard input and output of `loadlock mcp`.

use http_body_util::BodyExt;
use hyper::body::Incoming;
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::process::{Child, ChildStdin, ChildStdout};

use crate::{Client, Place};

const ACCEPT: (&str, &str) = ("accept", "application/json, text/event-stream");
const JSON: (&str, &str) = ("content-type", "application/json");

/// What a client says first.
fn initialize() -> Value {
    json!({
        "jsonrpc": "2.0", "id": 0, "method": "initialize",
        "params": {
            "protocolVersion": "2025-06-18",
            "capabilities": {},
            "clientInfo": { "name": "tests", "version": "1" },
        },
    })
}

fn tool_call(id: u64, tool: &str, arguments: &Value, token: Option<&str>) -> Value {
    let mut params = json!({ "name": tool, "arguments": arguments });
    if let Some(token) = token {
        params["_meta"] = json!({ "progressToken": token });
    }
    json!({ "jsonrpc": "2.0", "id": id, "method": "tools/call", "params": params })
}

/// One session over HTTP.
pub struct Mcp {
    pub client: Client,
    pub session: String,
    /// The answer to `initialize`.
    pub info: Value,
    last_id: u64,
}

impl Mcp {
    /// Opens a session.
    pub async fn open(client: Client) -> Self {
        let body = initialize().to_string();
        let response = client.stream("POST", "/mcp", &[ACCEPT, JSON], body).await;
        assert_eq!(response.status(), 200);
        let session = response.headers()["mcp-session-id"].to_str().unwrap().to_owned();
        let mut stream = Calling::new(0, response.into_body());
        let info = stream.next().await.unwrap()["result"].clone();
        let mcp = Self {
            client,
            session,
            info,
            last_id: 0,
        };
        mcp.notify("notifications/initialized", json!({})).await;
        mcp
    }

    /// Posts a message with the headers of this session.
    pub async fn post(&self, client: &Client, message: &Value) -> http::Response<Incoming> {
        let session = ("mcp-session-id", self.session.as_str());
        client
            .stream("POST", "/mcp", &[ACCEPT, JSON, session], message.to_string())
            .await
    }

    pub async fn notify(&self, method: &str, params: Value) {
        let message = json!({ "jsonrpc": "2.0", "method": method, "params": params });
        let response = self.post(&self.client, &message).await;
        assert_eq!(response.status(), 202);
    }

    /// A request and its `result`.
    pub async fn request(&mut self, method: &str, params: Value) -> Value {
        let answer = self.answer(method, params).await;
        assert!(answer.get("error").is_none(), "{answer}");
        answer["result"].clone()
    }

    /// A request that is the protocol's error; that.
    pub async fn refused(&mut self, method: &str, params: Value) -> Value {
        let answer = self.answer(method, params).await;
        assert!(answer.get("result").is_none(), "{answer}");
        answer["error"].clone()
    }

    async fn answer(&mut self, method: &str, params: Value) -> Value {
        self.last_id += 1;
        let message = json!({ "jsonrpc": "2.0", "id": self.last_id, "method": method, "params": params });
        let response = self.post(&self.client, &message).await;
        assert_eq!(response.status(), 200);
        Calling::new(self.last_id, response.into_body()).end().await.1
    }

    /// Calls a tool and waits for its result.
    pub async fn call(&mut self, tool: &str, arguments: Value) -> Value {
        let answer = self.begin(tool, arguments, None).await.end().await.1;
        assert!(answer.get("error").is_none(), "{answer}");
        answer["result"].clone()
    }

    /// Calls a tool that must succeed; its structured content.
    pub async fn done(&mut self, tool: &str, arguments: Value) -> Value {
        let result = self.call(tool, arguments).await;
        assert_ne!(result["isError"], true, "{result}");
        let text: Value = serde_json::from_str(result["content"][0]["text"].as_str().unwrap()).unwrap();
        assert_eq!(text, result["structuredContent"]);
        text
    }

    /// Calls a tool that must fail; its error.
    pub async fn failed(&mut self, tool: &str, arguments: Value) -> Value {
        let result = self.call(tool, arguments).await;
        assert_eq!(result["isError"], true, "{result}");
        let error = mcp_error(&result);
        assert!(!error["hint"].as_str().unwrap().is_empty(), "{error}");
        error
    }

    /// Begins a call whose messages are read while they come.
    pub async fn begin(&mut self, tool: &str, arguments: Value, token: Option<&str>) -> Calling {
        self.last_id += 1;
        let message = tool_call(self.last_id, tool, &arguments, token);
        let response = self.post(&self.client, &message).await;
        assert_eq!(response.status(), 200);
        Calling::new(self.last_id, response.into_body())
    }
}

/// The error of a failed call, which is text: clients hold structured content against the tool's output schema.
pub fn mcp_error(result: &Value) -> Value {
    assert!(result.get("structuredContent").is_none(), "{result}");
    let text: Value = serde_json::from_str(result["content"][0]["text"].as_str().unwrap()).unwrap();
    text["error"].clone()
}

/// A call under way.
pub struct Calling {
    /// Of the request.
    pub id: u64,
    body: Incoming,
    text: String,
}

impl Calling {
    fn new(id: u64, body: Incoming) -> Self {
        Self {
            id,
            body,
            text: String::new(),
        }
    }

    /// The next message of the stream of events.
    pub async fn next(&mut self) -> Option<Value> {
        loop {
            while let Some((event, rest)) = self.text.split_once("\n\n") {
                let data: String = event.lines().filter_map(|line| line.strip_prefix("data:")).collect();
                self.text = rest.to_owned();
                if !data.trim().is_empty() {
                    return Some(serde_json::from_str(&data).unwrap());
                }
            }
            let frame = self.body.frame().await?.ok()?;
            if let Ok(data) = frame.into_data() {
                self.text.push_str(std::str::from_utf8(&data).unwrap());
            }
        }
    }

    /// Notifications, and the answer.
    pub async fn end(mut self) -> (Vec<Value>, Value) {
        let mut notifications = Vec::new();
        while let Some(message) = self.next().await {
            if message["id"] == self.id {
                return (notifications, message);
            }
            notifications.push(message);
        }
        panic!("the stream ended without an answer: {notifications:?}");
    }
}

/// `loadlock mcp`.
pub struct StdioMcp {
    child: Child,
    stdin: ChildStdin,
    stdout: Lines<BufReader<ChildStdout>>,
    last_id: u64,
}

impl Place {
    /// Starts `loadlock mcp` and opens a session.
    pub async fn mcp(&self) -> StdioMcp {
        let mut child = self
            .command(&["mcp"])
            .stdin(std::process::Stdio::piped())
            .spawn()
            .unwrap();
        let stdin = child.stdin.take().unwrap();
        let stdout = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut mcp = StdioMcp {
            child,
            stdin,
            stdout,
            last_id: 0,
        };
        mcp.send(&initialize()).await;
        assert_eq!(mcp.next().await["result"]["serverInfo"]["name"], "loadlock");
        mcp.send(&json!({ "jsonrpc": "2.0", "method": "notifications/initialized" }))
            .await;
        mcp
    }
}

impl StdioMcp {
    pub async fn send(&mut self, message: &Value) {
        let line = format!("{message}\n");
        self.stdin.write_all(line.as_bytes()).await.unwrap();
    }

    /// The next message; whatever else is on standard output fails the test.
    pub async fn next(&mut self) -> Value {
        let line = self.stdout.next_line().await.unwrap().expect("it ended");
        serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line}"))
    }

    /// Calls a tool; progress notifications, and its result.
    pub async fn call(&mut self, tool: &str, arguments: Value, token: Option<&str>) -> (Vec<Value>, Value) {
        self.last_id += 1;
        let id = self.last_id;
        self.send(&tool_call(id, tool, &arguments, token)).await;
        let mut notifications = Vec::new();
        loop {
            let message = self.next().await;
            if message["id"] == id {
                return (notifications, message["result"].clone());
            }
            notifications.push(message);
        }
    }

    /// Closes its input and waits for the end; the exit status.
    pub async fn close(self) -> Option<i32> {
        let Self {
            mut child,
            stdin,
            mut stdout,
            ..
        } = self;
        drop(stdin);
        while let Ok(Some(_)) = stdout.next_line().await {}
        child.wait().await.unwrap().code()
    }
}
