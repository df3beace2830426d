//! What a client takes. The protocol's library answers only those that name `application/json` and `text/event-stream`;
//! whoever sends `*/*`, or says nothing, takes both (RFC 9110 §12.5.1), and whoever takes one of them gets that one.

use http::header::ACCEPT;
use http::{HeaderMap, HeaderValue, Method};

/// In which form an answer is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum AnswerForm {
    /// As the library gives it, which is events wherever there is something to wait for.
    Any,
    /// JSON alone: the answer itself, without what is told on the way to it.
    Json,
}

/// Names both types where the client takes one that it can be answered in.
pub(super) fn settle(method: &Method, headers: &mut HeaderMap) -> AnswerForm {
    let ranges = ranges(headers);
    let events = takes(&ranges, "text", "event-stream");
    let json = *method == Method::POST && takes(&ranges, "application", "json");
    if events || json {
        let value = HeaderValue::from_static("application/json, text/event-stream");
        headers.insert(ACCEPT, value);
    }
    if events { AnswerForm::Any } else { AnswerForm::Json }
}

/// Media ranges in lower case, and whether they are wanted at all. None where the client says nothing.
fn ranges(headers: &HeaderMap) -> Option<Vec<(String, bool)>> {
    let values = headers.get_all(ACCEPT).iter().filter_map(|value| value.to_str().ok());
    let ranges = values
        .flat_map(|value| value.split(','))
        .filter(|range| !range.trim().is_empty());
    let ranges: Vec<_> = ranges
        .map(|range| {
            let mut parts = range.split(';').map(|part| part.trim().to_ascii_lowercase());
            let name = parts.next().unwrap_or_default();
            let weight = parts.find_map(|part| part.strip_prefix("q=").map(str::to_owned));
            let unwanted = weight.is_some_and(|weight| weight.parse::<f32>().is_ok_and(|weight| weight <= 0.0));
            (name, !unwanted)
        })
        .collect();
    (!ranges.is_empty()).then_some(ranges)
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

    /// The form that is wanted, where the library sees both types.
    fn settled(method: &Method, accept: Option<&'static str>) -> Option<AnswerForm> {
        let mut headers = HeaderMap::new();
        if let Some(accept) = accept {
            headers.insert(ACCEPT, HeaderValue::from_static(accept));
        }
        let form = settle(method, &mut headers);
        let accept = headers.get(ACCEPT).and_then(|value| value.to_str().ok());
        accept
            .filter(|accept| *accept == "application/json, text/event-stream")
            .map(|_| form)
    }

    #[test]
    fn whoever_takes_something_that_there_is_is_answered_in_it() {
        for (accept, form) in [
            (None, AnswerForm::Any),
            (Some(""), AnswerForm::Any),
            (Some("*/*"), AnswerForm::Any),
            (Some("application/json, */*;q=0.8"), AnswerForm::Any),
            (Some("application/*, text/*"), AnswerForm::Any),
            (
                Some("Text/Event-Stream , application/json;charset=utf-8"),
                AnswerForm::Any,
            ),
            (Some("text/event-stream"), AnswerForm::Any),
            (Some("application/json"), AnswerForm::Json),
            (Some("application/*"), AnswerForm::Json),
            (Some("*/*, text/event-stream;q=0"), AnswerForm::Json),
        ] {
            assert_eq!(settled(&Method::POST, accept), Some(form), "{accept:?}");
        }
        assert_eq!(settled(&Method::POST, Some("text/html")), None);
        assert_eq!(settled(&Method::GET, Some("text/event-stream")), Some(AnswerForm::Any));
        assert_eq!(settled(&Method::GET, Some("application/json")), None);
    }
}
