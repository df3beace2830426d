//! Egress rules and credentials.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use crate::support;

use std::path::Path;

use loadlock_config::{Code, Egress, explain};
use loadlock_policy::credential::{AwsSource, CredentialKind, CredentialMode, OauthGrant, Reference, TemplatePart};
use support::{Machine, explained, refused};

fn rule(url: &str) -> String {
    format!("[providers.kimi]\negress = [\n  {{ url = \"{url}\", methods = [\"POST\"] }}]\n")
}

#[test]
fn a_rule_is_scheme_host_port_and_path() {
    for (url, origin, path) in [
        (
            "https://api.moonshot.ai/v1/files",
            "https://api.moonshot.ai",
            "/v1/files",
        ),
        ("https://API.Example.com", "https://api.example.com", "/"),
        (
            "https://api.example.com:8443/v1/",
            "https://api.example.com:8443",
            "/v1",
        ),
        ("http://1.2.3.4/x", "http://1.2.3.4", "/x"),
        ("https://[2606:4700::1111]:444/x", "https://[2606:4700::1111]:444", "/x"),
    ] {
        let config = Machine::new().accept(&rule(url));
        let rule = &config.provider("kimi").unwrap().connection.egress.rules()[0];
        assert_eq!(
            (rule.grant.origin.to_string().as_str(), rule.grant.prefix.as_str()),
            (origin, path)
        );
        assert_eq!(rule.grant.describe(), format!("POST {origin}{path}"));
        assert_eq!(rule.origin.place().unwrap().line, 3);
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
        "172.31.0.1",
        "192.168.1.1",
        "100.64.0.1",
        "169.254.1.1",
        "198.18.0.1",
        "198.19.255.254",
        "[::1]",
        "[fd00::1]",
        "[fe80::1]",
        "[2001:2::1]",
        "[64:ff9b::10.0.0.1]",
        "[64:ff9b::7f00:1]",
        "localhost",
        "files.localhost",
    ] {
        let text = rule(&format!("http://{host}/x"));
        let error = refused(&text, 3, "providers.kimi.egress[0].url", Code::Conflict);
        assert!(error.to_string().contains("`private = true`"), "{error}");
        let config = Machine::new().accept(&private(&text));
        assert!(
            config.provider("kimi").unwrap().connection.egress.rules()[0]
                .grant
                .private
        );
    }
    let config = Machine::new().accept(&private(&rule("http://127.0.0.1:9/x")));
    assert_eq!(
        explained(&config, "providers.kimi.egress[0]").value,
        "POST http://127.0.0.1:9/x (private)"
    );
}

fn private(text: &str) -> String {
    text.replace("methods", "private = true, methods")
}

/// What no connection is ever made to is refused before there is one, with and without `private`.
#[test]
fn an_address_that_connecting_would_refuse_is_refused() {
    for host in [
        "169.254.169.254",
        "169.254.170.2",
        "100.100.100.200",
        "168.63.129.16",
        "192.0.0.192",
        "[fd00:ec2::254]",
        "[fd20:ce::254]",
        "0.0.0.0",
        "0.1.2.3",
        "[::]",
        "224.0.0.1",
        "239.255.255.255",
        "255.255.255.255",
        "[ff02::1]",
        "192.0.2.7",
        "198.51.100.1",
        "203.0.113.1",
        "[2001:db8::1]",
        "[3fff::1]",
        "240.0.0.1",
        "[100::1]",
        "192.88.99.1",
        "[2002:7f00:1::]",
        "[2001::1]",
        "[::127.0.0.1]",
        "[64:ff9b::a9fe:a9fe]",
        "[64:ff9b:1::1.1.1.1]",
        "[::ffff:10.0.0.1]",
        "[::ffff:1.1.1.1]",
    ] {
        let text = rule(&format!("https://{host}/x"));
        for text in [private(&text), text] {
            let error = refused(&text, 3, "providers.kimi.egress[0].url", Code::BadValue);
            assert!(!error.to_string().contains("private = true"), "{error}");
        }
        let text = format!("[providers.kimi]\nsettings = {{ base_url = \"https://{host}/v1\" }}\n");
        refused(&text, 2, "providers.kimi.settings.base_url", Code::BadValue);
    }
}

#[test]
fn a_built_in_provider_gets_what_it_asks_for() {
    let config = Machine::new().accept("[providers.kimi]\n[providers.glm]\negress = []\n");
    let egress =
        |config: &loadlock_config::Config, name: &str| config.provider(name).unwrap().connection.egress.clone();
    assert_eq!(egress(&config, "kimi"), Egress::Declared);
    let line = explained(&config, "providers.kimi.egress");
    assert_eq!(
        (line.value.as_str(), line.origin.to_string().as_str()),
        (
            "what builtin:kimi asks for at its base URL (granted by default)",
            "default"
        )
    );
    assert!(egress(&config, "glm").is_none());
    let line = explained(&config, "providers.glm.egress");
    assert_eq!(line.value, "nothing: every request is refused");
    assert_eq!(line.origin.place().unwrap().line, 3);

    let text = "[providers.own]\ncomponent = \"builtin:openai\"\n[providers.mine]\ncomponent = \"x.wasm\"\n\
                [tracker]\ncomponent = \"builtin:tracker-supabase\"\n";
    let config = Machine::new().accept(text);
    assert_eq!(egress(&config, "own"), Egress::Declared);
    assert!(egress(&config, "mine").is_none(), "nothing for what is not built in");
    assert!(config.tracker.egress.is_none(), "a tracker has no profile to ask in");
    assert_eq!(
        explained(&config, "providers.mine.egress").value,
        "nothing: every request is refused"
    );
}

#[test]
fn the_base_url_of_a_grant_by_default_is_judged() {
    let provider = |url: &str, more: &str| {
        format!("[providers.own]\ncomponent = \"builtin:openai\"\nsettings = {{ base_url = \"{url}\" }}\n{more}")
    };
    let key = "providers.own.settings.base_url";
    let credential = "credential = { header = \"X-Key\", value = \"${env:K}\" }\n";
    for url in [
        "http://127.0.0.1:8000/v1",
        "http://localhost/v1",
        "https://api.example/v1",
    ] {
        Machine::new().accept(&provider(url, credential));
    }
    for url in ["http://api.example/v1", "http://10.0.0.1/v1"] {
        Machine::new().accept(&provider(url, ""));
        refused(&provider(url, credential), 3, key, Code::Insecure);
        // Narrowed by hand the rules are judged instead.
        let rules = "egress = [{ url = \"https://api.example/v1\", methods = [\"GET\"] }]\n";
        Machine::new().accept(&provider(url, &format!("{credential}{rules}")));
    }
    refused(&provider("https://api.example/v1?x", ""), 3, key, Code::BadValue);
    refused(
        &provider("https://u:pw@api.example/v1", ""),
        3,
        key,
        Code::LiteralSecret,
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
    let CredentialKind::Header { name, value, mode } = &credential.kind else {
        panic!("{:?}", credential.kind);
    };
    assert_eq!((name.as_str(), *mode), ("authorization", CredentialMode::Plain));
    assert_eq!(
        value.parts(),
        [
            TemplatePart::Text("Bearer ".into()),
            TemplatePart::Reference(Reference::File("/etc/keys/kimi".into()))
        ]
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

fn kind(machine: &Machine, text: &str) -> CredentialKind {
    let config = machine.accept(&credential(text));
    config.providers[0].connection.credentials[0].kind.clone()
}

#[test]
fn signatures_name_where_their_keys_come_from() {
    let machine = Machine::new();
    let aws = |rest: &str| match kind(
        &machine,
        &format!("{{ kind = \"aws-sigv4\", region = \"eu-central-1\", {rest} }}"),
    ) {
        CredentialKind::AwsSigV4(signing) => signing,
        other => panic!("{other:?}"),
    };
    let keys = aws("key_id = \"${env:ID}\", value = \"${file:secret}\"");
    assert_eq!((keys.region.as_str(), keys.service.as_str()), ("eu-central-1", "s3"));
    assert_eq!(
        keys.to_string(),
        "signed for s3 in eu-central-1 with the keys ${env:ID} and ${file:secret}"
    );
    let profile = aws("source = \"profile\", file = \"aws/credentials\"");
    let file = Some("/etc/aws/credentials".into());
    assert_eq!(
        profile.source,
        AwsSource::Profile {
            name: "default".into(),
            file
        }
    );
    let web = aws("source = \"web-identity\", role = \"arn:aws:iam::1:role/x\", file = \"/run/token\"");
    assert!(matches!(
        web.source,
        AwsSource::WebIdentity {
            role: Some(_),
            file: Some(_)
        }
    ));
    assert_eq!(
        aws("source = \"instance\", service = \"s3\"").source,
        AwsSource::Instance
    );
    // No file of theirs may be uploaded.
    let protected = |text: &str| machine.accept(&credential(text)).protected_files();
    let files = protected("{ kind = \"aws-sigv4\", region = \"auto\", source = \"profile\", file = \"/etc/aws\" }");
    assert!(files.iter().any(|file| file == Path::new("/etc/aws")));
}

#[test]
fn tokens_are_fetched_with_a_secret_or_a_key() {
    let machine = Machine::new();
    let text = "{ kind = \"oauth-token\", url = \"https://login.example/token/\", client_id = \"c\", value = \
                \"${env:SECRET}\", scope = \"a b\", private = true }";
    let CredentialKind::OauthToken(token) = kind(&machine, text) else {
        panic!("{text}");
    };
    assert_eq!((token.scope.as_deref(), token.private), (Some("a b"), true));
    assert_eq!(
        token.to_string(),
        "a token of https://login.example/token/ for the client `c` (${env:SECRET})"
    );
    let text = "{ kind = \"oauth-token\", value = \"${file:key.json}\" }";
    let CredentialKind::OauthToken(token) = kind(&machine, text) else {
        panic!("{text}");
    };
    assert!(matches!(token.grant, OauthGrant::ServiceAccount { .. }));
}

#[test]
fn credentials_that_are_made_and_make_no_sense() {
    let aws = "kind = \"aws-sigv4\"";
    let keys = "key_id = \"${env:ID}\", value = \"${env:KEY}\"";
    let oauth = "kind = \"oauth-token\", value = \"${env:KEY}\"";
    for (fields, field, code) in [
        (format!("{aws}, {keys}"), "region", Code::Missing),
        (format!("{aws}, region = \"EU\", {keys}"), "region", Code::BadValue),
        (
            format!("{aws}, region = \"r\", value = \"${{env:KEY}}\""),
            "key_id",
            Code::Missing,
        ),
        (
            format!("{aws}, region = \"r\", key_id = \"${{env:ID}}\""),
            "value",
            Code::Missing,
        ),
        (
            format!("{aws}, region = \"r\", {keys}, header = \"X\""),
            "header",
            Code::Conflict,
        ),
        (
            format!("{aws}, region = \"r\", {keys}, profile = \"x\""),
            "profile",
            Code::Conflict,
        ),
        (
            format!("{aws}, region = \"r\", source = \"instance\", {keys}"),
            "key_id",
            Code::Conflict,
        ),
        (
            format!("{aws}, region = \"r\", source = \"instanse\""),
            "source",
            Code::BadValue,
        ),
        (
            format!("{aws}, region = \"r\", key_id = \"AKIA0\", value = \"${{env:K}}\""),
            "key_id",
            Code::LiteralSecret,
        ),
        (
            format!("{aws}, region = \"r\", key_id = \"Bearer ${{env:K}}\", value = \"${{env:K}}\""),
            "key_id",
            Code::BadValue,
        ),
        (format!("{oauth}, client_id = \"c\""), "url", Code::Missing),
        (
            format!("{oauth}, url = \"https://login.example/\""),
            "client_id",
            Code::Missing,
        ),
        (
            format!("{oauth}, client_id = \"c\", url = \"http://login.example/\""),
            "url",
            Code::Insecure,
        ),
        (
            format!("{oauth}, client_id = \"c\", url = \"https://u:p@login.example/\""),
            "url",
            Code::LiteralSecret,
        ),
        (format!("{oauth}, region = \"r\""), "region", Code::Conflict),
        ("kind = \"oauth-token\"".to_owned(), "value", Code::Missing),
    ] {
        let text = credential(&format!("{{ {fields} }}"));
        let errors = Machine::new().parse(&text).expect_err(&fields);
        let key = format!("providers.kimi.credential.{field}");
        assert!(
            errors.iter().any(|error| error.key == key && error.code == code),
            "{fields}: {errors:?}"
        );
    }
    let both = format!("[{{ {aws}, region = \"r\", {keys} }},\n{{ {oauth} }}]");
    refused(&credential(&both), 5, "providers.kimi.credential[1]", Code::Conflict);
}

#[test]
fn a_rule_can_be_for_one_path_alone() {
    let text = rule("https://s3.example/bucket").replace(" }]", ", exact = true }]");
    let config = Machine::new().accept(&text);
    let rules = config.providers[0].connection.egress.rules();
    assert!(rules[0].grant.exact, "{text}");
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
fn web_origins_are_exact_or_all_names_below_a_host() {
    let text = "server.origins = [\"https://App.example:443\", \"https://*.app.example\", \"http://localhost:3000\"]";
    let origins = Machine::new().accept(text).server.origins;
    let shown: Vec<_> = origins.iter().map(ToString::to_string).collect();
    assert_eq!(
        shown,
        ["https://app.example", "https://*.app.example", "http://localhost:3000"]
    );
    for bad in [
        "*",
        "app.example",
        "https://*",
        "https://*.example",
        "https://app.example/",
        "null",
    ] {
        let text = format!("server.origins = [\"{bad}\"]");
        refused(&text, 1, "server.origins[0]", Code::BadValue);
    }
    let plain = "server.origins = [\"http://app.example\"]";
    refused(plain, 1, "server.origins[0]", Code::Insecure);
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
