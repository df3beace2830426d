//! The audit log by the real program: it records what it does, issues tokens beside a gateway, and checks the chain.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use loadlock::{Silent, UploadRequest, local};
use serde_json::Value;
use tempfile::TempDir;

fn run(home: &Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_loadlock"))
        .env_clear()
        .current_dir(home.parent().unwrap().join("files"))
        .args(arguments)
        .arg("--home")
        .arg(home)
        .output()
        .unwrap()
}

fn json(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {output:?}"))
}

fn records(home: &Path) -> PathBuf {
    std::fs::read_dir(home.join("audit"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .find(|path| path.extension().is_some_and(|extension| extension == "jsonl"))
        .unwrap()
}

#[tokio::test]
async fn tokens_are_recorded_beside_a_gateway_and_the_chain_is_checked() {
    let dir = TempDir::new().unwrap();
    let place = dir.path().canonicalize().unwrap();
    let (home, files) = (place.join("home"), place.join("files"));
    for folder in [&home, &files] {
        std::fs::create_dir(folder).unwrap();
    }
    let cache = Path::new(env!("CARGO_TARGET_TMPDIR")).join("cache");
    std::fs::create_dir_all(&cache).unwrap();
    std::os::unix::fs::symlink(cache, home.join("cache")).unwrap();
    std::fs::write(files.join("a.txt"), "a").unwrap();

    let gateway = loadlock::builder().home(&home).grant(&files).open().await.unwrap();
    let who = local::authenticate(&gateway).await.unwrap();
    let upload = || gateway.upload(&who, UploadRequest::path(files.join("a.txt")), &Silent);
    upload().await.unwrap();
    let issued = run(
        &home,
        &["token", "issue", "--tenant", "acme", "--subject", "ci", "--json"],
    );
    let issued = json(&issued);
    upload().await.unwrap();
    drop(gateway);

    let verified = run(&home, &["audit", "verify", "--json"]);
    assert!(verified.status.success(), "{verified:?}");
    let report = json(&verified);
    assert_eq!(report["ok"], true);
    let last = format!("{}:{}", report["last"]["seq"], report["last"]["hash"].as_str().unwrap());
    let contains = run(&home, &["audit", "verify", "--contains", &last]);
    assert!(contains.status.success(), "{contains:?}");
    let other = format!("1:{}", report["last"]["hash"].as_str().unwrap());
    let contains = run(&home, &["audit", "verify", "--contains", &other]);
    assert_eq!(contains.status.code(), Some(1), "{contains:?}");

    let tail = run(&home, &["audit", "tail", "-n", "100", "--json"]);
    let lines: Vec<Value> = String::from_utf8(tail.stdout)
        .unwrap()
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(lines.len() as u64, report["records"].as_u64().unwrap());
    let events: Vec<_> = lines.iter().map(|line| line["event"].as_str().unwrap()).collect();
    assert_eq!(
        events,
        [
            "configuration",
            "authentication",
            "admission",
            "upload",
            "token",
            "admission",
            "upload"
        ]
    );
    let token = &lines[4];
    assert_eq!(token["who"]["token_id"], issued["id"]);
    let detail = token["what"]["detail"].as_str().unwrap();
    assert!(detail.starts_with("for ci of acme, read write"), "{detail}");
    let secret = issued["token"].as_str().unwrap();
    assert!(!lines.iter().any(|line| line.to_string().contains(secret)));
    let shown = run(&home, &["audit", "tail"]);
    let shown = String::from_utf8(shown.stdout).unwrap();
    assert!(shown.contains("for ci of acme"), "{shown}");

    // Two letters of one record.
    let file = records(&home);
    let changed = std::fs::read_to_string(&file)
        .unwrap()
        .replace("for ci of", "for me of");
    std::fs::write(&file, changed).unwrap();
    let broken = run(&home, &["audit", "verify", "--json"]);
    assert_eq!(broken.status.code(), Some(1));
    let report = json(&broken);
    assert_eq!(report["broken"]["seq"], token["seq"]);
    assert_eq!(report["broken"]["file"], file.to_str().unwrap());
}
