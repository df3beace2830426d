//! Values that look right and are not.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use crate::support;

use loadlock_config::Code;
use support::{Machine, refused};

#[test]
fn syntax_errors_name_the_line_and_never_quote_it() {
    let error = refused("a = 1\nvalue = \"Bearer sk-secret\n", 2, "", Code::Syntax);
    assert!(!error.to_string().contains("sk-secret"), "{error}");
    refused("[retry]\nattempts = 1\nattempts = 2\n", 3, "", Code::Syntax);
}

#[test]
fn every_defect_is_reported_in_order() {
    let text = "orderr = []\n[retry]\nbase = 3\n[validator]\nskip = [\"virus\"]\n[[grants]]\nroot = \"/nowhere\"\n";
    let machine = Machine::new().env("LOADLOCK_SANDBOX_CPU", "long");
    let errors = machine.parse(text).unwrap_err();
    let lines: Vec<_> = errors.iter().map(|error| (error.line(), error.key.as_str())).collect();
    assert_eq!(
        lines,
        [
            (Some(1), "orderr"),
            (Some(3), "retry.base"),
            (Some(5), "validator.skip"),
            (Some(7), "grants[0].root"),
            (None, "sandbox.cpu"),
        ]
    );
}

#[test]
fn roots_that_are_never_granted() {
    let grant = |root: &str| format!("[[grants]]\nroot = \"{root}\"\n");
    for (root, code) in [
        ("/", Code::ForbiddenGrant),
        ("/srv/link-root", Code::ForbiddenGrant),
        ("/data/loadlock", Code::ForbiddenGrant),
        ("/data/loadlock/spool", Code::ForbiddenGrant),
        ("/srv/link-home", Code::ForbiddenGrant),
        ("/nowhere", Code::BadPath),
        ("nowhere", Code::BadPath),
        ("/etc/ca.pem", Code::BadPath),
        ("/dev/null", Code::BadPath),
    ] {
        refused(&grant(root), 2, "grants[0].root", code);
    }
    // A name that starts like `home`, and a folder that contains it, are something else.
    for root in ["/data/loadlock-evil", "/data"] {
        Machine::new().accept(&grant(root));
    }
}

#[test]
fn grants_name_providers_and_tenants_that_make_sense() {
    let grant = |rest: &str| format!("[providers.kimi]\n[[grants]]\nroot = \"/srv\"\n{rest}\n");
    let error = refused(
        &grant("providers = [\"kmi\"]"),
        4,
        "grants[0].providers[0]",
        Code::BadValue,
    );
    assert_eq!(error.hint, "Did you mean `kimi`?");
    refused(&grant("providers = []"), 4, "grants[0].providers", Code::BadValue);
    refused(
        &grant("providers = [\"local\"]"),
        4,
        "grants[0].providers[0]",
        Code::BadValue,
    );
    refused(&grant("tenants = [\"*\"]"), 4, "grants[0].tenants[0]", Code::BadValue);
    refused(
        &grant("tenants = [\n\"a\",\n\"a\"]"),
        6,
        "grants[0].tenants[1]",
        Code::Conflict,
    );
    let error = refused(&grant("tenant = [\"a\"]"), 4, "grants[0].tenant", Code::UnknownKey);
    assert_eq!(error.hint, "Did you mean `tenants`?");
}

#[test]
fn who_shares_remote_files_is_named() {
    let tenant = |name: &str| format!("[[tenants]]\nname = \"{name}\"\ndedup_group = \"g\"\n");
    refused(&tenant("*"), 3, "tenants[0].dedup_group", Code::Conflict);
    let machine = Machine::new();
    let config = machine.parse(&format!("{}{}", tenant("a"), tenant("b"))).unwrap();
    assert_eq!(config.dedup_peers("a"), ["b"]);
    assert!(config.dedup_peers("c").is_empty());
}

#[test]
fn home_is_a_folder_of_its_own() {
    refused("home = \"/\"", 1, "home", Code::BadPath);
    refused("home = \"/etc/ca.pem\"", 1, "home", Code::BadPath);
    refused("home = \"/etc/ca.pem/below\"", 1, "home", Code::BadPath);
    let mut machine = Machine::new();
    machine.data_dir = None;
    let errors = machine.parse_file(None).unwrap_err();
    assert_eq!((errors[0].code, errors[0].key.as_str()), (Code::Missing, "home"));
}

#[test]
fn names_of_providers() {
    for name in ["auto", "Kimi", "-x", "ki mi", "a.b"] {
        let errors = Machine::new().parse(&format!("[providers.\"{name}\"]")).unwrap_err();
        assert!(errors.iter().all(|error| error.line() == Some(1)), "{errors:#?}");
    }
    let error = refused("\n[providers.mine]", 2, "providers.mine.component", Code::Missing);
    assert!(error.hint.contains("`builtin:kimi`"), "{error}");
    refused("order = [\"kimi\"]", 1, "order[0]", Code::BadValue);
    refused("order = [\"local\", \"local\"]", 1, "order[1]", Code::Conflict);
    refused("order = []", 1, "order", Code::BadValue);
}

#[test]
fn a_file_that_one_provider_lacks_is_for_whoever_makes_it_ready() {
    for key in ["component", "ca_file"] {
        let path = format!("tracker.{key}");
        refused(&format!("{path} = \"/nowhere/x\""), 1, &path, Code::BadPath);
        let broken = match key {
            "component" => "component = \"/nowhere/x\"",
            _ => "component = \"builtin:kimi\"\nca_file = \"/nowhere/x\"",
        };
        let text = format!("[providers.x]\n{broken}\n\n[providers.y]\ncomponent = \"builtin:kimi\"\n");
        Machine::new().accept(&text);
    }
}

#[test]
fn components_of_another_role() {
    let error = refused("auth.component = \"builtin:kimi\"", 1, "auth.component", Code::BadValue);
    assert!(error.hint.contains("`builtin:auth`"), "{error}");
    let error = refused(
        "providers.x.component = \"builtin:kim\"",
        1,
        "providers.x.component",
        Code::BadValue,
    );
    assert_eq!(error.hint, "Did you mean `builtin:kimi`?");
    refused("tracker.component = \"/etc\"", 1, "tracker.component", Code::BadPath);
}

#[test]
fn numbers_that_contradict_each_other() {
    refused("[retry]\nbase = \"10s\"\ncap = \"5s\"", 3, "retry.cap", Code::Conflict);
    refused("[retry]\nbase = \"2m\"", 2, "retry.base", Code::Conflict);
    refused(
        "[providers.local]\nretry = { cap = \"10ms\" }",
        2,
        "providers.local.retry.cap",
        Code::Conflict,
    );
    refused(
        "router.size_threshold = \"20 MB\"",
        1,
        "router.size_threshold",
        Code::Conflict,
    );
    refused("auth.leeway = \"1500ms\"", 1, "auth.leeway", Code::BadValue);
}

#[test]
fn rules_of_the_validator() {
    let error = refused("validator.skip = [\"secret\"]", 1, "validator.skip", Code::BadValue);
    assert_eq!(error.hint, "Did you mean `secrets`?");
    refused(
        "validator.deny_types = [\"exe\"]",
        1,
        "validator.deny_types",
        Code::BadValue,
    );
    refused(
        "validator.deny = [\"a\",\n\"a\"]",
        2,
        "validator.deny[1]",
        Code::Conflict,
    );
}

#[test]
fn keys_and_legacy_credentials() {
    let key = |rest: &str| format!("[[auth.keys]]\nkid = \"a\"\nissuers = [\"i\"]\n{rest}\n");
    let error = refused(
        &key("tenants = [\"t\"]\nvalue = \"${env:K}\"\nalg = \"none\""),
        6,
        "auth.keys[0].alg",
        Code::BadValue,
    );
    assert!(error.hint.contains("`EdDSA`"), "{error}");
    refused(
        &key("tenants = []\nvalue = \"${env:K}\"\nalg = \"HS256\""),
        4,
        "auth.keys[0].tenants",
        Code::BadValue,
    );
    refused(
        &key("value = \"${env:K}\"\nalg = \"HS256\""),
        1,
        "auth.keys[0].tenants",
        Code::Missing,
    );
    refused(
        &key("tenants = [\"t\"]\nvalue = \"Bearer ${env:K}\"\nalg = \"HS256\""),
        5,
        "auth.keys[0].value",
        Code::BadValue,
    );
    let good = key("tenants = [\"t\"]\nvalue = \"${env:K}\"\nalg = \"HS256\"");
    refused(&format!("{good}{good}"), 8, "auth.keys[1].kid", Code::Conflict);

    let published = |rest: &str| format!("[[auth.keys]]\nissuers = [\"i\"]\ntenants = [\"t\"]\n{rest}\n");
    let plain = published("jwks = \"http://login.example/keys\"");
    refused(&plain, 4, "auth.keys[0].jwks", Code::Insecure);
    let both = published("jwks = \"https://login.example/keys\"\nalg = \"ES256\"");
    refused(&both, 5, "auth.keys[0].alg", Code::Conflict);
    let near = published("jwks = \"https://10.0.0.1/keys\"");
    refused(&near, 4, "auth.keys[0].jwks", Code::Conflict);
    let once = published("jwks = \"https://login.example/keys\"");
    refused(&format!("{once}{once}"), 8, "auth.keys[1].jwks", Code::Conflict);
    let stray = published("kid = \"a\"\nalg = \"ES256\"\nvalue = \"${env:K}\"\nprivate = true");
    refused(&stray, 7, "auth.keys[0].private", Code::Conflict);

    let legacy = |digest: &str, scope: &str| {
        format!("[[auth.legacy]]\nsha256 = \"{digest}\"\nsubject = \"s\"\ntenant = \"t\"\nscopes = [\"{scope}\"]\n")
    };
    let digest = "ab".repeat(32);
    let dated = |text: &str| format!("auth.legacy_until = 2027-01-01T00:00:00Z\n{text}");
    Machine::new().accept(&dated(&legacy(&digest, "read")));
    refused(&legacy(&digest, "read"), 1, "auth.legacy", Code::Conflict);
    refused(
        &dated(&legacy(&digest, "raed")),
        6,
        "auth.legacy[0].scopes[0]",
        Code::BadValue,
    );
    let error = refused(
        &dated(&legacy("hunter2-in-clear", "read")),
        3,
        "auth.legacy[0].sha256",
        Code::BadValue,
    );
    assert!(!error.to_string().contains("hunter2"), "{error}");
}

#[test]
fn tenants_are_named_once_and_their_limits_are_numbers() {
    let config = Machine::new().accept(
        "[[tenants]]\nname = \"acme\"\nmax_bytes = \"2 GB\"\nmax_files = 3\n[[tenants]]\nname = \"*\"\n\
         concurrent_uploads = 4\n",
    );
    let acme = config.tenant("acme").unwrap();
    assert_eq!(
        (acme.max_bytes.map(|size| size.0), acme.max_files),
        (Some(2_000_000_000), Some(3))
    );
    assert_eq!((acme.requests_per_minute, acme.concurrent_uploads), (None, None));
    assert_eq!(config.tenant("other").unwrap().concurrent_uploads, Some(4));
    assert!(Machine::new().accept("").tenant("acme").is_none());

    let tenant = |line: &str| format!("[[tenants]]\nname = \"a\"\n{line}\n");
    for (line, key, code) in [
        ("max_bytes = \"much\"", "max_bytes", Code::BadValue),
        ("max_bytes = 0", "max_bytes", Code::OutOfRange),
        ("max_files = 0", "max_files", Code::OutOfRange),
        ("requests_per_minute = \"9\"", "requests_per_minute", Code::WrongType),
        ("concurrent_uploads = 0", "concurrent_uploads", Code::OutOfRange),
        ("max_file = 1", "max_file", Code::UnknownKey),
    ] {
        refused(&tenant(line), 3, &format!("tenants[0].{key}"), code);
    }
    refused(
        &format!("{}{}", tenant(""), tenant("")),
        5,
        "tenants[1].name",
        Code::Conflict,
    );
}
