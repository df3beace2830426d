//! What a person sees: the log, tables, help, and examples that can be pasted.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use loadlock_served::Place;
use loadlock_upstream::{Options, Upstream, Vendor};
use serde_json::{Value, json};

fn place() -> Place {
    Place::new(env!("CARGO_BIN_EXE_loadlock"), env!("CARGO_TARGET_TMPDIR"))
}

fn parsed(lines: &[String]) -> Vec<Value> {
    lines
        .iter()
        .filter_map(|line| serde_json::from_str(line).ok())
        .collect()
}

#[tokio::test]
async fn each_upload_has_one_line_in_the_log_and_no_scrape_has_any() {
    let place = place();
    let served = place.serve().await;
    let client = served.client(&place.token("acme", &["write", "admin"]).await);
    for _ in 0..3 {
        client.get("/metrics").await.expect(200);
        served.stranger().get("/readyz").await.expect(200);
    }
    let stored = client
        .upload("a.txt", b"the bytes", &[("purpose", "store")])
        .await
        .expect(200)
        .json();
    client
        .upload("b.txt", b"the bytes", &[("purpose", "store")])
        .await
        .expect(200);
    let last = served.log.wait_for(0, "deduplicated").await;
    assert_eq!(last, 1, "{:#?}", served.log.lines());
    let lines = parsed(&served.log.lines());
    let expected = json!({
        "target": "loadlock::upload", "file": stored["id"], "tenant": "acme", "provider": "local", "bytes": 9,
        "attempts": 1, "outcome": "stored", "level": "INFO",
    });
    for (key, value) in expected.as_object().unwrap() {
        assert_eq!(&lines[0][key], value, "{key}: {}", lines[0]);
    }
    assert!(lines[0]["ms"].is_u64(), "{}", lines[0]);
    assert_eq!(
        (&lines[1]["outcome"], &lines[1]["attempts"]),
        (&json!("deduplicated"), &json!(0))
    );
}

#[tokio::test]
async fn a_scan_of_paths_does_not_fill_the_log_and_is_in_the_audit_log() {
    const SCANNED: usize = 300;
    let place = place();
    let served = place.serve().await;
    let log = served.log.clone();
    let client = served.client(&place.token("acme", &["write"]).await);
    for number in 0..SCANNED {
        let path = format!("/etc/{number}/{}", "x".repeat(2_000));
        client.post_json("/v1/files", json!({ "path": path })).await.expect(403);
    }
    assert_eq!(served.stop().await, Some(0));
    log.wait_for(0, "more like").await;
    let lines = log.lines();
    let bytes: usize = lines.iter().map(String::len).sum();
    assert!(
        lines.len() < SCANNED && bytes < 300_000,
        "{} lines, {bytes} bytes",
        lines.len()
    );
    let told = |like: &str| -> u64 {
        let told = parsed(&lines)
            .into_iter()
            .filter(|line| line["target"] == "loadlock::log");
        let told = told.filter(|line| line["message"].as_str().unwrap().contains(like));
        told.map(|line| line["count"].as_u64().unwrap()).sum()
    };
    let written = |what: &str| {
        lines
            .iter()
            .filter(|line| line.contains(what) && !line.contains("more like"))
            .count()
    };
    for what in ["[PATH] refused", "upload refused"] {
        assert_eq!(written(what) as u64 + told(what), SCANNED as u64, "{what}");
    }
    let audit = place
        .command(&["audit", "tail", "-n", "5000", "--json"])
        .output()
        .await
        .unwrap();
    let audit = String::from_utf8(audit.stdout).unwrap();
    let denied = |line: &&str| line.contains("\"admission\"") && line.contains("path_not_allowed");
    assert_eq!(audit.lines().filter(denied).count(), SCANNED);
}

/// A command on a terminal of so many columns, as its user sees it.
async fn on_a_terminal(place: &Place, columns: u16, command: &str) -> String {
    let environment = place.command(&[]);
    let environment = environment.as_std().get_envs();
    let line = format!(
        "stty cols {columns} rows 50; exec {} {command}",
        env!("CARGO_BIN_EXE_loadlock")
    );
    let output = tokio::process::Command::new("script")
        .args(["-q", "-e", "-c", &line, "/dev/null"])
        .env_clear()
        .envs(environment.map(|(name, value)| (name, value.unwrap())))
        .env("SHELL", "/bin/sh")
        .env("NO_COLOR", "1")
        .env("TZ", "UTC")
        .current_dir(place.files())
        .stdin(Stdio::null())
        .output()
        .await
        .unwrap();
    String::from_utf8(output.stdout).unwrap().replace('\r', "")
}

#[tokio::test]
async fn a_list_on_80_columns_has_names_and_dates_on_one_line_a_row() {
    let place = place();
    place.file("quarterly-report-of-the-whole-year.txt", "a");
    place.file("b.txt", "b");
    let (_, stored) = place
        .run(&["upload", "quarterly-report-of-the-whole-year.txt", "b.txt"])
        .await;
    let screen = on_a_terminal(&place, 80, "files ls").await;
    let rows: Vec<&str> = screen.lines().filter(|line| line.starts_with("file-")).collect();
    assert_eq!(rows.len(), 2, "{screen}");
    let created = stored[0]["created_at"].as_str().unwrap();
    let date = created[..16].replace('T', " ");
    for row in rows {
        assert!(
            row.chars().count() <= 80 && row.ends_with(&date[..13]) || row.contains(&date[..13]),
            "{row:?}"
        );
    }
    assert!(
        screen.contains("quarterly-report-of") && screen.contains("b.txt"),
        "{screen}"
    );
    assert!(screen.lines().all(|line| line.chars().count() <= 80), "{screen}");
    let wide = on_a_terminal(&place, 250, "files ls").await;
    assert!(wide.contains(stored[0]["remote_id"].as_str().unwrap()), "{wide}");
    // In a pipe it is there as well, and so it is in every other list.
    let piped = place.command(&["files", "ls"]).output().await.unwrap();
    let piped = String::from_utf8(piped.stdout).unwrap();
    assert!(piped.lines().all(|line| line.split('\t').count() == 8), "{piped}");
    let providers = on_a_terminal(&place, 250, "providers ls").await;
    assert!(providers.contains("2 files, "), "{providers}");
}

#[tokio::test]
async fn help_is_wrapped_once() {
    let place = place();
    let screen = on_a_terminal(&place, 80, "upload --help").await;
    let (_, text) = screen.split_once("A directory means").expect(&screen);
    let (text, _) = text.split_once("Examples:").unwrap();
    let text = format!("A directory means{text}");
    for paragraph in text.split("\n\n") {
        let mut lines: Vec<&str> = paragraph.lines().collect();
        lines.pop();
        // A line is left short only by a word that did not fit: none here has more than 20 columns.
        for line in lines {
            assert!(line.len() > 59, "{line:?} in\n{screen}");
        }
    }
}

#[tokio::test]
async fn the_version_says_what_was_built_for_what_and_with_what() {
    let output = place().command(&["--version"]).output().await.unwrap();
    let version = String::from_utf8(output.stdout).unwrap();
    let (name, facts) = version.trim().split_once(" (").unwrap();
    assert!(name.starts_with("loadlock "), "{version}");
    let facts: Vec<&str> = facts.trim_end_matches(')').split(", ").collect();
    let wasmtime = facts.last().unwrap().strip_prefix("wasmtime ").unwrap();
    assert!(wasmtime.split('.').all(|part| part.parse::<u32>().is_ok()), "{version}");
    assert!(
        facts[facts.len() - 2].contains("-linux-") || facts[facts.len() - 2].contains("-darwin"),
        "{version}"
    );
    // Not in a source archive.
    if facts.len() == 3 {
        assert!(facts[0].len() >= 7, "{version}");
    }
}

#[tokio::test]
async fn a_server_listens_on_a_name_or_on_a_port_alone() {
    let place = place();
    for listen in ["localhost:0", ":0"] {
        let served = place.serve_with(&["--listen", listen]).await;
        assert!(served.address.starts_with("127.0.0.1:"), "{}", served.address);
        served.stranger().get("/readyz").await.expect(200);
        assert_eq!(served.stop().await, Some(0));
    }
    let (status, refused) = place.run(&["serve", "--listen", "nowhere.invalid:1"]).await;
    assert_eq!(
        (status, &refused[0]["error"]["code"]),
        (1, &json!("address_unavailable"))
    );
}

#[tokio::test]
async fn what_route_and_check_call_good_can_be_stored() {
    const CREDENTIAL: &str = "credential = { header = \"Authorization\", value = \"Bearer ${env:KIMI_API_KEY}\" }";
    let kimi = Upstream::start(Vendor::Kimi, Options::with_key("sk-test"))
        .await
        .unwrap();
    let base = kimi.base_url();
    let settings = format!("settings = {{ base_url = \"{base}\" }}");
    let egress =
        |methods: &str| format!("egress = [{{ url = \"{base}/files\", methods = [{methods}], private = true }}]");
    let mut place = place();
    place.env("KIMI_API_KEY", "sk-test");
    place.file("a.txt", "a");
    let good = [
        settings.clone(),
        egress("\"GET\", \"POST\", \"DELETE\""),
        CREDENTIAL.to_owned(),
    ]
    .join("\n");
    let reading = [settings.clone(), egress("\"GET\""), CREDENTIAL.to_owned()].join("\n");
    let public = "egress = [{ url = \"https://api.moonshot.ai/v1/files\", methods = [\"GET\", \"POST\", \"DELETE\"] }]";
    for (section, word) in [
        (good.as_str(), None),
        (reading.as_str(), Some("methods = [\"POST\"]")),
        (public, Some("credential")),
    ] {
        place.configure(&format!("order = [\"kimi\"]\n[providers.kimi]\n{section}\n"));
        let (checked, said) = place.run(&["config", "check"]).await;
        let (routed, route) = place.run(&["route", "a.txt", "--purpose", "file-extract"]).await;
        let Some(word) = word else {
            assert_eq!((checked, routed), (0, 0), "{said:?} {route:?}");
            assert_eq!(place.run(&["upload", "a.txt", "--purpose", "file-extract"]).await.0, 0);
            continue;
        };
        assert_eq!((checked, routed), (2, 1), "{said:?} {route:?}");
        let message = said[0]["error"]["message"].as_str().unwrap();
        assert!(
            message.contains("`kimi` can store nothing") && message.contains(word),
            "{message}"
        );
        let refused = &route[0]["refused"][0];
        assert_eq!(
            (&refused["provider"], &refused["reason"]),
            (&json!("kimi"), &json!("egress_denied")),
            "{refused}"
        );
        assert!(refused["detail"].as_str().unwrap().contains(word), "{refused}");
    }
    // A provider that cannot send anything takes no file from one that can.
    place.configure(&format!(
        "order = [\"kimi\", \"local\"]\n[providers.kimi]\n{reading}\n[providers.local]\n"
    ));
    place.file("b.txt", "b");
    let (status, stored) = place.run(&["upload", "b.txt"]).await;
    assert_eq!((status, &stored[0]["provider"]), (0, &json!("local")), "{stored:?}");
}

/// Pages whose examples are run: all but tutorials, whose blocks are steps of one session each.
fn pages(root: &Path) -> Vec<PathBuf> {
    let page = |path: &Path| path.extension().is_some_and(|kind| kind == "md");
    let mut pages = walk(&root.join("docs"), &page);
    pages.retain(|page| !page.components().any(|part| part.as_os_str() == "tutorials"));
    pages.push(root.join("README.md"));
    pages.sort();
    pages
}

/// Examples that need a server of somebody else: a PostgreSQL (`make test-ledger` has one), a package of npm.
const ELSEWHERE: [&str; 13] = [
    "loadlock tracker",
    "LOADLOCK_DATABASE=",
    "npx ",
    // A registry's: `make test-registry`.
    "docker login",
    "registry.example/",
    "reg.example/",
    "component update",
    "component rm",
    // A project's, with the tools of its language: `make test-authors`.
    "component build",
    "component test",
    "component dev",
    // What it goes back to is not there on every page.
    "component rollback",
    // An event that a receiver did not take.
    "webhooks resend whk_",
];

/// What stands in for programs that are nobody's business here, and keeps `serve` and `-f` from going on for ever.
const AROUND: &str = r#"
set -euo pipefail
pg_dump() { echo 'create table shop ();'; }
less() { cat > /dev/null; }
loadlock() {
    if [ "$1" = serve ]; then
        # What an earlier one said is not what this one says.
        : > serve.out
        command loadlock "$@" --listen "127.0.0.1:$PORT" > serve.out 2> serve.log &
        server=$!
        while ! grep -q listening serve.out; do kill -0 $server; sleep 0.05; done
    elif [ "${1-} ${2-}" = "component new" ] || [ "${1-} ${2-}" = "component keygen" ]; then
        # Several pages begin with the same name.
        rm -rf "$3" "$3.key" "$3.pub"
        command loadlock "$@"
    elif [ "${1-} ${2-} ${3-}" = "audit tail -f" ]; then
        timeout 1 loadlock "$@" || [ $? = 124 ]
    else
        command loadlock "$@"
    fi
}
end() { kill "${server-0}" 2> /dev/null && wait "$server" || true; }
trap '[ -z "${server-}" ] || end' EXIT
"#;

/// The commands of a page, one block each: `sh` blocks, and what stands below `Examples:`.
fn examples(page: &str) -> Vec<String> {
    let mut blocks = Vec::new();
    let mut block: Option<String> = None;
    for line in page.lines() {
        let line = line.trim_end();
        match &mut block {
            None if line.trim_start() == "```sh" || line == "Examples:" => block = Some(String::new()),
            Some(_) if line.trim_start() == "```" || line.is_empty() => blocks.extend(block.take()),
            Some(commands) => {
                commands.push_str(line);
                commands.push('\n');
            }
            None => {}
        }
    }
    blocks.retain(|block| block.contains("loadlock "));
    blocks
}

/// Everything that examples speak of.
fn prepare(place: &mut Place, kimi: &Upstream) {
    let files = place.files();
    for folder in ["reports", "scans/2026", "target/wasm32-wasip2/release"] {
        std::fs::create_dir_all(files.join(folder)).unwrap();
    }
    for (name, content) in [
        ("report.pdf", "%PDF-1.7\n1 0 obj << >> endobj\ntrailer << >>\n%%EOF\n"),
        ("reports/may.txt", "may"),
        ("scans/2026/one.tiff", "II*\0"),
        ("big.mp4", "\0\0\0\u{18}ftypmp42\0\0\0\0mp42isom"),
        ("a.jsonl", "{\"a\": 1}\n"),
        (".env", "KIMI_API_KEY=sk-test # ours\n"),
        (".env.docker", "KIMI_API_KEY=sk-test # ours\n"),
    ] {
        place.file(name, content);
    }
    let component = component();
    for name in [
        "my_provider.wasm",
        "target/wasm32-wasip2/release/my_provider.wasm",
        "shelf.wasm",
        "kimi-2.wasm",
    ] {
        std::fs::copy(&component, files.join(name)).unwrap();
    }
    let base = kimi.base_url();
    let config = format!(
        r#"
order = ["local", "kimi"]
[[grants]]
root = "{{files}}"
[providers.local]
[providers.kimi]
settings = {{ base_url = "{base}" }}
egress = [{{ url = "{base}/files", methods = ["GET", "POST", "DELETE"], private = true }}]
credential = {{ header = "Authorization", value = "Bearer ${{env:KIMI_API_KEY}}" }}
"#
    );
    place.env("KIMI_API_KEY", "sk-test").configure(&config);
    std::fs::copy(place.config(), files.join("loadlock.toml")).unwrap();
}

/// One that was built for the program itself.
fn component() -> PathBuf {
    // Where the program's build script has it built, whichever folder the program itself is in.
    let target = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().join("target");
    let wanted = |path: &Path| path.file_name().is_some_and(|name| name == "provider_kimi.wasm");
    let mut found = walk(&target.join("components"), &wanted);
    found
        .pop()
        .expect("the built-in components are built below target/components")
}

fn walk(folder: &Path, wanted: &dyn Fn(&Path) -> bool) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let (folders, files): (Vec<_>, Vec<_>) = entries.map(|entry| entry.path()).partition(|path| path.is_dir());
    let mut found: Vec<PathBuf> = files.into_iter().filter(|path| wanted(path)).collect();
    found.extend(folders.iter().flat_map(|folder| walk(folder, wanted)));
    found
}

#[tokio::test(flavor = "multi_thread")]
async fn every_example_can_be_pasted() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let kimi = Upstream::start(Vendor::Kimi, Options::with_key("sk-test"))
        .await
        .unwrap();
    let mut place = place();
    prepare(&mut place, &kimi);
    let (mut run, mut wrong) = (0, Vec::new());
    for page in pages(root) {
        let text = std::fs::read_to_string(&page).unwrap();
        let page = page.display();
        for block in examples(&text) {
            let lines = block.lines().filter(|line| !line.trim_start().starts_with("make "));
            let lines = lines.filter(|line| !ELSEWHERE.iter().any(|elsewhere| line.contains(elsewhere)));
            let block: Vec<&str> = lines.collect();
            let port = free_port();
            let script = block.join("\n").replace("8420", &port.to_string());
            let output = shell(&place, port, &script).await;
            run += block.len();
            if !output.status.success() {
                let (out, err) = (
                    String::from_utf8_lossy(&output.stdout),
                    String::from_utf8_lossy(&output.stderr),
                );
                wrong.push(format!(
                    "{page}: {}\n{script}\n--- out\n{out}\n--- err\n{err}",
                    output.status
                ));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n=====\n"));
    assert!(run > 50, "only {run} lines were found");
}

async fn shell(place: &Place, port: u16, script: &str) -> std::process::Output {
    let environment = place.command(&[]);
    let environment = environment.as_std().get_envs();
    let binary = Path::new(env!("CARGO_BIN_EXE_loadlock")).parent().unwrap();
    let path = format!("{}:{}", binary.display(), std::env::var("PATH").unwrap());
    let shell = tokio::process::Command::new("bash")
        .args(["-c", &format!("{AROUND}\n{script}\n")])
        .env_clear()
        .envs(environment.map(|(name, value)| (name, value.unwrap())))
        .env("PATH", path)
        .env("PORT", port.to_string())
        .current_dir(place.files())
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .output();
    tokio::time::timeout(Duration::from_secs(120), shell)
        .await
        .expect(script)
        .unwrap()
}

fn free_port() -> u16 {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().port()
}
