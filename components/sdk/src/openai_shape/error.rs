//! Error bodies.

use serde_json::Value;

use crate::types::{Failure, FailureKind};

/// What an error answer says, in whichever form the vendor writes it.
///
/// Understood are `{"error": {"message", "type", "code"}}`, `{"error": "text"}`, the same members at the top level
/// (`message` or `msg`), and `{"detail": …}`. A number as code becomes its digits; the first of `code`,
/// `details.error_code` and `type` that is there is the failure's code.
///
/// ```
/// use loadlock_sdk::openai_shape::VendorError;
/// let error = VendorError::parse(br#"{"error":{"code":1302,"message":"slow down"}}"#);
/// assert_eq!(error.code.as_deref(), Some("1302"));
/// assert_eq!(error.message, "slow down");
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct VendorError {
    /// The vendor's code.
    pub code: Option<String>,
    /// The vendor's type, for example `invalid_request_error`.
    pub kind: Option<String>,
    /// The vendor's sentence; empty if there is none.
    pub message: String,
}

impl VendorError {
    /// Reads an error body; anything unreadable gives an empty error.
    pub fn parse(body: &[u8]) -> Self {
        serde_json::from_slice(body)
            .ok()
            .and_then(|value| Self::of(&value))
            .unwrap_or_default()
    }

    /// The error in a JSON value, if there is one.
    pub fn of(value: &Value) -> Option<Self> {
        let error = match value.get("error") {
            Some(Value::String(text)) => {
                return Some(Self {
                    message: text.clone(),
                    code: text_of(value.get("code")),
                    kind: None,
                });
            }
            Some(inner @ Value::Object(_)) => inner,
            _ => value,
        };
        let message = ["message", "msg", "detail"]
            .iter()
            .find_map(|name| error.get(name))
            .map(|value| value.as_str().map_or_else(|| value.to_string(), str::to_owned));
        let found = Self {
            code: text_of(error.get("code")).or_else(|| text_of(error.get("details")?.get("error_code"))),
            kind: text_of(error.get("type")),
            message: message.unwrap_or_default(),
        };
        (found != Self::default()).then_some(found)
    }

    /// Whether code or type is this.
    pub fn is(&self, word: &str) -> bool {
        self.code.as_deref() == Some(word) || self.kind.as_deref() == Some(word)
    }

    /// Whether code, type or message holds one of these, whatever the case.
    pub fn mentions(&self, words: &[&str]) -> bool {
        let all = format!(
            "{} {} {}",
            self.code.as_deref().unwrap_or_default(),
            self.kind.as_deref().unwrap_or_default(),
            self.message
        )
        .to_lowercase();
        words.iter().any(|word| all.contains(word))
    }

    /// This error as a failure of the given kind.
    pub fn failure(&self, kind: FailureKind, status: u16) -> Failure {
        let message = if self.message.is_empty() {
            format!("HTTP {status}")
        } else {
            self.message.clone()
        };
        let code = self.code.as_deref().or(self.kind.as_deref());
        Failure::new(kind, message)
            .with_status(status)
            .with_code(code.unwrap_or_default())
    }
}

fn text_of(value: Option<&Value>) -> Option<String> {
    match value? {
        Value::String(text) if !text.is_empty() => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(body: &str) -> (Option<String>, Option<String>, String) {
        let error = VendorError::parse(body.as_bytes());
        (error.code, error.kind, error.message)
    }

    #[test]
    fn every_form_in_use_is_read() {
        let some = |text: &str| Some(text.to_owned());
        assert_eq!(
            read(r#"{"error":{"message":"m","type":"t","param":null,"code":null}}"#),
            (None, some("t"), "m".to_owned())
        );
        assert_eq!(
            read(r#"{"code":500,"msg":"m","success":false}"#),
            (some("500"), None, "m".to_owned())
        );
        assert_eq!(read(r#"{"error":"m"}"#), (None, None, "m".to_owned()));
        assert_eq!(
            read(r#"{"detail":[{"loc":["body"]}]}"#),
            (None, None, r#"[{"loc":["body"]}]"#.to_owned())
        );
        for nothing in ["", "<html>", "[]", "null", r#"{"error":{}}"#] {
            assert_eq!(read(nothing), (None, None, String::new()), "{nothing}");
        }
    }

    #[test]
    fn a_failure_always_has_a_message() {
        let failure = VendorError::default().failure(FailureKind::Unavailable, 502);
        assert_eq!(failure.message, "HTTP 502");
        assert_eq!(failure.code, None);
    }
}
