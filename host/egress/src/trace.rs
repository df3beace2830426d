//! The trace that a request belongs to, for the upstream: W3C Trace Context, made by the host alone.

use http::{HeaderMap, HeaderName, HeaderValue};
use opentelemetry::trace::TraceContextExt;
use tracing::Span;
use tracing_opentelemetry::OpenTelemetrySpanExt;

const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");
/// A component could send data in them that no egress rule looks at, and could pose as part of another's trace.
const COMPONENTS_OWN: [HeaderName; 3] = [
    TRACEPARENT,
    HeaderName::from_static("tracestate"),
    HeaderName::from_static("baggage"),
];

/// Replaces what a component set by the current span's context; by nothing if nobody traces.
pub(crate) fn pass_on(headers: &mut HeaderMap) {
    for name in COMPONENTS_OWN {
        headers.remove(name);
    }
    let context = Span::current().context();
    let span = context.span();
    let span = span.span_context();
    if !span.is_valid() {
        return;
    }
    let flags = span.trace_flags().to_u8();
    let text = format!("00-{}-{}-{flags:02x}", span.trace_id(), span.span_id());
    if let Ok(value) = HeaderValue::try_from(text) {
        headers.insert(TRACEPARENT, value);
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_component_cannot_choose_a_trace() {
        let mut headers = HeaderMap::new();
        for name in COMPONENTS_OWN {
            headers.insert(name, HeaderValue::from_static("secret=1"));
        }
        pass_on(&mut headers);
        assert!(headers.is_empty());
    }
}
