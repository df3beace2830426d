//! What is pushed is what is found, in the layout that others read.

use loadlock_registry::{ImageTarget, RegistryError, Sha256Digest};

use crate::support::fake::digest;
use crate::support::{FakeRegistry, Reply, client, contents, pushed, reference};

const LIMIT: u64 = 1 << 20;

#[tokio::test]
async fn what_is_pushed_is_found_byte_for_byte_in_the_layout_for_wasm() {
    let registry = FakeRegistry::start();
    let (client, found) = pushed(&registry, "acme/shelf:1.2.0", "component").await;
    assert_eq!(client.component(&found, LIMIT).await.unwrap(), "component");
    assert_eq!(found.version().unwrap().to_string(), "1.2.0");
    let interfaces = client.interfaces(&found).await.unwrap().unwrap();
    assert_eq!(interfaces, contents("component", "1.2.0").component);
    assert!(!found.is_plain());

    let manifest: serde_json::Value = serde_json::from_slice(&registry.lock().manifests["acme/shelf:1.2.0"].1).unwrap();
    assert_eq!(manifest["config"]["mediaType"], "application/vnd.wasm.config.v0+json");
    assert_eq!(manifest["layers"].as_array().unwrap().len(), 1);
    assert_eq!(manifest["layers"][0]["mediaType"], "application/wasm");
    assert_eq!(manifest["layers"][0]["digest"], digest(b"component"));
    assert_eq!(manifest["annotations"]["org.opencontainers.image.version"], "1.2.0");
    let config = manifest["config"]["digest"].as_str().unwrap();
    let config: serde_json::Value = serde_json::from_slice(&registry.lock().blobs[config]).unwrap();
    assert_eq!(
        (&config["architecture"], &config["os"]),
        (&"wasm".into(), &"wasip2".into())
    );
    assert_eq!(config["layerDigests"][0], digest(b"component"));
}

#[tokio::test]
async fn a_version_is_never_moved_and_another_tag_is() {
    let registry = FakeRegistry::start();
    let (client, first) = pushed(&registry, "acme/shelf:1.2.0", "component").await;
    let again = client
        .push(&first.reference, contents("component", "1.2.0"))
        .await
        .unwrap();
    assert!(
        again.unchanged && again.manifest == first.manifest,
        "the same bytes are the same manifest"
    );
    let refused = client
        .push(&first.reference, contents("other", "1.2.0"))
        .await
        .unwrap_err();
    assert!(matches!(refused, RegistryError::Taken { .. }), "{refused}");
    assert_eq!(registry.tagged("acme/shelf:1.2.0"), first.manifest.to_string());

    pushed(&registry, "acme/shelf:latest", "component").await;
    let (_, moved) = pushed(&registry, "acme/shelf:latest", "other").await;
    assert_eq!(moved.layer.digest, Sha256Digest::of(b"other"));
}

#[tokio::test]
async fn a_tag_that_was_moved_to_another_version_is_noticed() {
    let registry = FakeRegistry::start();
    let (client, old) = pushed(&registry, "acme/shelf:1.2.0", "old").await;
    pushed(&registry, "acme/shelf:1.3.0", "new").await;
    registry.move_tag("acme/shelf:1.2.0", "acme/shelf:1.3.0");
    let found = client.find(&reference(&registry, "acme/shelf:1.3.0")).await.unwrap();
    let refused = found.version().unwrap_err().to_string();
    assert!(refused.contains("says that it is version 1.2.0"), "{refused}");
    let by_digest = old.reference.at(ImageTarget::Digest(old.manifest));
    assert_eq!(
        client.find(&by_digest).await.unwrap().version().unwrap().to_string(),
        "1.2.0"
    );
}

/// As `oras push … shelf.wasm:application/wasm` writes it.
fn plain_manifest(layers: &str) -> String {
    format!(
        r#"{{"schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json",
            "config": {{"mediaType": "application/vnd.oci.empty.v1+json", "size": 2,
                "digest": "sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a", "data": "e30="}},
            "layers": [{layers}], "annotations": {{"org.opencontainers.image.created": "2026-01-01T00:00:00Z"}}}}"#
    )
}

fn layer(kind: &str, bytes: &[u8]) -> String {
    format!(
        r#"{{"mediaType": "{kind}", "digest": "{}", "size": {}}}"#,
        digest(bytes),
        bytes.len()
    )
}

fn put(registry: &FakeRegistry, tag: &str, manifest: String) {
    let mut contents = registry.lock();
    contents.blobs.insert(digest(b"component"), "component".into());
    let kind = "application/vnd.oci.image.manifest.v1+json".to_owned();
    contents
        .manifests
        .insert(format!("acme/shelf:{tag}"), (kind, manifest.into()));
}

#[tokio::test]
async fn a_plain_component_of_another_tool_is_read_and_known_as_such() {
    let registry = FakeRegistry::start();
    put(
        &registry,
        "1.0.0",
        plain_manifest(&layer("application/wasm", b"component")),
    );
    let reference = reference(&registry, "acme/shelf:1.0.0");
    let client = client(&reference);
    let found = client.find(&reference).await.unwrap();
    assert!(found.is_plain() && client.interfaces(&found).await.unwrap().is_none());
    assert_eq!(client.component(&found, LIMIT).await.unwrap(), "component");
    assert_eq!(found.version().unwrap().to_string(), "1.0.0");
}

#[tokio::test]
async fn what_is_not_one_component_is_refused_with_what_it_is() {
    let registry = FakeRegistry::start();
    let wasm = layer("application/wasm", b"component");
    let tar = layer("application/vnd.oci.image.layer.v1.tar+gzip", b"component");
    for (manifest, why) in [
        (plain_manifest(""), "0 layers"),
        (plain_manifest(&format!("{wasm}, {wasm}")), "2 layers"),
        (plain_manifest(&tar), "tar+gzip"),
        (
            plain_manifest(&wasm).replace("\"schemaVersion\": 2", "\"schemaVersion\": 1"),
            "schema version 1",
        ),
        (
            r#"{"schemaVersion": 2, "mediaType": "application/vnd.oci.image.index.v1+json", "manifests": []}"#.into(),
            "",
        ),
        ("[]".into(), ""),
        ("not JSON".into(), ""),
    ] {
        put(&registry, "1.0.0", manifest.clone());
        let reference = reference(&registry, "acme/shelf:1.0.0");
        let refused = client(&reference).find(&reference).await.unwrap_err();
        assert!(
            matches!(refused, RegistryError::Malformed { .. }),
            "{manifest}: {refused}"
        );
        assert!(refused.to_string().contains(why), "{manifest}: {refused}");
    }
}

#[tokio::test]
async fn all_pages_of_tags_are_read_and_an_endless_list_is_not() {
    let registry = FakeRegistry::start();
    let page = |tags: &str, next: Option<&str>| {
        let link = next.map(|next| ("link", format!("</v2/acme/shelf/tags/list?last={next}>; rel=\"next\"")));
        let body = format!(r#"{{"name": "acme/shelf", "tags": [{tags}]}}"#);
        Some(Reply::Answer(200, link.into_iter().collect(), body.into()))
    };
    registry.script(move |seen| match seen.path.as_str() {
        path if path.contains("last=two") => page("\"1.2.0\"", None),
        path if path.contains("/tags/list") => page("\"1.0.0\", \"-bad\", \"latest\"", Some("two")),
        _ => None,
    });
    let reference = reference(&registry, "acme/shelf");
    let tags = client(&reference).tags().await.unwrap();
    assert_eq!(tags, ["1.0.0", "latest", "1.2.0"]);
    registry.script(move |_| page("\"1.0.0\"", Some("one")));
    let refused = client(&reference).tags().await.unwrap_err().to_string();
    assert!(refused.contains("more than 20 pages"), "{refused}");
}
