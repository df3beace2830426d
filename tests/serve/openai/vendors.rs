//! What a vendor behind the gateway does, as a client sees it.

use loadlock_upstream::{Fault, Operation};
use serde_json::json;

use super::{served, with_vendor};

#[tokio::test]
async fn a_vendor_gets_the_file_and_its_id_is_told() {
    let (place, vendor) = with_vendor().await;
    let (_served, client) = served(&place).await;
    let file = client
        .upload("a.txt", b"for the vendor", &[("purpose", "user_data")])
        .await
        .expect(200)
        .json();
    let stored = vendor.files().all();
    assert_eq!(stored.len(), 1);
    assert_eq!(file["loadlock"]["remote_id"], stored[0].id);
    assert_ne!(file["id"], stored[0].id);
    let again = client
        .upload(
            "b.txt",
            b"for the vendor",
            &[("purpose", "user_data"), ("provider", "local")],
        )
        .await
        .expect(200)
        .json();
    assert_eq!(again["loadlock"]["provider"], "local");
    let unknown = client
        .upload("c.txt", b"x", &[("purpose", "user_data"), ("provider", "nobody")])
        .await
        .expect(400);
    assert_eq!(
        (unknown.code(), unknown.json()["error"]["param"].clone()),
        ("provider_unknown".into(), json!("provider"))
    );
    let purpose = client
        .upload("d.txt", b"x", &[("purpose", "nonsense")])
        .await
        .expect(400);
    assert_eq!(
        (purpose.code(), purpose.json()["error"]["param"].clone()),
        ("purpose_unsupported".into(), json!("purpose"))
    );
}

#[tokio::test]
async fn retries_of_gateway_and_client_do_not_multiply() {
    let (place, vendor) = with_vendor().await;
    let (_served, client) = served(&place).await;
    vendor.faults().always(Operation::Create, Fault::status(503));
    let failed = client.upload("a.txt", b"x", &[("purpose", "user_data")]).await;
    assert!(failed.status.is_server_error());
    assert_eq!(failed.header("x-should-retry"), "false");
    assert_eq!(vendor.requests().of(Operation::Create).len(), 3);
}

#[tokio::test]
async fn content_that_ends_early_is_never_a_whole_answer() {
    let (place, vendor) = with_vendor().await;
    let (_served, client) = served(&place).await;
    // Within what the fake keeps, and of a purpose whose content the vendor gives back.
    let content = vec![b'x'; 900_000];
    let file = client
        .upload("a.jsonl", &content, &[("purpose", "fine-tune")])
        .await
        .expect(200)
        .json();
    let path = format!("/v1/files/{}/content", file["id"].as_str().unwrap());
    vendor
        .faults()
        .push_times(Operation::Content, &Fault::ResetInAnswer, 10);
    if let Some(answer) = client.try_get(&path).await {
        assert!(
            answer.status.is_server_error(),
            "{} with {} bytes",
            answer.status,
            answer.body.len()
        );
    }
    vendor.faults().clear();
    let whole = client.get(&path).await;
    assert_eq!((whole.status.as_u16(), whole.body.len()), (200, content.len()));
}
