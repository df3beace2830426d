//! Limits of tenants hold with many uploads at once, over restarts, and while nobody can tell what is stored.

use futures::future::join_all;
use loadlock_gateway::{ErrorCode, ListRequest, Principal};
use loadlock_tests::{Opened, World};

use super::send;

const LIMITS: &str = "[[tenants]]\nname = \"small\"\nmax_files = 7\n\
    [[tenants]]\nname = \"heavy\"\nmax_bytes = 1000\n\
    [[tenants]]\nname = \"*\"\nconcurrent_uploads = 2\nrequests_per_minute = 3";

async fn stored(opened: &Opened, who: &Principal) -> (u64, u64) {
    let stats = opened.gateway.stats(who).await.unwrap();
    (stats.files, stats.bytes)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn fifty_uploads_at_once_never_pass_a_limit() {
    let world = World::new().config(LIMITS);
    let opened = world.open().await;
    let small = opened.network("small").await;
    let heavy = opened.network("heavy").await;
    let uploads = |who: &Principal, bytes: usize| {
        let (gateway, who) = (opened.gateway.clone(), who.clone());
        join_all((0..50).map(move |number| {
            let (gateway, who) = (gateway.clone(), who.clone());
            // Some are equal to others: a file counts in full all the same.
            let mut content = vec![b'a' + (number % 13) as u8; bytes];
            content[0] = b'x';
            async move {
                tokio::spawn(async move { send(&gateway, &who, &format!("{number}.txt"), content).await })
                    .await
                    .unwrap()
            }
        }))
    };
    let (of_small, of_heavy) = tokio::join!(uploads(&small, 30), uploads(&heavy, 90));
    for (who, results, files) in [(&small, of_small, 7), (&heavy, of_heavy, 11)] {
        let (good, bad): (Vec<_>, Vec<_>) = results.into_iter().partition(|result| result.is_ok());
        for error in bad.into_iter().map(|result| result.unwrap_err()) {
            assert_eq!(error.code, ErrorCode::QuotaExceeded, "{error}");
        }
        assert_eq!(good.len() as u64, files, "{}", who.tenant());
        assert_eq!(stored(&opened, who).await.0, files);
    }
    assert_eq!(stored(&opened, &heavy).await.1, 990);
}

#[tokio::test]
async fn a_delete_makes_room_and_a_restart_none() {
    let world = World::new().config(LIMITS);
    let first = {
        let opened = world.open().await;
        let who = opened.network("heavy").await;
        let first = send(&opened.gateway, &who, "a.txt", vec![b'a'; 600]).await.unwrap();
        // What fails holds nothing.
        for _ in 0..3 {
            let error = send(&opened.gateway, &who, "b.txt", vec![b'b'; 600]).await.unwrap_err();
            assert_eq!(error.code, ErrorCode::QuotaExceeded);
            assert!(error.message.contains("600 of 1000 bytes"), "{error}");
        }
        first
    };
    let opened = world.open().await;
    let who = opened.network("heavy").await;
    let error = send(&opened.gateway, &who, "b.txt", vec![b'b'; 600]).await.unwrap_err();
    assert_eq!(error.code, ErrorCode::QuotaExceeded);
    opened.gateway.delete(&who, &first.id).await.unwrap();
    send(&opened.gateway, &who, "b.txt", vec![b'b'; 600]).await.unwrap();
    // The same bytes again share the remote file and count all the same.
    let error = send(&opened.gateway, &who, "c.txt", vec![b'b'; 600]).await.unwrap_err();
    assert_eq!(error.code, ErrorCode::QuotaExceeded);
    // Others are not concerned.
    let other = opened.network("other").await;
    send(&opened.gateway, &other, "b.txt", vec![b'b'; 6_000]).await.unwrap();
    let list = opened.gateway.list(
        &other,
        ListRequest {
            limit: 10,
            ..ListRequest::default()
        },
    );
    assert_eq!(list.await.unwrap().files.len(), 1);
}

#[tokio::test]
async fn what_the_tracker_cannot_tell_is_not_passed() {
    let world = World::new();
    let path = world.guest("tracker_forgets");
    let world = world.config(&format!(
        "{LIMITS}\n[tracker]\ncomponent = {path:?}\nsettings = {{ mode = \"fail\" }}"
    ));
    let opened = world.open().await;
    let who = opened.network("small").await;
    let error = send(&opened.gateway, &who, "a.txt", b"a".to_vec()).await.unwrap_err();
    assert_eq!(error.code, ErrorCode::TrackerFailed);
    // Without a limit there is nothing to tell.
    let other = opened.network("other").await;
    send(&opened.gateway, &other, "a.txt", b"a".to_vec()).await.unwrap();
}

#[tokio::test]
async fn uploads_at_once_are_counted_and_the_local_caller_waits() {
    let world = World::new().config(LIMITS);
    let opened = world.open().await;
    let who = opened.network("other").await;
    let (open, waiting) = tokio::sync::oneshot::channel::<()>();
    let (open_too, waiting_too) = tokio::sync::oneshot::channel::<()>();
    let slow = |gate: tokio::sync::oneshot::Receiver<()>| {
        let (gateway, who) = (opened.gateway.clone(), who.clone());
        let (entered, begun) = tokio::sync::oneshot::channel();
        let stream = futures::stream::once(async move {
            let _ = entered.send(());
            let _ = gate.await;
            Ok(bytes::Bytes::from_static(b"late"))
        });
        let body = loadlock_gateway::Body {
            stream: Box::pin(stream),
            name: "slow.txt".into(),
            media_type: None,
        };
        let task = tokio::spawn(async move {
            gateway
                .upload(
                    &who,
                    loadlock_gateway::Source::Body(body).into(),
                    &loadlock_gateway::Silent,
                )
                .await
        });
        (task, begun)
    };
    let (first, begun) = slow(waiting);
    let (second, begun_too) = slow(waiting_too);
    begun.await.unwrap();
    begun_too.await.unwrap();
    let error = send(&opened.gateway, &who, "c.txt", b"c".to_vec()).await.unwrap_err();
    assert_eq!(error.code, ErrorCode::RateLimited);
    assert!(error.retry_after_ms.is_some());
    open.send(()).unwrap();
    first.await.unwrap().unwrap();
    send(&opened.gateway, &who, "c.txt", b"c".to_vec()).await.unwrap();
    // A caller that goes away gives its place back.
    second.abort();
    assert!(second.await.is_err());
    drop(open_too);
    let (one, two) = tokio::join!(
        send(&opened.gateway, &who, "d.txt", b"d".to_vec()),
        send(&opened.gateway, &who, "e.txt", b"e".to_vec())
    );
    one.unwrap();
    two.unwrap();
    let local = join_all((0..6).map(|number| send(&opened.gateway, &opened.who, "local.txt", vec![b'0' + number; 9])));
    for result in local.await {
        result.unwrap();
    }
}

#[tokio::test]
async fn requests_are_counted_by_tenant() {
    let world = World::new().config(LIMITS);
    let opened = world.open().await;
    let (who, other) = (opened.network("other").await, opened.network("another").await);
    for _ in 0..3 {
        opened.gateway.request_allowed(&who).await.unwrap();
    }
    for _ in 0..3 {
        let error = opened.gateway.request_allowed(&who).await.unwrap_err();
        assert_eq!(error.code, ErrorCode::RateLimited);
        assert!((1..=20_000).contains(&error.retry_after_ms.unwrap()), "{error:?}");
    }
    opened.gateway.request_allowed(&other).await.unwrap();
    let unlimited = opened.network("small").await;
    for _ in 0..100 {
        opened.gateway.request_allowed(&unlimited).await.unwrap();
    }
    let home = opened.gateway.home().to_owned();
    drop(opened);
    let denials = super::log(&home);
    let denials = denials
        .iter()
        .filter(|record| record.event == loadlock_audit::Event::Denial);
    assert_eq!(denials.count(), 1, "said once a minute");
}
