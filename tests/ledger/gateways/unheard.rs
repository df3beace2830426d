//! Answers of the ledger that are lost after it did what was asked.

use loadlock_gateway::ErrorCode;

use super::site::{Site, balanced, files, until};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_lost_answer_said_is_said_again() {
    let site = Site::new().await;
    let place = site.place("").await;
    let gateway = place.world.open().await;
    let path = place.world.file("a.txt", "content");
    for function in ["begin_many", "end_many"] {
        place.line.lose(function, 1);
    }
    let first = gateway.upload(&path).await.unwrap();
    assert!(!first.deduplicated);
    assert_eq!((place.line.asked("begin_many"), place.line.asked("end_many")), (2, 2));
    place.line.lose("begin_many", 1);
    let again = gateway.upload(&path).await.unwrap();
    assert!(again.deduplicated);
    let mut ids: Vec<_> = files(&gateway).await.into_iter().map(|file| file.id).collect();
    let mut promised = vec![first.id, again.id];
    ids.sort();
    promised.sort();
    assert_eq!(ids, promised);
    assert_eq!(site.shop.posts().len(), 1);
    balanced(&gateway).await;
}

/// Nobody hears that the ledger made a file: it is taken back, and the upload goes its own way.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_that_nobody_heard_of_is_taken_back() {
    let site = Site::new().await;
    let place = site.place("").await;
    let gateway = place.world.open().await;
    let path = place.world.file("a.txt", "content");
    let first = gateway.upload(&path).await.unwrap();
    place.line.lose("begin_many", 2);
    let again = gateway.upload(&path).await.unwrap();
    until("what was promised is there, and nothing else", async || {
        let _ = gateway.gateway.settle().await;
        let mut ids: Vec<_> = files(&gateway).await.into_iter().map(|file| file.id).collect();
        let mut promised = vec![first.id.clone(), again.id.clone()];
        ids.sort();
        promised.sort();
        ids == promised
    })
    .await;
    until("one remote file is left", async || {
        let _ = gateway.gateway.settle().await;
        site.shop.upstream.files().len() == 1
    })
    .await;
    balanced(&gateway).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_record_that_nobody_heard_of_is_there_once() {
    let site = Site::new().await;
    let place = site.place("").await;
    let gateway = place.world.open().await;
    place.line.lose("end_many", 2);
    let stored = gateway.upload(place.world.file("a.txt", "content")).await.unwrap();
    until("it is recorded", async || {
        let _ = gateway.gateway.settle().await;
        files(&gateway).await.len() == 1
    })
    .await;
    assert_eq!(files(&gateway).await[0].id, stored.id);
    balanced(&gateway).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_delete_whose_answer_is_lost_is_finished_later() {
    let site = Site::new().await;
    let place = site.place("").await;
    let gateway = place.world.open().await;
    let stored = gateway.upload(place.world.file("a.txt", "content")).await.unwrap();
    place.line.lose("remove_many", 1);
    let refused = gateway.gateway.delete(&gateway.who, &stored.id).await.unwrap_err();
    assert_eq!(refused.code, ErrorCode::TrackerFailed);
    until("the vendor has nothing", async || {
        let _ = gateway.gateway.settle().await;
        site.shop.upstream.files().is_empty()
    })
    .await;
    let gone = gateway.gateway.delete(&gateway.who, &stored.id).await.unwrap_err();
    assert_eq!(gone.code, ErrorCode::FileNotFound);
    balanced(&gateway).await;
}
