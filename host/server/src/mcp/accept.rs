//! Clients that say they take anything. The protocol asks for `application/json` and `text/event-stream` by name, and
//! its library insists; whoever sends `*/*`, or says nothing, takes both (RFC 9110 §12.5.1).

use http::header::ACCEPT;
use http::{HeaderMap, HeaderValue, Method};

/// Names both types where the client takes both.
pub(super) fn settle(method: &Method, headers: &mut HeaderMap) {
    let ranges = ranges(headers);
    let takes = |kind, subtype| takes(&ranges, kind, subtype);
    let events = takes("text", "event-stream");
    let both = events && takes("application", "json");
    if both || (*method == Method::GET && events) {
        let value = HeaderValue::from_static("application/json, text/event-stream");
        headers.insert(ACCEPT, value);
    }
}

/// Media ranges in lower case, and whether they are wanted at all. None where the client says nothing.
fn ranges(headers: &HeaderMap) -> Option<Vec<(String, bool)>> {
    headers.contains_key(ACCEPT).then(|| {
        let values = headers.get_all(ACCEPT).iter().filter_map(|value| value.to_str().ok());
        let ranges = values.flat_map(|value| value.split(','));
        ranges
            .map(|range| {
                let mut parts = range.split(';').map(|part| part.trim().to_ascii_lowercase());
                let name = parts.next().unwrap_or_default();
                let weight = parts.find_map(|part| part.strip_prefix("q=").map(str::to_owned));
                let unwanted = weight.is_some_and(|weight| weight.parse::<f32>().is_ok_and(|weight| weight <= 0.0));
                (name, !unwanted)
            })
            .collect()
    })
}

/// By the most precise range that fits.
fn takes(ranges: &Option<Vec<(String, bool)>>, kind: &str, subtype: &str) -> bool {
    let Some(ranges) = ranges else {
        return true;
    };
    let fits = [format!("{kind}/{subtype}"), format!("{kind}/*"), "*/*".to_owned()];
    let found = fits
        .iter()
        .find_map(|wanted| ranges.iter().find(|(name, _)| name == wanted));
    found.is_some_and(|(_, wanted)| *wanted)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What the library sees.
    fn settled(method: &Method, accept: Option<&'static str>) -> Option<String> {
        let mut headers = HeaderMap::new();
        if let Some(accept) = accept {
            headers.insert(ACCEPT, HeaderValue::from_static(accept));
        }
        settle(method, &mut headers);
        headers
            .get(ACCEPT)
            .and_then(|value| value.to_str().ok())
            .map(str::to_owned)
    }

    #[test]
    fn whoever_takes_anything_takes_both() {
        let both = Some("application/json, text/event-stream".to_owned());
        for accept in [
            None,
            Some("*/*"),
            Some("application/json, */*;q=0.8"),
            Some("application/*, text/*"),
            Some("Text/Event-Stream , application/json;charset=utf-8"),
        ] {
            assert_eq!(settled(&Method::POST, accept), both, "{accept:?}");
        }
        for accept in ["application/json", "text/html", "*/*, text/event-stream;q=0", ""] {
            assert_eq!(settled(&Method::POST, Some(accept)).as_deref(), Some(accept));
        }
        assert_eq!(settled(&Method::GET, Some("text/event-stream")), both);
    }
}
