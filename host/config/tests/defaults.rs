//! What holds without a file, and where values come from.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod support;

use std::path::{Path, PathBuf};
use std::time::Duration;

use loadlock_config::{Code, ComponentSource, Provenance, Size};
use loadlock_policy::Millis;
use loadlock_policy::breaker::BreakerPolicy;
use loadlock_policy::retry::RetryPolicy;
use support::{FILE, Machine, explained};

#[test]
fn no_file_at_all_works() {
    let config = Machine::new().parse_file(None).unwrap();
    assert_eq!(config.home, Path::new("/data/loadlock"));
    assert_eq!(config.order, ["local"]);
    assert_eq!(config.providers.len(), 1);
    let local = config.provider("local").unwrap();
    assert_eq!(
        local.connection.component.source,
        ComponentSource::Builtin("local".into())
    );
    assert!(local.connection.egress.rules().is_empty() && local.connection.credentials.is_empty());
    let [grant] = config.grants.as_slice() else {
        panic!("{:?}", config.grants)
    };
    assert_eq!(grant.root, Path::new("/work"));
    assert_eq!(grant.origin, Provenance::Default);
    assert!(grant.allows_provider("local") && grant.allows_tenant(None));
    assert!(!grant.allows_tenant(Some("acme")));
    let rules = &config.validator.rules;
    assert!(rules.deny_secrets && rules.deny_mismatch && !rules.allow_empty);
    assert_eq!(rules.max_bytes, Some(16 << 30));
    assert_eq!(
        (config.retry.attempts, config.retry.base, config.retry.cap),
        (3, Millis::from_secs(1), Millis::from_secs(60))
    );
    assert_eq!(
        (
            config.breaker.failures,
            config.breaker.open_for,
            config.breaker.successes
        ),
        (5, Millis::from_secs(60), 2)
    );
    assert_eq!(
        (config.retry, config.breaker),
        (RetryPolicy::default(), BreakerPolicy::default())
    );
    assert_eq!(config.auth.leeway, Duration::from_secs(60));
    assert!(config.auth.legacy_until.is_none());
    assert!(config.notes.is_empty());
    assert_eq!(explained(&config, "home").value, "/data/loadlock");
}

#[test]
fn the_current_directory_is_granted_only_where_that_is_harmless() {
    for (cwd, reason) in [
        ("/", "is `/`"),
        ("/data/loadlock/spool", "at or below `home`"),
        ("/gone", "does not exist"),
    ] {
        let mut machine = Machine::new();
        machine.cwd = cwd;
        let config = machine.parse_file(None).unwrap();
        assert!(config.grants.is_empty(), "{cwd}");
        assert_eq!(config.notes.len(), 1);
        assert!(
            config.notes[0].contains(reason) && config.notes[0].contains("`grants`"),
            "{}",
            config.notes[0]
        );
        assert!(explained(&config, "grants").value.contains(reason));
    }
}

#[test]
fn no_grants_can_be_said() {
    let config = Machine::new().accept("grants = []");
    assert!(config.grants.is_empty());
    assert_eq!(explained(&config, "grants").value, "none");
}

#[test]
fn paths_start_at_the_file_or_at_the_current_directory() {
    let config = Machine::new().accept("[[grants]]\nroot = \"docs\"\n[[grants]]\nroot = \"~/docs\"\n");
    let roots: Vec<_> = config.grants.iter().map(|grant| grant.root.as_path()).collect();
    assert_eq!(roots, [Path::new("/etc/docs"), Path::new("/user/docs")]);
    let config = Machine::new()
        .env("LOADLOCK_HOME", "state/new")
        .accept("home = \"/srv/x\"");
    assert_eq!(config.home, Path::new("/work/state/new"));
    assert_eq!(Machine::new().accept("home = \"state\"").home, Path::new("/etc/state"));
}

#[test]
fn home_is_compared_where_it_really_is() {
    let text = "home = \"/srv/link-home/deep\"\n[[grants]]\nroot = \"/data/loadlock/spool\"\n";
    let config = Machine::new().accept(text);
    assert_eq!(config.home, Path::new("/data/loadlock/spool/deep"));
    let machine = Machine::new().with(
        "/srv/docs",
        "/data/loadlock/spool",
        loadlock_config::PathKind::Directory,
    );
    let error = machine.refuse("home = \"/srv/link-home\"\n[[grants]]\nroot = \"/srv/docs\"\n");
    assert_eq!(error.code, Code::ForbiddenGrant);
}

#[test]
fn a_variable_wins_over_the_file_and_says_so() {
    let text = "[retry]\nattempts = 7\nbase = \"2s\"\n[auth]\naudiences = [\"a\"]\n";
    let machine = Machine::new()
        .env("LOADLOCK_RETRY_ATTEMPTS", "9")
        .env("LOADLOCK_LIMITS_MAX_UPLOAD_SIZE", "100 MB")
        .env("LOADLOCK_AUTH_AUDIENCES", "x, y")
        .env("LOADLOCK_RETRY_FACTOR", "1.5")
        .env("LOADLOCK_AUTH_LEGACY_UNTIL", "2027-01-01T00:00:00Z")
        .env("LOADLOCK_VALIDATOR_COMPONENT", "/etc/x.wasm");
    let config = machine.accept(text);
    assert_eq!(config.retry.attempts, 9);
    assert_eq!(config.retry.base, Millis::from_secs(2));
    assert_eq!(config.limits.max_upload_size, Size(100_000_000));
    assert_eq!(config.providers[0].max_upload_size, Size(100_000_000));
    assert_eq!(config.auth.audiences, ["x", "y"]);
    assert_eq!(config.auth.legacy_until.unwrap().0, 1_798_761_600);
    assert_eq!(
        config.validator.component.source,
        ComponentSource::File("/etc/x.wasm".into())
    );
    assert_eq!(
        explained(&config, "retry.attempts").origin.to_string(),
        "env LOADLOCK_RETRY_ATTEMPTS"
    );
    assert_eq!(explained(&config, "retry.base").origin.to_string(), format!("{FILE}:3"));
    assert_eq!(explained(&config, "retry.cap").origin.to_string(), "default");
    assert_eq!(explained(&config, "limits.max_upload_size").value, "100 MB");
}

#[test]
fn unknown_variables_are_refused_and_known_ones_are_not() {
    let errors = Machine::new().env("LOADLOCK_RETRY_ATEMPTS", "9").parse("").unwrap_err();
    assert_eq!(errors[0].code, Code::UnknownVariable);
    assert_eq!(errors[0].hint, "Did you mean `LOADLOCK_RETRY_ATTEMPTS`?");
    assert!(Machine::new().env("LOADLOCK_", "").parse("").is_err());
    let machine = Machine::new()
        .env("LOADLOCK_LOG", "debug")
        .env("LOADLOCK_TOKEN", "secret")
        .env("LOADLOCK_CONFIG", FILE)
        .env("LOADLOCK_MY_KEY", "secret")
        .env("OTHER", "x");
    let errors = machine.parse("").unwrap_err();
    assert_eq!(errors.len(), 1, "{errors:#?}");
    assert!(!format!("{errors:?}").contains("secret"));
    machine.accept("[providers.kimi]\ncredential = { header = \"a\", value = \"${env:LOADLOCK_MY_KEY}\" }");
}

#[test]
fn an_empty_variable_is_not_an_absent_one() {
    let errors = Machine::new().env("LOADLOCK_HOME", "").parse("").unwrap_err();
    assert_eq!((errors[0].code, errors[0].key.as_str()), (Code::BadValue, "home"));
}

#[test]
fn providers_are_what_the_file_says_in_its_order() {
    let text = "[providers.openai]\n[providers.kimi]\nlimits = { concurrency = 2, max_upload_size = \"1 MB\" }\n\
         retry.attempts = 1\nbreaker.failures = 0\nsandbox = { memory = \"8 MiB\" }\n";
    let config = Machine::new().accept(text);
    assert_eq!(config.order, ["openai", "kimi"]);
    let (openai, kimi) = (config.provider("openai").unwrap(), config.provider("kimi").unwrap());
    assert_eq!(openai.retry, config.retry);
    assert_eq!((openai.concurrency, kimi.concurrency), (None, Some(2)));
    assert_eq!(
        (kimi.retry.attempts, kimi.retry.enabled, kimi.breaker.enabled),
        (1, false, false)
    );
    assert_eq!(kimi.retry.base, config.retry.base);
    assert_eq!(
        (kimi.sandbox.memory, kimi.sandbox.cpu),
        (Size(8 << 20), config.sandbox.cpu)
    );
    assert_eq!(kimi.max_upload_size, Size(1_000_000));
    assert_eq!(kimi.origin.place().unwrap().line, 2);
    let key = "providers.kimi.retry.attempts";
    assert_eq!(explained(&config, key).origin.to_string(), format!("{FILE}:4"));
    assert!(explained(&config, key).meaning.contains("attempts"));
}

#[test]
fn a_component_may_be_pinned() {
    let digest = "AB".repeat(32);
    let text = format!("[providers.mine]\ncomponent = {{ path = \"x.wasm\", sha256 = \"{digest}\" }}");
    let config = Machine::new().accept(&text);
    let component = &config.providers[0].connection.component;
    assert_eq!(component.source, ComponentSource::File(PathBuf::from("/etc/x.wasm")));
    assert_eq!(component.sha256, Some([0xab; 32]));
}

#[test]
fn a_credential_without_egress_is_noted() {
    let config =
        Machine::new().accept("[providers.kimi]\negress = []\ncredential = { header = \"a\", value = \"${env:K}\" }");
    assert!(
        config.notes[0].contains("`providers.kimi.egress`"),
        "{:?}",
        config.notes
    );
}

#[test]
fn a_threshold_needs_two_providers() {
    let text = "router.size_threshold = \"20 MB\"\n[providers.kimi]\n[providers.glm]\n";
    let (size, origin) = Machine::new().accept(text).size_threshold.unwrap();
    assert_eq!((size, origin.place().unwrap().line), (Size(20_000_000), 1));
}
