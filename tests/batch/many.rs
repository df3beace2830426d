//! Directories, patterns, order and results.

use std::os::unix::fs::symlink;

use loadlock_upstream::Fault;
use loadlock_upstream::Operation::Create;
use serde_json::{Value, json};

use super::shop::{Shop, answered, end};
use crate::place::{Place, code};

fn paths(results: &[Value]) -> Vec<&str> {
    let path = |result: &'_ Value| result["path"].as_str().map(str::to_owned);
    assert!(results.iter().all(|result| path(result).is_some()));
    results.iter().map(|result| result["path"].as_str().unwrap()).collect()
}

#[test]
fn directories_and_patterns_stand_for_their_files() {
    let place = Place::new();
    for directory in ["d/sub", "d/.git", "empty"] {
        std::fs::create_dir_all(place.files().join(directory)).unwrap();
    }
    for name in ["d/b.txt", "d/sub/a.txt", "d/sub/b.txt", "d/.git/config", "top.md"] {
        // The same content and name in two directories are two files over one remote file.
        place.file(name, name.rsplit('/').next().unwrap());
    }
    symlink("b.txt", place.files().join("d/link.txt")).unwrap();
    let arguments = ["upload", "--json", "d", "*.md", "empty", "*.pdf", "d/b.txt"];
    let mut results = place.run(&arguments).expect(1).objects();
    let summary = results.pop().unwrap();
    assert_eq!(
        summary,
        json!({ "summary": { "stored": 3, "deduplicated": 2, "failed": 2, "cancelled": 0, "skipped": 2 } })
    );
    let expected = [
        "d/b.txt",
        "d/sub/a.txt",
        "d/sub/b.txt",
        "top.md",
        "empty",
        "*.pdf",
        "d/b.txt",
    ];
    assert_eq!(paths(&results), expected);
    assert_eq!(code(&results[4]), "path_not_found");
    assert_eq!(code(&results[5]), "path_not_found");
    for same in [&results[2], &results[6]] {
        assert_eq!(same["remote_id"], results[0]["remote_id"]);
        assert_ne!(same["id"], results[0]["id"]);
    }
    assert_eq!(place.run(&["files", "ls", "-q"]).expect(0).out.lines().count(), 5);

    let again = place.run(&["upload", "d"]).expect(0);
    let columns: Vec<Vec<_>> = again.out.lines().map(|line| line.split('\t').collect()).collect();
    assert!(columns.iter().all(|line| line[0] == "already stored"), "{}", again.out);
    assert_eq!(columns[1][4], "d/sub/a.txt");
    assert!(
        again.err.contains("skipped 1 hidden name, 1 symbolic link"),
        "{}",
        again.err
    );
    assert!(
        again.err.contains("3 files: 0 stored, 3 already there, 0 failed"),
        "{}",
        again.err
    );
}

/// One slow file holds up no other, results still come in order, and no more are under way than was asked for.
#[tokio::test(flavor = "multi_thread")]
async fn a_slow_file_holds_up_its_result_and_nothing_else() {
    let shop = Shop::start().await;
    shop.files(20);
    shop.upstream.faults().push(Create, Fault::Hold);
    let child = shop.spawn(&["upload", "--json", "--jobs", "3", "batch"]);
    shop.uploads(|uploads| {
        assert!(uploads.len() - answered(uploads) <= 3);
        answered(uploads) == 19
    })
    .await;
    shop.upstream.faults().release(1);
    let mut results = end(child).await.expect(0).objects();
    assert_eq!(results.pop().unwrap()["summary"]["stored"], 20);
    let expected: Vec<_> = (0..20).map(|n| format!("batch/{n:03}.txt")).collect();
    assert_eq!(paths(&results), expected);
    assert_eq!(shop.upstream.files().len(), 20);
}

/// What is named twice is reported twice and sent once.
#[tokio::test(flavor = "multi_thread")]
async fn overlapping_arguments_are_sent_once() {
    let shop = Shop::start().await;
    shop.files(6);
    let arguments = ["upload", "--json", "batch", "batch/*.txt", "batch/003.txt", "batch"];
    let mut results = shop.run(&arguments).await.expect(0).objects();
    let summary = results.pop().unwrap();
    assert_eq!(
        (&summary["summary"]["stored"], &summary["summary"]["deduplicated"]),
        (&6.into(), &13.into())
    );
    assert_eq!(results.len(), 19);
    assert_eq!(shop.upstream.requests().of(Create).len(), 6);
    assert_eq!(shop.upstream.files().len(), 6);
}

#[test]
fn what_is_for_one_file_is_refused_for_a_directory() {
    let place = Place::new();
    for option in ["--name", "--idempotency-key"] {
        let ran = place.run(&["upload", "--json", ".", option, "x"]).expect(2);
        assert_eq!(code(&ran.objects()[0]), "request_invalid");
    }
}
