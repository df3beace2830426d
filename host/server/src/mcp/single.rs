//! The one answer of a stream of events, for a client that takes JSON alone.

use axum::body::Body;
use axum::response::Response;
use bytes::{Buf, Bytes, BytesMut};
use futures::StreamExt;
use http::HeaderValue;
use http::header::{CACHE_CONTROL, CONTENT_LENGTH, CONTENT_TYPE};
use loadlock_gateway::{Error, ErrorCode, Result};
use serde_json::Value;

/// More than any tool answers.
const MOST: usize = 16 << 20;

/// Waits for the answer, whose request has bounds of its own. What is told on the way to it is left out.
///
/// # Errors
/// [`ErrorCode::Internal`] if the stream ends without an answer.
pub(super) async fn of(response: Response) -> Result<Response> {
    let kind = response.headers().get(CONTENT_TYPE).map(HeaderValue::as_bytes);
    if !kind.is_some_and(|kind| kind.starts_with(b"text/event-stream")) {
        return Ok(response);
    }
    let (mut parts, body) = response.into_parts();
    let answer = read(body).await?;
    parts
        .headers
        .insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    parts.headers.remove(CACHE_CONTROL);
    parts.headers.remove(CONTENT_LENGTH);
    Ok(Response::from_parts(parts, Body::from(answer)))
}

async fn read(body: Body) -> Result<Bytes> {
    let mut stream = body.into_data_stream();
    let mut held = BytesMut::new();
    while let Some(Ok(chunk)) = stream.next().await {
        held.extend_from_slice(&chunk);
        while let Some(data) = event(&mut held) {
            let message: Option<Value> = serde_json::from_slice(&data).ok();
            if message.is_some_and(|message| message.get("result").is_some() || message.get("error").is_some()) {
                return Ok(data);
            }
        }
        if held.len() > MOST {
            break;
        }
    }
    Err(Error::new(ErrorCode::Internal, "the session ended before it had answered").hint("send the request again"))
}

/// The data of the next event that is whole.
fn event(held: &mut BytesMut) -> Option<Bytes> {
    let end = held.windows(2).position(|two| two == b"\n\n")?;
    let event = held.split_to(end).freeze();
    held.advance(2);
    let lines = event.split(|byte| *byte == b'\n');
    let data = lines.filter_map(|line| line.strip_prefix(b"data:")).flatten().copied();
    Some(data.collect())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    async fn of_pieces(pieces: &'static [&'static str]) -> Result<Bytes> {
        let pieces = pieces.iter().map(|piece| Ok::<_, std::io::Error>(*piece));
        read(Body::from_stream(futures::stream::iter(pieces))).await
    }

    #[tokio::test]
    async fn the_answer_is_found_behind_everything_else() {
        let pieces = &[
            ":\n\ndata: {\"method\":\"notifications/progress\"}\n\nid: 1\nda",
            "ta: {\"id\":1,\"result\":{}}\n",
            "\n",
        ];
        assert_eq!(
            of_pieces(pieces).await.unwrap().trim_ascii(),
            br#"{"id":1,"result":{}}"#
        );
        assert!(of_pieces(&["data: {\"id\":1}\n\n"]).await.is_err());
    }
}
