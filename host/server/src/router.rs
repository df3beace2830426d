//! Which path leads to which front door.

use std::sync::Arc;

use axum::Router;
use axum::extract::{Request, State};
use axum::middleware::{from_fn, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use http::Method;
use loadlock_gateway::{Error, ErrorCode};
use loadlock_policy::forwarding::TrustedProxies;
use loadlock_policy::web_origins::WebOrigins;

use crate::answer::{self, Refusal};
use crate::app::App;
use crate::overload::{self, RequestPlaces};
use crate::{
    authority, coding, copies, cors, elsewhere, forward, grants, health, mcp, metrics, openai, operate, pace, page,
    request_id, request_metrics, tus, webhooks, ws,
};

/// All doors of one server.
pub(crate) fn router(app: App, proxies: TrustedProxies, origins: WebOrigins) -> Router {
    let places = RequestPlaces::beside(app.gateway().config().limits.concurrency);
    Router::new()
        .merge(metrics::routes())
        .nest("/v1", openai::routes(&app))
        .nest("/v1/loadlock", operate::routes().merge(copies::routes()))
        .nest("/v1/loadlock/upload-grants", grants::routes())
        .nest("/v1/loadlock/webhooks", webhooks::routes())
        .nest("/v1/loadlock/granted", grants::put_routes())
        .merge(tus::routes(&app))
        .nest("/v1/ws", ws::routes(&app))
        .nest("/mcp", mcp::routes(&app))
        .merge(forward::routes())
        .merge(page::routes())
        .fallback(nowhere)
        .method_not_allowed_fallback(wrong_method)
        .layer(from_fn_with_state(app.clone(), page::layer))
        .layer(from_fn_with_state(app.clone(), elsewhere::layer))
        .layer(from_fn_with_state(places, overload::layer))
        // Whether the process lives is asked above all when it has much to do.
        .merge(health::routes().method_not_allowed_fallback(wrong_method))
        .layer(from_fn(coding::layer))
        .layer(from_fn(authority::layer))
        // Outside of whatever refuses: a page is to read refusals as well.
        .layer(from_fn_with_state(Arc::new(origins), cors::layer))
        .layer(from_fn_with_state(Arc::new(proxies), request_id::layer))
        .layer(from_fn(request_metrics::layer))
        .layer(from_fn(pace::layer))
        .with_state(app)
}

/// Nothing of this gateway's: a provider may forward it.
async fn nowhere(State(app): State<App>, request: Request) -> Response {
    let there = forward::plain(&app, request).await;
    there.unwrap_or_else(|| nothing_there().into_response())
}

fn nothing_there() -> Refusal {
    Refusal(
        Error::new(ErrorCode::NoSuchEndpoint, "there is nothing at this path")
            .hint("the base URL of the OpenAI API ends in `/v1`"),
    )
}

async fn wrong_method(method: Method) -> Refusal {
    Refusal(answer::wrong_method(&method))
}
