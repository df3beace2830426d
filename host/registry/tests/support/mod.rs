//! What the tests have in common.

pub(crate) mod fake;

use std::time::Duration;

use bytes::Bytes;
use loadlock_egress::Timeouts;
use loadlock_registry::{
    ComponentContents, FoundPackage, ImageReference, RegistryClient, RegistryOptions, RetryWaits, SigningKeyPair,
    SigstoreBundle, WasmConfigComponent,
};

pub(crate) use fake::{FakeRegistry, Reply, Seen};

/// Attempts follow each other at once, and what never comes is not waited for long.
pub(crate) fn options() -> RegistryOptions {
    RegistryOptions {
        timeouts: Timeouts {
            between_bytes: Duration::from_millis(300),
            first_byte: Duration::from_secs(20),
            ..RegistryOptions::default().timeouts
        },
        retry: RetryWaits {
            waits: [Duration::ZERO; 2],
            longest: Duration::from_secs(1),
        },
        ..RegistryOptions::default()
    }
}

pub(crate) fn reference(registry: &FakeRegistry, rest: &str) -> ImageReference {
    ImageReference::parse(&format!("{}/{rest}", registry.host()), true).unwrap()
}

pub(crate) fn client(reference: &ImageReference) -> RegistryClient {
    RegistryClient::new(reference, true, options()).unwrap()
}

pub(crate) fn contents(wasm: &str, version: &str) -> ComponentContents {
    ComponentContents {
        wasm: Bytes::from(wasm.to_owned()),
        component: WasmConfigComponent {
            exports: vec!["loadlock:upload/provider@0.1.0".into()],
            imports: vec!["wasi:io/streams@0.2.9".into()],
            target: None,
        },
        version: version.parse().ok(),
        title: "shelf".into(),
    }
}

/// Pushes a component and answers what is found then.
pub(crate) async fn pushed(registry: &FakeRegistry, rest: &str, wasm: &str) -> (RegistryClient, FoundPackage) {
    let reference = reference(registry, rest);
    let client = client(&reference);
    let version = rest.rsplit(':').next().unwrap_or_default();
    client.push(&reference, contents(wasm, version)).await.unwrap();
    let found = client.find(&reference).await.unwrap();
    (client, found)
}

pub(crate) async fn signed(client: &RegistryClient, found: &FoundPackage, key: &SigningKeyPair) {
    let bundle = SigstoreBundle::sign(key, &found.reference.repository, found.manifest);
    client.attach(found, &bundle).await.unwrap();
}
