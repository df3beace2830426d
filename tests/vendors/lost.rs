//! The vendor stored the file and its answer was lost.

use loadlock_gateway::ErrorCode;
use loadlock_tests::{Shop, World, sha256};
use loadlock_upstream::{Fault, Operation};

async fn adopted(shop: Shop, fault: Fault) {
    let world = shop.join(World::new());
    let path = world.file("a.txt", "sent once");
    let gateway = world.open().await;
    // Another file of the account is not taken for ours.
    shop.upstream.files().put("a.txt", "user_data", b"sent once");
    shop.upstream.faults().push(Operation::Create, fault.clone());
    let file = match gateway.upload_pinned(shop.name, &path).await {
        Ok(file) => file,
        Err(error) => panic!("{} {fault:?}: {error}", shop.name),
    };
    assert_eq!(
        (shop.posts().len(), shop.upstream.files().len()),
        (1, 2),
        "{} {fault:?}",
        shop.name
    );
    assert_eq!(file.sha256, sha256(b"sent once"));
    assert_eq!(shop.upstream.files().get(&file.remote_id).unwrap().sha256, file.sha256);
    assert_ne!(shop.upstream.files().all()[0].id, file.remote_id);
    let list = gateway.list().await.unwrap();
    assert_eq!(list.files, [file]);
}

fn faults() -> Vec<Fault> {
    vec![
        Fault::ResetAfter,
        Fault::ResetInAnswer,
        Fault::TruncatedJson,
        Fault::InvalidJson,
        Fault::endless(),
    ]
}

#[tokio::test]
async fn kimi_is_asked() {
    for fault in faults() {
        adopted(Shop::kimi().await, fault).await;
    }
}

#[tokio::test]
async fn openai_is_asked() {
    for fault in faults() {
        adopted(Shop::openai().await, fault).await;
    }
}

#[tokio::test]
async fn anthropic_is_asked() {
    for fault in faults() {
        adopted(Shop::anthropic().await, fault).await;
    }
}

/// By the id that was chosen, without a list.
#[tokio::test]
async fn gemini_is_asked() {
    for fault in faults() {
        adopted(Shop::gemini().await, fault).await;
    }
}

#[tokio::test]
async fn bigmodel_is_asked() {
    for fault in faults() {
        adopted(Shop::bigmodel().await, fault).await;
    }
}

/// A page that fails after one that did not is asked for again by itself: the account has more pages than luck.
#[tokio::test]
async fn a_long_list_is_not_begun_again_for_one_of_its_pages() {
    let shop = Shop::openai().await;
    let world = shop.join(World::new());
    let path = world.file("a.txt", "sent once");
    let gateway = world.open().await;
    for number in 0..2_500 {
        let name = format!("{number}.txt");
        shop.upstream.files().put(&name, "user_data", b"another");
    }
    let faults = shop.upstream.faults();
    faults.push(Operation::Create, Fault::ResetAfter);
    for page in [
        Fault::Delay { ms: 0 },
        Fault::status(503),
        Fault::ResetBefore,
        Fault::Delay { ms: 0 },
        Fault::status(502),
    ] {
        faults.push(Operation::List, page);
    }
    let before = shop.upstream.requests().of(Operation::List).len();
    gateway.upload_pinned("openai", &path).await.unwrap();
    let lists = shop.upstream.requests().of(Operation::List).len();
    assert_eq!((shop.posts().len(), lists - before), (1, 6));
}

/// z.ai cannot be asked, so nothing is sent a second time.
#[tokio::test]
async fn zai_leaves_the_outcome_unknown() {
    for fault in faults() {
        let shop = Shop::zai().await;
        let world = shop.join(World::new());
        let path = world.file("a.txt", "sent once");
        let gateway = world.open().await;
        shop.upstream.faults().push(Operation::Create, fault.clone());
        let error = gateway.upload_pinned("zai", &path).await.unwrap_err();
        assert_eq!(error.code, ErrorCode::OutcomeUnknown, "{fault:?}: {error}");
        assert_eq!(shop.posts().len(), 1);
        let list = gateway.list().await.unwrap();
        assert_eq!(list.files, []);
    }
}

/// Nothing was stored, the vendor says so when asked, and the file is sent again.
#[tokio::test]
async fn what_was_not_stored_is_sent_again() {
    for fault in [Fault::ResetBefore, Fault::ResetMiddle { after_bytes: 1_000 }] {
        let shop = Shop::kimi().await;
        let world = shop.join(World::new());
        let path = world.file("a.txt", vec![b'x'; 100_000]);
        let gateway = world.open().await;
        shop.upstream.faults().push(Operation::Create, fault.clone());
        let file = gateway.upload_pinned("kimi", &path).await.unwrap();
        assert_eq!((file.attempts, shop.upstream.files().len()), (2, 1), "{fault:?}");
    }
}
