//! Messages that the protocol's library cannot read: it says nothing of JSON-RPC to whoever sent them.

use serde_json::Value;

use crate::rpc::{self, Fault};

/// What JSON-RPC answers to such a message; none where nobody waits for an answer.
pub(super) fn answer(message: &[u8]) -> Option<String> {
    let text = String::from_utf8_lossy(message);
    let call = match rpc::parse(&text) {
        Ok(call) => call,
        // To answer an answer may be the beginning of an endless exchange.
        Err(_) if is_answer(message) => return None,
        Err(answer) => return Some(answer),
    };
    let fault = match std::str::from_utf8(message) {
        Ok(_) => Fault::invalid_params(format!("the parameters do not fit the method `{}`", call.method)),
        Err(_) => Fault::invalid_params("the message is not UTF-8"),
    };
    Some(rpc::answer(&call.id?, Err(fault)))
}

/// What is answered to a message that is longer than any that is read.
pub(super) fn too_long(most: usize) -> String {
    let fault = Fault::invalid_request(format!("a message has more than {most} bytes"));
    rpc::answer(&Value::Null, Err(fault))
}

fn is_answer(message: &[u8]) -> bool {
    let message: Option<Value> = serde_json::from_slice(message).ok();
    message.is_some_and(|message| {
        let has = |name| message.get(name).is_some();
        !has("method") && (has("result") || has("error"))
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn every_message_that_is_not_understood_has_its_answer_but_an_answer_has_none() {
        for (message, code, id) in [
            (&b"{bad"[..], -32_700, Value::Null),
            (b"", -32_700, Value::Null),
            (b"[]", -32_600, Value::Null),
            (br#"{"jsonrpc":"2.0","id":1.5,"method":"ping"}"#, -32_600, Value::Null),
            (br#"{"jsonrpc":"2.0","id":1,"method":"initialize"}"#, -32_602, 1.into()),
        ] {
            let answer: Value = serde_json::from_str(&answer(message).unwrap()).unwrap();
            assert_eq!((&answer["error"]["code"], &answer["id"]), (&code.into(), &id));
        }
        for message in [
            &br#"{"jsonrpc":"2.0","id":null,"error":{"code":-32700,"message":"x"}}"#[..],
            br#"{"jsonrpc":"2.0","method":"notifications/cancelled","params":{}}"#,
        ] {
            assert_eq!(answer(message), None);
        }
    }
}
