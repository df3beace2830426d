//! A name for each request, in the log and in the answer.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::extract::{ConnectInfo, Request, State};
use axum::middleware::Next;
use axum::response::Response;
use http::header::FORWARDED;
use http::{HeaderMap, HeaderName, HeaderValue};
use loadlock_gateway::{Door, Peer};
use loadlock_policy::forwarding::TrustedProxies;
use rand::RngExt;
use tracing::Instrument;

use crate::trace;

/// As OpenAI's SDKs read it.
const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

tokio::task_local! {
    static ORIGIN: (Door, Peer);
}

/// Marks a request that came in by the local socket.
#[derive(Debug, Clone, Copy)]
pub(crate) struct OnThisMachine;

/// Where the request at hand came in. The network's, wherever nobody knows.
pub(crate) fn door() -> Door {
    ORIGIN.try_with(|(door, _)| *door).unwrap_or(Door::Network)
}

/// Where the request at hand comes from. Nobody knows outside of a request's own task.
pub(crate) fn peer() -> Peer {
    ORIGIN.try_with(|(_, peer)| peer.clone()).unwrap_or_default()
}

/// Of a path, in the log: whoever sends long ones need not fill the disk with them.
const SHOWN: usize = 256;

/// The beginning of a path. Its characters are those of a URI, all of one byte.
fn shown(path: &str) -> &str {
    path.get(..SHOWN).unwrap_or(path)
}

/// Names the request and opens its span. The name is made here, never taken from the client: a log that clients can
/// write names into proves nothing.
pub(crate) async fn layer(State(proxies): State<Arc<TrustedProxies>>, request: Request, next: Next) -> Response {
    let id = format!("req_{}", hex::encode(rand::rng().random::<[u8; 12]>()));
    let span = tracing::info_span!("request", id = %id, method = %request.method(), path = shown(request.uri().path()));
    trace::continue_in(&span, request.headers());
    let connected = request.extensions().get::<ConnectInfo<SocketAddr>>();
    let client = connected.map(|info| {
        let headers = request.headers();
        let (forwarded, list) = (texts(headers, &FORWARDED), texts(headers, &X_FORWARDED_FOR));
        proxies.client(info.0.ip(), &forwarded, &list)
    });
    let door = match request.extensions().get::<OnThisMachine>() {
        Some(_) => Door::Local,
        None => Door::Network,
    };
    let (address, alias) = client.map_or((None, None), |client| (Some(client.address), client.alias));
    let peer = Peer {
        address,
        alias,
        request_id: Some(id.clone()),
    };
    let answer = next.run(request).instrument(span);
    let mut response = ORIGIN.scope((door, peer), answer).await;
    if let Ok(value) = HeaderValue::try_from(id) {
        response.headers_mut().insert(X_REQUEST_ID, value);
    }
    response
}

/// The values of a header; one that is no text is no address either.
fn texts<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Vec<&'a str> {
    let values = headers.get_all(name).iter();
    values.map(|value| value.to_str().unwrap_or("?")).collect()
}
