//! Components from registries: whom to trust, and what the lock says.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use crate::support;

use loadlock_config::{Code, ComponentLock, ComponentSource, LockedComponent, revoked_keys, trust_for};
use support::{Machine, explained, refused};

fn locked(name: &str) -> LockedComponent {
    LockedComponent {
        name: name.into(),
        source: "registry.example/acme/shelf".into(),
        requirement: "^1.2".into(),
        version: "1.2.3".into(),
        manifest: [0xab; 32],
        sha256: [0xcd; 32],
        role: "provider".into(),
        contract: "0.1.0".into(),
        signers: vec!["0".repeat(64)],
        imports: vec!["wasi:io/streams@0.2.9".into(), "a \"quoted\" \\ one".into()],
        egress: vec!["POST https://api.example/v1/files for upload".into()],
    }
}

#[test]
fn the_rule_that_says_most_holds_and_a_revoked_key_is_revoked_everywhere() {
    let text = format!(
        "[[components.trust]]\nmatch = \"registry.example/*\"\nkeys = [\"ca.pem\"]\nrevoked = [\"{}\"]\n\
         [[components.trust]]\nmatch = \"registry.example/acme/*\"\nkeys = [\"ca.pem\", \"key.pem\"]\nthreshold = 2\n\
         hosts = [\"storage.example\"]\n\
         [[components.trust]]\nmatch = \"registry.example/acme/shelf\"\nkeys = [\"key.pem\"]\n",
        "a".repeat(64)
    );
    let config = Machine::new().accept(&text);
    let pattern = |source: &str| trust_for(&config.trust, source).map(|rule| rule.pattern.as_str());
    assert_eq!(
        pattern("registry.example/acme/shelf"),
        Some("registry.example/acme/shelf")
    );
    assert_eq!(pattern("registry.example/acme/drawer"), Some("registry.example/acme/*"));
    assert_eq!(pattern("registry.example/acme2/drawer"), Some("registry.example/*"));
    assert_eq!(pattern("registry.example.evil/acme/shelf"), None);
    let two = trust_for(&config.trust, "registry.example/acme/x").unwrap();
    assert_eq!(
        (two.threshold, two.keys.len(), two.hosts.as_slice()),
        (2, 2, &["storage.example".to_owned()][..])
    );
    assert_eq!(revoked_keys(&config.trust).count(), 1);
    let shown = explained(&config, "components.trust[1]").value;
    assert!(shown.contains("2 of /etc/ca.pem, /etc/key.pem"), "{shown}");
}

#[test]
fn trust_that_would_be_none_or_for_everybody_is_refused() {
    let rule = |fields: &str| format!("[[components.trust]]\n{fields}\n");
    for pattern in [
        "*",
        "registry.example",
        "*/acme",
        "registry.*/acme",
        "registry.example/a*b",
        "registry.example/Acme",
        "/x",
    ] {
        let text = rule(&format!("match = \"{pattern}\"\nkeys = [\"key.pem\"]"));
        refused(&text, 2, "components.trust[0].match", Code::BadValue);
    }
    let known = "match = \"registry.example/acme/*\"";
    refused(&rule(known), 1, "components.trust[0].keys", Code::Missing);
    refused(
        &rule(&format!("{known}\nkeys = []")),
        1,
        "components.trust[0].threshold",
        Code::Conflict,
    );
    let text = rule(&format!("{known}\nkeys = [\"key.pem\"]\nthreshold = 2"));
    refused(&text, 4, "components.trust[0].threshold", Code::Conflict);
    let text = rule(&format!("{known}\nkeys = [\"missing.pem\"]"));
    refused(&text, 3, "components.trust[0].keys[0]", Code::BadPath);
    let text = rule(&format!("{known}\nkeys = [\"key.pem\"]\nrevoked = [\"abc\"]"));
    refused(&text, 4, "components.trust[0].revoked[0]", Code::BadValue);
    let twice = rule(&format!("{known}\nkeys = [\"key.pem\"]")).repeat(2);
    refused(&twice, 5, "components.trust[1].match", Code::Conflict);
}

#[test]
fn a_locked_component_is_pinned_by_the_lock() {
    let text = "[providers.shelf]\ncomponent = \"locked:shelf\"\n";
    let mut machine = Machine::new();
    let before = machine.accept(text);
    let component = &before.provider("shelf").unwrap().connection.component;
    assert_eq!(
        (&component.source, component.sha256),
        (&ComponentSource::Locked("shelf".into()), None)
    );
    machine.lock.put(locked("shelf"));
    let config = machine.accept(text);
    assert_eq!(
        config.provider("shelf").unwrap().connection.component.sha256,
        Some([0xcd; 32])
    );
    let pinned = &config.provider("shelf").unwrap().connection.component;
    assert!(!pinned.is_same(component), "another component");
    let pinned = format!("{{ path = \"locked:shelf\", sha256 = \"{}\" }}", "ee".repeat(32));
    let conflict = machine.refuse(&text.replace("\"locked:shelf\"", &pinned));
    assert_eq!(
        (conflict.code, conflict.key.as_str()),
        (Code::Conflict, "providers.shelf.component.sha256")
    );
    refused(
        "[providers.x]\ncomponent = \"locked:../x\"\n",
        2,
        "providers.x.component",
        Code::BadValue,
    );
    // Nothing is granted by default, as to any component that is not built in.
    assert!(config.provider("shelf").unwrap().connection.egress.is_none());
}

#[test]
fn a_lock_comes_back_as_it_was_and_names_each_component_once() {
    let mut lock = ComponentLock::default();
    lock.put(locked("shelf"));
    lock.put(locked("drawer"));
    lock.put(LockedComponent {
        version: "1.3.0".into(),
        ..locked("shelf")
    });
    let text = lock.to_string();
    let again = ComponentLock::parse(&text).unwrap();
    assert_eq!(again, lock);
    assert_eq!(again.component("shelf").unwrap().version, "1.3.0");
    let names: Vec<&str> = again.components.iter().map(|one| one.name.as_str()).collect();
    assert_eq!(
        names,
        ["drawer", "shelf"],
        "in an order that does not depend on what was added first"
    );
    for (from, to, what) in [
        ("version = 1\n", "version = 2\n", "is of format 2"),
        ("version = 1\n", "", "names no `version`"),
        ("name = \"drawer\"", "name = \"shelf\"", "names `shelf` twice"),
        ("name = \"drawer\"", "name = \"../drawer\"", "its name is none"),
        ("sha256:abab", "sha256:zz", "64 hexadecimal digits"),
        ("role = \"provider\"\n", "", "a text is missing"),
        ("role = \"provider\"", "role = 7", "a text is missing"),
        ("role = \"provider\"", "role = \"provider\"\nnew = 1", "does not know"),
        (
            "requirement = \"^1.2\"",
            "requirement = \"\\u0007\"",
            "a text is missing",
        ),
        ("[[component]]", "[component]", "is not TOML"),
        ("signers = [", "signers = [7, ", "no text"),
    ] {
        assert!(text.contains(from), "{from}");
        let refused = ComponentLock::parse(&text.replacen(from, to, 1)).expect_err(to);
        assert!(refused.contains(what), "{to}: {refused}");
    }
    assert!(ComponentLock::parse("version = 1\ncomponent = 3\n").is_err());
    assert_eq!(ComponentLock::parse("version = 1\n").unwrap(), ComponentLock::default());
}
