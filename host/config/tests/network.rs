//! Egress rules and credentials.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod support;

use std::path::Path;

use loadlock_config::{Code, CredentialKind, Part, Scheme, explain};
use support::{Machine, explained, refused};

fn rule(url: &str) -> String {
    format!("[providers.kimi]\negress = [\n  {{ url = \"{url}\", methods = [\"POST\"] }}]\n")
}

#[test]
fn a_rule_is_scheme_host_port_and_path() {
    for (url, scheme, host, port, path) in [
        (
            "https://api.moonshot.ai/v1/files",
            Scheme::Https,
            "api.moonshot.ai",
            443,
            "/v1/files",
        ),
        ("https://API.Example.com", Scheme::Https, "api.example.com", 443, "/"),
        (
            "https://api.example.com:8443/v1/",
            Scheme::Https,
            "api.example.com",
            8443,
            "/v1",
        ),
        ("http://192.0.2.7/x", Scheme::Http, "192.0.2.7", 80, "/x"),
        ("https://[2001:DB8::1]:444/x", Scheme::Https, "2001:db8::1", 444, "/x"),
    ] {
        let config = Machine::new().accept(&rule(url));
        let grant = &config.provider("kimi").unwrap().connection.egress[0];
        assert_eq!(
            (
                grant.scheme,
                grant.host.as_str(),
                grant.port,
                grant.path_prefix.as_str()
            ),
            (scheme, host, port, path)
        );
        assert_eq!(grant.methods, ["POST"]);
        assert_eq!(grant.origin.place().unwrap().line, 3);
    }
}

#[test]
fn a_url_that_can_be_read_in_two_ways_is_refused() {
    for url in [
        "ftp://h/x",
        "//h/x",
        "h/x",
        "https://",
        "https:///x",
        "https://*.example.com",
        "https://h/a?b",
        "https://h/a#b",
        "https://h/a/../b",
        "https://h/./b",
        "https://h//b",
        "https://h/a%2fb",
        "https://h/a\\\\b",
        "https://h:0/",
        "https://h:+80/",
        "https://h:65536/",
        "https://h:/",
        "https://127.1/",
        "https://2130706433/",
        "https://0x7f.0x1/",
        "https://h./x",
        "https://-h/",
        "https://bücher.example/",
        "https://[::1/",
        "https://[::1]x/",
        "https://a b/",
        "https://h\\\\@evil/",
        "https://h/a b",
    ] {
        let errors = Machine::new().parse(&rule(url)).expect_err(url);
        assert_eq!(errors.len(), 1, "{url} {errors:#?}");
        assert_eq!(
            (errors[0].line(), errors[0].key.as_str()),
            (Some(3), "providers.kimi.egress[0].url")
        );
    }
    let error = refused(
        &rule("https://user:pa55@h/"),
        3,
        "providers.kimi.egress[0].url",
        Code::LiteralSecret,
    );
    assert!(!error.to_string().contains("pa55"), "{error}");
}

#[test]
fn private_addresses_are_a_decision() {
    for host in [
        "127.0.0.1",
        "10.0.0.1",
        "169.254.169.254",
        "0.0.0.0",
        "[::1]",
        "[fd00::1]",
        "[fe80::1]",
        "[::ffff:10.0.0.1]",
        "localhost",
    ] {
        refused(
            &rule(&format!("http://{host}/x")),
            3,
            "providers.kimi.egress[0].url",
            Code::Conflict,
        );
    }
    let text = rule("http://127.0.0.1:9/x").replace("methods", "private = true, methods");
    let config = Machine::new().accept(&text);
    assert!(config.provider("kimi").unwrap().connection.egress[0].private);
    assert_eq!(
        explained(&config, "providers.kimi.egress[0]").value,
        "POST http://127.0.0.1:9/x (private)"
    );
}

#[test]
fn methods_are_named() {
    let text = rule("https://h.example/x");
    refused(
        &text.replace("[\"POST\"]", "[]"),
        3,
        "providers.kimi.egress[0].methods",
        Code::BadValue,
    );
    let error = refused(
        &text.replace("POST", "post"),
        3,
        "providers.kimi.egress[0].methods[0]",
        Code::BadValue,
    );
    assert_eq!(error.hint, "Did you mean `POST`?");
    refused(
        &text.replace(", methods = [\"POST\"]", ""),
        3,
        "providers.kimi.egress[0].methods",
        Code::Missing,
    );
    refused(
        &text.replace("methods", "private = 1, methods"),
        3,
        "providers.kimi.egress[0].private",
        Code::WrongType,
    );
}

fn credential(text: &str) -> String {
    format!("{}credential = {text}\n", rule("https://h.example/x"))
}

#[test]
fn credentials_are_references() {
    let secret = "sk-live-0123456789";
    for value in [secret, &format!("Bearer {secret}"), &format!("{secret} ${{env:X}}")] {
        let text = credential(&format!("{{ header = \"Authorization\", value = \"{value}\" }}"));
        let error = refused(&text, 4, "providers.kimi.credential.value", Code::LiteralSecret);
        assert!(!format!("{error:?}").contains(secret));
        assert!(error.hint.contains("${env:NAME}"));
    }
    let text = credential("{ header = \"Authorization\", value = \"Bearer ${file:keys/kimi}\" }");
    let config = Machine::new().accept(&text);
    let credential = &config.provider("kimi").unwrap().connection.credentials[0];
    assert_eq!(credential.kind, CredentialKind::Header("authorization".into()));
    assert_eq!(
        credential.value.parts(),
        [Part::Text("Bearer ".into()), Part::File("/etc/keys/kimi".into())]
    );
    assert_eq!(
        explained(&config, "providers.kimi.credential").value,
        "authorization: Bearer ${file:keys/kimi}"
    );
    assert!(
        config
            .protected_files()
            .iter()
            .any(|file| file == Path::new("/etc/keys/kimi"))
    );
    assert!(
        config
            .protected_files()
            .iter()
            .any(|file| file == Path::new(support::FILE))
    );
}

#[test]
fn credentials_that_make_no_sense() {
    let key = |field: &str| format!("providers.kimi.credential{field}");
    let value = "value = \"${env:K}\"";
    refused(
        &credential(&format!("{{ {value} }}")),
        4,
        &key(".header"),
        Code::Missing,
    );
    refused(&credential("{ header = \"X-Key\" }"), 4, &key(".value"), Code::Missing);
    for header in ["Host", "a b", "Content-Length"] {
        let text = credential(&format!("{{ header = \"{header}\", {value} }}"));
        refused(&text, 4, &key(".header"), Code::BadValue);
    }
    let text = credential(&format!("{{ kind = \"glm-singed\", {value} }}"));
    assert_eq!(
        refused(&text, 4, &key(".kind"), Code::BadValue).hint,
        "Did you mean `glm-signed`?"
    );
    let text = credential(&format!("{{ kind = \"glm-signed\", header = \"X\", {value} }}"));
    refused(&text, 4, &key(".header"), Code::Conflict);
    let text = credential(&format!(
        "[{{ kind = \"glm-signed\", {value} }},\n{{ header = \"Authorization\", {value} }}]"
    ));
    refused(&text, 5, &key("[1]"), Code::Conflict);
    let text = credential(&format!(
        "[{{ header = \"apikey\", {value} }}, {{ header = \"Authorization\", {value} }}]"
    ));
    assert_eq!(
        Machine::new().accept(&text).providers[0].connection.credentials.len(),
        2
    );
}

#[test]
fn a_credential_never_travels_in_the_clear() {
    let value = "{ header = \"X-Key\", value = \"${env:K}\" }";
    let text = credential(value).replace("https://h.example", "http://h.example");
    refused(&text, 3, "providers.kimi.egress", Code::Insecure);
    let text = credential(value)
        .replace("https://h.example", "http://127.0.0.1:9")
        .replace("methods", "private = true, methods");
    Machine::new().accept(&text);
}

#[test]
fn what_a_component_sees_holds_no_secret() {
    for (name, value) in [
        ("api_key", "x"),
        ("password", "x"),
        ("token", "x"),
        ("base", "${env:KEY}"),
    ] {
        let text = format!("[providers.kimi.settings]\n{name} = \"{value}\"");
        refused(
            &text,
            2,
            &format!("providers.kimi.settings.{name}"),
            Code::LiteralSecret,
        );
    }
    refused(
        "[providers.kimi.settings]\nBase = \"x\"",
        2,
        "providers.kimi.settings.Base",
        Code::BadValue,
    );
    let config =
        Machine::new().accept("[providers.kimi.settings]\nbase = \"https://h\"\npart_size = 64\nstrict = true");
    let settings: Vec<_> = config.providers[0]
        .connection
        .settings
        .iter()
        .map(|(k, v)| (k.as_str(), v.as_str()))
        .collect();
    assert_eq!(
        settings,
        [("base", "https://h"), ("part_size", "64"), ("strict", "true")]
    );
}

#[test]
fn missing_credentials_are_named_never_shown() {
    let text = "[providers.kimi]\negress = [{ url = \"https://h.example/\", methods = [\"GET\"] }]\ncredential = [\n\
         { header = \"a\", value = \"${env:KIMI_KEY}\" },\n{ header = \"b\", value = \"${file:nowhere}\" },\n{ header \
         = \"c\", value = \"${file:key.pem}\" }]";
    let machine = Machine::new();
    let config = machine.accept(text);
    let missing = config.missing_credentials(|_| false, &machine);
    let shown: Vec<String> = missing.iter().map(ToString::to_string).collect();
    assert_eq!(missing.len(), 2, "{shown:#?}");
    assert_eq!(missing[0].code, Code::CredentialMissing);
    assert!(
        shown[0]
            .starts_with("/etc/loadlock.toml:4:1: `providers.kimi.credential[0].value` needs the variable KIMI_KEY"),
        "{}",
        shown[0]
    );
    assert!(shown[1].contains("/etc/nowhere, which does not exist"), "{}", shown[1]);
    assert_eq!(config.missing_credentials(|name| name == "KIMI_KEY", &machine).len(), 1);
}

#[test]
fn explain_shows_templates_only() {
    let text = credential("{ header = \"Authorization\", value = \"Bearer ${env:LOADLOCK_KIMI_KEY}\" }");
    let config = Machine::new().env("LOADLOCK_KIMI_KEY", "sk-very-secret").accept(&text);
    assert!(!format!("{:?} {config:?}", explain(&config)).contains("sk-very-secret"));
}

#[test]
fn trusted_proxies_are_addresses_and_networks() {
    let text = "server.trusted_proxies = [\"10.0.0.7\", \"2001:db8:1::/48\", \"::ffff:192.0.2.1\", \
                \"proxy-protocol:192.0.2.0/24\", \"proxy-protocol:2001:db8::9\"]";
    let server = Machine::new().accept(text).server;
    let shown = |networks: &[_]| networks.iter().map(ToString::to_string).collect::<Vec<String>>();
    assert_eq!(
        shown(&server.trusted_proxies),
        ["10.0.0.7/32", "2001:db8:1::/48", "192.0.2.1/32"]
    );
    assert_eq!(shown(&server.proxy_protocol), ["192.0.2.0/24", "2001:db8::9/128"]);
    for bad in [
        "proxy.example",
        "10.0.0.0/33",
        "10.0.0.7/8",
        "0.0.0.0/0",
        "::/0",
        "10.0.0.7:8420",
        "proxy-protocol:",
        "proxy-protocol: 10.0.0.7",
    ] {
        let text = format!("server.trusted_proxies = [\"{bad}\"]");
        let error = refused(&text, 1, "server.trusted_proxies[0]", Code::BadValue);
        assert!(!error.hint.is_empty(), "{bad}");
    }
}
