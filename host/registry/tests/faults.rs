//! What registries do wrong, by accident and on purpose.

use std::sync::atomic::{AtomicUsize, Ordering};

use loadlock_registry::{ImageTarget, RegistryClient, RegistryError, RegistryOptions};

use crate::support::fake::digest;
use crate::support::{FakeRegistry, Reply, contents, options, pushed, reference};

const LIMIT: u64 = 1 << 20;

#[tokio::test]
async fn a_blob_with_other_bytes_than_announced_is_not_taken() {
    let registry = FakeRegistry::start();
    let (client, found) = pushed(&registry, "acme/shelf:1.2.0", "component").await;
    for (reply, expected) in [
        (Reply::bytes("COMPONENT"), "other bytes"),
        (Reply::bytes("compo"), "has 5 bytes, and 9 were announced"),
        (Reply::bytes("component and more"), "9 were announced"),
        (Reply::bytes(""), "has 0 bytes"),
        (Reply::Cut(9, "compo".into()), ""),
        (Reply::Silence(9, "compo".into()), "did not send the response"),
        (Reply::bytes(vec![b'x'; 4 << 20]), "9 were announced"),
    ] {
        let shown = format!("{reply:?}").chars().take(60).collect::<String>();
        registry.script(move |seen| seen.is_blob().then(|| reply.clone()));
        let refused = client.component(&found, LIMIT).await.expect_err(&shown).to_string();
        assert!(refused.contains(expected), "{shown}: {refused}");
    }
    registry.script(|_| None);
    assert_eq!(client.component(&found, LIMIT).await.unwrap(), "component");
}

#[tokio::test]
async fn a_component_larger_than_is_loaded_is_not_fetched() {
    let registry = FakeRegistry::start();
    let (client, found) = pushed(&registry, "acme/shelf:1.2.0", "component").await;
    let refused = client.component(&found, 8).await.unwrap_err();
    assert!(matches!(refused, RegistryError::TooLarge { limit: 8, .. }), "{refused}");
    assert!(!registry.seen().iter().any(|seen| seen.is_blob()));
}

#[tokio::test]
async fn a_giant_manifest_is_not_read_to_its_end() {
    let registry = FakeRegistry::start();
    let (client, found) = pushed(&registry, "acme/shelf:1.2.0", "component").await;
    registry.script(|seen| {
        seen.path
            .contains("/manifests/")
            .then(|| Reply::bytes(vec![b' '; 2 << 20]))
    });
    let refused = client.find(&found.reference).await.unwrap_err();
    assert!(matches!(refused, RegistryError::TooLarge { .. }), "{refused}");
    registry.script(|seen| {
        seen.path
            .contains("/manifests/")
            .then(|| Reply::bytes("[".repeat(900 << 10)))
    });
    let refused = client.find(&found.reference).await.unwrap_err();
    assert!(
        matches!(refused, RegistryError::Malformed { .. }),
        "a deep one either: {refused}"
    );
}

#[tokio::test]
async fn a_manifest_is_the_one_that_was_asked_for() {
    let registry = FakeRegistry::start();
    let (client, found) = pushed(&registry, "acme/shelf:1.2.0", "component").await;
    let (_, other) = pushed(&registry, "acme/shelf:1.3.0", "other").await;
    registry.move_tag("acme/shelf:1.3.0", &format!("acme/shelf@{}", found.manifest));
    let by_digest = found.reference.at(ImageTarget::Digest(found.manifest));
    let refused = client.find(&by_digest).await.unwrap_err();
    assert!(
        matches!(refused, RegistryError::WrongDigest { got, .. } if got == other.manifest),
        "{refused}"
    );
    // And one whose registry announces another digest than it has.
    let (claimed, body) = (found.manifest, registry.lock().manifests["acme/shelf:1.3.0"].1.clone());
    registry.script(move |seen| {
        let headers = vec![("docker-content-digest", claimed.to_string())];
        seen.path
            .contains("/manifests/")
            .then(|| Reply::Answer(200, headers, body.clone()))
    });
    let refused = client.find(&found.reference).await.unwrap_err();
    assert!(matches!(refused, RegistryError::WrongDigest { .. }), "{refused}");
}

#[tokio::test]
async fn every_status_is_an_error_of_its_own_that_says_what_was_asked_for() {
    let registry = FakeRegistry::start();
    let (client, found) = pushed(&registry, "acme/shelf:1.2.0", "component").await;
    for (status, code) in [
        (401, "wants credentials"),
        (403, "(403)"),
        (404, "has no"),
        (429, "(429)"),
        (500, "answers 500"),
        (503, "answers 503"),
        (204, "answers 204"),
        (302, "a URL that cannot be used"),
    ] {
        registry.script(move |_| {
            Some(Reply::Answer(
                status,
                vec![("retry-after", "0".into())],
                "<html>".into(),
            ))
        });
        let refused = client.find(&found.reference).await.unwrap_err();
        assert!(refused.to_string().contains(code), "{status}: {refused}");
        assert!(!refused.hint().is_empty());
    }
}

#[tokio::test]
async fn a_registry_that_is_busy_is_asked_again_and_not_for_ever() {
    let registry = FakeRegistry::start();
    let (client, found) = pushed(&registry, "acme/shelf:1.2.0", "component").await;
    for status in [429, 502, 503, 504] {
        let asked = AtomicUsize::new(0);
        registry.script(move |_| match asked.fetch_add(1, Ordering::SeqCst) {
            0 | 1 => Some(Reply::Answer(status, vec![("retry-after", "0".into())], "".into())),
            _ => None,
        });
        assert!(client.find(&found.reference).await.is_ok(), "{status}");
    }
    let before = registry.seen().len();
    registry.script(|_| Some(Reply::status(503)));
    assert!(client.find(&found.reference).await.is_err());
    assert_eq!(registry.seen().len() - before, 3);
    // Longer than anybody waits: said, and not waited for.
    registry.script(|_| Some(Reply::Answer(429, vec![("retry-after", "3600".into())], "".into())));
    let refused = client.find(&found.reference).await.unwrap_err();
    assert!(
        matches!(
            refused,
            RegistryError::Throttled {
                retry_after: Some(3600),
                ..
            }
        ),
        "{refused}"
    );
    assert_eq!(registry.seen().len() - before, 4);
}

#[tokio::test]
async fn a_registry_that_is_not_there_is_named() {
    let closed = std::net::TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let reference = loadlock_registry::ImageReference::parse(&format!("{closed}/acme/shelf:1.2.0"), true).unwrap();
    let refused = RegistryClient::new(&reference, false, options())
        .unwrap()
        .find(&reference)
        .await
        .unwrap_err();
    assert!(matches!(&refused, RegistryError::Unreachable { .. }), "{refused}");
    assert!(refused.to_string().contains(&closed.to_string()), "{refused}");
    // HTTPS is spoken unless it was said otherwise.
    let registry = FakeRegistry::start();
    let secure = format!("{}/acme/shelf:1.2.0", registry.host());
    let secure = loadlock_registry::ImageReference::parse(&secure, false).unwrap();
    let refused = RegistryClient::new(&secure, false, options())
        .unwrap()
        .find(&secure)
        .await
        .unwrap_err();
    assert!(matches!(&refused, RegistryError::Unreachable { .. }), "{refused}");
    assert!(registry.seen().is_empty());
}

#[tokio::test]
async fn a_download_goes_to_another_host_only_where_that_was_allowed() {
    let (registry, store) = (FakeRegistry::start(), FakeRegistry::start());
    let (client, found) = pushed(&registry, "acme/shelf:1.2.0", "component").await;
    store.script(|_| Some(Reply::bytes("component")));
    let target = format!(
        "http://{}/bucket/{}?signature=a%2Bb",
        store.host(),
        digest(b"component")
    );
    registry.script(move |seen| seen.is_blob().then(|| Reply::redirect(target.clone())));
    let refused = client.component(&found, LIMIT).await.unwrap_err();
    assert!(matches!(&refused, RegistryError::Elsewhere { .. }), "{refused}");
    assert!(refused.hint().contains(&store.host()), "{}", refused.hint());
    assert!(store.seen().is_empty());

    let allowed = RegistryOptions {
        hosts: vec![store.host()],
        ..options()
    };
    let client = RegistryClient::new(&found.reference, false, allowed).unwrap();
    assert_eq!(client.component(&found, LIMIT).await.unwrap(), "component");
    assert!(store.seen()[0].path.ends_with("?signature=a%2Bb"));
}

#[tokio::test]
async fn odd_redirects_lead_nowhere() {
    let registry = FakeRegistry::start();
    let (client, found) = pushed(&registry, "acme/shelf:1.2.0", "component").await;
    for target in [
        "http://169.254.169.254/latest/meta-data/",
        "http://10.0.0.1/",
        "file:///etc/passwd",
        "http://user:secret@127.0.0.1/",
        "//127.0.0.1/x",
        "../../x",
        "",
    ] {
        registry.script(move |seen| seen.is_blob().then(|| Reply::redirect(target)));
        let refused = client.component(&found, LIMIT).await.expect_err(target);
        let known = matches!(
            refused,
            RegistryError::Elsewhere { .. } | RegistryError::BadRedirect { .. }
        );
        assert!(known, "{target}: {refused}");
        assert!(!refused.to_string().contains("secret"), "{refused}");
    }
    let before = registry.seen().len();
    registry.script(|seen| seen.is_blob().then(|| Reply::redirect(seen.path.clone())));
    let refused = client.component(&found, LIMIT).await.unwrap_err().to_string();
    assert!(refused.contains("more redirects"), "{refused}");
    assert_eq!(registry.seen().len() - before, 5);
    // A place to upload to is held to the same, and no bytes go to another host even if downloads may.
    let other = FakeRegistry::start();
    let place = format!("http://{}/v2/acme/shelf/blobs/uploads/1", other.host());
    registry.script(move |seen| {
        let begins = seen.method == http::Method::POST;
        begins.then(|| Reply::Answer(202, vec![("location", place.clone())], "".into()))
    });
    let options = RegistryOptions {
        hosts: vec![other.host()],
        ..options()
    };
    let client = RegistryClient::new(&found.reference, true, options).unwrap();
    let next = reference(&registry, "acme/shelf:2.0.0");
    assert!(client.push(&next, contents("other", "2.0.0")).await.is_err());
    assert!(other.seen().is_empty());
}
