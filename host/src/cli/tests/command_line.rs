//! The binary as its users meet it: what it prints where, and how it ends.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use std::io::{BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

use serde_json::Value;
use tempfile::TempDir;

/// A home and a current directory of their own.
struct Place(TempDir);

impl Place {
    fn new() -> Self {
        let dir = TempDir::new().unwrap();
        std::fs::create_dir(dir.path().join("home")).unwrap();
        std::fs::create_dir(dir.path().join("files")).unwrap();
        // Compiled code is the same for every test.
        let cache = Path::new(env!("CARGO_TARGET_TMPDIR")).join("cache");
        std::fs::create_dir_all(&cache).unwrap();
        std::os::unix::fs::symlink(cache, dir.path().join("home/cache")).unwrap();
        Self(dir)
    }

    fn files(&self) -> PathBuf {
        self.0.path().join("files")
    }

    fn file(&self, name: &str, content: &str) -> String {
        std::fs::write(self.files().join(name), content).unwrap();
        name.to_owned()
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_loadlock"));
        command
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default());
        command
            .current_dir(self.files())
            .args(arguments)
            .arg("--home")
            .arg(self.0.path().join("home"));
        command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }

    fn run(&self, arguments: &[&str]) -> Ran {
        Ran::of(self.command(arguments).output().unwrap())
    }

    fn run_with_input(&self, arguments: &[&str], input: &[u8]) -> Ran {
        let mut child = self
            .command(arguments)
            .stdin(Stdio::piped())
            .spawn()
            .unwrap();
        child.stdin.take().unwrap().write_all(input).unwrap();
        Ran::of(child.wait_with_output().unwrap())
    }
}

struct Ran {
    status: Option<i32>,
    out: String,
    err: String,
}

impl Ran {
    fn of(output: Output) -> Self {
        let text = |bytes| String::from_utf8(bytes).unwrap();
        Self {
            status: output.status.code(),
            out: text(output.stdout),
            err: text(output.stderr),
        }
    }

    /// Standard output as one object a line.
    fn objects(&self) -> Vec<Value> {
        self.out
            .lines()
            .map(|line| {
                serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"))
            })
            .collect()
    }

    fn expect(self, status: i32) -> Self {
        assert_eq!(
            self.status,
            Some(status),
            "out: {}\nerr: {}",
            self.out,
            self.err
        );
        self
    }
}

fn code(object: &Value) -> &str {
    object["error"]["code"]
        .as_str()
        .unwrap_or_else(|| panic!("no error: {object}"))
}

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
    assert_eq!(
        place
            .run(&["files", "show", id, "--json"])
            .expect(0)
            .objects()[0],
        *file
    );
    assert_eq!(
        place.run(&["files", "content", id]).expect(0).out,
        "hello, vacuum"
    );

    let both = place
        .run(&["files", "rm", "--json", id, "file-unknown"])
        .expect(1);
    assert_eq!(both.objects()[0]["deleted"], true);
    assert_eq!(
        (code(&both.objects()[1]), &both.objects()[1]["id"]),
        ("file_not_found", &Value::from("file-unknown"))
    );
    assert_eq!(
        place
            .run(&["files", "show", id, "--json"])
            .expect(1)
            .objects()[0]["error"]["code"],
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
    arguments.extend(["/etc/hostname", "."]);
    let ran = place.run(&arguments).expect(1);
    let results = ran.objects();
    assert_eq!(results.len(), arguments.len() - 2);
    for (result, argument) in results.iter().zip(&arguments[2..]) {
        let names = [&result["filename"], &result["path"]];
        assert!(
            names.contains(&&Value::from(*argument)),
            "{argument}: {result}"
        );
    }
    assert_eq!(code(&results[0]), "path_not_found");
    assert_eq!(code(&results[10]), "path_not_allowed");
    for result in results
        .iter()
        .filter(|result| result.get("error").is_some())
    {
        assert!(
            !result["error"]["hint"].as_str().unwrap().is_empty(),
            "{result}"
        );
        assert!(
            !result["error"]["message"].as_str().unwrap().is_empty(),
            "{result}"
        );
    }
}

#[test]
fn a_path_that_is_not_granted_comes_with_advice_that_fits() {
    let place = Place::new();
    let hint = |ran: Ran| {
        ran.expect(1).objects()[0]["error"]["hint"]
            .as_str()
            .unwrap()
            .to_owned()
    };
    let outside = hint(place.run(&["upload", "--json", "/etc/hostname"]));
    assert!(
        outside.contains("only the current directory is granted"),
        "{outside}"
    );
    let directory = hint(place.run(&["upload", "--json", "."]));
    assert!(directory.contains("this is a directory"), "{directory}");
    let at_root = hint(Ran::of(
        place
            .command(&["upload", "--json", "etc/hostname"])
            .current_dir("/")
            .output()
            .unwrap(),
    ));
    assert!(
        at_root.contains("the current directory is `/`"),
        "{at_root}"
    );
}

#[test]
fn standard_input_is_a_file_too() {
    let place = Place::new();
    let ran = place
        .run_with_input(
            &["upload", "-", "--name", "shop.sql", "--json"],
            b"select 1;",
        )
        .expect(0);
    assert_eq!(
        (&ran.objects()[0]["filename"], &ran.objects()[0]["bytes"]),
        (&Value::from("shop.sql"), &Value::from(9))
    );
    let unnamed = place
        .run_with_input(&["upload", "-", "--json"], b"")
        .expect(2);
    assert_eq!(code(&unnamed.objects()[0]), "request_invalid");
}

#[test]
fn a_pipe_gets_neither_colours_nor_bars_nor_logs() {
    let place = Place::new();
    let name = place.file("report.txt", "hello");
    let ran = place.run(&["upload", &name, "missing.txt"]).expect(1);
    assert!(
        !ran.out.contains('\x1b') && !ran.err.contains('\x1b'),
        "{}{}",
        ran.out,
        ran.err
    );
    let errors: Vec<_> = ran.err.lines().take(2).collect();
    assert!(
        errors[0].starts_with("error[path_not_found]: missing.txt"),
        "{}",
        ran.err
    );
    assert!(errors[1].starts_with("  hint: "), "{}", ran.err);
    assert!(!ran.err.contains("[PATH]"), "{}", ran.err);

    let verbose = place.run(&["upload", "-v", &name, "missing.txt"]).expect(1);
    assert!(
        verbose.err.contains("[PATH] allowed report.txt")
            && verbose.err.contains("[PATH] refused missing.txt"),
        "{}",
        verbose.err
    );
    assert!(verbose.err.contains("[AUTH]"), "{}", verbose.err);
}

#[test]
fn a_name_cannot_speak_to_the_terminal() {
    let place = Place::new();
    let ran = place.run(&["upload", "\x1b[2Jgone.txt"]).expect(1);
    assert!(!ran.err.contains('\x1b'), "{:?}", ran.err);
}

#[test]
fn wrong_usage_ends_with_two_and_touches_nothing() {
    let place = Place::new();
    let name = place.file("report.txt", "hello");
    for arguments in [
        ["upload", "--json", "--to", "nobody", &name].as_slice(),
        &["upload", "--json", "--unheard-of", &name],
        &["upload", "--json", "a", "b", "--name", "c"],
        &["token", "inspect", "--json", "not-a-token"],
        &["files", "content", "file-x", "--json"],
    ] {
        let ran = place.run(arguments).expect(2);
        let object = &ran.objects()[0];
        assert!(
            !object["error"]["hint"].as_str().unwrap().is_empty(),
            "{object}"
        );
    }
    assert!(place.run(&["files", "ls", "-q"]).expect(0).out.is_empty());
}

#[test]
fn every_mistake_in_the_configuration_is_named_with_its_place() {
    let place = Place::new();
    let file = place.files().join("loadlock.toml");
    std::fs::write(&file, "colour = 1\n\n[retry]\nattempts = \"many\"\n").unwrap();
    let file = file.to_str().unwrap();
    let ran = place.run(&["config", "check", "--config", file]).expect(2);
    assert!(
        ran.err.contains(":1:1: `colour`") && ran.err.contains(":4:"),
        "{}",
        ran.err
    );
    let ran = place
        .run(&["upload", "x", "--json", "--config", file])
        .expect(2);
    let objects = ran.objects();
    assert_eq!(objects.len(), 2);
    for (object, (line, key)) in objects.iter().zip([(1, "colour"), (4, "retry.attempts")]) {
        assert_eq!(
            (code(object), &object["line"], &object["key"]),
            ("config_invalid", &Value::from(line), &Value::from(key))
        );
    }

    std::fs::write(file, "[providers.kimi]\negress = [{ url = \"https://api.moonshot.ai/v1/files\", methods = [\"GET\"] }]\ncredential = { header = \"Authorization\", value = \"Bearer ${env:NOT_SET_ANYWHERE}\" }\n").unwrap();
    for command in [["config", "check"], ["upload", "x"]] {
        let ran = place
            .run(&[command[0], command[1], "--config", file])
            .expect(2);
        assert!(
            ran.err.contains("NOT_SET_ANYWHERE") && ran.err.contains("loadlock.toml:3"),
            "{}",
            ran.err
        );
    }
}

#[test]
fn a_component_is_judged_by_its_imports_before_anything_of_it_runs() {
    let place = Place::new();
    let component = r#"(component
        (import "acme:secrets/vault@1.0.0" (instance))
        (import "wasi:sockets/tcp@0.2.0" (instance))
        (instance $none)
        (export "loadlock:upload/provider@0.1.0" (instance $none)))"#;
    std::fs::write(
        place.files().join("evil.wasm"),
        wat::parse_str(component).unwrap(),
    )
    .unwrap();
    let report = place
        .run(&["providers", "inspect", "evil.wasm", "--json"])
        .expect(1)
        .objects()
        .remove(0);
    assert_eq!(
        (&report["role"], &report["version"], &report["loadable"]),
        (&"provider".into(), &"0.1.0".into(), &false.into())
    );
    assert_eq!(
        (
            &report["imports"][0]["verdict"],
            &report["imports"][1]["verdict"]
        ),
        (&"refused".into(), &"trapped".into())
    );
    assert!(
        report["refused_because"]
            .as_str()
            .unwrap()
            .contains("acme:secrets/vault@1.0.0"),
        "{report}"
    );

    std::fs::write(place.files().join("not.wasm"), "#!/bin/sh").unwrap();
    assert_eq!(
        code(
            &place
                .run(&["providers", "inspect", "not.wasm", "--json"])
                .expect(1)
                .objects()[0]
        ),
        "component_refused"
    );

    let good = place
        .run(&["providers", "inspect", "builtin:kimi", "--json"])
        .expect(0)
        .objects()
        .remove(0);
    assert_eq!(good["world"], "loadlock:upload/provider-component@0.1.0");
    assert!(
        !good["profile"]["purposes"].as_array().unwrap().is_empty(),
        "{good}"
    );
    assert_eq!(good["sha256"].as_str().unwrap().len(), 64);
}

#[test]
fn a_token_speaks_for_its_tenant_alone() {
    let place = Place::new();
    let name = place.file("report.txt", "hello");
    let mine = place.run(&["upload", "-q", &name]).expect(0).out;
    let token = place
        .run(&["token", "issue", "--tenant", "acme", "--scope", "read"])
        .expect(0)
        .out;
    let as_acme = |arguments: &[&str]| {
        Ran::of(
            place
                .command(arguments)
                .env("LOADLOCK_TOKEN", token.trim())
                .output()
                .unwrap(),
        )
    };
    assert_eq!(as_acme(&["files", "ls", "-q"]).expect(0).out, "");
    assert_eq!(
        code(
            &as_acme(&["files", "show", mine.trim(), "--json"])
                .expect(1)
                .objects()[0]
        ),
        "file_not_found"
    );
    assert_eq!(
        code(&as_acme(&["upload", &name, "--json"]).expect(1).objects()[0]),
        "forbidden"
    );

    let seen = place
        .run(&["token", "inspect", token.trim(), "--json"])
        .expect(0)
        .objects()
        .remove(0);
    assert_eq!(
        (&seen["signed_by_local_key"], &seen["expired"]),
        (&true.into(), &false.into())
    );
    assert_eq!(
        (&seen["claims"]["tenant"], &seen["claims"]["scope"]),
        (&"acme".into(), &"read".into())
    );
    let elsewhere = Place::new()
        .run(&["token", "inspect", token.trim(), "--json"])
        .expect(0)
        .objects()
        .remove(0);
    assert_eq!(elsewhere["signed_by_local_key"], false);
}

#[test]
fn content_that_does_not_arrive_leaves_no_file() {
    let place = Place::new();
    let name = place.file("report.txt", "hello");
    let id = place
        .run(&["upload", "-q", &name])
        .expect(0)
        .out
        .trim()
        .to_owned();
    let target = place.files().join("copy.txt");
    place
        .run(&["files", "content", &id, "-o", "copy.txt"])
        .expect(0);
    assert_eq!(std::fs::read_to_string(&target).unwrap(), "hello");
    place
        .run(&["files", "content", &id, "-o", "/dev/null"])
        .expect(0);
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

#[test]
fn a_reader_that_goes_away_is_no_error() {
    let place = Place::new();
    for arguments in [
        ["errors", "--json"].as_slice(),
        &["errors"],
        &["config", "explain"],
        &["files", "show", "x", "--json"],
    ] {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let ran = Ran::of(place.command(arguments).stdout(writer).output().unwrap()).expect(141);
        assert_eq!(ran.err, "");
    }
}

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
        assert!(
            log.read_line(&mut line).unwrap() > 0,
            "it ended before it had begun"
        );
    }
    // What it says later must go somewhere.
    std::thread::spawn(move || log.read_to_string(&mut String::new()));
    child
}

#[test]
fn an_interrupted_upload_is_reported_and_nothing_is_stored() {
    let place = Place::new();
    let child = endless(&place);
    rustix::process::kill_process(
        rustix::process::Pid::from_child(&child),
        rustix::process::Signal::INT,
    )
    .unwrap();
    let ran = Ran::of(child.wait_with_output().unwrap()).expect(130);
    let results = ran.objects();
    assert_eq!(
        (results.len(), code(&results[0]), &results[0]["path"]),
        (1, "cancelled", &Value::from("-"))
    );
    assert_eq!(place.run(&["files", "ls", "-q"]).expect(0).out, "");
    assert_eq!(
        std::fs::read_dir(place.0.path().join("home/spool"))
            .unwrap()
            .count(),
        0
    );
}

#[test]
fn beside_a_running_gateway_tokens_and_components_can_be_looked_at() {
    let place = Place::new();
    let mut owner = endless(&place);
    let ran = place.run(&["files", "ls", "--json"]).expect(1);
    assert_eq!(code(&ran.objects()[0]), "home_in_use");
    place.run(&["token", "issue"]).expect(0);
    place.run(&["providers", "inspect", "local"]).expect(0);
    place.run(&["config", "check"]).expect(0);
    owner.kill().unwrap();
    owner.wait().unwrap();
}
