//! Files go in, are found again, read and deleted.

use std::io::Write;
use std::process::Stdio;

use serde_json::Value;

use crate::place::{Place, Ran, code};

#[test]
fn a_file_is_uploaded_recognised_listed_read_and_deleted() {
    let place = Place::new();
    let name = place.file("report.txt", "hello, vacuum");
    let first = place.run(&["upload", "--json", &name]).expect(0);
    let start = first.out.find("{\"id\":").unwrap();
    assert_eq!(start, 0);
    let order = [
        "id",
        "filename",
        "bytes",
        "sha256",
        "media_type",
        "purpose",
        "provider",
        "remote_id",
        "deduplicated",
        "attempts",
        "created_at",
        "path",
    ];
    let places: Vec<_> = order
        .iter()
        .map(|key| first.out.find(&format!("\"{key}\":")).unwrap())
        .collect();
    assert!(places.is_sorted(), "{}", first.out);
    let file = &first.objects()[0];
    assert_eq!(file.as_object().unwrap().len(), order.len());
    assert_eq!(
        (&file["deduplicated"], &file["attempts"]),
        (&Value::from(false), &Value::from(1))
    );

    let again = place.run(&["upload", "--json", &name]).expect(0);
    assert_eq!(again.objects()[0]["deduplicated"], true);
    assert_eq!(again.objects()[0]["remote_id"], file["remote_id"]);

    let id = file["id"].as_str().unwrap();
    let listed = place.run(&["files", "ls", "-q"]).expect(0);
    assert_eq!(listed.out.lines().count(), 2);
    assert!(listed.out.lines().any(|line| line == id));
    let mut shown = file.clone();
    shown.as_object_mut().unwrap().remove("path");
    assert_eq!(
        place.run(&["files", "show", id, "--json"]).expect(0).objects()[0],
        shown
    );
    assert_eq!(place.run(&["files", "content", id]).expect(0).out, "hello, vacuum");

    let both = place.run(&["files", "rm", "--json", id, "file-unknown"]).expect(1);
    assert_eq!(both.objects()[0]["deleted"], true);
    assert_eq!(
        (code(&both.objects()[1]), &both.objects()[1]["id"]),
        ("file_not_found", &Value::from("file-unknown"))
    );
    assert_eq!(
        place.run(&["files", "show", id, "--json"]).expect(1).objects()[0]["error"]["code"],
        "file_not_found"
    );
}

#[test]
fn every_item_has_one_result_in_the_order_given() {
    let place = Place::new();
    let names: Vec<String> = (0..9)
        .map(|i| place.file(&format!("{i}.txt"), &format!("content {i}")))
        .collect();
    let mut arguments = vec!["upload", "--json", "missing.txt"];
    arguments.extend(names.iter().map(String::as_str));
    arguments.extend(["/etc/hostname", "no*thing"]);
    let ran = place.run(&arguments).expect(1);
    let mut results = ran.objects();
    let summary = results.pop().unwrap();
    assert_eq!(
        summary["summary"],
        serde_json::json!({ "stored": 9, "deduplicated": 0, "failed": 3, "cancelled": 0, "skipped": 0 })
    );
    assert_eq!(results.len(), arguments.len() - 2);
    for (result, argument) in results.iter().zip(&arguments[2..]) {
        assert_eq!(result["path"], Value::from(*argument), "{result}");
    }
    assert_eq!(code(&results[0]), "path_not_found");
    assert_eq!(code(&results[10]), "path_not_allowed");
    assert_eq!(code(&results[11]), "path_not_found");
    for result in results.iter().filter(|result| result.get("error").is_some()) {
        assert!(!result["error"]["hint"].as_str().unwrap().is_empty(), "{result}");
        assert!(!result["error"]["message"].as_str().unwrap().is_empty(), "{result}");
    }
}

#[test]
fn a_path_that_is_not_granted_comes_with_advice_that_fits() {
    let place = Place::new();
    let hint = |ran: Ran| ran.expect(1).objects()[0]["error"]["hint"].as_str().unwrap().to_owned();
    let outside = hint(place.run(&["upload", "--json", "/etc/hostname"]));
    assert!(outside.contains("only the current directory is granted"), "{outside}");
    let directory = hint(place.run(&["route", "--json", "."]));
    assert!(directory.contains("this is a directory"), "{directory}");
    let at_root = hint(Ran::of(
        place
            .command(&["upload", "--json", "etc/hostname"])
            .current_dir("/")
            .output()
            .unwrap(),
    ));
    assert!(at_root.contains("the current directory is `/`"), "{at_root}");
}

#[test]
fn standard_input_is_a_file_too() {
    let place = Place::new();
    let with_input = |arguments: &[&str], input: &[u8]| {
        let mut child = place.command(arguments).stdin(Stdio::piped()).spawn().unwrap();
        child.stdin.take().unwrap().write_all(input).unwrap();
        Ran::of(child.wait_with_output().unwrap())
    };
    let ran = with_input(&["upload", "-", "--name", "shop.sql", "--json"], b"select 1;").expect(0);
    assert_eq!(
        (&ran.objects()[0]["filename"], &ran.objects()[0]["bytes"]),
        (&Value::from("shop.sql"), &Value::from(9))
    );
    let unnamed = with_input(&["upload", "-", "--json"], b"").expect(2);
    assert_eq!(code(&unnamed.objects()[0]), "request_invalid");
}

#[test]
fn content_that_does_not_arrive_leaves_no_file() {
    let place = Place::new();
    let name = place.file("report.txt", "hello");
    let id = place.run(&["upload", "-q", &name]).expect(0).out.trim().to_owned();
    let target = place.files().join("copy.txt");
    place.run(&["files", "content", &id, "-o", "copy.txt"]).expect(0);
    assert_eq!(std::fs::read_to_string(&target).unwrap(), "hello");
    place.run(&["files", "content", &id, "-o", "/dev/null"]).expect(0);
    assert!(!std::fs::metadata("/dev/null").unwrap().is_file());

    std::fs::remove_file(&target).unwrap();
    // The bytes at the provider are gone behind our back.
    std::fs::remove_dir_all(place.0.path().join("home/providers/local")).unwrap();
    let ran = place
        .run(&["files", "content", &id, "-o", "copy.txt", "--json"])
        .expect(1);
    assert!(ran.objects()[0]["error"].is_object());
    let left: Vec<_> = std::fs::read_dir(place.files())
        .unwrap()
        .map(|entry| entry.unwrap().file_name())
        .collect();
    assert_eq!(left, ["report.txt"]);
}
