//! Several commands, one home; a server, its terminal and its end.

use std::process::Stdio;
use std::time::Duration;

use loadlock_served::Place;
use rustix::process::Signal;
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::process::Child;

/// Generous: nothing here takes seconds.
const SOON: Duration = Duration::from_secs(60);

fn place() -> Place {
    Place::new(env!("CARGO_BIN_EXE_loadlock"), env!("CARGO_TARGET_TMPDIR"))
}

/// An upload from a standard input that stays open; answers once it has the home and is under way.
async fn endless(place: &Place) -> Child {
    let mut child = place
        .command(&["upload", "-", "--name", "endless.txt", "--json", "-v"])
        .stdin(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    begun(&mut child).await;
    child
}

/// Waits until a command has the home and is under way.
async fn begun(child: &mut Child) {
    let mut log = BufReader::new(child.stderr.take().unwrap());
    let mut line = String::new();
    while !line.contains("[AUTH] accepted") {
        line.clear();
        assert!(
            log.read_line(&mut line).await.unwrap() > 0,
            "it ended before it had begun"
        );
    }
    // What it says later must go somewhere.
    tokio::spawn(async move { log.read_to_string(&mut String::new()).await });
}

/// The same under another disposition of SIGHUP: `default` or `ignore`.
async fn endless_with(place: &Place, hangup: &str) -> Child {
    let command = place.command(&[]);
    let environment: Vec<_> = command
        .as_std()
        .get_envs()
        .filter_map(|(name, value)| Some((name.to_owned(), value?.to_owned())))
        .collect();
    let mut child = tokio::process::Command::new("env")
        .arg(format!("--{hangup}-signal=HUP"))
        .args([
            env!("CARGO_BIN_EXE_loadlock"),
            "upload",
            "-",
            "--name",
            "endless.txt",
            "--json",
            "-v",
        ])
        .env_clear()
        .envs(environment)
        .current_dir(place.files())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    begun(&mut child).await;
    child
}

#[tokio::test]
async fn an_upload_ends_in_order_with_its_terminal_unless_it_is_to_outlive_it() {
    let place = place();
    let hangup = |child: &Child| {
        let pid = rustix::process::Pid::from_raw(i32::try_from(child.id().unwrap()).unwrap()).unwrap();
        rustix::process::kill_process(pid, Signal::HUP).unwrap();
    };
    let mut child = endless_with(&place, "default").await;
    let input = child.stdin.take();
    hangup(&child);
    let output = tokio::time::timeout(SOON, child.wait_with_output())
        .await
        .unwrap()
        .unwrap();
    drop(input);
    assert_eq!(output.status.code(), Some(130));
    assert!(String::from_utf8_lossy(&output.stdout).contains("\"cancelled\""));
    let (status, sheet) = place.run(&["fsck"]).await;
    assert_eq!(status, 0, "{sheet:?}");
    // As `nohup` starts it.
    let child = endless_with(&place, "ignore").await;
    hangup(&child);
    assert_eq!(ended(child).await["filename"], "endless.txt");
}

#[tokio::test]
async fn content_goes_through_a_link_and_to_standard_output() {
    let place = place();
    place.configure("[[grants]]\nroot = \"{files}\"\n");
    place.file("a.txt", "new");
    let (_, lines) = place.run(&["upload", "a.txt"]).await;
    let id = lines[0]["id"].as_str().unwrap().to_owned();
    place.file("target.txt", "something older and longer");
    for (link, target) in [("link", "target.txt"), ("dangling", "fresh.txt")] {
        let link = place.files().join(link);
        std::os::unix::fs::symlink(target, &link).unwrap();
        let (status, lines) = place
            .run(&["files", "content", &id, "-o", link.to_str().unwrap()])
            .await;
        assert_eq!(status, 0, "{lines:?}");
        assert!(std::fs::symlink_metadata(&link).unwrap().is_symlink());
        assert_eq!(std::fs::read(place.files().join(target)).unwrap(), b"new");
    }
    let behind = place.file("stdout.txt", "");
    use std::os::unix::fs::MetadataExt;
    let before = std::fs::metadata(&behind).unwrap().ino();
    let redirected = std::fs::File::options().write(true).open(&behind).unwrap();
    let status = place
        .command(&["files", "content", &id, "-q", "-o", "/dev/stdout"])
        .stdout(redirected)
        .status()
        .await
        .unwrap();
    assert!(status.success());
    assert_eq!(std::fs::metadata(&behind).unwrap().ino(), before);
    assert_eq!(std::fs::read(&behind).unwrap(), b"new");
}

#[tokio::test]
async fn help_and_version_are_found_where_people_look() {
    let place = place();
    let says = async |arguments: &[&str]| {
        let output = place.command(arguments).output().await.unwrap();
        let text = [output.stdout, output.stderr].concat();
        (output.status.code(), String::from_utf8(text).unwrap())
    };
    assert_eq!(says(&["help", "upload"]).await, says(&["upload", "--help"]).await);
    assert_eq!(says(&["help"]).await, says(&["--help"]).await);
    assert_eq!(says(&["serve", "--version"]).await, says(&["--version"]).await);
    assert_eq!(says(&["files", "ls", "--version"]).await, says(&["--version"]).await);
    let (status, bare) = says(&[]).await;
    assert_eq!(status, Some(2));
    assert!(bare.contains("upload") && !bare.contains("compile-component"), "{bare}");
}

/// Lets it end, and answers what it stored.
async fn ended(mut child: Child) -> Value {
    child.stdin.take().unwrap().write_all(b"the end").await.unwrap();
    let output = tokio::time::timeout(SOON, child.wait_with_output())
        .await
        .unwrap()
        .unwrap();
    serde_json::from_slice(&output.stdout).unwrap()
}

#[tokio::test]
async fn uploads_that_start_together_are_all_stored() {
    let place = place();
    let names: Vec<String> = (0..8).map(|number| format!("{number}.txt")).collect();
    for name in &names {
        place.file(name, name);
    }
    let uploads = names.iter().map(|name| {
        let command = place.command(&["upload", "-q", name]).output();
        tokio::time::timeout(SOON, command)
    });
    for ended in futures::future::join_all(uploads).await {
        let output = ended.unwrap().unwrap();
        assert!(output.status.success(), "{output:?}");
    }
    let (status, files) = place.run(&["files", "ls"]).await;
    assert_eq!((status, files.len()), (0, 8), "{files:?}");
}

#[tokio::test]
async fn who_only_looks_does_not_wait_for_an_upload() {
    let place = place();
    place.file("a.txt", "the bytes");
    place.file("b.txt", "more bytes");
    let (_, stored) = place.run(&["upload", "a.txt"]).await;
    place.run(&["upload", "b.txt"]).await;
    let id = stored[0]["id"].as_str().unwrap().to_owned();
    let mut upload = endless(&place).await;
    let commands: [&[&str]; 8] = [
        &["files", "ls"],
        &["files", "show", &id],
        &["files", "content", &id, "-o", "copy.txt"],
        &["providers", "ls"],
        &["providers", "probe"],
        &["route", "a.txt"],
        &["reconcile", "--dry-run"],
        &["fsck"],
    ];
    for command in commands {
        let ran = tokio::time::timeout(SOON, place.run(command)).await.expect("it waited");
        assert_eq!(ran.0, 0, "{command:?}: {:?}", ran.1);
    }
    assert_eq!(std::fs::read(place.files().join("copy.txt")).unwrap(), b"the bytes");
    // A page goes on wherever the one before came from.
    let (_, page) = place.run(&["files", "ls", "--limit", "1"]).await;
    let next = page[1]["next"].as_str().unwrap().to_owned();
    assert_eq!(upload.try_wait().unwrap(), None, "the upload went on meanwhile");
    assert_eq!(ended(upload).await["filename"], "endless.txt");
    let (_, rest) = place.run(&["files", "ls", "--cursor", &next]).await;
    assert_eq!(
        (page[0]["filename"].as_str(), rest[0]["id"].as_str()),
        (Some("b.txt"), Some(id.as_str()))
    );
}

#[tokio::test]
async fn who_changes_something_waits_for_its_turn_unless_told_not_to() {
    let place = place();
    place.file("a.txt", "a");
    let upload = endless(&place).await;
    let (status, refused) = place.run(&["upload", "a.txt", "--no-wait"]).await;
    assert_eq!((status, &refused[0]["error"]["code"]), (1, &json!("home_in_use")));
    let hint = refused[0]["error"]["hint"].as_str().unwrap();
    assert!(hint.contains("--no-wait"), "{hint}");
    let mut waiting = place.command(&["upload", "a.txt", "--json"]).spawn().unwrap();
    // It is under way, and has nothing to say yet.
    let mut out = waiting.stdout.take().unwrap();
    let mut first = [0];
    let read = tokio::time::timeout(Duration::from_millis(700), out.read(&mut first)).await;
    assert!(
        read.is_err() && waiting.try_wait().unwrap().is_none(),
        "it did not wait"
    );
    ended(upload).await;
    let status = tokio::time::timeout(SOON, waiting.wait()).await.unwrap().unwrap();
    assert!(status.success());
}

#[tokio::test]
async fn an_mcp_client_works_beside_a_server_and_after_its_end() {
    let place = place();
    place.file("a.txt", "a");
    let served = place.serve().await;
    let mut mcp = place.mcp().await;
    // A path of the folder in which the client was started, which is not the server's business.
    let (_, stored) = mcp.call("upload_path", json!({ "path": "a.txt" }), Some("p")).await;
    assert_ne!(stored["isError"], true, "{stored}");
    let (told, _) = mcp.call("upload_many", json!({ "paths": ["a.txt"] }), Some("q")).await;
    assert!(
        told.iter().all(|one| one["method"] == "notifications/progress"),
        "{told:?}"
    );
    assert_eq!(place.run(&["files", "ls"]).await.1.len(), 2);
    assert_eq!(served.stop().await, Some(0));
    // Nobody serves any more: it does so itself, and other commands go through it.
    let (_, listed) = mcp.call("list_files", json!({}), None).await;
    assert_eq!(
        listed["structuredContent"]["files"].as_array().unwrap().len(),
        2,
        "{listed}"
    );
    assert_eq!(place.run(&["upload", "a.txt", "--no-wait"]).await.0, 0);
    assert_eq!(mcp.close().await, Some(0));
}

#[tokio::test]
async fn two_mcp_clients_share_one_home() {
    let place = place();
    place.file("a.txt", "a");
    let mut first = place.mcp().await;
    let mut second = place.mcp().await;
    for mcp in [&mut second, &mut first] {
        let (_, stored) = mcp.call("upload_path", json!({ "path": "a.txt" }), None).await;
        assert_ne!(stored["isError"], true, "{stored}");
    }
    assert_eq!(first.close().await, Some(0));
    let (_, listed) = second.call("list_files", json!({}), None).await;
    assert_eq!(
        listed["structuredContent"]["files"].as_array().unwrap().len(),
        2,
        "{listed}"
    );
    assert_eq!(second.close().await, Some(0));
}

#[tokio::test]
async fn what_needs_the_gateway_for_itself_says_so_beside_one() {
    let place = place();
    let _served = place.serve().await;
    for command in [
        ["tracker", "import", "--tenant", "acme"].as_slice(),
        &["serve", "--listen", "127.0.0.1:0"],
    ] {
        let ran = tokio::time::timeout(SOON, place.run(command)).await.expect("it waited");
        assert_eq!(
            (ran.0, &ran.1[0]["error"]["code"]),
            (1, &json!("home_in_use")),
            "{ran:?}"
        );
        let hint = ran.1[0]["error"]["hint"].as_str().unwrap();
        assert!(hint.contains("stop"), "{hint}");
    }
}

#[tokio::test]
async fn a_server_in_the_foreground_ends_with_its_terminal() {
    let place = place();
    let log = place.files().join("log");
    let over = place.files().join("over");
    rustix::fs::mknodat(rustix::fs::CWD, &over, rustix::fs::FileType::Fifo, 0o600.into(), 0).unwrap();
    let binary = env!("CARGO_BIN_EXE_loadlock");
    // `script` is the terminal. Whoever holds the FIFO open is the server alone.
    let serve = format!(
        "exec {binary} serve --listen 127.0.0.1:0 2>{} 9>{}",
        log.display(),
        over.display()
    );
    let mut terminal = place.command(&[]);
    let environment = terminal.as_std().get_envs();
    let environment: Vec<_> = environment
        .map(|(name, value)| (name.to_owned(), value.unwrap().to_owned()))
        .collect();
    // Whoever runs the tests may have been started with `nohup`, which is inherited and would be heard.
    terminal = tokio::process::Command::new("env");
    let mut terminal = terminal
        .args(["--default-signal=HUP", "script", "-q", "-e", "-c", &serve, "/dev/null"])
        .env_clear()
        .envs(environment)
        .env("SHELL", "/bin/sh")
        .current_dir(place.files())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let mut screen = BufReader::new(terminal.stdout.take().unwrap());
    let end = tokio::task::spawn_blocking(move || std::fs::read(over));
    let mut line = String::new();
    while !line.contains("listening on") {
        line.clear();
        assert!(
            screen.read_line(&mut line).await.unwrap() > 0,
            "it did not begin to serve"
        );
    }
    terminal.kill().await.unwrap();
    tokio::time::timeout(SOON, end)
        .await
        .expect("it goes on without a terminal")
        .unwrap()
        .unwrap();
    let log = std::fs::read_to_string(log).unwrap();
    assert!(log.contains("the terminal has gone: stopping"), "{log}");
}

#[tokio::test]
async fn what_was_accepted_is_in_the_ledger_when_a_server_ends() {
    let place = place();
    let served = place.serve().await;
    let client = served.client(&place.token("acme", &["write"]).await);
    for number in 0..12 {
        let content = format!("content {number}");
        client
            .upload(&format!("{number}.txt"), content.as_bytes(), &[("purpose", "store")])
            .await
            .expect(200);
    }
    assert_eq!(served.stop().await, Some(0));
    // It looks and settles nothing.
    let (status, sheet) = place.run(&["fsck"]).await;
    let lines = sheet[0]["lines"].as_array().unwrap();
    let line = |name: &str| lines.iter().find(|line| line["name"] == name).unwrap()["count"].clone();
    assert_eq!(
        (
            status,
            line("accepted, not recorded yet"),
            line("files referring to remote files")
        ),
        (0, json!(0), json!(12))
    );
    let next = place
        .command(&["files", "ls", "-v"])
        .stderr(Stdio::piped())
        .output()
        .await
        .unwrap();
    let log = String::from_utf8(next.stderr).unwrap();
    assert!(!log.contains("settled what an earlier process left open"), "{log}");
}

#[tokio::test]
async fn while_it_leaves_a_server_serves_and_is_not_ready() {
    let place = place();
    place.configure("[server]\ndrain = \"3s\"\n");
    let mut served = place.serve().await;
    let client = served.client(&place.token("acme", &["write"]).await);
    served.stranger().get("/readyz").await.expect(200);
    served.signal(Signal::TERM);
    served.log.wait_for(0, "draining: still serving").await;
    served.stranger().get("/readyz").await.expect(503);
    served.stranger().get("/healthz").await.expect(200);
    client.upload("a.txt", b"a", &[("purpose", "store")]).await.expect(200);
    assert_eq!(tokio::time::timeout(SOON, served.ended()).await.unwrap(), Some(0));

    // Nobody waits for it who presses Ctrl-C.
    place.configure("[server]\ndrain = \"10m\"\n");
    let mut served = place.serve().await;
    served.signal(Signal::INT);
    assert_eq!(tokio::time::timeout(SOON, served.ended()).await.unwrap(), Some(0));
}

#[tokio::test]
async fn a_server_waits_for_a_command_and_answers_those_who_look_from_its_start() {
    let place = place();
    let upload = endless(&place).await;
    let serving = place.serve();
    tokio::pin!(serving);
    let early = tokio::time::timeout(Duration::from_millis(700), &mut serving).await;
    assert!(early.is_err(), "two owners of one home");
    ended(upload).await;
    let served = tokio::time::timeout(SOON, serving).await.unwrap();
    let (status, files) = place.run(&["files", "ls"]).await;
    assert_eq!((status, files.len()), (0, 1));
    let mut input = place
        .command(&["upload", "-", "--name", "b.txt"])
        .stdin(Stdio::piped())
        .spawn()
        .unwrap();
    input.stdin.take().unwrap().write_all(b"b").await.unwrap();
    assert!(input.wait().await.unwrap().success());
    assert_eq!(served.stop().await, Some(0));
}
