//! The process dies in the middle of a batch.

use std::collections::BTreeSet;

use loadlock_upstream::Fault;
use loadlock_upstream::Operation::Create;

use super::shop::{Shop, answered};

const FILES: usize = 40;

#[tokio::test(flavor = "multi_thread")]
async fn the_same_command_again_finishes_the_rest_and_reports_every_file() {
    let shop = Shop::start().await;
    shop.files(FILES);
    let faults = shop.upstream.faults();
    // One is stored without an answer, eleven are through, the others wait when the process is killed.
    faults.push(Create, Fault::HangAfter);
    faults.always(Create, Fault::Hold);
    faults.release(11);
    let mut child = shop.spawn(&["upload", "--json", "batch"]);
    shop.uploads(|uploads| answered(uploads) == 12 && uploads.len() == 15)
        .await;
    child.kill().unwrap();
    child.wait().unwrap();
    assert_eq!(shop.upstream.files().len(), 12);
    faults.clear();

    let mut results = shop.run(&["upload", "--json", "batch"]).await.expect(0).objects();
    let summary = results.pop().unwrap()["summary"].clone();
    assert_eq!(
        (&summary["stored"], &summary["deduplicated"]),
        (&28.into(), &12.into()),
        "{summary}"
    );
    let paths: Vec<_> = results
        .iter()
        .map(|result| result["path"].as_str().unwrap().to_owned())
        .collect();
    let expected: Vec<_> = (0..FILES).map(|n| format!("batch/{n:03}.txt")).collect();
    assert_eq!(paths, expected);
    let stored = shop.upstream.files().all();
    let contents: BTreeSet<_> = stored.iter().map(|file| &file.sha256).collect();
    assert_eq!((stored.len(), contents.len()), (FILES, FILES));
    assert!(results.iter().all(|result| {
        stored
            .iter()
            .any(|file| result["remote_id"] == file.id.as_str() && result["sha256"] == file.sha256.as_str())
    }));
}
