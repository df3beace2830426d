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
    assert_eq!(good["world"], "loadlock:upload/provider-component@0.1.0");
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
