//! What one tenant can do to another: nothing, and not even learn that there is something.

use loadlock_served::{Answer, form};
use serde_json::json;

use super::{ALL, place, with_vendor};

#[tokio::test]
async fn a_foreign_id_is_not_found_on_every_verb() {
    let place = place();
    let (acme, umbrella) = (place.token("acme", ALL).await, place.token("umbrella", ALL).await);
    let served = place.serve().await;
    let (acme, umbrella) = (served.client(&acme), served.client(&umbrella));
    let file = acme
        .upload("a.txt", b"secret of acme", &[("purpose", "user_data")])
        .await
        .expect(200)
        .json();
    let file = file["id"].as_str().unwrap();
    let wish = json!({ "filename": "b", "purpose": "user_data", "bytes": 1, "mime_type": "text/plain" });
    let upload = acme.post_json("/v1/uploads", wish).await.expect(200).json();
    let upload = upload["id"].as_str().unwrap();
    let (kind, body) = form(&[("purpose", "user_data")], &[("file", "c.txt", b"later")]);
    let headers = [("content-type", kind.as_str()), ("prefer", "respond-async")];
    let order = acme.send("POST", "/v1/files", &headers, body).await.expect(202);
    let order = order.header("location").to_owned();

    let (part_kind, part) = form(&[], &[("data", "upload", b"x")]);
    let part_headers = [("content-type", part_kind.as_str())];
    let parts = format!("/v1/uploads/{upload}/parts");
    // Whoever fails often is told to wait instead, which says no more.
    let foreign: fn(Answer) = |answer| assert!([401, 429].contains(&answer.status.as_u16()), "{answer:?}");
    let unknown: fn(Answer) = |answer| drop(answer.expect(404));
    for (client, refused) in [(&umbrella, unknown), (&served.stranger(), foreign)] {
        for path in [
            format!("/v1/files/{file}"),
            format!("/v1/files/{file}/content"),
            format!("/v1/files?after={file}"),
            order.clone(),
        ] {
            refused(client.get(&path).await);
            refused(client.send("HEAD", &path, &[], "").await);
        }
        refused(client.delete(&format!("/v1/files/{file}")).await);
        refused(client.send("POST", &parts, &part_headers, part.clone()).await);
        for (verb, body) in [("complete", json!({ "part_ids": [] })), ("cancel", json!({}))] {
            refused(client.post_json(&format!("/v1/uploads/{upload}/{verb}"), body).await);
        }
    }
    let list = umbrella.get("/v1/files").await.expect(200).json();
    assert_eq!(list["data"], json!([]));
    acme.get(&format!("/v1/files/{file}")).await.expect(200);
    acme.send("POST", &parts, &part_headers, part).await.expect(200);
}

#[tokio::test]
async fn each_verb_asks_for_its_scope() {
    let place = place();
    let (reader, writer) = (
        place.token("acme", &["read"]).await,
        place.token("acme", &["write"]).await,
    );
    let served = place.serve().await;
    let (reader, writer) = (served.client(&reader), served.client(&writer));
    let refused = reader
        .upload("a.txt", b"x", &[("purpose", "user_data")])
        .await
        .expect(403);
    assert_eq!(refused.code(), "forbidden");
    let wish = json!({ "filename": "b", "purpose": "user_data", "bytes": 1, "mime_type": "text/plain" });
    reader.post_json("/v1/uploads", wish).await.expect(403);
    writer.get("/v1/files").await.expect(403);
    let file = writer
        .upload("a.txt", b"x", &[("purpose", "user_data")])
        .await
        .expect(200)
        .json();
    let path = format!("/v1/files/{}", file["id"].as_str().unwrap());
    reader.get(&path).await.expect(200);
    reader.delete(&path).await.expect(403);
}

#[tokio::test]
async fn tenants_of_a_group_share_remote_files_and_cannot_tell() {
    let (place, vendor) = with_vendor().await;
    let group = |name| format!("[[tenants]]\nname = \"{name}\"\ndedup_group = \"staff\"\n");
    let config = std::fs::read_to_string(place.config()).unwrap();
    place.configure(&format!("{config}{}{}", group("acme"), group("umbrella")));
    let tokens = [
        place.token("acme", ALL).await,
        place.token("umbrella", ALL).await,
        place.token("other", ALL).await,
    ];
    let served = place.serve().await;
    let [acme, umbrella, other] = tokens.map(|token| served.client(&token));
    let fields = [("purpose", "user_data")];
    let send = async |client: &loadlock_served::Client, name: &str| {
        let sent = client.upload(name, b"known to both", &fields).await;
        sent.expect(200).json()
    };
    let first = send(&acme, "a.txt").await;
    let theirs = send(&umbrella, "b.txt").await;
    assert_eq!(vendor.files().len(), 1, "it is stored once");
    let again = send(&umbrella, "c.txt").await;
    for file in [&first, &theirs, &again] {
        assert_eq!(file["loadlock"]["deduplicated"], false, "{file}");
        assert_eq!(file["loadlock"]["attempts"], 1, "{file}");
    }
    let keys = |file: &serde_json::Value| -> Vec<String> {
        let of = |object: &serde_json::Value| object.as_object().unwrap().clone().into_iter();
        let keys = of(file).chain(of(&file["loadlock"]));
        keys.map(|(key, _)| key).collect()
    };
    assert_eq!(keys(&first), keys(&theirs));
    let path = |file: &serde_json::Value| format!("/v1/files/{}", file["id"].as_str().unwrap());
    assert_eq!(umbrella.get(&path(&theirs)).await.expect(200).json(), theirs);
    let list = umbrella.get("/v1/files").await.expect(200).json();
    assert_eq!(list["data"], json!([again, theirs]));
    umbrella.get(&path(&first)).await.expect(404);
    umbrella.delete(&path(&first)).await.expect(404);
    // Whoever is in no group shares nothing.
    let alone = send(&other, "a.txt").await;
    assert_eq!(vendor.files().len(), 2);
    assert_ne!(alone["loadlock"]["remote_id"], first["loadlock"]["remote_id"]);
    // The remote file goes with the last file of either tenant.
    acme.delete(&path(&first)).await.expect(200);
    umbrella.delete(&path(&again)).await.expect(200);
    assert_eq!(vendor.files().len(), 2);
    umbrella.get(&path(&theirs)).await.expect(200);
    umbrella.delete(&path(&theirs)).await.expect(200);
    assert_eq!(vendor.files().len(), 1);
}
