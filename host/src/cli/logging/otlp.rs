//! Traces to an OpenTelemetry collector, where the standard variables name one.

use std::sync::OnceLock;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use opentelemetry::trace::TracerProvider;
use opentelemetry_http::{HttpClient, HttpError, Request, Response};
use opentelemetry_otlp::{SpanExporter, WithHttpConfig};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::{SdkTracer, SdkTracerProvider};
use tokio::runtime::Handle;

/// Either names a collector: <https://opentelemetry.io/docs/specs/otel/protocol/exporter/>.
const ENDPOINTS: [&str; 2] = ["OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT"];
/// A collector's answer is a few bytes.
const MAX_ANSWER: usize = 64 << 10;

/// What a process sends its spans by.
static PROVIDER: OnceLock<SdkTracerProvider> = OnceLock::new();
/// The runtime on which they are sent. Spans that end before there is one wait.
static RUNTIME: OnceLock<Handle> = OnceLock::new();

/// `None` if no collector is configured.
///
/// # Errors
/// One sentence, if what is configured cannot be used.
pub(super) fn tracer_from_environment() -> Result<Option<SdkTracer>, String> {
    let endpoint = ENDPOINTS
        .iter()
        .find_map(|name| std::env::var(name).ok().filter(|value| !value.is_empty()));
    let Some(endpoint) = endpoint else {
        return Ok(None);
    };
    if !endpoint.starts_with("http://") {
        return Err(format!(
            "traces are not sent: {endpoint} is not an http:// address; name a collector on this machine or in this \
             network"
        ));
    }
    let http = Client::builder(TokioExecutor::new()).build_http();
    let exporter = SpanExporter::builder()
        .with_http()
        .with_http_client(Collector { http })
        .build()
        .map_err(|error| format!("traces are not sent: {error}"))?;
    let resource = Resource::builder().with_service_name("loadlock").build();
    let provider = PROVIDER.get_or_init(|| {
        SdkTracerProvider::builder()
            .with_batch_exporter(exporter)
            .with_resource(resource)
            .build()
    });
    Ok(Some(provider.tracer("loadlock")))
}

/// Names the runtime.
pub(crate) fn send_on(runtime: &Handle) {
    let _ = RUNTIME.set(runtime.clone());
}

/// Sends what is left, while the runtime still runs.
pub(crate) fn finish() {
    if let Some(provider) = PROVIDER.get() {
        // A collector that is away must not hold up the end.
        let _ = provider.shutdown_with_timeout(Duration::from_secs(2));
    }
}

/// The exporter works on a thread of its own; the connection belongs to the runtime.
#[derive(Debug)]
struct Collector {
    http: Client<HttpConnector, Full<Bytes>>,
}

#[async_trait::async_trait]
impl HttpClient for Collector {
    async fn send_bytes(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let runtime = RUNTIME.get().ok_or("no runtime yet")?;
        let http = self.http.clone();
        let exchange = runtime.spawn(async move {
            let (head, body) = http.request(request.map(Full::new)).await?.into_parts();
            let body = Limited::new(body, MAX_ANSWER).collect().await?.to_bytes();
            Ok::<_, HttpError>(Response::from_parts(head, body))
        });
        exchange.await?
    }
}
