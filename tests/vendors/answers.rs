//! Answers that no vendor should give.

use std::time::Duration;

use loadlock_gateway::ErrorCode;
use loadlock_tests::{KEY, Logs, Shop, World};
use loadlock_upstream::{Answer, Fault, Operation, Options, Vendor};

#[tokio::test]
async fn a_413_while_the_body_comes_ends_the_upload() {
    for linger in [true, false] {
        let shop = Shop::kimi().await;
        let world = shop.join(World::new());
        let path = world.file("a.txt", vec![b'x'; 4_000_000]);
        let gateway = world.open().await;
        let answer = Answer::status(413);
        shop.upstream.faults().always(
            Operation::Create,
            Fault::EarlyAnswer {
                after_bytes: 65_536,
                linger,
                answer,
            },
        );
        // The bound only keeps a hang from stopping the suite.
        let upload = tokio::time::timeout(Duration::from_secs(60), gateway.upload_pinned("kimi", &path));
        let error = upload.await.expect("it hangs").unwrap_err();
        if linger {
            assert_eq!(error.code, ErrorCode::ProviderRejected, "{error}");
            assert_eq!(shop.posts().len(), 1);
        }
        assert!(shop.upstream.files().is_empty());
    }
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    let elsewhere = Shop::kimi().await;
    for location in [
        "http://169.254.169.254/latest/meta-data/".to_owned(),
        format!("{}/files", elsewhere.upstream.base_url()),
    ] {
        for status in [301, 302, 303, 307, 308] {
            let shop = Shop::kimi().await;
            let world = shop.join(World::new());
            let path = world.file("a.txt", "not for everybody");
            let gateway = world.open().await;
            let fault = Fault::Redirect {
                status,
                location: location.clone(),
            };
            shop.upstream.faults().always(Operation::Create, fault);
            let error = gateway.upload_pinned("kimi", &path).await.unwrap_err();
            assert!(
                matches!(error.code, ErrorCode::ProviderFailed | ErrorCode::ProviderRejected),
                "{error}"
            );
            assert!(elsewhere.upstream.requests().is_empty());
        }
    }
}

/// The vendor repeats the credential in its error's body and in a header.
#[tokio::test]
async fn a_secret_that_comes_back_reaches_nobody() {
    for status in [400, 401, 429, 500] {
        for shop in [
            Shop::kimi().await,
            Shop::openai().await,
            Shop::bigmodel().await,
            Shop::anthropic().await,
            Shop::azure().await,
        ] {
            let logs = Logs::start();
            let world = shop.join(World::new());
            let path = world.file("a.txt", "content");
            let gateway = world.open().await;
            shop.upstream
                .faults()
                .always(Operation::Create, Fault::EchoSecret { status });
            let error = gateway.upload_pinned(shop.name, &path).await.unwrap_err();
            let told = format!("{error:?} {error} {}", serde_json::to_string(&error).unwrap());
            let log = logs.take();
            let sent = ["authorization", "x-api-key", "api-key"];
            let sent = sent
                .iter()
                .find_map(|name| shop.posts()[0].header(name).map(str::to_owned));
            assert!(sent.unwrap().contains(KEY), "it was sent");
            for text in [&told, &log] {
                assert!(!text.contains(KEY) && !text.contains("s3cr3t"), "{text}");
            }
            assert!(
                told.contains("invalid request"),
                "the rest of the vendor's words stay: {told}"
            );
        }
    }
}

/// The vendor's extracted text holds the credential.
#[tokio::test]
async fn a_secret_in_content_reaches_nobody() {
    let shop = Shop::kimi().await;
    let world = shop.join(World::new()).config("[validator]\nskip = [\"secrets\"]");
    let path = world.file("a.txt", format!("before {KEY} after"));
    let gateway = world.open().await;
    let file = gateway.upload_pinned("kimi", &path).await.unwrap();
    let content = gateway
        .content(&file.id)
        .await
        .map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
    assert!(!format!("{content:?}").contains(KEY), "{content:?}");
}

#[tokio::test]
async fn a_wrong_key_is_named() {
    let all = [
        ("kimi", Vendor::Kimi),
        ("openai", Vendor::Openai),
        ("zai", Vendor::Glm(loadlock_upstream::Site::Zai)),
        ("anthropic", Vendor::Anthropic),
        ("azure", Vendor::Azure),
        ("xai", Vendor::Xai),
    ];
    for (name, vendor) in all {
        let shop = Shop::start(name, vendor, Options::with_key("another.key")).await;
        let world = shop.join(World::new());
        let path = world.file("a.txt", "content");
        let gateway = world.open().await;
        let error = gateway.upload_pinned(name, &path).await.unwrap_err();
        assert_eq!(error.code, ErrorCode::ProviderUnauthorized, "{name}: {error}");
        assert_eq!(shop.posts().len(), 1, "{name}");
        assert!(!error.to_string().contains(KEY));
    }
}
