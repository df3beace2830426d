//! Getting in and out, and what a session's cookie is good for: a request of the page's own goes on as one that carries
//! the session's token, so every door asks the auth component about it as about any other. It ends when the token does,
//! and a token that is revoked is refused at the next request.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::extract::{ConnectInfo, FromRequestParts, Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::header::{AUTHORIZATION, CACHE_CONTROL, COOKIE, HOST, ORIGIN, SET_COOKIE};
use http::request::Parts;
use http::{HeaderMap, HeaderValue, StatusCode};
use loadlock_gateway::{Error, ErrorCode, Principal};
use serde::{Deserialize, Deserializer};
use serde_json::{Value, json};
use zeroize::Zeroizing;

use super::own::is_own;
use crate::answer::Refusal;
use crate::app::App;
use crate::identity::{Caller, credential_ends, present};
use crate::query::NoQuery;

/// Bytes of what a person gets in by.
const BODY: usize = 16 << 10;

/// How somebody gets in.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "snake_case")]
enum PageEntry {
    Token(#[serde(deserialize_with = "secret")] Zeroizing<String>),
    Code(#[serde(deserialize_with = "secret")] Zeroizing<String>),
}

fn secret<'de, D: Deserializer<'de>>(text: D) -> Result<Zeroizing<String>, D::Error> {
    String::deserialize(text).map(Zeroizing::new)
}

/// Turns a session's cookie into its token, for requests of the page's own. A request that carries a token is none.
pub(crate) async fn layer(State(app): State<App>, request: Request, next: Next) -> Response {
    let (mut parts, body) = request.into_parts();
    if !parts.headers.contains_key(AUTHORIZATION)
        && let Some(secret) = cookie(&parts.headers)
        && is_own(&parts)
        && let Some(credential) = app.page_sessions().credential(&secret)
        && let Ok(mut bearer) = HeaderValue::try_from(format!("Bearer {}", credential.as_str()))
    {
        bearer.set_sensitive(true);
        parts.headers.insert(AUTHORIZATION, bearer);
    }
    next.run(Request::from_parts(parts, body)).await
}

/// `POST`: a token, or a one-time code, becomes a session.
pub(super) async fn enter(State(app): State<App>, request: Request) -> Result<Response, Refusal> {
    let (mut parts, body) = request.into_parts();
    NoQuery::from_request_parts(&mut parts, &app).await?;
    if !is_own(&parts) {
        let error = Error::new(ErrorCode::Forbidden, "a session begins on the gateway's own page alone");
        return Err(error.hint("open the page, or send the token with each request").into());
    }
    let body = axum::body::to_bytes(body, BODY).await;
    let body = body.map_err(|_| Refusal::invalid(format!("the body has more than {BODY} bytes")))?;
    let entry: PageEntry = serde_json::from_slice(&body)
        .map_err(|_| Refusal::invalid("the body is neither {\"token\":…} nor {\"code\":…}"))?;
    let credential = match entry {
        PageEntry::Token(token) => Arc::new(token),
        PageEntry::Code(code) if is_near(&parts) => app.page_sessions().redeem(&code).ok_or_else(used)?,
        PageEntry::Code(_) => return Err(used().into()),
    };
    let who = present(&app, Some(credential.as_str())).await?;
    let lasts = credential_ends(&app, &who).map(|end| end.saturating_duration_since(tokio::time::Instant::now()));
    let (secret, lasts) = app.page_sessions().open(credential, lasts);
    let mut response = Json(described(&app, &who)).into_response();
    let value = Zeroizing::new(format!("{}={}", name(&parts.headers), secret.as_str()));
    set(&mut response, &parts, &value, lasts);
    Ok(response)
}

/// `DELETE`: the session ends, whoever it was.
pub(super) async fn leave(State(app): State<App>, request: Request) -> Result<Response, Refusal> {
    let (mut parts, _) = request.into_parts();
    NoQuery::from_request_parts(&mut parts, &app).await?;
    if let Some(secret) = cookie(&parts.headers)
        && is_own(&parts)
    {
        app.page_sessions().close(&secret);
    }
    let mut response = StatusCode::NO_CONTENT.into_response();
    set(
        &mut response,
        &parts,
        &format!("{}=", name(&parts.headers)),
        Duration::ZERO,
    );
    Ok(response)
}

/// `GET`: who asks, and what the page can offer them.
pub(super) async fn whoami(State(app): State<App>, Caller(who): Caller) -> Response {
    let mut response = Json(described(&app, &who)).into_response();
    response
        .headers_mut()
        .insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

fn described(app: &App, who: &Principal) -> Value {
    let identity = who.identity();
    let config = app.gateway().config();
    let providers: Vec<_> = config.providers.iter().map(|provider| provider.name.as_str()).collect();
    json!({
        "subject": identity.subject,
        "tenant": identity.tenant,
        "scopes": identity.scopes,
        "expires_at": identity.expires_at,
        "providers": providers,
        "largest_upload": app.gateway().largest_upload(),
        "version": env!("CARGO_PKG_VERSION"),
    })
}

fn used() -> Error {
    Error::new(ErrorCode::Unauthenticated, "the link was used, or is too old")
        .hint("start `loadlock serve` anew for another one, or paste a token")
}

/// Whether a request comes from this machine: a code is for the person at its terminal.
fn is_near(parts: &Parts) -> bool {
    let peer = parts.extensions.get::<ConnectInfo<SocketAddr>>();
    peer.is_some_and(|info| info.0.ip().to_canonical().is_loopback())
}

/// Cookies are shared by all ports of a host, so the port is part of the name.
fn name(headers: &HeaderMap) -> String {
    let host = headers
        .get(HOST)
        .and_then(|host| host.to_str().ok())
        .unwrap_or_default();
    let port = host.rsplit_once(':').map_or("", |(_, port)| port);
    let port = port.parse::<u16>().map(|port| format!("_{port}")).unwrap_or_default();
    format!("loadlock_session{port}")
}

fn cookie(headers: &HeaderMap) -> Option<Zeroizing<String>> {
    let name = name(headers);
    let values = headers.get_all(COOKIE).iter().filter_map(|value| value.to_str().ok());
    let mut found = values
        .flat_map(|value| value.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .filter(|(key, _)| *key == name);
    match (found.next(), found.next()) {
        (Some((_, value)), None) => Some(Zeroizing::new(value.to_owned())),
        _ => None,
    }
}

/// `Secure` where the page came over TLS, at the gateway itself or at a proxy in front: the browser says which.
fn set(response: &mut Response, parts: &Parts, pair: &str, lasts: Duration) {
    let origin = parts.headers.get(ORIGIN).and_then(|origin| origin.to_str().ok());
    let secure = if origin.is_some_and(|origin| origin.starts_with("https://")) {
        "; Secure"
    } else {
        ""
    };
    let text = Zeroizing::new(format!(
        "{pair}; HttpOnly; SameSite=Strict; Path=/; Max-Age={}{secure}",
        lasts.as_secs()
    ));
    let headers = response.headers_mut();
    if let Ok(mut value) = HeaderValue::try_from(text.as_str()) {
        value.set_sensitive(true);
        headers.insert(SET_COOKIE, value);
    }
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
}
