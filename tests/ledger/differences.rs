//! What the server of this harness answers beside PostgREST as that is documented
//! (<https://docs.postgrest.org/en/stable/references/errors.html>): the first two tests hold a difference each, the
//! others that there is none. A newer server that changed is noticed; the component takes both, and `fake` shows it
//! what PostgREST itself would say.

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::place::{key, schema, secret, service_key, variable};
use crate::sql::Sql;

/// Posts to a function; answers status and body.
async fn call(schema: &str, function: &str, key: &str, arguments: &Value) -> (u16, Value) {
    let address = format!("127.0.0.1:{}", variable("LEDGER_PORT"));
    let mut stream = TcpStream::connect(&address).await.unwrap();
    let body = arguments.to_string();
    let request = format!(
        "POST /rpc/{function} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\ncontent-type: application/json\r\n\
         content-profile: {schema}\r\nauthorization: Bearer {key}\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    (
        status,
        serde_json::from_str(body).unwrap_or(Value::String(body.to_owned())),
    )
}

/// PostgREST passes `null` on. The component leaves nulls out, which is none for both.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_null_argument_arrives_as_an_empty_text() {
    let (sql, schema) = (Sql::connect().await, schema());
    // `stats` takes the totals of all for a null, and those of a tenant with an empty name for an empty text.
    sql.run(&format!(
        "insert into {schema}.totals (scope, tenant, shard, files) values ('all', '', 0, 7)"
    ))
    .await;
    let (_, of_null) = call(&schema, "stats", &service_key(), &json!({ "tenant": null })).await;
    let (_, of_none) = call(&schema, "stats", &service_key(), &json!({})).await;
    assert_eq!((&of_null["files"], &of_none["files"]), (&json!(0), &json!(7)));
}

/// PostgREST answers 403 if the key was good and its role has no right, and 401 only without a key.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_role_without_rights_is_answered_401() {
    let weak = key("authenticated", &secret(), 4_000_000_000);
    let (status, body) = call(&schema(), "ledger_open", &weak, &json!({})).await;
    assert_eq!((status, &body["code"]), (401, &json!("42501")));
}

/// PostgREST answers 406 with `PGRST106` for a schema that is not exposed.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_schema_that_is_not_exposed_is_answered() {
    let (status, body) = call("nowhere", "ledger_open", &service_key(), &json!({})).await;
    assert_eq!((status, &body["code"]), (406, &json!("PGRST106")), "{body}");
}

/// PostgREST answers 404 with `PGRST202` for a function that its schema cache does not know.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_function_that_is_not_there_is_answered() {
    let (status, body) = call(&schema(), "no_such_function", &service_key(), &json!({})).await;
    assert_eq!((status, &body["code"]), (404, &json!("PGRST202")), "{body}");
}

/// PostgREST answers a function that returned nothing with `null` too.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_function_that_found_nothing_answers_null() {
    let nothing = json!({ "tenant": "acme", "id": "f1", "now_ms": 0 });
    let (status, body) = call(&schema(), "get", &service_key(), &nothing).await;
    assert_eq!((status, body), (200, Value::Null));
}
