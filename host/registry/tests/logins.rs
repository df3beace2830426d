//! Tokens and passwords: given to the registry and its realm, and to nobody else.

use loadlock_registry::{DockerConfig, Login, RegistryClient, RegistryError, RegistryOptions};

use crate::support::{FakeRegistry, Reply, Seen, contents, options, pushed, reference};

/// `robot:password-of-the-robot`.
const KEPT: &str = "cm9ib3Q6cGFzc3dvcmQtb2YtdGhlLXJvYm90";
const TOKEN: &str = "token-of-the-realm-0123456789";

fn login(host: &str) -> Login {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("config.json");
    std::fs::write(&path, format!(r#"{{"auths": {{"{host}": {{"auth": "{KEPT}"}}}}}}"#)).unwrap();
    DockerConfig::read(&path).unwrap().login(host).unwrap().clone()
}

fn logged_in(registry: &FakeRegistry, hosts: Vec<String>) -> RegistryOptions {
    RegistryOptions {
        hosts,
        login: Some(login(&registry.host())),
        ..options()
    }
}

fn challenge(realm: String) -> Reply {
    let header =
        format!(r#"Bearer realm="{realm}",service="the registry",scope="repository:acme/shelf:pull,push,delete""#);
    Reply::Answer(401, vec![("www-authenticate", header)], "".into())
}

/// Wants a token of `realm` for everything.
fn wants_token(registry: &FakeRegistry, realm: &FakeRegistry) {
    let place = format!("http://{}/token", realm.host());
    registry.script(move |seen| {
        let good = seen.path.starts_with("/token") || seen.authorization() == Some(&format!("Bearer {TOKEN}"));
        (!good).then(|| challenge(place.clone()))
    });
}

fn gives_tokens(realm: &FakeRegistry) {
    realm.script(|seen| {
        let body = format!(r#"{{"token": "{TOKEN}", "expires_in": 60}}"#);
        seen.path.starts_with("/token").then(|| Reply::bytes(body))
    });
}

fn at_token(seen: &[Seen]) -> Vec<&Seen> {
    seen.iter().filter(|one| one.path.starts_with("/token")).collect()
}

#[tokio::test]
async fn a_token_is_asked_for_with_the_password_and_for_what_is_needed_alone() {
    let (registry, realm) = (FakeRegistry::start(), FakeRegistry::start());
    let (_, found) = pushed(&registry, "acme/shelf:1.2.0", "component").await;
    wants_token(&registry, &realm);
    gives_tokens(&realm);
    let options = logged_in(&registry, vec![realm.host()]);
    let client = RegistryClient::new(&found.reference, false, options).unwrap();
    let found = client.find(&found.reference).await.unwrap();
    assert_eq!(client.component(&found, 100).await.unwrap(), "component");

    let asked = realm.seen();
    assert_eq!(asked.len(), 1, "one token does for several requests");
    assert_eq!(asked[0].authorization(), Some(&*format!("Basic {KEPT}")));
    assert!(asked[0].path.contains("service=the%20registry"), "{}", asked[0].path);
    assert!(
        asked[0].path.contains("scope=repository%3Aacme%2Fshelf%3Apull"),
        "{}",
        asked[0].path
    );
    assert!(
        !asked[0].path.contains("push") && !asked[0].path.contains("delete"),
        "what the registry asks for is not"
    );
    let shown: Vec<_> = registry
        .seen()
        .iter()
        .filter_map(|seen| seen.authorization().map(str::to_owned))
        .collect();
    assert!(
        !shown.is_empty() && shown.iter().all(|one| one == &format!("Bearer {TOKEN}")),
        "{shown:?}"
    );
}

#[tokio::test]
async fn a_realm_that_nobody_allowed_gets_nothing() {
    let (registry, realm) = (FakeRegistry::start(), FakeRegistry::start());
    let (_, found) = pushed(&registry, "acme/shelf:1.2.0", "component").await;
    wants_token(&registry, &realm);
    gives_tokens(&realm);
    let client = RegistryClient::new(&found.reference, false, logged_in(&registry, Vec::new())).unwrap();
    let refused = client.find(&found.reference).await.unwrap_err();
    assert!(
        matches!(&refused, RegistryError::Elsewhere { what: "the login", .. }),
        "{refused}"
    );
    assert!(realm.seen().is_empty());
}

#[tokio::test]
async fn a_realm_at_the_registry_itself_needs_no_allowance_and_no_password_where_reading_is_free() {
    let registry = FakeRegistry::start();
    let (_, found) = pushed(&registry, "acme/shelf:1.2.0", "component").await;
    let place = format!("http://{}/token", registry.host());
    registry.script(move |seen| {
        if seen.path.starts_with("/token") {
            return Some(Reply::bytes(format!(r#"{{"access_token": "{TOKEN}"}}"#)));
        }
        (seen.authorization() != Some(&format!("Bearer {TOKEN}"))).then(|| challenge(place.clone()))
    });
    let client = RegistryClient::new(&found.reference, true, options()).unwrap();
    client
        .push(&reference(&registry, "acme/shelf:1.3.0"), contents("next", "1.3.0"))
        .await
        .unwrap();
    let seen = registry.seen();
    assert_eq!(at_token(&seen)[0].authorization(), None);
    assert!(
        at_token(&seen)[0].path.contains("pull%2Cpush"),
        "{}",
        at_token(&seen)[0].path
    );
}

#[tokio::test]
async fn a_password_goes_to_a_registry_that_asks_for_it_and_no_further() {
    let (registry, store) = (FakeRegistry::start(), FakeRegistry::start());
    let (_, found) = pushed(&registry, "acme/shelf:1.2.0", "component").await;
    let target = format!("http://{}/bucket", store.host());
    registry.script(move |seen| {
        if seen.authorization() != Some(&format!("Basic {KEPT}")) {
            return Some(Reply::Answer(
                401,
                vec![("www-authenticate", "Basic realm=\"x\"".into())],
                "".into(),
            ));
        }
        seen.is_blob().then(|| Reply::redirect(target.clone()))
    });
    store.script(|seen| match seen.path.as_str() {
        "/bucket" => Some(Reply::bytes("component")),
        _ => Some(Reply::Answer(
            401,
            vec![("www-authenticate", "Basic realm=\"store\"".into())],
            "".into(),
        )),
    });
    let client = RegistryClient::new(&found.reference, false, logged_in(&registry, vec![store.host()])).unwrap();
    let found = client.find(&found.reference).await.unwrap();
    assert_eq!(client.component(&found, 100).await.unwrap(), "component");
    // A store that asks for a password gets none either.
    store.script(|_| {
        Some(Reply::Answer(
            401,
            vec![("www-authenticate", "Basic realm=\"store\"".into())],
            "".into(),
        ))
    });
    assert!(client.component(&found, 100).await.is_err());
    let seen = store.seen();
    assert_eq!(seen.len(), 2);
    assert!(seen.iter().all(|one| one.authorization().is_none()), "{seen:?}");
    // The first request of all shows nothing before it was asked.
    let first = registry
        .seen()
        .into_iter()
        .rev()
        .find(|one| one.authorization().is_none());
    assert!(first.is_some());
}

#[tokio::test]
async fn wrong_credentials_and_odd_tokens_end_it() {
    let registry = FakeRegistry::start();
    let (_, found) = pushed(&registry, "acme/shelf:1.2.0", "component").await;
    let place = format!("http://{}/token", registry.host());
    for (answer, expected) in [
        (Reply::status(401), "does not take the credentials"),
        (Reply::status(403), "does not take the credentials"),
        (Reply::status(500), "answers 500"),
        (Reply::bytes("{}"), "holds no token"),
        (Reply::bytes(r#"{"token": ""}"#), "holds no token"),
        (Reply::bytes(r#"{"token": "a\r\nb: c"}"#), "holds no token"),
        (Reply::bytes("not JSON"), "holds no token"),
        (Reply::bytes(vec![b'x'; 1 << 20]), "larger than"),
    ] {
        let place = place.clone();
        registry.script(move |seen| match seen.path.starts_with("/token") {
            true => Some(answer.clone()),
            false => Some(challenge(place.clone())),
        });
        let client = RegistryClient::new(&found.reference, false, logged_in(&registry, Vec::new())).unwrap();
        let refused = client.find(&found.reference).await.unwrap_err().to_string();
        assert!(refused.contains(expected), "{expected}: {refused}");
        assert!(!refused.contains(KEPT) && !refused.contains("password-of"), "{refused}");
    }
    // A registry that goes on asking is not answered for ever.
    let asks = format!("http://{}/token", registry.host());
    registry.script(move |seen| match seen.path.starts_with("/token") {
        true => Some(Reply::bytes(format!(r#"{{"token": "{TOKEN}"}}"#))),
        false => Some(challenge(asks.clone())),
    });
    let client = RegistryClient::new(&found.reference, false, logged_in(&registry, Vec::new())).unwrap();
    let refused = client.find(&found.reference).await.unwrap_err();
    assert!(
        matches!(refused, RegistryError::Unauthorised { presented: true, .. }),
        "{refused}"
    );
}
