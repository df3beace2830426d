//! Of a small tree, and of the program's own.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::path::Path;

use serde_json::{Value, json};

use crate::packages::{linked_packages, listed, shipped};
use crate::{bill, licences};

const TARGET: &str = "x86_64-unknown-linux-gnu";

#[test]
fn what_only_builds_or_tests_is_no_part() {
    let package =
        |name: &str| json!({ "id": name, "name": name, "version": "1.0.0", "manifest_path": "/x/Cargo.toml" });
    let needs = |name: &str, kind: Value| json!({ "pkg": name, "dep_kinds": [{ "kind": kind }] });
    let packages = ["loadlock", "linked", "builder", "tested", "unused"].map(package);
    let metadata = json!({
        "packages": packages,
        "workspace_members": ["loadlock"],
        "resolve": { "nodes": [
            { "id": "loadlock", "deps": [
                needs("linked", Value::Null), needs("builder", "build".into()), needs("tested", "dev".into()),
                needs("unused", Value::Null),
            ] },
            { "id": "linked", "deps": [] },
        ] },
    });
    let tree = ["loadlock v1.0.0 (/x)", "linked v1.0.0 (*)"]
        .into_iter()
        .filter_map(listed)
        .collect();
    let found = linked_packages(&metadata, &["loadlock"], &tree).unwrap();
    assert_eq!(found.keys().collect::<Vec<_>>(), ["linked", "loadlock"]);
    assert!(linked_packages(&metadata, &["gone"], &tree).is_err());
}

#[test]
fn the_bill_names_what_is_linked_and_what_components_link() {
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let parts = shipped(&workspace, TARGET).unwrap();
    let time = "2026-01-01T00:00:00Z";
    let bill = bill::bill(&parts, time).unwrap();
    assert_eq!(bill, bill::bill(&parts, time).unwrap());
    let components = bill["components"].as_array().unwrap();
    let named = |name: &str| components.iter().find(|one| one["name"] == name);
    // The sandbox, and what runs in it: the embedded ledger's store, the tracker itself.
    for name in ["wasmtime", "redb", "tracker-local", "wit-bindgen"] {
        assert!(named(name).is_some(), "{name} is missing");
    }
    for name in ["tempfile", "criterion", "loadlock-tests", "libfuzzer-sys"] {
        assert!(named(name).is_none(), "{name} is not shipped");
    }
    assert!(
        named("wasmtime").unwrap()["hashes"][0]["content"]
            .as_str()
            .unwrap()
            .len()
            == 64
    );
    for one in components {
        assert!(one["licenses"][0]["expression"].is_string(), "{one}");
        assert!(one["purl"].as_str().unwrap().starts_with("pkg:cargo/"), "{one}");
    }
    let program = &bill["metadata"]["component"]["bom-ref"];
    let depends = bill["dependencies"].as_array().unwrap();
    let on = depends.iter().find(|one| one["ref"] == *program).unwrap();
    assert!(on["dependsOn"].as_array().unwrap().len() > 20, "{on}");
    let known = |id: &Value| id == program || components.iter().any(|one| one["bom-ref"] == *id);
    for one in depends {
        let all = one["dependsOn"].as_array().unwrap();
        assert!(known(&one["ref"]) && all.iter().all(known), "{one}");
    }

    let texts = licences::texts(&parts).unwrap();
    assert!(
        texts.contains("wasmtime 48.") && texts.contains("Apache License"),
        "{texts}"
    );
    assert!(!texts.contains("loadlock-gateway"));
}
