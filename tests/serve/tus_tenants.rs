//! Two tenants: what is one's does not exist for the other.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use crate::tus;

use tus::*;

#[tokio::test]
async fn a_foreign_upload_is_not_there_for_any_verb() {
    let place = place();
    let (served, acme) = serve(&place).await;
    let token = place.token("bolt", &["read", "write", "delete", "admin"]).await;
    let bolt = served.client(&token);
    let path = make(&acme, 10).await;
    let part = create(&acme, &[("upload-concat", "partial"), ("upload-length", "3")]).await;
    patch(&acme, &part, 0, "abc").await.expect(204);
    let urls = format!("final;{part}");
    for (method, on, headers) in [
        ("HEAD", path.as_str(), &[][..]),
        ("PATCH", &path, &[OCTETS, ("upload-offset", "0")]),
        ("DELETE", &path, &[]),
        ("GET", &path, &[]),
        ("POST", &path, &[("upload-length", "1")]),
        ("POST", "/v1/tus", &[("upload-concat", urls.as_str())]),
    ] {
        let foreign = tus(&bolt, method, on, headers, "").await.expect(404);
        let nowhere = on.replace(&path[8..], "00000000000000000000000000000000");
        if method != "HEAD" && on == path {
            // Word for word what an id that never was gets.
            let none = tus(&bolt, method, &nowhere, headers, "").await.expect(404);
            assert_eq!(foreign.text(), none.text());
        }
    }
    assert_eq!(offset(&acme, &path).await, 0);
    // A foreign request does not end one's own either.
    patch(&acme, &path, 0, "0123456789").await.expect(204);
    tus(&acme, "POST", "/v1/tus", &[("upload-concat", &urls), TEXT], "")
        .await
        .expect(201);
}

#[tokio::test]
async fn unfinished_uploads_are_bounded_for_each_tenant() {
    let place = place();
    let (served, acme) = serve(&place).await;
    for _ in 0..1_000 {
        make(&acme, 1).await;
    }
    let no = tus(&acme, "POST", "/v1/tus", &[("upload-length", "1")], "")
        .await
        .expect(429);
    assert_eq!(no.code(), "overloaded");
    let token = place.token("bolt", &["write"]).await;
    make(&served.client(&token), 1).await;
}

#[tokio::test]
async fn bytes_count_against_the_spool() {
    let place = place();
    place.configure("[limits]\nspool_size = \"1 MiB\"\n");
    let (served, client) = serve(&place).await;
    let content = bytes(700_000);
    let first = make(&client, 1_000_000).await;
    patch(&client, &first, 0, content.clone()).await.expect(204);
    let second = make(&client, 1_000_000).await;
    let full = patch(&client, &second, 0, content.clone()).await.expect(507);
    assert_eq!(full.code(), "spool_full");
    let here = offset(&client, &second).await;
    assert!(here < 400_000);
    // It counts after a restart as well.
    served.kill().await;
    let (_served, client) = serve(&place).await;
    patch(&client, &second, here as usize, &content[here as usize..])
        .await
        .expect(507);
    tus(&client, "DELETE", &first, &[], "").await.expect(204);
    let here = offset(&client, &second).await as usize;
    patch(&client, &second, here, &content[here..]).await.expect(204);
}
