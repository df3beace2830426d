//! Copies of one file that several gateways make and see.

use loadlock_gateway::{CancellationToken, CopyMade, CopyRequest, File, Silent, Target, UploadRequest};
use loadlock_tests::{Opened, Shop};
use loadlock_upstream::{Fault, Operation};
use tokio::task::JoinHandle;

use super::site::{Place, Site, balanced, until};

fn copy(gateway: &Opened, id: &str, to: &str) -> JoinHandle<loadlock_gateway::Result<CopyMade>> {
    let (open, who, id) = (gateway.gateway.clone(), gateway.who.clone(), id.to_owned());
    let request = CopyRequest {
        to: to.into(),
        purpose: Some("batch".into()),
        cancel: CancellationToken::new(),
    };
    tokio::spawn(async move { open.copy(&who, &id, request, &Silent).await })
}

async fn shown(gateway: &Opened, id: &str) -> File {
    gateway.gateway.get(&gateway.who, id).await.unwrap()
}

/// One gives the bytes back, and the other is copied to.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn copies_at_two_gateways_at_once_are_one_and_both_see_it() {
    let site = Site::new().await;
    let openai = Shop::openai().await.more("account = \"source\"");
    let beside = |place: Place| Place {
        world: openai.join(place.world),
        ..place
    };
    let (one, two) = (beside(site.place("").await), beside(site.place("").await));
    let (first, second) = (one.world.open().await, two.world.open().await);
    let request = UploadRequest {
        target: Target::Pinned("openai".into()),
        purpose: Some("fine-tune".into()),
        ..first.request(one.world.file("a.jsonl", "{\"a\":1}\n"))
    };
    let file = first.gateway.upload(&first.who, request, &Silent).await.unwrap();
    let faults = site.shop.upstream.faults();
    faults.push(Operation::Create, Fault::Hold);
    let here = copy(&first, &file.id, "kimi");
    until("the first sends", async || faults.injected().len() == 1).await;
    let there = copy(&second, &file.id, "kimi");
    let read = || openai.upstream.requests().of(Operation::Content).len() == 2;
    until("the second has the bytes", async || read()).await;
    faults.release(1);
    let (here, there) = (here.await.unwrap().unwrap(), there.await.unwrap().unwrap());
    assert_eq!(here.file.remote_id, there.file.remote_id);
    assert_eq!(site.shop.posts().len(), 1);
    for gateway in [&first, &second] {
        let copies = shown(gateway, &file.id).await.copies;
        let places: Vec<_> = copies.iter().map(|copy| copy.provider.as_str()).collect();
        assert_eq!(places, ["openai", "kimi"]);
        balanced(gateway).await;
    }
    second.gateway.delete(&second.who, &file.id).await.unwrap();
    assert!(site.shop.upstream.files().is_empty() && openai.upstream.files().is_empty());
    assert!(first.list().await.unwrap().files.is_empty());
}
