//! A stream of server-sent events, read while it comes.

use http_body_util::BodyExt;
use hyper::body::Incoming;
use serde_json::Value;

use crate::Client;

/// One event.
#[derive(Debug, Clone)]
pub struct SentEvent {
    pub id: Option<String>,
    pub name: String,
    pub data: Value,
}

/// An open stream; dropping it closes its connection.
pub struct Events {
    body: Incoming,
    unread: String,
}

impl Client {
    /// Opens `GET /v1/loadlock/events`, behind the event of this id.
    pub async fn events(&self, query: &str, last: Option<&str>) -> Events {
        let headers: Vec<_> = last.map(|id| ("last-event-id", id)).into_iter().collect();
        let path = format!("/v1/loadlock/events{query}");
        let response = self.stream("GET", &path, &headers, "").await;
        assert_eq!(response.status(), 200);
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        Events {
            body: response.into_body(),
            unread: String::new(),
        }
    }
}

impl Events {
    /// The next event; `None` at the end of the stream.
    pub async fn next(&mut self) -> Option<SentEvent> {
        loop {
            while let Some(end) = self.unread.find("\n\n") {
                let block: String = self.unread.drain(..end + 2).collect();
                let field = |name: &str| {
                    let of = |line: &str| Some(line.strip_prefix(name)?.strip_prefix(": ")?.to_owned());
                    block.lines().find_map(of)
                };
                if let (Some(name), Some(data)) = (field("event"), field("data")) {
                    let (id, data) = (field("id"), serde_json::from_str(&data).unwrap());
                    return Some(SentEvent { id, name, data });
                }
            }
            let frame = self.body.frame().await?.ok()?;
            if let Ok(data) = frame.into_data() {
                self.unread += std::str::from_utf8(&data).unwrap();
            }
        }
    }

    /// Events up to and with the first of this name.
    pub async fn until(&mut self, name: &str) -> Vec<SentEvent> {
        let mut seen = Vec::new();
        loop {
            let event = self
                .next()
                .await
                .unwrap_or_else(|| panic!("no `{name}` after {seen:?}"));
            let found = event.name == name;
            seen.push(event);
            if found {
                return seen;
            }
        }
    }
}
