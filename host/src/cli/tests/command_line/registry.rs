//! Components are signed, pushed, added in another home, updated and used; what is not right is refused.

use std::path::PathBuf;
use std::process::Stdio;

use serde_json::Value;

use crate::fake::{FakeRegistry, Reply, digest};
use crate::place::{Place, Ran, code};

/// A place with a configuration, and a registry to speak to.
struct Sharing {
    place: Place,
    registry: FakeRegistry,
}

impl Sharing {
    /// With a key pair `acme`, which is trusted for everything of the repository's folder.
    fn new() -> Self {
        let sharing = Self {
            place: Place::new(),
            registry: FakeRegistry::start(),
        };
        sharing.run(&["component", "keygen", "acme"]).expect(0);
        sharing.configure("");
        sharing
    }

    fn trust(&self) -> String {
        let key = self.file("acme.pub");
        format!(
            "[[components.trust]]\nmatch = \"{}/acme/*\"\nkeys = [\"{}\"]\n",
            self.registry.host(),
            key.display()
        )
    }

    fn configure(&self, more: &str) {
        let trust = if self.file("acme.pub").exists() {
            self.trust()
        } else {
            String::new()
        };
        self.write_config(&format!("{trust}{more}"));
    }

    fn write_config(&self, text: &str) {
        std::fs::write(self.config(), text).unwrap();
    }

    fn config(&self) -> PathBuf {
        self.place.0.path().join("loadlock.toml")
    }

    fn lock(&self) -> String {
        std::fs::read_to_string(self.place.0.path().join("loadlock.lock")).unwrap_or_default()
    }

    fn file(&self, name: &str) -> PathBuf {
        self.place.files().join(name)
    }

    fn store(&self) -> Vec<String> {
        let entries = std::fs::read_dir(self.place.0.path().join("home/components/sha256"));
        let names = entries.into_iter().flatten().flatten();
        let names = names.map(|entry| entry.file_name().into_string().unwrap());
        names.filter(|name| name != "lock").collect()
    }

    fn command(&self, arguments: &[&str]) -> std::process::Command {
        let mut command = self.place.command(arguments);
        let config = self.config();
        if config.exists() {
            command.arg("--config").arg(config);
        }
        command
    }

    fn run(&self, arguments: &[&str]) -> Ran {
        Ran::of(self.command(arguments).output().unwrap())
    }

    /// A `component` command that speaks to the registry.
    fn component(&self, arguments: &[&str]) -> Ran {
        let arguments: Vec<&str> = ["component"].into_iter().chain(arguments.iter().copied()).collect();
        self.run(&[arguments.as_slice(), &["--plain-http"]].concat())
    }

    fn reference(&self, rest: &str) -> String {
        format!("{}/{rest}", self.registry.host())
    }

    /// Writes a component, pushes and signs it.
    fn push(&self, rest: &str, wasm: &[u8]) -> String {
        std::fs::write(self.file("pushed.wasm"), wasm).unwrap();
        let reference = self.reference(rest);
        self.component(&["push", "pushed.wasm", &reference, "--key", "acme.key"])
            .expect(0);
        digest(wasm)
    }
}

/// A real provider that keeps files on this machine, in any number of versions.
fn shelf(version: &str) -> Vec<u8> {
    let mut wasm = loadlock::builtins()["local"].to_vec();
    // A custom section changes the bytes and nothing else.
    let name = b"version";
    wasm.extend([
        0,
        u8::try_from(1 + name.len() + version.len()).unwrap(),
        u8::try_from(name.len()).unwrap(),
    ]);
    wasm.extend(name);
    wasm.extend(version.as_bytes());
    wasm
}

/// The version of the contract that it speaks.
fn contract(place: &Place) -> String {
    let inspected = place
        .run(&["providers", "inspect", "builtin:local", "--json"])
        .expect(0);
    inspected.objects()[0]["version"].as_str().unwrap().to_owned()
}

const USED: &str = "[providers.shelf]\ncomponent = \"locked:shelf\"\n";

#[test]
fn a_component_is_pushed_signed_added_in_another_home_and_used_without_the_registry() {
    let sharing = Sharing::new();
    let wasm = sharing.push("acme/shelf:1.0.0", &shelf("1"));
    sharing.configure(USED);
    // Named before it is there: the commands that put it there still run.
    let early = sharing
        .run(&["config", "check", "--json"])
        .expect(2)
        .objects()
        .remove(0);
    assert!(
        early["error"]["hint"]
            .as_str()
            .unwrap()
            .contains("loadlock component add"),
        "{early}"
    );

    let added = sharing
        .component(&["add", &sharing.reference("acme/shelf"), "--json"])
        .expect(0)
        .objects()
        .remove(0);
    assert_eq!(
        (&added["version"], &added["requirement"]),
        (&"1.0.0".into(), &"^1.0.0".into())
    );
    assert_eq!(
        (&added["role"], &added["contract"]),
        (&"provider".into(), &contract(&sharing.place).into())
    );
    assert_eq!(added["signers"].as_array().unwrap().len(), 1);
    assert_eq!(sharing.store(), [format!("{}.wasm", &wasm["sha256:".len()..])]);
    let listed = sharing.run(&["component", "ls"]).expect(0).out;
    assert!(
        listed.starts_with("shelf\t1.0.0\tprovider\there\tacme.pub\t"),
        "{listed}"
    );

    let asked = sharing.registry.seen().len();
    let name = sharing.place.file("report.txt", "hello, shelf");
    let stored = sharing.run(&["upload", "--json", &name]).expect(0).objects().remove(0);
    assert_eq!(stored["provider"], "shelf");
    let back = sharing
        .run(&["files", "content", stored["id"].as_str().unwrap()])
        .expect(0)
        .out;
    assert_eq!(back, "hello, shelf");
    assert_eq!(sharing.registry.seen().len(), asked);
    let used = sharing
        .run(&["component", "rm", "shelf", "--json"])
        .expect(2)
        .objects()
        .remove(0);
    assert!(
        used["error"]["message"].as_str().unwrap().contains("providers.shelf"),
        "{used}"
    );
    sharing.configure("");
    sharing.run(&["component", "rm", "shelf"]).expect(0);
    assert!(sharing.store().is_empty() && !sharing.lock().contains("shelf"));
}

/// A report as `loadlock component test --output` writes it.
fn report(component: &str, failed: &[&str]) -> Value {
    serde_json::json!({
        "_type": "https://in-toto.io/Statement/v1",
        "subject": [{ "name": "shelf.wasm", "digest": { "sha256": component.trim_start_matches("sha256:") } }],
        "predicateType": "https://in-toto.io/attestation/test-result/v0.1",
        "predicate": {
            "result": if failed.is_empty() { "PASSED" } else { "FAILED" },
            "configuration": [{ "name": "loadlock 0.2.0" }],
            "passedTests": ["upload", "delete"], "failedTests": failed,
        },
    })
}

#[test]
fn a_report_goes_beside_the_component_and_says_who_stands_for_it() {
    let sharing = Sharing::new();
    let reference = sharing.reference("acme/shelf:1.0.0");
    std::fs::write(sharing.file("shelf.wasm"), shelf("1")).unwrap();
    let push = |key: &[&str]| {
        let push = ["push", "shelf.wasm", &reference, "--report", "report.json", "--json"];
        sharing.component(&[&push[..], key].concat())
    };
    let write = |report: &Value| std::fs::write(sharing.file("report.json"), report.to_string()).unwrap();
    for (wrong, expected) in [
        (report(&digest(b"other"), &[]), "other bytes"),
        (report(&digest(&shelf("1")), &["delete"]), "delete failed"),
        (Value::Null, "no in-toto statement"),
    ] {
        write(&wrong);
        let refused = push(&[]).expect(2).objects().remove(0);
        let message = refused["error"]["message"].as_str().unwrap();
        assert!(message.contains(expected), "{message}");
    }
    write(&report(&digest(&shelf("1")), &[]));
    push(&["--key", "acme.key"]).expect(0);
    // The same by somebody else, and by nobody.
    sharing.run(&["component", "keygen", "mallory"]).expect(0);
    push(&["--key", "mallory.key"]).expect(0);
    push(&[]).expect(0);
    let verified = sharing
        .component(&["verify", &reference, "--json"])
        .expect(0)
        .objects()
        .remove(0);
    let acme = verified["signers"][0].clone();
    let said: Vec<_> = verified["reports"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| one["signer"].clone())
        .collect();
    assert_eq!(said, [acme, Value::Null, Value::Null]);
    let added = sharing.component(&["add", &reference]).expect(0).out;
    assert!(
        added.contains("tested by loadlock 0.2.0: 2 cases passed; signed by acme.pub"),
        "{added}"
    );
    assert!(added.contains("signed by no trusted key"), "{added}");
}

#[test]
fn a_report_is_no_signature() {
    let sharing = Sharing::new();
    let reference = sharing.reference("acme/shelf:1.0.0");
    std::fs::write(sharing.file("shelf.wasm"), shelf("1")).unwrap();
    std::fs::write(
        sharing.file("report.json"),
        report(&digest(&shelf("1")), &[]).to_string(),
    )
    .unwrap();
    let push = [
        "push",
        "shelf.wasm",
        &reference,
        "--report",
        "report.json",
        "--key",
        "acme.key",
    ];
    sharing.component(&push).expect(0);
    // The signature is taken away, and the signed report stays.
    sharing
        .registry
        .strip("acme/shelf", "https://sigstore.dev/cosign/sign/v1");
    let refused = sharing
        .component(&["add", &reference, "--json"])
        .expect(1)
        .objects()
        .remove(0);
    assert_eq!(code(&refused), "signature_refused");
    assert!(
        refused["error"]["message"].as_str().unwrap().contains("is not signed"),
        "{refused}"
    );
}

#[test]
fn a_start_fetches_nothing_and_says_how_what_is_missing_is_got() {
    let sharing = Sharing::new();
    sharing.push("acme/shelf:1.0.0", &shelf("1"));
    sharing.component(&["add", &sharing.reference("acme/shelf")]).expect(0);
    sharing.configure(USED);
    let path = sharing
        .place
        .0
        .path()
        .join("home/components/sha256")
        .join(&sharing.store()[0]);
    for damage in [false, true] {
        let asked = sharing.registry.seen().len();
        std::fs::remove_file(&path).unwrap();
        if damage {
            std::fs::write(&path, "half").unwrap();
        }
        let name = sharing.place.file("next.txt", &format!("something else, {damage}"));
        let missing = sharing.run(&["upload", "--json", &name]);
        assert_ne!(missing.status, Some(0), "{}", missing.out);
        assert!(missing.out.contains("loadlock component pull"), "{}", missing.out);
        assert_eq!(sharing.registry.seen().len(), asked);
        let state = sharing
            .run(&["component", "ls", "--json"])
            .expect(0)
            .objects()
            .remove(0);
        assert_eq!(state["state"], if damage { "damaged" } else { "missing" });
        let pulled = sharing.component(&["pull", "--json"]).expect(0).objects().remove(0);
        assert_eq!(pulled["fetched"], true);
        sharing.run(&["upload", &name]).expect(0);
        // Asked again it fetches nothing, and asks the registry nothing.
        let asked_now = sharing.registry.seen().len();
        assert!(sharing.component(&["pull"]).expect(0).out.contains("here already"));
        assert_eq!(sharing.registry.seen().len(), asked_now);
    }
}

#[test]
fn what_no_trusted_key_has_signed_leaves_nothing_behind_and_the_key_that_would_do_is_named() {
    let sharing = Sharing::new();
    std::fs::write(sharing.file("shelf.wasm"), shelf("1")).unwrap();
    let reference = sharing.reference("acme/shelf:1.0.0");
    sharing.component(&["push", "shelf.wasm", &reference]).expect(0);
    let refused = |sharing: &Sharing| {
        let refused = sharing
            .component(&["add", &reference, "--json"])
            .expect(1)
            .objects()
            .remove(0);
        assert_eq!(code(&refused), "signature_refused", "{refused}");
        assert!(sharing.store().is_empty() && sharing.lock().is_empty());
        assert!(
            !sharing
                .registry
                .seen()
                .iter()
                .any(|seen| seen.is_blob() && seen.path.contains(&digest(&shelf("1"))))
        );
        refused["error"]["message"].as_str().unwrap().to_owned()
    };
    assert!(refused(&sharing).contains("is not signed; acme.pub ("));

    sharing.run(&["component", "keygen", "mallory"]).expect(0);
    sharing
        .component(&["sign", &reference, "--key", "mallory.key"])
        .expect(0);
    assert!(refused(&sharing).contains("no trusted key"));

    // Nobody is trusted for another folder; the hint has the lines to paste.
    sharing.write_config(&sharing.trust().replace("/acme/*", "/other/*"));
    assert!(refused(&sharing).contains("no key is trusted"));

    // Two have to sign; then one of them is revoked.
    sharing.component(&["sign", &reference, "--key", "acme.key"]).expect(0);
    let both = sharing
        .trust()
        .replace("acme.pub\"]", "acme.pub\", \"FILES/mallory.pub\"]\nthreshold = 2");
    let both = both.replace("FILES", &sharing.place.files().display().to_string());
    let id = sharing
        .run(&[
            "component",
            "verify",
            &reference,
            "--key",
            "mallory.pub",
            "--plain-http",
            "-q",
        ])
        .expect(0)
        .out;
    sharing.write_config(&format!("{both}revoked = [\"{}\"]\n", id.trim()));
    assert!(refused(&sharing).contains("the key is revoked"));
    sharing.write_config(&both);
    let added = sharing
        .component(&["add", &reference, "--json"])
        .expect(0)
        .objects()
        .remove(0);
    assert_eq!(added["signers"].as_array().unwrap().len(), 2);
    // Revoked later: what is here stays, and is fetched no more.
    sharing.write_config(&format!("{both}revoked = [\"{}\"]\n", id.trim()));
    std::fs::remove_dir_all(sharing.place.0.path().join("home/components")).unwrap();
    let pulled = sharing.component(&["pull", "--json"]).expect(1).objects().remove(0);
    assert_eq!(code(&pulled), "signature_refused");
    assert!(sharing.store().is_empty());
}

#[test]
fn an_update_that_asks_for_more_is_shown_and_waits_to_be_accepted() {
    let sharing = Sharing::new();
    sharing.push("acme/shelf:1.0.0", &shelf("1"));
    sharing.component(&["add", &sharing.reference("acme/shelf")]).expect(0);
    let update = |flags: &[&str]| sharing.component(&[&["update", "--json"], flags].concat());
    let current = update(&[]).expect(0).objects().remove(0);
    assert_eq!((&current["to"], &current["taken"]), (&Value::Null, &false.into()));

    sharing.push("acme/shelf:1.0.1", &shelf("1.0.1"));
    let dry = update(&["--dry-run"]).expect(0).objects().remove(0);
    assert_eq!(
        (&dry["to"], &dry["taken"], &dry["more"]),
        (&"1.0.1".into(), &false.into(), &false.into())
    );
    assert!(sharing.lock().contains("version = \"1.0.0\""));
    assert_eq!(update(&[]).expect(0).objects().remove(0)["taken"], true);
    assert!(sharing.lock().contains("version = \"1.0.1\""));

    // Another component altogether: it speaks to a vendor.
    let vendor = loadlock::builtins()["openai"];
    sharing.push("acme/shelf:1.1.0", vendor);
    let before = sharing.lock();
    let offered = update(&[]).expect(1).objects();
    let changes = &offered[0]["changes"];
    let has = |list: &str, text: &str| {
        changes[list]
            .as_array()
            .unwrap()
            .iter()
            .any(|one| one.as_str().unwrap().contains(text))
    };
    assert!(has("imports_added", "wasi:http/outgoing-handler"), "{changes}");
    assert!(has("egress_added", "POST https://"), "{changes}");
    assert!(has("limits", "purpose"), "{changes}");
    assert_eq!(code(&offered[1]), "acceptance_needed");
    assert_eq!(sharing.lock(), before);
    assert_eq!(update(&["--accept"]).expect(0).objects().remove(0)["taken"], true);
    assert!(sharing.lock().contains("version = \"1.1.0\"") && sharing.lock().contains("POST https://"));
    // Outside of the requirement, and before what is locked: not taken.
    sharing.push("acme/shelf:2.0.0", &shelf("2"));
    sharing.push("acme/shelf:1.0.9", &shelf("1.0.9"));
    assert_eq!(update(&[]).expect(0).objects().remove(0)["to"], Value::Null);
}

#[test]
fn a_version_for_another_contract_is_passed_over_with_the_reason_and_never_fetched() {
    let sharing = Sharing::new();
    sharing.push("acme/shelf:1.0.0", &shelf("1"));
    // As its maker's own tool pushes it, for hosts to come.
    let text = r#"(component (instance $none) (export "loadlock:upload/provider@9.9.9" (instance $none)))"#;
    let future = wat::parse_str(text).unwrap();
    std::fs::write(sharing.file("future.wasm"), &future).unwrap();
    let reference = sharing.reference("acme/shelf:1.9.0");
    let refused = sharing
        .component(&["push", "future.wasm", &reference, "--json"])
        .expect(2)
        .objects()
        .remove(0);
    assert!(
        refused["error"]["message"].as_str().unwrap().contains("contract 9.9.9"),
        "{refused}"
    );
    let layer = sharing.registry.pretend(
        ("acme/shelf:1.0.0", "acme/shelf:1.9.0"),
        &contract(&sharing.place),
        "9.9.9",
        "1.9.0",
    );
    sharing.component(&["sign", &reference, "--key", "acme.key"]).expect(0);
    let added = sharing.component(&["add", &sharing.reference("acme/shelf")]).expect(0);
    assert!(added.out.contains("1.0.0"), "{}", added.out);
    assert!(
        added
            .err
            .contains("passed over: 1.9.0 speaks contract 9.9.9, and this host speaks 0."),
        "{}",
        added.err
    );
    let fetched = sharing
        .registry
        .seen()
        .iter()
        .filter(|seen| seen.is_blob() && seen.path.ends_with(&layer))
        .count();
    assert_eq!(fetched, 1, "the component of 1.0.0, which has the same bytes");
    let exact = sharing
        .component(&["add", &reference, "--name", "other", "--json"])
        .expect(2)
        .objects()
        .remove(0);
    assert_eq!(code(&exact), "component_refused");
}

#[test]
fn a_moved_tag_and_an_older_version_under_a_newer_name_are_refused() {
    let sharing = Sharing::new();
    sharing.push("acme/shelf:1.0.0", &shelf("1"));
    sharing.push("acme/shelf:1.1.0", &shelf("1.1"));
    sharing.component(&["add", &sharing.reference("acme/shelf")]).expect(0);
    let message = |ran: Ran| {
        ran.expect(1).objects().remove(0)["error"]["message"]
            .as_str()
            .unwrap()
            .to_owned()
    };
    // A downgrade: genuine, signed, old, and called new.
    sharing.registry.move_tag("acme/shelf:1.0.0", "acme/shelf:1.2.0");
    let downgraded = message(sharing.component(&["update", "--json"]));
    assert!(downgraded.contains("says that it is version 1.0.0"), "{downgraded}");
    // The tag of what is locked has other bytes, genuine ones or not.
    sharing.registry.move_tag("acme/shelf:1.0.0", "acme/shelf:1.1.0");
    let moved = message(sharing.component(&["update", "--json"]));
    assert!(moved.contains("was moved"), "{moved}");
    // What is locked is fetched by its digest all the same.
    std::fs::remove_dir_all(sharing.place.0.path().join("home/components")).unwrap();
    sharing.component(&["pull"]).expect(0);
    assert_eq!(
        sharing.store(),
        [format!("{}.wasm", &digest(&shelf("1.1"))["sha256:".len()..])]
    );
}

#[test]
fn a_pull_or_an_add_that_is_killed_leaves_nothing_half() {
    let sharing = Sharing::new();
    let wasm = shelf("1");
    sharing.push("acme/shelf:1.0.0", &wasm);
    let reference = sharing.reference("acme/shelf");
    let killed = |arguments: &[&str]| {
        let (length, half, name) = (wasm.len() as u64, wasm[..wasm.len() / 2].to_vec(), digest(&wasm));
        let asked = sharing.registry.seen().len();
        let of_blob = name.clone();
        sharing.registry.script(move |seen| {
            let whole = seen.is_blob() && seen.path.ends_with(&of_blob);
            whole.then(|| Reply::Silence(length, half.clone().into()))
        });
        let mut child = sharing.command(arguments).stdout(Stdio::null()).spawn().unwrap();
        sharing
            .registry
            .wait_for_after(asked, |seen| seen.is_blob() && seen.path.ends_with(&name));
        child.kill().unwrap();
        child.wait().unwrap();
        sharing.registry.script(|_| None);
    };
    killed(&["component", "add", &reference, "--plain-http"]);
    assert!(sharing.store().is_empty() && sharing.lock().is_empty());
    sharing.component(&["add", &reference]).expect(0);
    let locked = sharing.lock();
    std::fs::remove_dir_all(sharing.place.0.path().join("home/components")).unwrap();
    killed(&["component", "pull", "--plain-http"]);
    assert!(sharing.store().is_empty() && sharing.lock() == locked);
    sharing.component(&["pull"]).expect(0);
    assert_eq!(sharing.store().len(), 1);
}

#[test]
fn a_file_is_signed_and_verified_and_every_change_of_it_is_noticed() {
    let place = Place::new();
    for name in ["acme", "mallory"] {
        place.run(&["component", "keygen", name]).expect(0);
    }
    std::fs::write(place.files().join("shelf.wasm"), shelf("1")).unwrap();
    let verify = |key: &str| place.run(&["component", "verify", "shelf.wasm", "--key", key, "--json"]);
    assert_eq!(code(&verify("acme.pub").expect(1).objects()[0]), "signature_refused");
    place
        .run(&["component", "sign", "shelf.wasm", "--key", "acme.key"])
        .expect(0);
    let good = verify("acme.pub").expect(0).objects().remove(0);
    assert_eq!(good["digest"], digest(&shelf("1")));
    assert_eq!(code(&verify("mallory.pub").expect(1).objects()[0]), "signature_refused");
    std::fs::write(place.files().join("shelf.wasm"), shelf("2")).unwrap();
    let changed = verify("acme.pub").expect(1).objects().remove(0);
    assert!(
        changed["error"]["message"]
            .as_str()
            .unwrap()
            .contains("of something else"),
        "{changed}"
    );

    let again = place
        .run(&["component", "keygen", "acme", "--json"])
        .expect(2)
        .objects()
        .remove(0);
    assert!(
        again["error"]["message"].as_str().unwrap().contains("is there already"),
        "{again}"
    );
    let private = place
        .run(&["component", "verify", "shelf.wasm", "--key", "acme.key", "--json"])
        .expect(2);
    assert!(private.out.contains("is a private key"), "{}", private.out);
    use std::os::unix::fs::PermissionsExt as _;
    let key = place.files().join("acme.key");
    std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o644)).unwrap();
    let open = place
        .run(&["component", "sign", "shelf.wasm", "--key", "acme.key", "--json"])
        .expect(2);
    assert!(open.out.contains("may be read by others"), "{}", open.out);
}

#[test]
fn plain_http_stays_on_this_machine_and_odd_arguments_say_what_is_wanted() {
    let sharing = Sharing::new();
    for (arguments, expected) in [
        (
            &["add", "registry.invalid/acme/shelf", "--plain-http"][..],
            "is not this machine",
        ),
        (&["add", "acme/shelf"], "not the host of a registry"),
        (
            &["add", "registry.invalid/acme/shelf", "--name", "Not A Name"],
            "cannot be called",
        ),
        (
            &["add", "registry.invalid/acme/shelf", "--require", "newest"],
            "no requirement of versions",
        ),
        (&["pull", "nothing"], "is not in the lock"),
        (&["rm", "nothing"], "is not in the lock"),
        (&["verify", "loadlock.toml"], "names no component in a registry"),
        (
            &["push", "missing.wasm", "registry.invalid/acme/shelf:1.0.0"],
            "missing.wasm",
        ),
    ] {
        let arguments = [&["component"], arguments, &["--json"]].concat();
        let refused = sharing.run(&arguments).expect(2).objects().remove(0);
        assert!(
            refused["error"]["message"].as_str().unwrap().contains(expected),
            "{arguments:?}: {refused}"
        );
    }
    std::fs::write(
        sharing.place.0.path().join("loadlock.lock"),
        "version = 1\n[[component]]\nname = 7\n",
    )
    .unwrap();
    let broken = sharing
        .run(&["component", "ls", "--json"])
        .expect(2)
        .objects()
        .remove(0);
    assert_eq!(code(&broken), "config_invalid");
    assert!(
        broken["error"]["message"]
            .as_str()
            .unwrap()
            .contains("loadlock.lock has a mistake in entry 1"),
        "{broken}"
    );
}
