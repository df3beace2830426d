//! A file goes to each vendor, is found again, read and deleted.

use loadlock_gateway::ErrorCode;
use loadlock_tests::{Opened, Shop, World, sha256};

async fn stored(shop: &Shop, world: &World, name: &str) -> (Opened, loadlock_gateway::File) {
    let content = format!("what {} is to hold", shop.name);
    let path = world.file(name, &content);
    let gateway = world.open().await;
    let file = gateway.upload_pinned(shop.name, &path).await.unwrap();
    let received = shop.upstream.files().all();
    assert_eq!(received.len(), 1);
    assert_eq!(
        (&received[0].sha256, received[0].bytes),
        (&sha256(content.as_bytes()), content.len() as u64)
    );
    assert_eq!((&file.sha256, &file.remote_id), (&received[0].sha256, &received[0].id));
    assert_eq!(
        (file.provider.as_str(), &file.purpose, file.attempts),
        (shop.name, &received[0].purpose, 1)
    );
    assert_eq!(gateway.gateway.get(&gateway.who, &file.id).await.unwrap(), file);

    // The same bytes again are known.
    let again = gateway.upload_pinned(shop.name, &path).await.unwrap();
    assert!(again.deduplicated && again.remote_id == file.remote_id);
    assert_eq!(shop.posts().len(), 1);
    gateway.gateway.delete(&gateway.who, &again.id).await.unwrap();
    assert_eq!(shop.upstream.files().len(), 1);
    (gateway, file)
}

async fn deleted(shop: &Shop, gateway: &Opened, id: &str) {
    gateway.gateway.delete(&gateway.who, id).await.unwrap();
    assert!(shop.upstream.files().is_empty());
    assert_eq!(shop.upstream.files().deleted().len(), 1);
    let requests = shop.upstream.requests().all();
    let deletes: Vec<_> = requests.iter().filter(|request| request.method == "DELETE").collect();
    assert!(!deletes.is_empty());
    for delete in deletes {
        let framing = (delete.header("content-length"), delete.header("transfer-encoding"));
        assert_eq!(
            framing,
            (Some("0"), None),
            "a body that is not there is not sent in chunks"
        );
    }
}

#[tokio::test]
async fn kimi_keeps_gives_text_and_deletes() {
    let shop = Shop::kimi().await;
    let world = shop.join(World::new());
    let (gateway, file) = stored(&shop, &world, "report.txt").await;
    assert_eq!(file.purpose, "file-extract");
    assert_eq!(gateway.content(&file.id).await.unwrap(), b"what kimi is to hold");
    assert!(gateway.gateway.probe(&gateway.who, "kimi").await.unwrap().healthy);
    deleted(&shop, &gateway, &file.id).await;
}

#[tokio::test]
async fn openai_keeps_gives_nothing_back_and_deletes() {
    let shop = Shop::openai().await;
    let world = shop.join(World::new());
    let (gateway, file) = stored(&shop, &world, "report.txt").await;
    assert_eq!(file.purpose, "user_data");
    assert_eq!(
        gateway.content(&file.id).await.unwrap_err().code,
        ErrorCode::ContentUnavailable
    );
    assert!(gateway.gateway.probe(&gateway.who, "openai").await.unwrap().healthy);
    deleted(&shop, &gateway, &file.id).await;
}

#[tokio::test]
async fn bigmodel_gives_extracted_text_alone_and_deletes() {
    let shop = Shop::bigmodel().await;
    let world = shop.join(World::new()).config("purposes = { text = \"file-extract\" }");
    let (gateway, file) = stored(&shop, &world, "report.txt").await;
    assert_eq!(file.purpose, "agent");
    assert_eq!(
        gateway.content(&file.id).await.unwrap_err().code,
        ErrorCode::ContentUnavailable
    );
    deleted(&shop, &gateway, &file.id).await;

    let path = world.file("table.csv", "a,b\n1,2\n");
    let mut request = gateway.request(&path);
    request.purpose = Some("text".into());
    let file = gateway
        .gateway
        .upload(&gateway.who, request, &loadlock_gateway::Silent)
        .await
        .unwrap();
    assert_eq!(file.purpose, "file-extract");
    assert_eq!(gateway.content(&file.id).await.unwrap(), b"a,b\n1,2\n");
}

/// z.ai has neither content nor delete: the record goes, the file dies by itself.
#[tokio::test]
async fn zai_only_takes() {
    let shop = Shop::zai().await;
    let world = shop.join(World::new());
    let (gateway, file) = stored(&shop, &world, "report.txt").await;
    assert!(file.expires_at.is_some(), "kept for 180 days");
    assert_eq!(
        gateway.content(&file.id).await.unwrap_err().code,
        ErrorCode::ContentUnavailable
    );
    gateway.gateway.delete(&gateway.who, &file.id).await.unwrap();
    assert_eq!(
        gateway.gateway.get(&gateway.who, &file.id).await.unwrap_err().code,
        ErrorCode::FileNotFound
    );
    assert_eq!(shop.upstream.files().len(), 1);
}

/// The token is signed by the host; the fake checks its signature and its age.
#[tokio::test]
async fn glm_takes_a_signed_token() {
    let shop = Shop::bigmodel().await;
    let world = World::new();
    let key = world.path("outside/glm.key");
    std::fs::write(&key, loadlock_tests::KEY).unwrap();
    let world = world.config(&format!(
        "[providers.bigmodel]\ncomponent = \"builtin:glm\"\nsettings = {{ base_url = \"{}\", region = \"bigmodel\" \
         }}\n{}\n\
         credential = {{ kind = \"glm-signed\", value = \"${{file:{}}}\" }}",
        shop.upstream.base_url(),
        shop.egress(),
        key.display()
    ));
    stored(&shop, &world, "a.txt").await;
    for request in shop.upstream.requests().all() {
        let sent = request.header("authorization").unwrap();
        assert_eq!(sent.matches('.').count(), 2, "a token, not the key");
        assert!(!sent.contains("s3cr3t"));
    }
}

#[tokio::test]
async fn a_large_file_goes_in_parts() {
    let shop = Shop::openai()
        .await
        .settings("single_max_bytes = 100000, part_bytes = 40000");
    let world = shop.join(World::new());
    let content: Vec<u8> = (0..=250u8).cycle().take(100_001).collect();
    let path = world.file("a.bin", &content);
    let gateway = world.open().await;
    let file = gateway.upload_pinned("openai", &path).await.unwrap();
    let stored = shop.upstream.files().all();
    assert_eq!((stored.len(), &stored[0].sha256), (1, &sha256(&content)));
    assert_eq!(file.sha256, sha256(&content));
    assert_eq!(shop.posts().len(), 0);
    assert_eq!(
        shop.upstream.requests().of(loadlock_upstream::Operation::AddPart).len(),
        3
    );
}
