//! Every documented limit: one byte less, exactly, one byte more.

use std::path::PathBuf;

use loadlock_gateway::{ErrorCode, Target, UploadRequest};
use loadlock_tests::{Shop, World};

const PNG: &[u8] = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\x01\0\0\0\x01\x08\x02\0\0\0";

/// A sparse file that starts like what it is called.
fn sparse(world: &World, name: &str, bytes: u64) -> PathBuf {
    let start: &[u8] = match name.rsplit('.').next() {
        Some("png") => PNG,
        Some("pdf") => b"%PDF-1.7\n",
        _ => b"",
    };
    let path = world.file(name, start);
    std::fs::File::options()
        .write(true)
        .open(&path)
        .unwrap()
        .set_len(bytes)
        .unwrap();
    path
}

async fn boundaries(shop: &Shop, cases: &[(&str, &str, u64, &str)]) {
    let world = shop.join(World::new().config("[limits]\nmax_upload_size = \"20 GB\""));
    let gateway = world.open().await;
    for (purpose, name, limit, reason) in cases {
        for (bytes, fits) in [(limit - 1, true), (*limit, true), (limit + 1, false)] {
            let path = sparse(&world, name, bytes);
            let request = || UploadRequest {
                target: Target::Pinned(shop.name.into()),
                purpose: Some((*purpose).to_owned()),
                ..gateway.request(&path)
            };
            let view = gateway.gateway.route(&gateway.who, request()).await.unwrap();
            assert_eq!(
                view.eligible.len(),
                usize::from(fits),
                "{} {purpose} {bytes}: {view:?}",
                shop.name
            );
            if !fits {
                assert_eq!(view.refused[0].reason, *reason, "{view:?}");
                assert!(view.refused[0].detail.contains(&limit.to_string()), "{view:?}");
                let error = gateway
                    .gateway
                    .upload(&gateway.who, request(), &loadlock_gateway::Silent)
                    .await
                    .unwrap_err();
                assert_eq!(error.code, ErrorCode::FileTooLarge, "{error}");
            }
        }
    }
    assert!(shop.upstream.requests().is_empty());
}

const FILE: &str = "file_too_large";
const IMAGE: &str = "image_too_large";

#[tokio::test]
async fn kimi() {
    let cases = [
        ("file-extract", "a.pdf", 100_000_000, FILE),
        ("image", "a.png", 100_000_000, FILE),
        ("batch", "a.jsonl", 100_000_000, FILE),
    ];
    boundaries(&Shop::kimi().await, &cases).await;
}

#[tokio::test]
async fn zai() {
    boundaries(
        &Shop::zai().await,
        &[
            ("agent", "a.pdf", 100_000_000, FILE),
            ("agent", "b.png", 100_000_000, FILE),
        ],
    )
    .await;
}

#[tokio::test]
async fn bigmodel() {
    let cases = [
        ("agent", "a.pdf", 20_000_000, FILE),
        ("agent", "a.png", 5_000_000, IMAGE),
        ("file-extract", "b.pdf", 50_000_000, FILE),
        ("file-extract", "b.png", 5_000_000, IMAGE),
        ("batch", "c.jsonl", 100_000_000, FILE),
        ("code-interpreter", "d.pdf", 20_000_000, FILE),
        ("code-interpreter", "d.png", 5_000_000, IMAGE),
    ];
    boundaries(&Shop::bigmodel().await, &cases).await;
}

#[tokio::test]
async fn openai() {
    let cases = [
        ("user_data", "a.pdf", 8_000_000_000, FILE),
        ("batch", "b.jsonl", 200_000_000, FILE),
    ];
    boundaries(&Shop::openai().await, &cases).await;
    let single = Shop::openai().await.settings("uploads_api = false");
    boundaries(&single, &[("user_data", "a.pdf", 512_000_000, FILE)]).await;
}

#[tokio::test]
async fn anthropic_and_gemini() {
    let anthropic = [
        ("user_data", "a.pdf", 500_000_000, FILE),
        ("user_data", "b.png", 500_000_000, FILE),
    ];
    boundaries(&Shop::anthropic().await, &anthropic).await;
    boundaries(&Shop::gemini().await, &[("user_data", "a.pdf", 2_000_000_000, FILE)]).await;
}

#[tokio::test]
async fn a_configured_limit_is_a_limit() {
    for shop in [
        Shop::anthropic().await,
        Shop::gemini().await,
        Shop::kimi().await,
        Shop::openai().await,
        Shop::zai().await,
        Shop::bigmodel().await,
    ] {
        let shop = shop.settings("max_bytes = 1000");
        let world = shop.join(World::new());
        let gateway = world.open().await;
        for (bytes, fits) in [(999, true), (1_000, true), (1_001, false)] {
            let path = world.file(&format!("{bytes}.txt"), vec![b'x'; bytes]);
            let end = gateway.upload_pinned(shop.name, &path).await;
            assert_eq!(
                end.as_ref().err().map(|error| error.code),
                (!fits).then_some(ErrorCode::FileTooLarge),
                "{} {bytes}: {end:?}",
                shop.name
            );
        }
        assert_eq!((shop.posts().len(), shop.upstream.files().len()), (2, 2));
    }
}

#[tokio::test]
async fn an_empty_file_and_a_wrong_type_are_not_sent() {
    for shop in [
        Shop::anthropic().await,
        Shop::gemini().await,
        Shop::kimi().await,
        Shop::openai().await,
        Shop::zai().await,
        Shop::bigmodel().await,
    ] {
        let world = shop.join(World::new());
        let empty = world.file("a.txt", "");
        let other = world.file("a.bin", [0u8, 159, 146, 150, 1, 2, 3]);
        let gateway = world.open().await;
        let error = gateway.upload_pinned(shop.name, &empty).await.unwrap_err();
        assert!(error.message.contains("empty"), "{error}");
        if matches!(shop.name, "kimi" | "zai") {
            let error = gateway.upload_pinned(shop.name, &other).await.unwrap_err();
            assert_eq!(error.code, ErrorCode::NoProviderAvailable, "{error}");
        }
        assert!(shop.upstream.requests().is_empty());
    }
}

#[tokio::test]
async fn a_full_account_gets_nothing_more() {
    for shop in [
        Shop::anthropic().await,
        Shop::gemini().await,
        Shop::kimi().await,
        Shop::zai().await,
        Shop::bigmodel().await,
        Shop::openai().await,
    ] {
        let shop = shop.settings("max_count = 2");
        let world = shop.join(World::new());
        let paths: Vec<_> = (0..3).map(|i| world.file(&format!("{i}.txt"), i.to_string())).collect();
        let gateway = world.open().await;
        gateway.upload_pinned(shop.name, &paths[0]).await.unwrap();
        gateway.upload_pinned(shop.name, &paths[1]).await.unwrap();
        let error = gateway.upload_pinned(shop.name, &paths[2]).await.unwrap_err();
        assert_eq!(error.code, ErrorCode::NoProviderAvailable, "{error}");
        assert!(error.message.contains("full"), "{error}");
        assert_eq!(shop.posts().len(), 2);
        // What it holds already needs no room.
        assert!(gateway.upload_pinned(shop.name, &paths[0]).await.unwrap().deduplicated);
    }
}
