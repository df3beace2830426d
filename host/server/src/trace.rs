//! The trace that a client's request belongs to (W3C Trace Context).

use http::HeaderMap;
use opentelemetry::Context;
use opentelemetry::trace::{SpanContext, SpanId, TraceContextExt, TraceFlags, TraceId, TraceState};
use tracing::Span;
use tracing_opentelemetry::OpenTelemetrySpanExt;

/// Makes `span` part of the trace that `traceparent` names. Without a collector this does nothing.
pub(crate) fn continue_in(span: &Span, headers: &HeaderMap) {
    let mut values = headers.get_all("traceparent").iter();
    if let (Some(value), None) = (values.next(), values.next())
        && let Some(parent) = value.to_str().ok().and_then(parse)
    {
        // Fails only for a span that nobody records.
        let _ = span.set_parent(Context::new().with_remote_span_context(parent));
    }
}

/// `00-<trace>-<span>-<flags>`; a later version may have more fields, which are ignored (§3.2.4).
pub(crate) fn parse(text: &str) -> Option<SpanContext> {
    let mut fields = text.split('-');
    let (version, trace, span, flags) = (fields.next()?, fields.next()?, fields.next()?, fields.next()?);
    let lower = |text: &str, length| {
        text.len() == length
            && text
                .bytes()
                .all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte))
    };
    if !(lower(version, 2) && lower(trace, 32) && lower(span, 16) && lower(flags, 2)) {
        return None;
    }
    if version == "ff" || (version == "00" && fields.next().is_some()) {
        return None;
    }
    let context = SpanContext::new(
        TraceId::from_hex(trace).ok()?,
        SpanId::from_hex(span).ok()?,
        TraceFlags::new(u8::from_str_radix(flags, 16).ok()?),
        true,
        TraceState::default(),
    );
    context.is_valid().then_some(context)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    const GOOD: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

    #[test]
    fn the_standards_example_is_read() {
        let context = parse(GOOD).unwrap();
        assert_eq!(context.trace_id().to_string(), "4bf92f3577b34da6a3ce929d0e0e4736");
        assert!(context.is_sampled());
        assert!(parse(&GOOD.replacen("00", "cc", 1)).is_some());
    }

    #[test]
    fn anything_else_is_no_trace() {
        let zero = format!("00-{}-00f067aa0ba902b7-01", "0".repeat(32));
        let upper = GOOD.to_uppercase();
        let more = format!("{GOOD}-00");
        let ff = GOOD.replacen("00", "ff", 1);
        for bad in ["", "00", "00-x-y-z", &zero, &upper, &more, &ff, &GOOD[1..]] {
            assert!(parse(bad).is_none(), "{bad}");
        }
    }
}
