//! An upload that is interrupted, and commands beside one that goes on.

use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Stdio};

use serde_json::Value;

use crate::place::{Place, Ran, code};

/// An upload from a standard input that does not end; answers when the gateway is open.
fn endless(place: &Place) -> Child {
    let mut child = place
        .command(&["upload", "-", "--name", "endless.txt", "--json", "-v"])
        .stdin(Stdio::piped())
        .spawn()
        .unwrap();
    let mut log = BufReader::new(child.stderr.take().unwrap());
    let mut line = String::new();
    while !line.contains("[AUTH] accepted") {
        line.clear();
        assert!(log.read_line(&mut line).unwrap() > 0, "it ended before it had begun");
    }
    // What it says later must go somewhere.
    std::thread::spawn(move || log.read_to_string(&mut String::new()));
    child
}

#[test]
fn an_interrupted_upload_is_reported_and_nothing_is_stored() {
    let place = Place::new();
    let mut child = endless(&place);
    // Waiting for the child would close it: the body would end, and race with the signal.
    let input = child.stdin.take();
    rustix::process::kill_process(rustix::process::Pid::from_child(&child), rustix::process::Signal::INT).unwrap();
    let ran = Ran::of(child.wait_with_output().unwrap()).expect(130);
    drop(input);
    let results = ran.objects();
    assert_eq!(
        (results.len(), code(&results[0]), &results[0]["path"]),
        (1, "cancelled", &Value::from("-"))
    );
    assert_eq!(place.run(&["files", "ls", "-q"]).expect(0).out, "");
    assert_eq!(std::fs::read_dir(place.0.path().join("home/spool")).unwrap().count(), 0);
}

#[test]
fn beside_a_running_upload_everything_can_be_looked_at_and_nothing_changed() {
    let place = Place::new();
    let mut owner = endless(&place);
    assert_eq!(place.run(&["files", "ls", "--json"]).expect(0).out, "");
    let ran = place.run(&["files", "rm", "file-x", "--json", "--no-wait"]).expect(1);
    assert_eq!(code(&ran.objects()[0]), "home_in_use");
    place.run(&["token", "issue"]).expect(0);
    place.run(&["providers", "inspect", "local"]).expect(0);
    place.run(&["config", "check"]).expect(0);
    owner.kill().unwrap();
    owner.wait().unwrap();
}
