//! Uploads that are answered before they are done.

use loadlock_served::{Answer, Client, Place, claims, form};
use loadlock_upstream::{Answer as VendorAnswer, Fault, Operation, Upstream};
use serde_json::{Value, json};

use super::{ALL, place, served, spool, with_vendor};

async fn order(client: &Client, name: &str, content: &[u8]) -> Answer {
    let (kind, body) = form(&[("purpose", "user_data")], &[("file", name, content)]);
    let headers = [("content-type", kind.as_str()), ("prefer", "respond-async")];
    client.send("POST", "/v1/files", &headers, body).await
}

/// Asks until the order has ended.
async fn end(client: &Client, place: &str) -> Value {
    for _ in 0..3_000 {
        let order = client.get(place).await.expect(200).json();
        if order["status"] != "in_progress" {
            return order;
        }
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    panic!("the order does not end");
}

#[tokio::test]
async fn an_order_is_answered_at_once_and_ends_as_a_file() {
    let place = place();
    let (_served, client) = served(&place).await;
    let accepted = order(&client, "a.txt", b"later").await.expect(202);
    assert_eq!(accepted.header("preference-applied"), "respond-async");
    assert_eq!(accepted.json()["object"], "loadlock.upload");
    let done = end(&client, accepted.header("location")).await;
    assert_eq!((&done["status"], &done["error"]), (&json!("completed"), &Value::Null));
    let file = format!("/v1/files/{}", done["file"]["id"].as_str().unwrap());
    assert_eq!(client.get(&file).await.expect(200).json(), done["file"]);
}

#[tokio::test]
async fn an_order_that_fails_says_why() {
    let (place, vendor) = with_vendor().await;
    let (_served, client) = served(&place).await;
    let refusal = VendorAnswer::status(400).message("no such thing");
    vendor.faults().always(Operation::Create, Fault::Answer(refusal));
    let accepted = order(&client, "a.txt", b"later").await.expect(202);
    let failed = end(&client, accepted.header("location")).await;
    assert_eq!((&failed["status"], &failed["file"]), (&json!("failed"), &Value::Null));
    assert_eq!(failed["error"]["code"], "provider_rejected");
    assert_eq!(failed["error"]["type"], "invalid_request_error");
}

#[tokio::test]
async fn an_order_survives_sigkill_and_is_stored_once() {
    let (place, vendor) = with_vendor().await;
    let token = place.token("acme", ALL).await;
    let served = place.serve().await;
    let client = served.client(&token);
    vendor.faults().always(Operation::Create, Fault::Hang);
    let accepted = order(&client, "a.txt", b"not lost").await.expect(202);
    let location = accepted.header("location").to_owned();
    // The upload is at the vendor, which does not answer.
    while vendor.requests().of(Operation::Create).is_empty() {
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    served.kill().await;
    vendor.faults().clear();

    let served = place.serve().await;
    let client = served.client(&token);
    let done = end(&client, &location).await;
    assert_eq!(done["status"], "completed", "{done}");
    assert_eq!(vendor.files().len(), 1);
    let list = client.get("/v1/files").await.expect(200).json();
    assert_eq!(list["data"].as_array().unwrap().len(), 1);
    // The body goes, the answer stays; its time of going is written after it can be seen.
    let left = || -> Vec<_> {
        let left = std::fs::read_dir(&spool(&place.home())[0]).unwrap();
        left.map(|file| file.unwrap().file_name()).collect()
    };
    for _ in 0..1_000 {
        if left() == ["session.json"] {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    panic!("{:?}", left());
}

/// An order that is at the vendor when the server is killed, placed with a token of its own; where to ask about it.
async fn cut_off(place: &Place, vendor: &Upstream, token: &str) -> String {
    let served = place.serve().await;
    vendor.faults().always(Operation::Create, Fault::Hang);
    let before = vendor.requests().of(Operation::Create).len();
    let accepted = order(&served.client(token), "a.txt", b"on its way").await;
    let location = accepted.expect(202).header("location").to_owned();
    while vendor.requests().of(Operation::Create).len() == before {
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    served.kill().await;
    vendor.faults().clear();
    location
}

#[tokio::test]
async fn an_order_whose_token_was_revoked_ends_at_the_restart() {
    let (place, vendor) = with_vendor().await;
    let (lost, kept) = (place.token("acme", ALL).await, place.token("acme", ALL).await);
    let location = cut_off(&place, &vendor, &lost).await;
    let sent = vendor.requests().of(Operation::Create).len();
    let config = std::fs::read_to_string(place.config()).unwrap();
    let id = claims(&lost)["jti"].as_str().unwrap().to_owned();
    place.configure(&format!("{config}\n[auth]\nrevoked = [\"{id}\"]\n"));
    let served = place.serve().await;
    served.client(&lost).get(&location).await.expect(401);
    let failed = end(&served.client(&kept), &location).await;
    assert_eq!(failed["status"], "failed", "{failed}");
    assert_eq!(failed["error"]["code"], "unauthenticated");
    let said = failed["error"]["message"].as_str().unwrap();
    assert!(said.contains("revoked"), "{said}");
    assert_eq!(vendor.requests().of(Operation::Create).len(), sent);
    assert_eq!(vendor.files().len(), 0);
}
