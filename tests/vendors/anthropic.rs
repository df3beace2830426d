//! What is Anthropic's alone.

use loadlock_gateway::{ErrorCode, Silent, UploadRequest};
use loadlock_tests::{Shop, World, sha256};
use loadlock_upstream::{Answer, Fault, Operation};

#[tokio::test]
async fn it_keeps_shows_the_type_and_deletes() {
    let shop = Shop::anthropic().await;
    let world = shop.join(World::new());
    let path = world.file("report.pdf", "%PDF-1.7\nwhat a message refers to");
    let gateway = world.open().await;
    let file = gateway.upload_pinned("anthropic", &path).await.unwrap();
    let stored = shop.upstream.files().get(&file.remote_id).unwrap();
    assert_eq!((&stored.sha256, file.purpose.as_str()), (&file.sha256, "user_data"));
    assert_eq!(
        stored.content_type.as_deref(),
        Some("application/pdf"),
        "the validator's, which a message depends on"
    );
    assert_eq!(file.remote_media_type.as_deref(), Some("application/pdf"));
    assert_eq!(gateway.gateway.get(&gateway.who, &file.id).await.unwrap(), file);
    let post = &shop.posts()[0];
    assert_eq!(post.header("anthropic-version"), Some("2026-10-21"));
    assert_eq!(post.header("anthropic-workspace-id"), None);
    // The same bytes are the same file, with its type.
    let again = gateway.upload_pinned("anthropic", &path).await.unwrap();
    assert!(again.deduplicated && again.remote_media_type == file.remote_media_type);
    assert_eq!(
        gateway.content(&file.id).await.unwrap_err().code,
        ErrorCode::ContentUnavailable
    );
    assert!(gateway.gateway.probe(&gateway.who, "anthropic").await.unwrap().healthy);
    for id in [&again.id, &file.id] {
        gateway.gateway.delete(&gateway.who, id).await.unwrap();
    }
    assert_eq!(shop.upstream.files().deleted().len(), 1);
}

/// 3,600 to 7,776,000 seconds: what is asked beyond is moved to the nearest, and the field stands before the file.
#[tokio::test]
async fn an_expiry_comes_before_the_file() {
    for (asked, sent) in [
        (3_599, 3_600),
        (3_600, 3_600),
        (3_601, 3_601),
        (7_775_999, 7_775_999),
        (7_776_000, 7_776_000),
        (7_776_001, 7_776_000),
    ] {
        let shop = Shop::anthropic().await;
        let world = shop.join(World::new());
        let path = world.file("a.txt", "for a while");
        let gateway = world.open().await;
        let request = UploadRequest {
            expires_in_s: Some(asked),
            ..gateway.request(&path)
        };
        let file = gateway.gateway.upload(&gateway.who, request, &Silent).await.unwrap();
        assert!(file.expires_at.is_some());
        let fields: Vec<_> = shop.posts()[0].fields.iter().map(|field| field.name.clone()).collect();
        assert_eq!(fields, ["expires_in_seconds", "file"]);
        let text = shop.posts()[0].field("expires_in_seconds").unwrap().text.clone();
        assert_eq!(text, Some(sent.to_string()), "{asked}");
    }
}

#[tokio::test]
async fn a_workspace_is_named_and_a_name_is_made_fit() {
    let shop = Shop::anthropic().await.settings("workspace_id = \"wrkspc_1\"");
    let world = shop.join(World::new());
    let path = world.file("what?*|<a>\"b\":c.txt", "content");
    let gateway = world.open().await;
    let file = gateway.upload_pinned("anthropic", &path).await.unwrap();
    assert_eq!(file.filename, "what?*|<a>\"b\":c.txt");
    let remote = shop.upstream.files().get(&file.remote_id).unwrap().filename;
    assert!(
        remote.starts_with("what____a__b__c-") || remote.starts_with("what____a__b__c"),
        "{remote}"
    );
    for request in shop.upstream.requests().all() {
        assert_eq!(request.header("anthropic-workspace-id"), Some("wrkspc_1"));
    }
}

/// The code says more than the status.
#[tokio::test]
async fn errors_mean_what_their_codes_say() {
    let invalid = || Answer::status(400).kind("invalid_request_error");
    for (answer, code) in [
        (
            invalid().code("storage_quota_exceeded"),
            ErrorCode::ProviderQuotaExhausted,
        ),
        (
            Answer::status(402).kind("billing_error"),
            ErrorCode::ProviderQuotaExhausted,
        ),
        (invalid().code("organization_on_hold"), ErrorCode::ProviderUnauthorized),
        (
            Answer::status(403).kind("permission_error"),
            ErrorCode::ProviderUnauthorized,
        ),
        (invalid(), ErrorCode::ProviderRejected),
        (
            Answer::status(413).kind("request_too_large"),
            ErrorCode::ProviderRejected,
        ),
    ] {
        let shop = Shop::anthropic().await;
        let world = shop.join(World::new());
        let path = world.file("a.txt", "content");
        let gateway = world.open().await;
        shop.upstream
            .faults()
            .push(Operation::Create, Fault::Answer(answer.clone()));
        let error = gateway.upload_pinned("anthropic", &path).await.unwrap_err();
        assert_eq!((error.code, shop.posts().len()), (code, 1), "{answer:?}: {error}");
    }
    for answer in [
        invalid().code("request_body_timeout"),
        Answer::status(529).kind("overloaded_error"),
        Answer::status(500).kind("api_error"),
        Answer::status(429).kind("rate_limit_error"),
    ] {
        let shop = Shop::anthropic().await;
        let world = shop.join(World::new());
        let path = world.file("a.txt", "content");
        let gateway = world.open().await;
        shop.upstream
            .faults()
            .push(Operation::Create, Fault::Answer(answer.clone()));
        let file = gateway.upload_pinned("anthropic", &path).await.unwrap();
        assert_eq!((file.attempts, shop.upstream.files().len()), (2, 1), "{answer:?}");
        assert_eq!(file.sha256, sha256(b"content"));
    }
}
