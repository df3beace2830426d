//! Components and tokens.

use crate::place::{Place, Ran, code};

#[test]
fn a_component_is_judged_by_its_imports_before_anything_of_it_runs() {
    let place = Place::new();
    let component = r#"(component
        (import "acme:secrets/vault@1.0.0" (instance))
        (import "wasi:sockets/tcp@0.2.0" (instance))
        (instance $none)
        (export "loadlock:upload/provider@0.1.0" (instance $none)))"#;
    std::fs::write(place.files().join("evil.wasm"), wat::parse_str(component).unwrap()).unwrap();
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
        (&report["imports"][0]["verdict"], &report["imports"][1]["verdict"]),
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
    assert_eq!(good["world"], "loadlock:upload/provider-component@0.2.0");
    assert!(!good["profile"]["purposes"].as_array().unwrap().is_empty(), "{good}");
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
        code(&as_acme(&["files", "show", mine.trim(), "--json"]).expect(1).objects()[0]),
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
fn a_project_is_made_once_and_has_all_that_its_build_needs() {
    let place = Place::new();
    let made = [
        "component",
        "new",
        "house-rules",
        "--lang",
        "rust",
        "--role",
        "validator",
    ];
    place.run(&made).expect(0);
    let project = place.files().join("house-rules");
    for file in [
        "Cargo.toml",
        "Cargo.lock",
        "src/lib.rs",
        "wit/validator.wit",
        "wit/deps/http.wit",
        "README.md",
    ] {
        assert!(project.join(file).is_file(), "{file}");
    }
    let manifest = std::fs::read_to_string(project.join("Cargo.toml")).unwrap();
    assert!(manifest.contains("name = \"house-rules\""), "{manifest}");
    let mut again = made.to_vec();
    again.push("--json");
    assert_eq!(code(&place.run(&again).expect(2).objects()[0]), "request_invalid");
}

#[test]
fn a_build_names_the_tool_that_is_missing() {
    let place = Place::new();
    place
        .run(&[
            "component",
            "new",
            "house-rules",
            "--lang",
            "python",
            "--role",
            "validator",
        ])
        .expect(0);
    let mut command = place.command(&["component", "build", "house-rules"]);
    let ran = Ran::of(command.env("PATH", place.files()).output().unwrap()).expect(2);
    assert!(
        ran.err.contains("`python3` is missing") && ran.err.contains("install Python"),
        "{}",
        ran.err
    );
}

#[test]
fn what_is_inspected_is_kept_compiled_and_its_test_is_a_statement_about_it() {
    let place = Place::new();
    let cache = place.0.path().join("home/cache");
    std::fs::remove_file(&cache).unwrap();
    std::fs::write(place.files().join("shelf.wasm"), loadlock::builtins()["local"]).unwrap();
    let inspected = place
        .run(&["providers", "inspect", "shelf.wasm", "--json"])
        .expect(0)
        .objects();
    let kept = || -> Vec<_> {
        let entries = std::fs::read_dir(&cache).unwrap().map(|entry| entry.unwrap());
        entries
            .map(|entry| (entry.file_name(), entry.metadata().unwrap().modified().unwrap()))
            .collect()
    };
    let compiled = kept();
    assert_eq!(compiled.len(), 1);
    let test = [
        "component",
        "test",
        "shelf.wasm",
        "--json",
        "--verbose",
        "--output",
        "report.json",
    ];
    let ran = place.run(&test).expect(0);
    assert!(
        ran.err.contains("left behind by a call that was cut off"),
        "what the component logs is shown: {}",
        ran.err
    );
    let statement = ran.objects().remove(0);
    assert_eq!(kept(), compiled, "it was compiled again");
    assert_eq!(statement["subject"][0]["digest"]["sha256"], inspected[0]["sha256"]);
    assert_eq!(statement["predicate"]["result"], "PASSED");
    let written = std::fs::read_to_string(place.files().join("report.json")).unwrap();
    assert_eq!(written.parse::<serde_json::Value>().unwrap(), statement);
}

#[test]
fn a_tracker_is_tested_on_empty_ledgers_and_one_over_the_network_is_not() {
    let place = Place::new();
    for (name, built_in) in [("own.wasm", "tracker-local"), ("shared.wasm", "tracker-supabase")] {
        std::fs::write(place.files().join(name), loadlock::builtins()[built_in]).unwrap();
    }
    let test = |name: &str| place.run(&["component", "test", name, "--json"]);
    let statement = test("own.wasm").expect(0).objects().remove(0);
    let passed = statement["predicate"]["passedTests"].as_array().unwrap();
    assert!(
        passed.contains(&"last-release".into()) && passed.len() >= 27,
        "{statement}"
    );
    let elsewhere = test("shared.wasm").expect(2).objects().remove(0);
    assert_eq!(code(&elsewhere), "request_invalid");
}
