//! Upload grants: one file by whoever has no token, and never more than whoever made the grant may do.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use loadlock_served::{Answer, Client, Place};
use serde_json::{Value, json};

const GRANTS: &str = "/v1/loadlock/upload-grants";
const TUS: (&str, &str) = ("tus-resumable", "1.0.0");

fn place() -> Place {
    Place::new(env!("CARGO_BIN_EXE_loadlock"), env!("CARGO_TARGET_TMPDIR"))
}

async fn grant(maker: &Client, terms: Value) -> Value {
    maker.post_json(GRANTS, terms).await.expect(201).json()
}

/// Puts a file under a grant, as somebody who has nothing else.
async fn put(stranger: &Client, grant: &Value, name: &str, content: &str) -> Answer {
    let path = grant["put_url"].as_str().unwrap().replace("{filename}", name);
    stranger.send("PUT", &path, &[], content.to_owned()).await
}

/// Begins a tus upload of so many bytes under a grant.
async fn begin(stranger: &Client, grant: &Value, bytes: &str, metadata: Option<&str>) -> Answer {
    let mut headers = vec![TUS, ("upload-length", bytes)];
    headers.extend(metadata.map(|metadata| ("upload-metadata", metadata)));
    stranger
        .send("POST", grant["tus_url"].as_str().unwrap(), &headers, "")
        .await
}

async fn append(stranger: &Client, upload: &str, content: &str) -> Answer {
    let headers = [
        TUS,
        ("upload-offset", "0"),
        ("content-type", "application/offset+octet-stream"),
    ];
    stranger.send("PATCH", upload, &headers, content.to_owned()).await
}

#[tokio::test]
async fn a_grant_is_good_for_one_file_of_its_makers_tenant() {
    let place = place();
    let token = place.token("acme", &["read", "write"]).await;
    let served = place.serve().await;
    let (maker, stranger) = (served.client(&token), served.stranger());
    let one = grant(&maker, json!({ "max_bytes": 100 })).await;
    let stored = put(&stranger, &one, "a.txt", "by nobody in particular")
        .await
        .expect(200)
        .json();
    let listed = maker.get("/v1/files").await.expect(200).json();
    assert_eq!(listed["data"][0]["id"], stored["id"]);
    assert_eq!(listed["data"][0]["filename"], "a.txt");
    assert_eq!(
        put(&stranger, &one, "b.txt", "again").await.expect(403).code(),
        "forbidden"
    );
    assert_eq!(begin(&stranger, &one, "5", None).await.expect(403).code(), "forbidden");
    let grants = maker.get(GRANTS).await.expect(200).json();
    assert_eq!(grants["data"][0]["used"]["file"], stored["id"]);
    // Its secret was told once.
    let secret = one["put_url"].as_str().unwrap().rsplit_once('.').unwrap().1.to_owned();
    assert!(!grants.to_string().contains(&secret));
    assert!(!served.log.lines().concat().contains(&secret));
    // It opens no other door.
    let query = one["tus_url"].as_str().unwrap().split_once('?').unwrap().1;
    stranger.get(&format!("/v1/files?{query}")).await.expect(401);
}

#[tokio::test]
async fn a_tus_upload_under_a_grant_goes_on_and_nothing_else_does() {
    let place = place();
    let token = place.token("acme", &["read", "write"]).await;
    let served = place.serve().await;
    let (maker, stranger) = (served.client(&token), served.stranger());
    let one = grant(&maker, json!({})).await;
    let other = grant(&maker, json!({})).await;
    let name = "filename Zm9yZXNlZW4udHh0";
    let created = begin(&stranger, &one, "5", Some(name)).await.expect(201);
    let upload = created.header("location").to_owned();
    begin(&stranger, &one, "5", None).await.expect(403);
    let of_another = begin(&stranger, &other, "5", None).await.expect(201);
    let of_another = of_another.header("location").to_owned();
    // A grant reaches the upload that it began, and no other, whoever's it is.
    let (path, query) = upload.split_once('?').unwrap();
    let (path_of_another, _) = of_another.split_once('?').unwrap();
    stranger
        .send("HEAD", &format!("{path_of_another}?{query}"), &[TUS], "")
        .await
        .expect(404);
    stranger.send("HEAD", path, &[TUS], "").await.expect(401);
    stranger.send("HEAD", &upload, &[TUS], "").await.expect(200);
    let done = append(&stranger, &upload, "hello").await.expect(204);
    let file = maker
        .get(&format!("/v1/files/{}", done.header("loadlock-file-id")))
        .await
        .expect(200);
    assert_eq!(file.json()["filename"], "foreseen.txt");
    assert_eq!(
        stranger
            .send("DELETE", &of_another, &[TUS], "")
            .await
            .expect(204)
            .text(),
        ""
    );
}

#[tokio::test]
async fn what_a_grant_does_not_allow_is_refused_and_leaves_it_unused() {
    let place = place();
    let token = place.token("acme", &["write"]).await;
    let served = place.serve().await;
    let (maker, stranger) = (served.client(&token), served.stranger());
    let terms = json!({ "max_bytes": 5, "media_types": ["text/plain"], "provider": "local", "filename": "own.txt" });
    let one = grant(&maker, terms).await;
    assert_eq!(
        put(&stranger, &one, "a", "too long").await.expect(413).code(),
        "file_too_large"
    );
    assert_eq!(
        put(&stranger, &one, "a", "%PDF-").await.expect(422).code(),
        "file_rejected"
    );
    assert_eq!(
        begin(&stranger, &one, "6", None).await.expect(413).code(),
        "file_too_large"
    );
    for forbidden in [
        "provider bG9jYWwy",
        "purpose YmF0Y2g=",
        "expires_in NjA=",
        "idempotency_key aw==",
    ] {
        let refused = begin(&stranger, &one, "5", Some(forbidden)).await.expect(403);
        assert_eq!(refused.code(), "forbidden", "{forbidden}");
    }
    let deferred = [TUS, ("upload-defer-length", "1")];
    stranger
        .send("POST", one["tus_url"].as_str().unwrap(), &deferred, "")
        .await
        .expect(400);
    let stored = put(&stranger, &one, "theirs.txt", "fits").await.expect(200);
    assert_eq!(stored.json()["filename"], "own.txt");
}

#[tokio::test]
async fn a_grant_is_revoked_by_its_tenant_and_ends_with_its_makers_token() {
    let place = place();
    place.configure("[auth]\nleeway = \"0s\"\n");
    let token = place.token("acme", &["write"]).await;
    let reader = place.token("acme", &["read"]).await;
    let umbrella = place.token("umbrella", &["write"]).await;
    let short = place.token_of("tester", "acme", &["write"], "60s").await;
    let served = place.serve().await;
    let (maker, stranger) = (served.client(&token), served.stranger());
    let one = grant(&maker, json!({})).await;
    let path = format!("{GRANTS}/{}", one["id"].as_str().unwrap());
    served.client(&umbrella).delete(&path).await.expect(404);
    assert_eq!(served.client(&umbrella).get(GRANTS).await.json()["data"], json!([]));
    served.client(&reader).post_json(GRANTS, json!({})).await.expect(403);
    stranger.post_json(GRANTS, json!({})).await.expect(401);
    maker.delete(&path).await.expect(200);
    assert_eq!(
        put(&stranger, &one, "a.txt", "late").await.expect(401).code(),
        "unauthenticated"
    );

    let bound = grant(&served.client(&short), json!({ "expires_in": 3600 })).await;
    let ends = loadlock_served::claims(&short)["exp"].clone();
    assert_eq!(bound["expires_at"], ends);
    for nonsense in ["x", "x.y", "", "a.b.c"] {
        let path = format!("/v1/loadlock/granted/a.txt?grant={nonsense}");
        stranger.send("PUT", &path, &[], "x").await.expect(401);
    }
    for wrong in [
        json!({ "max_bytes": 0 }),
        json!({ "filename": "" }),
        json!({ "media_types": ["nonsense"] }),
        json!({ "expires_in": 0 }),
        json!({ "expires_in": 604_801 }),
        json!({ "tenant": "umbrella" }),
        json!({ "provider": "nobody" }),
    ] {
        let refused = maker.post_json(GRANTS, wrong.clone()).await;
        assert!(refused.status.is_client_error(), "{wrong}");
    }
}

#[tokio::test]
async fn a_withdrawn_token_takes_its_grants_along_and_a_restart_does_not() {
    let place = place();
    let token = place.token("acme", &["write"]).await;
    let admin = place.token("acme", &["admin"]).await;
    let served = place.serve().await;
    let (one, other) = (
        grant(&served.client(&token), json!({})).await,
        grant(&served.client(&token), json!({})).await,
    );
    served.kill().await;
    let served = place.serve().await;
    put(&served.stranger(), &one, "a.txt", "after a restart")
        .await
        .expect(200);
    let audit = served
        .client(&admin)
        .get("/v1/loadlock/audit?lines=100")
        .await
        .expect(200)
        .json();
    let details: Vec<_> = audit["records"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|record| record["event"] == "grant")
        .map(|record| {
            record["what"]["detail"]
                .as_str()
                .unwrap()
                .split(':')
                .next()
                .unwrap()
                .to_owned()
        })
        .collect();
    assert_eq!(details, ["made", "made", "used"]);
    let id = loadlock_served::claims(&token)["jti"].as_str().unwrap().to_owned();
    let before = served.log.lines().len();
    place.configure(&format!("[auth]\nrevoked = [\"{id}\"]\n"));
    served.log.wait_for(before, "configuration reloaded").await;
    put(&served.stranger(), &other, "b.txt", "withdrawn").await.expect(401);

    // Another key under the same id: what the old one let in goes with it.
    let third = grant(&served.client(&admin), json!({})).await;
    std::fs::write(place.home().join("keys/local.key"), [7; 32]).unwrap();
    let before = served.log.lines().len();
    place.configure("[auth]\nleeway = \"1s\"\n");
    served.log.wait_for(before, "configuration reloaded").await;
    put(&served.stranger(), &third, "c.txt", "another key")
        .await
        .expect(401);
}

/// However often its holder fails with it, it ends when it was said to.
#[tokio::test]
async fn a_grant_that_failed_lasts_no_longer() {
    let place = place();
    let token = place.token("acme", &["write"]).await;
    let served = place.serve().await;
    let (maker, stranger) = (served.client(&token), served.stranger());
    let one = grant(&maker, json!({ "expires_in": 60 })).await;
    let headers = [
        TUS,
        ("upload-length", "5"),
        ("content-type", "application/offset+octet-stream"),
        ("upload-checksum", "sha1 AAAAAAAAAAAAAAAAAAAAAAAAAAA="),
    ];
    let path = one["tus_url"].as_str().unwrap();
    let refused = stranger.send("POST", path, &headers, "bytes").await;
    assert_eq!(refused.status.as_u16(), 460, "{}", refused.text());
    let kept = maker.get(GRANTS).await.expect(200).json()["data"][0].clone();
    assert_eq!(kept["expires_at"], one["expires_at"]);
    assert!(kept["used"].is_null(), "{kept}");
    put(&stranger, &one, "a.txt", "bytes").await.expect(200);
}

/// A type is what the content says, and not what its sender says.
#[tokio::test]
async fn a_declared_type_is_not_believed_under_a_grant() {
    let place = place();
    let token = place.token("acme", &["write"]).await;
    let served = place.serve().await;
    let (maker, stranger) = (served.client(&token), served.stranger());
    let one = grant(&maker, json!({ "media_types": ["image/*"] })).await;
    let path = one["put_url"].as_str().unwrap().replace("{filename}", "picture");
    let refused = stranger
        .send("PUT", &path, &[("content-type", "image/png")], vec![1, 2, 3, 0])
        .await;
    assert_eq!(refused.expect(422).code(), "file_rejected");
}
