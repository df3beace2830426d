//! Counts requests by route: the pattern of a path, never the path, so that no client chooses a label.

use std::sync::Arc;
use std::time::Instant;

use axum::extract::{MatchedPath, Request};
use axum::middleware::Next;
use axum::response::Response;
use http::Method;
use loadlock_gateway::metrics::{self, InFlight};

/// Route of what no door serves.
const NOWHERE: &str = "none";
/// Method of whoever invents one.
const OTHER: &str = "other";

/// Outside of whatever refuses, so that refusals are counted as well.
pub(crate) async fn layer(request: Request, next: Next) -> Response {
    let route = request
        .extensions()
        .get::<MatchedPath>()
        .map_or_else(|| Arc::from(NOWHERE), |path| Arc::from(path.as_str()));
    let method = known(request.method());
    let began = Instant::now();
    let in_flight = InFlight::request();
    let response = next.run(request).await;
    drop(in_flight);
    metrics::request_answered(method, route, response.status().as_u16(), began.elapsed());
    response
}

fn known(method: &Method) -> &'static str {
    match method.as_str() {
        "GET" => "GET",
        "HEAD" => "HEAD",
        "POST" => "POST",
        "PUT" => "PUT",
        "PATCH" => "PATCH",
        "DELETE" => "DELETE",
        "OPTIONS" => "OPTIONS",
        _ => OTHER,
    }
}
