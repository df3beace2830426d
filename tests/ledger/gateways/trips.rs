//! How often a gateway asks the ledger: what waits goes together.

use std::collections::BTreeMap;

use loadlock_tests::Opened;

use super::site::{Place, Site, start, until};

/// Instances of the tracker that a gateway has: the tracker, its coordination, and those for many things in one call.
const INSTANCES: usize = 7;

async fn open(place: &Place) -> Opened {
    let opened = place.world.open().await;
    opened.list().await.unwrap();
    until("every instance is ready", async || {
        place.line.asked("ledger_open") == INSTANCES
    })
    .await;
    until("the ledger has said what accounts hold", async || {
        place.line.asked("usage") > 0
    })
    .await;
    place.line.take();
    opened
}

fn calls(all: &[(&str, usize)]) -> BTreeMap<String, usize> {
    all.iter().map(|(name, count)| ((*name).to_owned(), *count)).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_upload_alone_asks_twice_a_dedup_hit_once_and_a_delete_twice() {
    let site = Site::new().await;
    let place = site.place("").await;
    let gateway = open(&place).await;
    let path = place.world.file("a.txt", "content");
    let first = gateway.upload(&path).await.unwrap();
    assert_eq!(place.line.take(), calls(&[("begin_many", 1), ("end_many", 1)]));
    let again = gateway.upload(&path).await.unwrap();
    assert!(again.deduplicated && again.remote_id == first.remote_id);
    assert_eq!(place.line.take(), calls(&[("begin_many", 1)]));
    gateway.gateway.delete(&gateway.who, &again.id).await.unwrap();
    assert_eq!(place.line.take(), calls(&[("remove_many", 1)]));
    gateway.gateway.delete(&gateway.who, &first.id).await.unwrap();
    assert_eq!(place.line.take(), calls(&[("remove_many", 1), ("end_many", 1)]));
    assert_eq!(site.shop.upstream.files().len(), 0);

    // Under an idempotency key the entry comes first: what is new costs no more.
    let mut request = gateway.request(place.world.file("b.txt", "keyed"));
    request.idempotency_key = Some("once".into());
    let silent = loadlock_gateway::Silent;
    gateway.gateway.upload(&gateway.who, request, &silent).await.unwrap();
    assert_eq!(place.line.take(), calls(&[("begin_many", 1), ("end_many", 1)]));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_limit_costs_no_further_question() {
    let site = Site::new().await;
    let place = site.place("[[tenants]]\nname = \"local\"\nmax_files = 10\n").await;
    let gateway = open(&place).await;
    for number in 0..3 {
        let path = place.world.file(&format!("{number}.txt"), format!("content {number}"));
        gateway.upload(path).await.unwrap();
        let mut asked = place.line.take();
        if number == 0 {
            // Nothing was heard of the tenant yet.
            assert_eq!(asked.remove("stats"), Some(1));
        }
        assert_eq!(asked, calls(&[("begin_many", 1), ("end_many", 1)]));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn uploads_at_the_same_time_share_their_questions() {
    const CLIENTS: usize = 32;
    const EACH: usize = 4;
    let site = Site::new().await;
    let place = site.place_at("", std::time::Duration::from_millis(20)).await;
    let gateway = open(&place).await;
    for round in 0..EACH {
        let files = (0..CLIENTS).map(|client| {
            let name = format!("{round}-{client}.txt");
            place.world.file(&name, format!("content {name}"))
        });
        let files: Vec<_> = files.collect();
        let uploads: Vec<_> = files.iter().map(|path| start(&gateway, path)).collect();
        for upload in uploads {
            upload.await.unwrap().unwrap();
        }
    }
    let by_the_clock = place.line.asked("usage");
    assert!(by_the_clock * 8 <= CLIENTS * EACH, "{by_the_clock}");
    let asked = place.line.take();
    let all: usize = asked.values().sum();
    assert!(all * 2 <= CLIENTS * EACH, "{asked:?}");
    assert!(
        place.line.connections() <= 2 * INSTANCES,
        "{}",
        place.line.connections()
    );
    assert_eq!(site.shop.posts().len(), CLIENTS * EACH);
}
