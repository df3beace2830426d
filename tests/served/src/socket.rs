//! A WebSocket client of `/v1/ws`.

use std::collections::VecDeque;

use futures::{SinkExt, StreamExt};
use http::HeaderMap;
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::{Error, Message};

use crate::{Answer, Served};

/// One connection.
pub struct Socket {
    stream: WebSocketStream<TcpStream>,
    /// Of the answer to the upgrade.
    pub headers: HeaderMap,
    events: VecDeque<Value>,
    last_id: u64,
}

impl Served {
    /// A socket with this token in its header.
    pub async fn socket(&self, token: &str) -> Socket {
        let bearer = format!("Bearer {token}");
        self.upgrade("/v1/ws", &[("authorization", &bearer)])
            .await
            .unwrap_or_else(|answer| panic!("{}: {}", answer.status, answer.text()))
    }

    /// Asks for an upgrade with these headers; the error is what was answered instead.
    pub async fn upgrade(&self, path: &str, headers: &[(&str, &str)]) -> Result<Socket, Answer> {
        let mut request = format!("ws://{}{path}", self.address).into_client_request().unwrap();
        for (name, value) in headers {
            let name: http::HeaderName = name.parse().unwrap();
            request.headers_mut().append(name, value.parse().unwrap());
        }
        let tcp = TcpStream::connect(&self.address).await.unwrap();
        match tokio_tungstenite::client_async(request, tcp).await {
            Ok((stream, response)) => Ok(Socket {
                stream,
                headers: response.headers().clone(),
                events: VecDeque::new(),
                last_id: 0,
            }),
            Err(Error::Http(response)) => {
                let (head, body) = response.into_parts();
                Err(Answer {
                    status: head.status,
                    headers: head.headers,
                    body: body.unwrap_or_default().into(),
                })
            }
            Err(error) => panic!("{error}"),
        }
    }
}

impl Socket {
    /// Calls a method; the error is `error` of the answer. Events that arrive meanwhile are kept for [`Self::event`].
    pub async fn call(&mut self, method: &str, params: Value) -> Result<Value, Value> {
        self.last_id += 1;
        let id = self.last_id;
        let call = json!({ "jsonrpc": "2.0", "id": id, "method": method, "params": params });
        self.send(&call.to_string()).await;
        let answer = self.answer().await;
        assert_eq!(answer["id"], id, "{answer}");
        match answer.get("error") {
            Some(error) => Err(error.clone()),
            None => Ok(answer["result"].clone()),
        }
    }

    /// `error.data.code` of a call that must fail.
    pub async fn refused(&mut self, method: &str, params: Value) -> String {
        let error = self.call(method, params).await.unwrap_err();
        error["data"]["code"].as_str().unwrap().to_owned()
    }

    /// Sends any text.
    pub async fn send(&mut self, text: &str) {
        self.stream.send(Message::text(text)).await.unwrap();
    }

    /// Sends any message; whether it left.
    pub async fn send_message(&mut self, message: Message) -> bool {
        self.stream.send(message).await.is_ok()
    }

    /// The next message that is no notification.
    pub async fn answer(&mut self) -> Value {
        loop {
            let message = self.message().await.expect("the socket is closed");
            if message.get("method").is_none() {
                return message;
            }
            self.events.push_back(message);
        }
    }

    /// The next notification.
    pub async fn event(&mut self) -> Value {
        if let Some(event) = self.events.pop_front() {
            return event;
        }
        let message = self.message().await.expect("the socket is closed");
        assert!(message.get("method").is_some(), "{message}");
        message
    }

    /// Events (`params`) until one of this name, which is the last.
    pub async fn events_until(&mut self, name: &str) -> Vec<Value> {
        let mut seen = Vec::new();
        loop {
            let event = self.event().await;
            assert_eq!(event["method"], "uploads.event", "{event}");
            seen.push(event["params"].clone());
            if event["params"]["event"] == name {
                return seen;
            }
        }
    }

    /// Notifications that have arrived and were not looked at.
    pub fn waiting(&self) -> usize {
        self.events.len()
    }

    /// Reads to the end; the close code, or `None` if the connection just ended.
    pub async fn closed(&mut self) -> Option<u16> {
        loop {
            match self.stream.next().await {
                Some(Ok(Message::Close(frame))) => return frame.map(|frame| frame.code.into()),
                Some(Ok(_)) => {}
                Some(Err(_)) | None => return None,
            }
        }
    }

    async fn message(&mut self) -> Option<Value> {
        loop {
            match self.stream.next().await? {
                Ok(Message::Text(text)) => return Some(serde_json::from_str(&text).unwrap()),
                Ok(Message::Close(frame)) => panic!("closed: {frame:?}"),
                Ok(_) => {}
                Err(error) => panic!("{error}"),
            }
        }
    }
}
