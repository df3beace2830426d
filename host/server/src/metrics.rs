//! `/metrics` for Prometheus.

use std::sync::OnceLock;

use axum::Router;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use http::header::CONTENT_TYPE;
use loadlock_gateway::{Error, ErrorCode, Result, Scope, metrics};
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};

use crate::answer::Refusal;
use crate::app::App;
use crate::identity::Caller;
use crate::process_metrics;

/// One recorder for the process: the facade knows no more.
static RECORDER: OnceLock<Option<PrometheusHandle>> = OnceLock::new();

/// Records from now on. A program that embeds the server and records already keeps its own recorder.
pub(crate) fn install() -> Option<&'static PrometheusHandle> {
    RECORDER
        .get_or_init(|| {
            let mut builder = PrometheusBuilder::new();
            for metric in metrics::METRICS {
                if !metric.buckets.is_empty() {
                    let name = Matcher::Full(metric.name.to_owned());
                    builder = builder.set_buckets_for_metric(name, metric.buckets).ok()?;
                }
            }
            let handle = builder.install_recorder().ok()?;
            metrics::describe();
            metrics::build_info(env!("CARGO_PKG_VERSION"));
            Some(handle)
        })
        .as_ref()
}

/// Names of providers and tenants, and how much they do, are not for everybody.
pub(crate) fn routes() -> Router<App> {
    Router::new().route("/metrics", get(render))
}

async fn render(State(app): State<App>, Caller(who): Caller) -> Result<Response, Refusal> {
    who.require(Scope::Admin)?;
    let recorder = install()
        .ok_or_else(|| -> Error { Error::new(ErrorCode::Internal, "this program has a metrics recorder already") })?;
    app.gateway().publish_gauges().await;
    process_metrics::publish();
    recorder.run_upkeep();
    let kind = "text/plain; version=0.0.4; charset=utf-8";
    Ok(([(CONTENT_TYPE, kind)], recorder.render()).into_response())
}
