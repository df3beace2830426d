//! What a reload takes over counts for what is under way as well.

use std::sync::Arc;

use loadlock_gateway::{Body, Door, ErrorCode, Event, Gateway, Peer, Silent, Source};
use loadlock_tests::{Shop, World, token};
use loadlock_upstream::{Fault, Operation};

use super::send;

/// A token of another key, good for the tenant `acme`.
fn signed(kid: &str, secret: &str) -> String {
    let mut header = jsonwebtoken::Header::new(jsonwebtoken::Algorithm::HS256);
    header.kid = Some(kid.into());
    let claims = serde_json::json!({
        "iss": "them", "aud": "loadlock", "sub": "job", "tenant": "acme", "scope": "read", "exp": 32_503_680_000_u64,
    });
    let key = jsonwebtoken::EncodingKey::from_secret(secret.as_bytes());
    jsonwebtoken::encode(&header, &claims, &key).unwrap()
}

#[tokio::test]
async fn failures_under_a_new_key_are_counted_for_that_key() {
    let secret = "a secret of the new key, long enough";
    let world = World::new();
    let gateway = Gateway::open(world.setup()).await.unwrap();
    let from = |number: u32| Peer {
        address: Some(std::net::IpAddr::from(number.to_be_bytes())),
        alias: None,
        request_id: None,
    };
    // Strangers' key ids are counted together, until they have to wait.
    for number in 0..=100 {
        let junk = signed("junk", "another secret of nobody, long enough");
        let refused = gateway.authenticate_from(Door::Network, Some(&junk), from(number));
        assert!(refused.await.is_err());
    }
    let good = signed("new", secret);
    let error = gateway
        .authenticate_from(Door::Network, Some(&good), from(1_000))
        .await
        .unwrap_err();
    assert_eq!(error.code, ErrorCode::RateLimited);

    let file = world.path("outside").join("new.key");
    std::fs::write(&file, secret).unwrap();
    let world = world.config(&format!(
        "[[auth.keys]]\nkid = \"new\"\nalg = \"HS256\"\nvalue = \"${{file:{}}}\"\nissuers = [\"them\"]\ntenants = \
         [\"acme\"]\n",
        file.display()
    ));
    assert!(gateway.reload(&world.load()).await.unwrap().waits.is_empty());
    let who = gateway
        .authenticate_from(Door::Network, Some(&good), from(1_001))
        .await
        .unwrap();
    assert_eq!(who.tenant(), "acme");
}

#[tokio::test]
async fn uploads_under_way_count_against_limits_that_come_meanwhile() {
    let world = World::new();
    let opened = world.open().await;
    let who = opened.network("acme").await;
    let (open, gate) = tokio::sync::oneshot::channel::<()>();
    let (entered, begun) = tokio::sync::oneshot::channel();
    let stream = futures::stream::once(async move {
        let _ = entered.send(());
        let _ = gate.await;
        Ok(bytes::Bytes::from_static(b"late"))
    });
    let body = Body {
        stream: Box::pin(stream),
        name: "slow.txt".into(),
        media_type: None,
    };
    let slow = {
        let (gateway, who) = (opened.gateway.clone(), who.clone());
        tokio::spawn(async move { gateway.upload(&who, Source::Body(body).into(), &Silent).await })
    };
    begun.await.unwrap();
    let held = opened.gateway.allot(&who, 60, None).await.unwrap();
    let limits = "[[tenants]]\nname = \"acme\"\nconcurrent_uploads = 1\nmax_bytes = 100\n";
    let world = world.config(limits);
    opened.gateway.reload(&world.load()).await.unwrap();
    // The one that was begun without a limit has the only turn.
    let error = send(&opened.gateway, &who, "b.txt", vec![b'b'; 10]).await.unwrap_err();
    assert_eq!(error.code, ErrorCode::RateLimited, "{error}");
    open.send(()).unwrap();
    slow.await.unwrap().unwrap();
    // The room that was taken without a limit is taken.
    let error = send(&opened.gateway, &who, "c.txt", vec![b'c'; 60]).await.unwrap_err();
    assert_eq!(error.code, ErrorCode::QuotaExceeded, "{error}");
    drop(held);
    send(&opened.gateway, &who, "c.txt", vec![b'c'; 60]).await.unwrap();
}

#[tokio::test]
async fn an_upload_that_was_admitted_goes_on_when_its_folder_is_taken_away() {
    let shop = Shop::kimi().await;
    let one = "[limits]\nconcurrency = 1";
    let world = shop.join(World::new().config(one));
    let (first, second) = (world.file("a.txt", "the first"), world.file("b.txt", "the second"));
    let opened = Arc::new(world.open().await);
    let faults = shop.upstream.faults();
    faults.push(Operation::Create, Fault::Hold);
    let start = |path: &std::path::Path| {
        let (admitted, seen) = tokio::sync::mpsc::unbounded_channel();
        let (opened, request) = (opened.clone(), opened.request(path));
        let progress = move |event| {
            if matches!(event, Event::Admitted { .. }) {
                let _ = admitted.send(());
            }
        };
        let upload = async move { opened.gateway.upload(&opened.who, request, &progress).await };
        (tokio::spawn(upload), seen)
    };
    let (first, _) = start(&first);
    while faults.waiting() > 0 {
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
    // The second one is admitted and waits for its turn.
    let (upload, mut admitted) = start(&second);
    admitted.recv().await.unwrap();
    let path = world.path("outside");
    let grants = format!("{one}\n[[grants]]\nroot = {path:?}");
    let world = shop.join(world.without_config().config(&grants));
    assert!(opened.gateway.reload(&world.load()).await.unwrap().waits.is_empty());
    let error = opened.upload(&second).await.unwrap_err();
    assert_eq!(error.code, ErrorCode::PathNotAllowed);
    faults.release(1);
    first.await.unwrap().unwrap();
    upload.await.unwrap().unwrap();
}

#[tokio::test]
async fn a_configuration_that_cannot_be_taken_over_changes_nothing() {
    let world = World::new();
    let opened = world.open().await;
    let good = token(opened.gateway.home(), "acme", "ann", "write");
    let path = world.path("outside");
    let world = world.config(&format!(
        "[[grants]]\nroot = {path:?}\n[[tenants]]\nname = \"acme\"\nmax_bytes = \"1 B\"\n[auth]\naudiences = \
         [\"other\"]\n"
    ));
    let config = world.load();
    std::fs::remove_dir_all(&path).unwrap();
    let error = opened.gateway.reload(&config).await.unwrap_err();
    assert_eq!(error.code, ErrorCode::ConfigInvalid);
    let who = opened.gateway.authenticate(Door::Network, Some(&good)).await.unwrap();
    send(&opened.gateway, &who, "a.txt", vec![b'a'; 10]).await.unwrap();
}
