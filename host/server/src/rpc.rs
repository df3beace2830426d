//! JSON-RPC 2.0: from any text to a call or an error answer, and answers to text.

use loadlock_gateway::{Error, ErrorCode};
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};

/// The specification's codes.
const PARSE_ERROR: i64 = -32_700;
const INVALID_REQUEST: i64 = -32_600;
const METHOD_NOT_FOUND: i64 = -32_601;
const INVALID_PARAMS: i64 = -32_602;
/// Of the range that is left to servers: the gateway's own error is in `data`.
const GATEWAY_ERROR: i64 = -32_000;

/// Longest id that is given back.
const ID_BYTES: usize = 128;

/// One call.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Call {
    /// Absent for a notification, which is not answered.
    pub(crate) id: Option<Value>,
    pub(crate) method: String,
    pub(crate) params: Map<String, Value>,
}

/// Why a call is not carried out.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Fault {
    code: i64,
    message: String,
    data: Value,
}

impl Fault {
    fn new(code: i64, message: impl Into<String>) -> Self {
        Self::with(code, &Error::new(ErrorCode::RequestInvalid, message))
    }

    fn with(code: i64, error: &Error) -> Self {
        let error = crate::advice::for_client(error.clone());
        Self {
            code,
            message: error.message.clone(),
            data: serde_json::to_value(&error).unwrap_or(Value::Null),
        }
    }

    pub(crate) fn method_not_found(method: &str, known: &[&str]) -> Self {
        let known = known.join(", ");
        let error = Error::new(ErrorCode::RequestInvalid, format!("there is no method `{method}`"))
            .hint(format!("methods are {known}"));
        Self::with(METHOD_NOT_FOUND, &error)
    }

    pub(crate) fn invalid_request(message: impl Into<String>) -> Self {
        Self::new(INVALID_REQUEST, message)
    }

    pub(crate) fn invalid_params(message: impl Into<String>) -> Self {
        Self::new(INVALID_PARAMS, message)
    }
}

impl From<Error> for Fault {
    fn from(error: Error) -> Self {
        Self::with(GATEWAY_ERROR, &error)
    }
}

/// Reads one message. The error is the answer.
pub(crate) fn parse(text: &str) -> Result<Call, String> {
    let refuse = |id: Value, fault: Fault| Err(answer(&id, Err(fault)));
    let message = match serde_json::from_str(text) {
        Ok(Value::Object(message)) => message,
        Ok(Value::Array(_)) => {
            let fault = Fault::invalid_request("batches are not supported: send each call as a message of its own");
            return refuse(Value::Null, fault);
        }
        Ok(_) => {
            return refuse(Value::Null, Fault::new(INVALID_REQUEST, "a call must be a JSON object"));
        }
        Err(error) => {
            return refuse(Value::Null, Fault::new(PARSE_ERROR, format!("not JSON: {error}")));
        }
    };
    let mut message = message;
    let id = match message.remove("id") {
        None => None,
        Some(Value::String(id)) if id.len() <= ID_BYTES => Some(Value::String(id)),
        // Any other number would come back as one that is only near it.
        Some(Value::Number(id)) if id.is_i64() || id.is_u64() => Some(Value::Number(id)),
        Some(_) => {
            let fault = Fault::new(
                INVALID_REQUEST,
                format!("`id` must be a 64-bit integer or a string of at most {ID_BYTES} bytes"),
            );
            return refuse(Value::Null, fault);
        }
    };
    let known = id.clone().unwrap_or(Value::Null);
    if message.remove("jsonrpc") != Some(json!("2.0")) {
        return refuse(known, Fault::new(INVALID_REQUEST, "`jsonrpc` must be \"2.0\""));
    }
    let Some(Value::String(method)) = message.remove("method") else {
        return refuse(
            known,
            Fault::new(INVALID_REQUEST, "`method` is missing or not a string"),
        );
    };
    let params = match message.remove("params") {
        None => Map::new(),
        Some(Value::Object(params)) => params,
        Some(_) => {
            return refuse(
                known,
                Fault::invalid_params("`params` must be an object of named parameters"),
            );
        }
    };
    Ok(Call { id, method, params })
}

/// A method's parameters.
pub(crate) fn params<T: DeserializeOwned>(params: Map<String, Value>) -> Result<T, Fault> {
    serde_json::from_value(Value::Object(params)).map_err(|error| Fault::invalid_params(error.to_string()))
}

/// An answer as text.
pub(crate) fn answer(id: &Value, outcome: Result<Value, Fault>) -> String {
    match outcome {
        Ok(result) => json!({ "jsonrpc": "2.0", "id": id, "result": result }),
        Err(fault) => json!({
            "jsonrpc": "2.0",
            "id": id,
            "error": { "code": fault.code, "message": fault.message, "data": fault.data },
        }),
    }
    .to_string()
}

/// A notification of the server as text.
pub(crate) fn notification(method: &str, params: &impl serde::Serialize) -> String {
    json!({ "jsonrpc": "2.0", "method": method, "params": params }).to_string()
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn refused(text: &str) -> (i64, Value) {
        let answer: Value = serde_json::from_str(&parse(text).unwrap_err()).unwrap();
        assert_eq!(answer["jsonrpc"], "2.0");
        assert!(!answer["error"]["data"]["hint"].as_str().unwrap().is_empty());
        (answer["error"]["code"].as_i64().unwrap(), answer["id"].clone())
    }

    #[test]
    fn what_is_not_a_call_is_answered_by_its_error() {
        let deep = "[".repeat(100_000);
        for (text, code, id) in [
            ("", PARSE_ERROR, Value::Null),
            ("{", PARSE_ERROR, Value::Null),
            (&deep, PARSE_ERROR, Value::Null),
            ("[]", INVALID_REQUEST, Value::Null),
            ("[{}]", INVALID_REQUEST, Value::Null),
            ("1", INVALID_REQUEST, Value::Null),
            (r#"{"id":1,"method":"x"}"#, INVALID_REQUEST, json!(1)),
            (r#"{"jsonrpc":"1.0","id":1,"method":"x"}"#, INVALID_REQUEST, json!(1)),
            (r#"{"jsonrpc":"2.0","id":"a"}"#, INVALID_REQUEST, json!("a")),
            (
                r#"{"jsonrpc":"2.0","id":null,"method":"x"}"#,
                INVALID_REQUEST,
                Value::Null,
            ),
            (
                r#"{"jsonrpc":"2.0","id":{},"method":"x"}"#,
                INVALID_REQUEST,
                Value::Null,
            ),
            (
                r#"{"jsonrpc":"2.0","id":123456789012345678901,"method":"x"}"#,
                INVALID_REQUEST,
                Value::Null,
            ),
            (r#"{"jsonrpc":"2.0","id":1,"method":1}"#, INVALID_REQUEST, json!(1)),
            (
                r#"{"jsonrpc":"2.0","id":1,"method":"x","params":[1]}"#,
                INVALID_PARAMS,
                json!(1),
            ),
        ] {
            assert_eq!(refused(text), (code, id), "{:.60}", text);
        }
        let call = parse(r#"{"jsonrpc":"2.0","method":"x"}"#).unwrap();
        assert_eq!((call.id, call.method.as_str()), (None, "x"));
    }

    fn values() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            // Fractions that decimal digits carry exactly: parsing others may lose the last bit.
            any::<i32>().prop_map(|number| Value::from(f64::from(number) / 8.0)),
            any::<i64>().prop_map(Value::from),
            ".{0,8}".prop_map(Value::from),
        ];
        leaf.prop_recursive(3, 24, 4, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                prop::collection::btree_map("jsonrpc|id|method|params|[a-z]{1,3}", inner, 0..5)
                    .prop_map(|map| Value::Object(map.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 4_096, failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn any_bytes_are_a_call_or_an_error_answer(bytes in prop::collection::vec(any::<u8>(), 0..256)) {
            if let Err(answer) = parse(&String::from_utf8_lossy(&bytes)) {
                let answer: Value = serde_json::from_str(&answer).unwrap();
                prop_assert!(answer["error"]["code"].is_i64());
            }
        }

        #[test]
        fn any_json_is_a_call_or_an_error_answer(value in values()) {
            match parse(&value.to_string()) {
                Ok(call) => {
                    prop_assert_eq!(&value["jsonrpc"], "2.0");
                    prop_assert_eq!(&value["method"], &Value::from(call.method));
                }
                Err(answer) => {
                    let answer: Value = serde_json::from_str(&answer).unwrap();
                    prop_assert!(answer["error"]["code"].is_i64());
                    prop_assert!(answer["id"].is_null() || answer["id"] == value["id"]);
                }
            }
        }
    }
}
