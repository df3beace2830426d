//! Signatures in a registry: forged, stripped, replayed, by a foreign key; lists with and without referrers.

use loadlock_registry::{FoundPackage, KeyRing, RegistryClient, SignatureRefused, SigningKeyPair, SigstoreBundle};

use crate::support::{FakeRegistry, Reply, client, pushed, reference, signed};

fn ring(keys: &[&SigningKeyPair], threshold: usize) -> KeyRing {
    let keys = keys
        .iter()
        .enumerate()
        .map(|(index, key)| key.trusted(format!("key-{index}.pub")));
    KeyRing::new(keys.collect(), [], threshold)
}

async fn judged(
    client: &RegistryClient,
    found: &FoundPackage,
    ring: &KeyRing,
) -> Result<Vec<String>, SignatureRefused> {
    let bundles = client.bundles(found).await.unwrap();
    ring.judge_manifest(&found.reference, found.manifest, &bundles)
}

#[tokio::test]
async fn a_signature_is_found_by_referrers_and_by_the_fallback_tag() {
    for referrers in [true, false] {
        let registry = FakeRegistry::start();
        registry.lock().referrers = referrers;
        let (client, found) = pushed(&registry, "acme/shelf:1.2.0", "component").await;
        let key = SigningKeyPair::generate();
        signed(&client, &found, &key).await;
        assert_eq!(
            judged(&client, &found, &ring(&[&key], 1)).await.unwrap(),
            [key.trusted("").id()]
        );
        // Whichever list is missing, the other one does.
        let tag = format!("acme/shelf:sha256-{}", found.manifest.hex());
        let kept = registry.lock().manifests.contains_key(&tag);
        assert!(kept, "the fallback is written in any case");
        if referrers {
            registry.lock().manifests.remove(&tag);
            assert!(judged(&client, &found, &ring(&[&key], 1)).await.is_ok());
        }
    }
}

#[tokio::test]
async fn two_people_sign_one_after_the_other() {
    let registry = FakeRegistry::start();
    let (client, found) = pushed(&registry, "acme/shelf:1.2.0", "component").await;
    let (one, two) = (SigningKeyPair::generate(), SigningKeyPair::generate());
    let both = ring(&[&one, &two], 2);
    signed(&client, &found, &one).await;
    signed(&client, &found, &one).await;
    assert!(matches!(
        judged(&client, &found, &both).await,
        Err(SignatureRefused::TooFew { counted: 1, .. })
    ));
    signed(&client, &found, &two).await;
    assert_eq!(judged(&client, &found, &both).await.unwrap().len(), 2);
}

#[tokio::test]
async fn forged_stripped_and_replayed_signatures_do_not_do() {
    let registry = FakeRegistry::start();
    let (key, foreign) = (SigningKeyPair::generate(), SigningKeyPair::generate());
    let trusted = ring(&[&key], 1);
    let (client, found) = pushed(&registry, "acme/shelf:1.2.0", "component").await;
    let unsigned = judged(&client, &found, &trusted).await;
    assert!(
        matches!(unsigned, Err(SignatureRefused::Unsigned { .. })),
        "{unsigned:?}"
    );

    signed(&client, &found, &foreign).await;
    let by_foreign = judged(&client, &found, &trusted).await.unwrap_err().to_string();
    assert!(
        by_foreign.contains("no trusted key") && by_foreign.contains("key-0.pub"),
        "{by_foreign}"
    );

    // The genuine signature of another version, put beside this one.
    let (_, other) = pushed(&registry, "acme/shelf:1.3.0", "other").await;
    client
        .attach(&found, &SigstoreBundle::sign(&key, "acme/shelf", other.manifest))
        .await
        .unwrap();
    let replayed = judged(&client, &found, &trusted).await.unwrap_err().to_string();
    assert!(replayed.contains("is of something else"), "{replayed}");

    // The same bytes, signed for another repository.
    client
        .attach(&found, &SigstoreBundle::sign(&key, "acme/drawer", found.manifest))
        .await
        .unwrap();
    let elsewhere = judged(&client, &found, &trusted).await.unwrap_err().to_string();
    assert!(elsewhere.contains("for the repository `acme/drawer`"), "{elsewhere}");

    // Among all of these the good one is found, and taken away again it is missed.
    signed(&client, &found, &key).await;
    assert!(judged(&client, &found, &trusted).await.is_ok());
    registry.lock().manifests.retain(|name, _| !name.contains("sha256-"));
    assert!(matches!(
        judged(&client, &found, &trusted).await,
        Err(SignatureRefused::Unsigned { .. })
    ));
}

#[tokio::test]
async fn what_cannot_be_read_hides_no_good_signature() {
    let registry = FakeRegistry::start();
    let key = SigningKeyPair::generate();
    let (client, found) = pushed(&registry, "acme/shelf:1.2.0", "component").await;
    signed(&client, &found, &SigningKeyPair::generate()).await;
    let broken: Vec<String> = registry.lock().blobs.keys().cloned().collect();
    signed(&client, &found, &key).await;
    let good: Vec<String> = registry
        .lock()
        .blobs
        .keys()
        .filter(|one| !broken.contains(one))
        .cloned()
        .collect();
    assert_eq!(good.len(), 1);
    // The blob of the first signature is gone, damaged, and of another kind.
    let hidden = broken.clone();
    for reply in [
        Reply::status(404),
        Reply::bytes("{}"),
        Reply::bytes(vec![b'x'; 1 << 20]),
    ] {
        let hidden = hidden.clone();
        registry.script(move |seen| {
            let is_hidden = hidden.iter().any(|digest| seen.path.ends_with(digest.as_str()));
            (seen.is_blob() && is_hidden).then(|| reply.clone())
        });
        assert!(judged(&client, &found, &ring(&[&key], 1)).await.is_ok());
    }
}

#[tokio::test]
async fn a_flood_of_signatures_is_not_read_to_its_end() {
    let registry = FakeRegistry::start();
    let reference = reference(&registry, "acme/shelf:1.2.0");
    let (_, found) = pushed(&registry, "acme/shelf:1.2.0", "component").await;
    let entry = |number: usize| {
        serde_json::json!({ "mediaType": "application/vnd.oci.image.manifest.v1+json", "size": 10,
            "digest": format!("sha256:{number:064x}") })
    };
    let index = serde_json::json!({ "schemaVersion": 2, "manifests": (0..5_000).map(entry).collect::<Vec<_>>() });
    let index = index.to_string();
    registry.script(move |seen| seen.path.contains("sha256-").then(|| Reply::bytes(index.clone())));
    assert!(client(&reference).bundles(&found).await.unwrap().is_empty());
    let asked = registry
        .seen()
        .iter()
        .filter(|seen| seen.path.contains("/manifests/sha256:"))
        .count();
    assert_eq!(asked, 64);
}
