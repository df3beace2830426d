//! One request to PostgREST and its answer.

use crate::problem;
use loadlock_sdk::http::{Base, Request};
use loadlock_sdk::settings::Settings;
use loadlock_sdk::types::Failure;
use serde::de::DeserializeOwned;
use serde_json::Value;

/// Most bytes of an answer: a page of 10,000 files of a kilobyte each, and some.
const ANSWER_BYTES: u64 = 24 << 20;

/// How often a call is made that loses a race against another gateway's. The loser's transaction left nothing.
const RACES: usize = 3;

/// Most bytes of an answer that is an error.
const PROBLEM_BYTES: u64 = 64 << 10;

/// The REST interface of one schema.
pub(crate) struct Rest {
    base: Base,
    schema: String,
}

impl Rest {
    /// # Errors
    /// `internal` for settings that are missing or wrong.
    pub(crate) fn new(settings: &Settings) -> Result<Self, Failure> {
        let url = settings.required("url")?;
        let base = Base::parse(&url).map_err(|wrong| loadlock_sdk::settings::wrong("url", wrong))?;
        let schema = settings.text("schema").unwrap_or_else(|| "loadlock".to_owned());
        let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
        if schema.is_empty() || !schema.bytes().all(plain) {
            let wrong = "use lower-case letters, digits and underscores";
            return Err(loadlock_sdk::settings::wrong("schema", wrong));
        }
        Ok(Self { base, schema })
    }

    /// Calls a function of the schema. Arguments that are null are left out; the functions have defaults for them.
    ///
    /// # Errors
    /// See `problem`.
    pub(crate) fn call<T: DeserializeOwned>(&self, function: &str, arguments: &Value) -> Result<T, Failure> {
        let arguments = without_nulls(arguments);
        let mut outcome = self.call_once(function, &arguments);
        for _ in 1..RACES {
            match outcome {
                Err(failure) if problem::is_race(&failure) => {
                    outcome = self.call_once(function, &arguments);
                }
                settled => return settled,
            }
        }
        outcome
    }

    fn call_once<T: DeserializeOwned>(&self, function: &str, arguments: &Value) -> Result<T, Failure> {
        let mut answer = Request::post(&self.base, &format!("/rpc/{function}"))
            .header("accept", "application/json")
            .header("content-profile", &self.schema)
            .header("accept-profile", &self.schema)
            .json(arguments)
            // Every function may be called again: a file id that was recorded is `existing`, a file that went is not
            // found.
            .stores_nothing()
            .send()?;
        if !answer.is_success() {
            let (status, wait) = (answer.status(), answer.retry_after_ms());
            let body = answer.bytes(PROBLEM_BYTES).unwrap_or_default();
            return Err(problem::read(status, &body, wait, &self.schema));
        }
        // PostgREST answers a function that returned null with `null`, or with nothing and 204.
        if answer.status() == 204 {
            return serde_json::from_value(Value::Null)
                .map_err(|error| Failure::protocol(format!("`{function}` answered nothing: {error}")));
        }
        answer.json(ANSWER_BYTES)
    }
}

/// Postrust, which speaks PostgREST's protocol, takes `null` for an empty text; an argument that is not there is none
/// for both.
fn without_nulls(arguments: &Value) -> Value {
    match arguments {
        Value::Object(fields) => fields
            .iter()
            .filter(|(_, value)| !value.is_null())
            .map(|(name, value)| (name.clone(), value.clone()))
            .collect(),
        other => other.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn nulls_are_left_out_at_the_top_alone() {
        let all = json!({ "tenant": null, "file": { "expires_at_ms": null }, "count": 0 });
        assert_eq!(
            without_nulls(&all),
            json!({ "file": { "expires_at_ms": null }, "count": 0 })
        );
    }
}
