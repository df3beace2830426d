//! Components of earlier contracts, built once and never again, do what the built-in ones do.

use std::sync::LazyLock;

use loadlock_gateway::ErrorCode;
use loadlock_tests::{KEY, Shop, World, sha256};
use loadlock_upstream::{Answer, Fault, Operation};

static KIMI: LazyLock<Vec<u8>> = LazyLock::new(|| frozen("provider_kimi"));
static LOCAL: LazyLock<Vec<u8>> = LazyLock::new(|| frozen("provider_local"));

fn frozen(name: &str) -> Vec<u8> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/frozen/0.1.0");
    std::fs::read(format!("{folder}/{name}.wasm")).unwrap()
}

fn kimi(shop: &Shop, world: World) -> World {
    let component = world.component("kimi.wasm", &KIMI);
    let key = world.path("outside/kimi.key");
    std::fs::write(&key, KEY).unwrap();
    world.config(&format!(
        "[providers.kimi]\ncomponent = {component:?}\nsettings = {{ base_url = \"{}\" }}\n{}\ncredential = {{ header = \
         \"Authorization\", value = \"Bearer ${{file:{}}}\" }}\nretry = {{ base = \"1ms\" }}\n",
        shop.upstream.base_url(),
        shop.egress(),
        key.display(),
    ))
}

#[tokio::test]
async fn it_says_which_version_it_speaks() {
    let shop = Shop::kimi().await;
    let gateway = kimi(&shop, World::new()).open().await;
    let providers = gateway.gateway.providers(&gateway.who).await.unwrap();
    assert_eq!(providers[0].inspection.version.as_deref(), Some("0.1.0"));
    assert!(!providers[0].profile.wants_digest && providers[0].profile.poll_interval_ms.is_none());
}

#[tokio::test]
async fn it_keeps_knows_again_gives_text_and_deletes() {
    let shop = Shop::kimi().await;
    let world = kimi(&shop, World::new());
    let path = world.file("report.txt", "what it is to hold");
    let gateway = world.open().await;
    let file = gateway.upload_pinned("kimi", &path).await.unwrap();
    assert_eq!(shop.upstream.files().get(&file.remote_id).unwrap().sha256, file.sha256);
    assert!(gateway.upload_pinned("kimi", &path).await.unwrap().deduplicated);
    assert_eq!(gateway.content(&file.id).await.unwrap(), b"what it is to hold");
    assert!(gateway.gateway.probe(&gateway.who, "kimi").await.unwrap().healthy);
    for file in gateway.list().await.unwrap().files {
        gateway.gateway.delete(&gateway.who, &file.id).await.unwrap();
    }
    assert_eq!(
        (shop.upstream.files().len(), shop.upstream.files().deleted().len()),
        (0, 1)
    );
}

#[tokio::test]
async fn a_lost_answer_is_looked_for_and_an_error_means_what_it_meant() {
    for fault in [Fault::ResetAfter, Fault::TruncatedJson] {
        let shop = Shop::kimi().await;
        let world = kimi(&shop, World::new());
        let path = world.file("a.txt", "sent once");
        let gateway = world.open().await;
        shop.upstream.faults().push(Operation::Create, fault);
        let file = gateway.upload_pinned("kimi", &path).await.unwrap();
        assert_eq!((shop.posts().len(), file.sha256), (1, sha256(b"sent once")));
    }
    let shop = Shop::kimi().await;
    let world = kimi(&shop, World::new());
    let path = world.file("a.txt", "content");
    let gateway = world.open().await;
    let quota = Answer::status(429).kind("exceeded_current_quota_error");
    shop.upstream.faults().push(Operation::Create, Fault::Answer(quota));
    let error = gateway.upload_pinned("kimi", &path).await.unwrap_err();
    assert_eq!(error.code, ErrorCode::ProviderQuotaExhausted, "{error}");
}

#[tokio::test]
async fn one_with_a_directory_of_its_own_works_too() {
    let world = World::new();
    let component = world.component("local.wasm", &LOCAL);
    let world = world.config(&format!("[providers.shelf]\ncomponent = {component:?}\n"));
    let path = world.file("a.txt", "kept on a shelf");
    let gateway = world.open().await;
    let file = gateway.upload_pinned("shelf", &path).await.unwrap();
    assert_eq!(gateway.content(&file.id).await.unwrap(), b"kept on a shelf");
    assert!(gateway.upload_pinned("shelf", &path).await.unwrap().deduplicated);
}
