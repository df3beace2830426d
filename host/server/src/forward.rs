//! Requests that go on to a vendor: `/v1/providers/{name}/…`, and any path that is nothing here and exactly one
//! provider forwards.
//!
//! The gateway decides what goes on and translates it. This door reads the body, has the files copied that the vendor
//! does not have, and passes the answer on as it comes.

use axum::body::Body;
use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use axum::routing::any;
use axum::{Router, body};
use http::header::{CONTENT_LENGTH, CONTENT_TYPE};
use http::{HeaderMap, HeaderName, HeaderValue, Uri};
use http_body_util::LengthLimitError;
use loadlock_gateway::{Error, ErrorCode, ForwardRequest, ForwardTarget, Forwarding, Result};

use crate::answer::Refusal;
use crate::app::App;
use crate::identity::authenticate;

/// What stands before a provider's name.
const NAMED: &str = "/v1/providers/";
/// Names a provider where the path does not.
const PROVIDER: HeaderName = HeaderName::from_static("x-loadlock-provider");

/// The routes that name a provider.
pub(crate) fn routes() -> Router<App> {
    Router::new().route("/v1/providers/{name}/{*rest}", any(named))
}

/// A path that names its provider. `/v1` may stand behind the name, as clients add it that know it, or be left out.
async fn named(State(app): State<App>, request: Request) -> Result<Response, Refusal> {
    let rest = request.uri().path().strip_prefix(NAMED).unwrap_or_default();
    let (provider, rest) = rest.split_once('/').unwrap_or((rest, ""));
    let provider = provider.to_owned();
    let paths = [format!("/{rest}"), format!("/v1/{rest}")];
    let who = authenticate(&app, request.headers()).await?;
    let target = app
        .gateway()
        .forward_target(Some(&provider), request.method().as_str(), &paths)?;
    let target = target.ok_or_else(|| {
        let message = format!("`{provider}` does not forward {} {}", request.method(), paths[1]);
        Error::new(ErrorCode::NoSuchEndpoint, message).hint(format!(
            "`forward` in [providers.{provider}] opens requests to its vendor"
        ))
    })?;
    let forwarding = app.gateway().forward(who, target).await?;
    Ok(pass(&app, forwarding, request).await?)
}

/// A path that is nothing here: `None` if no provider forwards it either.
pub(crate) async fn plain(app: &App, request: Request) -> Option<Response> {
    let target = match target(app, &request) {
        Ok(target) => target?,
        Err(error) => return Some(Refusal(error).into_response()),
    };
    let answer = async {
        let who = authenticate(app, request.headers()).await?;
        let forwarding = app.gateway().forward(who, target).await?;
        pass(app, forwarding, request).await
    };
    Some(answer.await.unwrap_or_else(|error| Refusal(error).into_response()))
}

fn target(app: &App, request: &Request) -> Result<Option<ForwardTarget>> {
    let paths = [request.uri().path().to_owned()];
    let method = request.method().as_str();
    let named = request.headers().get(&PROVIDER).and_then(|name| name.to_str().ok());
    match app.gateway().forward_target(None, method, &paths) {
        Ok(None) => Ok(None),
        // Somebody forwards it: only then it matters who is named.
        Ok(_) | Err(_) if named.is_some() => app.gateway().forward_target(named, method, &paths),
        found => found,
    }
}

/// Reads the body, sends the request on, and gives the answer as it comes.
async fn pass(app: &App, forwarding: Forwarding, request: Request) -> Result<Response> {
    let (parts, sent) = request.into_parts();
    let read = read(app, &parts.headers, sent).await;
    let (forwarding, body) = match read {
        Ok(body) => prepared(app, forwarding, body).await?,
        Err(error) => return Err(forwarding.refuse(error).await),
    };
    let provider = HeaderValue::from_str(forwarding.provider());
    let request = ForwardRequest {
        query: query(&parts.uri),
        headers: parts.headers,
        body: body.bytes.clone(),
    };
    let mut answer = forwarding.send(request).await?.map(Body::new);
    if let Ok(provider) = provider {
        answer.headers_mut().insert(PROVIDER, provider);
    }
    Ok(answer)
}

fn query(uri: &Uri) -> Option<String> {
    uri.query().map(str::to_owned)
}

/// A whole body, and the memory that is allotted to it.
struct ReadBody {
    bytes: bytes::Bytes,
    _room: Option<tokio::sync::OwnedSemaphorePermit>,
}

/// The whole body, if it is JSON and not too large.
async fn read(app: &App, headers: &HeaderMap, sent: Body) -> Result<ReadBody> {
    let length = headers
        .get(CONTENT_LENGTH)
        .and_then(|value| value.to_str().ok()?.parse::<u64>().ok());
    if http_body::Body::is_end_stream(&sent) || length == Some(0) {
        return Ok(ReadBody {
            bytes: bytes::Bytes::new(),
            _room: None,
        });
    }
    if !is_json(headers) {
        let message = "the body is not `application/json`";
        return Err(Error::new(ErrorCode::RequestInvalid, message)
            .hint("upload files at `/v1/files`, and name them by their ids in a JSON body"));
    }
    let room = app.gateway().forward_room(length).await?;
    let most = room.num_permits();
    let bytes = body::to_bytes(sent, most).await.map_err(|error| {
        let is_length = std::error::Error::source(&error).is_some_and(|source| source.is::<LengthLimitError>());
        match is_length {
            true => app.gateway().forward_too_large(),
            false => Error::new(ErrorCode::RequestInvalid, format!("the body ended early: {error}")),
        }
    })?;
    Ok(ReadBody {
        bytes,
        _room: Some(room),
    })
}

fn is_json(headers: &HeaderMap) -> bool {
    let value = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let kind = value.unwrap_or_default().split(';').next().unwrap_or_default().trim();
    kind.eq_ignore_ascii_case("application/json")
}

/// Every file that the request names is at the vendor.
async fn prepared(app: &App, mut forwarding: Forwarding, body: ReadBody) -> Result<(Forwarding, ReadBody)> {
    let missing = match forwarding.missing(&body.bytes).await {
        Ok(missing) => missing,
        Err(error) => return Err(forwarding.refuse(error).await),
    };
    for id in missing {
        let (who, provider) = (forwarding.who().clone(), forwarding.provider().to_owned());
        match app.uploads().copy(who, id.clone(), provider, None).await {
            Ok(made) => forwarding.found(id, made.file),
            Err(error) => return Err(forwarding.refuse(error).await),
        }
    }
    Ok((forwarding, body))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn json_is_what_says_so() {
        let json = |value: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert(CONTENT_TYPE, HeaderValue::from_static(value));
            is_json(&headers)
        };
        assert!(json("application/json") && json("Application/JSON; charset=utf-8"));
        assert!(!json("multipart/form-data; boundary=x") && !json("") && !is_json(&HeaderMap::new()));
    }
}
