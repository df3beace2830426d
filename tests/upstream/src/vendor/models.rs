//! Calls of a model that use files: `/responses`, `/chat/completions` and `/batches`, in OpenAI's shapes.
//!
//! There is no model: an answer repeats the content of each file that the request names, and knows those of this fake
//! alone. What `metadata` says is for tests: `repeat` has the answer hold the credential that came, `cut` streams in
//! pieces of so many bytes, `until` stops behind the first piece until a request has come whose target holds that text.

use bytes::Bytes;
use serde_json::{Value, json};

use super::{Exchange, Failed};
use crate::body::Tap;
use crate::reply::{Content, Pieces, Problem, Reply};
use crate::store::now;

/// Members that name files.
const KEYS: [&str; 2] = ["file_id", "input_file_id"];

/// Whether a path beneath the vendor's is one of these.
pub(super) fn is_one(method: &str, segments: &[&str]) -> bool {
    match segments {
        ["responses"] | ["chat", "completions"] | ["batches"] => method == "POST",
        ["batches", id] => method == "GET" && !id.is_empty(),
        _ => false,
    }
}

pub(super) async fn perform(exchange: &Exchange<'_>, tap: &mut Tap) -> Result<Reply, Failed> {
    let key = exchange.bearer().filter(|key| exchange.knows(key));
    let key = key
        .ok_or_else(|| Problem::new(401, "Incorrect API key provided"))?
        .to_owned();
    let path = exchange.call.id.as_str();
    if let Some(id) = path.strip_prefix("batches/") {
        return Ok(Reply::json(batch(id.strip_prefix("batch_").unwrap_or(id))));
    }
    let text = tap.collect(1 << 20).await.map_err(Failed::Body)?.unwrap_or_default();
    let body: Value = serde_json::from_slice(&text).map_err(|error| Problem::new(400, error.to_string()))?;
    let mut said = Vec::new();
    for id in named(&body) {
        let file = exchange.state.files.get(&id);
        let file = file.ok_or_else(|| Problem::new(404, format!("No such File object: {id}")).code("not_found"))?;
        said.push(exchange.text(&file)?);
    }
    if path == "batches" {
        let input = body["input_file_id"].as_str().unwrap_or_default();
        return Ok(Reply::json(batch(input)));
    }
    let metadata = |name: &str| body["metadata"][name].as_str();
    if metadata("repeat").is_some() {
        said.push(format!("the key is {key}"));
    }
    let said = said.join(" ");
    let whole = match path {
        "responses" => response(&body, &said),
        _ => completion(
            &body,
            "chat.completion",
            json!({ "role": "assistant", "content": said }),
            "message",
            true,
        ),
    };
    if body["stream"] != true {
        return Ok(Reply::json(whole));
    }
    let events = match path {
        "responses" => response_events(&whole, &said),
        _ => chat_events(&body, &said),
    };
    let until = metadata("until").map(|text| (exchange.state.requests.clone(), text.to_owned()));
    let pieces = match metadata("cut").and_then(|bytes| bytes.parse().ok()) {
        Some(bytes) => events
            .concat()
            .as_bytes()
            .chunks(bytes)
            .map(Bytes::copy_from_slice)
            .collect(),
        None => events.into_iter().map(Bytes::from).collect(),
    };
    Ok(Reply {
        status: 200,
        headers: Vec::new(),
        content: Content::Events(Pieces { pieces, until }),
    })
}

/// Ids of files, wherever they stand.
fn named(value: &Value) -> Vec<String> {
    match value {
        Value::Array(items) => items.iter().flat_map(named).collect(),
        Value::Object(members) => {
            let of = |(key, value): (&String, &Value)| match value.as_str() {
                Some(id) if KEYS.contains(&key.as_str()) => vec![id.to_owned()],
                _ => named(value),
            };
            members.iter().flat_map(of).collect()
        }
        _ => Vec::new(),
    }
}

fn batch(input: &str) -> Value {
    json!({
        "id": format!("batch_{input}"), "object": "batch", "endpoint": "/v1/responses", "input_file_id": input,
        "completion_window": "24h", "status": "in_progress", "created_at": now(),
    })
}

fn response(body: &Value, said: &str) -> Value {
    let content = json!([{ "type": "output_text", "text": said, "annotations": [] }]);
    json!({
        "id": "resp_1", "object": "response", "created_at": now(), "status": "completed", "model": body["model"],
        "output": [{ "id": "msg_1", "type": "message", "role": "assistant", "status": "completed", "content": content }],
        "parallel_tool_calls": true, "tool_choice": "auto", "tools": [],
    })
}

fn response_events(whole: &Value, said: &str) -> Vec<String> {
    let mut events: Vec<Value> = said
        .split_inclusive(' ')
        .map(|word| {
            json!({ "type": "response.output_text.delta", "item_id": "msg_1", "output_index": 0,
            "content_index": 0, "delta": word, "logprobs": [] })
        })
        .collect();
    events.push(json!({ "type": "response.completed", "response": whole }));
    let number = |(number, mut event): (usize, Value)| {
        event["sequence_number"] = number.into();
        format!(
            "event: {}\ndata: {event}\n\n",
            event["type"].as_str().unwrap_or_default()
        )
    };
    events.into_iter().enumerate().map(number).collect()
}

fn completion(body: &Value, object: &str, message: Value, named: &str, is_last: bool) -> Value {
    let reason = is_last.then_some("stop");
    json!({
        "id": "chatcmpl-1", "object": object, "created": now(), "model": body["model"],
        "choices": [{ "index": 0, named: message, "finish_reason": reason }],
    })
}

fn chat_events(body: &Value, said: &str) -> Vec<String> {
    let chunk = |delta: Value, is_last| {
        let chunk = completion(body, "chat.completion.chunk", delta, "delta", is_last);
        format!("data: {chunk}\n\n")
    };
    let words = said
        .split_inclusive(' ')
        .map(|word| chunk(json!({ "content": word }), false));
    let mut events: Vec<String> = words.collect();
    events.push(chunk(json!({}), true));
    events.push("data: [DONE]\n\n".to_owned());
    events
}
