//! HTTPS, which is spoken unless it was said otherwise.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use loadlock_egress::tls::Roots;
use loadlock_registry::{ImageReference, RegistryClient, RegistryError, RegistryOptions, SigningKeyPair};
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

use crate::support::{FakeRegistry, contents, options, signed};

/// Puts TLS before a registry; where it listens.
async fn encrypted(registry: &FakeRegistry, certified: &rcgen::CertifiedKey<rcgen::KeyPair>) -> SocketAddr {
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(certified.signing_key.serialize_der()));
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certified.cert.der().clone()], key)
        .unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let behind = registry.host();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let (acceptor, behind) = (acceptor.clone(), behind.clone());
            tokio::spawn(async move {
                // What breaks is the client's to notice.
                if let Ok(mut stream) = acceptor.accept(stream).await {
                    let mut behind = TcpStream::connect(behind).await.unwrap();
                    let _ = tokio::io::copy_bidirectional(&mut stream, &mut behind).await;
                }
            });
        }
    });
    address
}

#[tokio::test]
async fn a_registry_is_believed_by_its_certificate_alone() {
    let registry = FakeRegistry::start();
    let certified = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    let address = encrypted(&registry, &certified).await;
    let directory = tempfile::tempdir().unwrap();
    let authority: PathBuf = directory.path().join("ca.pem");
    std::fs::write(&authority, certified.cert.pem()).unwrap();
    let named = |host: &str| {
        let text = format!("{host}:{}/acme/shelf:1.2.0", address.port());
        ImageReference::parse(&text, false).unwrap()
    };
    let trusting = || RegistryOptions {
        roots: Roots::File(authority.clone()),
        ..options()
    };

    let reference = named("localhost");
    let client = RegistryClient::new(&reference, true, trusting()).unwrap();
    client.push(&reference, contents("component", "1.2.0")).await.unwrap();
    let found = client.find(&reference).await.unwrap();
    let key = SigningKeyPair::generate();
    signed(&client, &found, &key).await;
    assert_eq!(client.bundles(&found).await.unwrap().len(), 1);
    assert_eq!(client.component(&found, 100).await.unwrap(), "component");

    let asked = registry.seen().len();
    for (reference, options) in [(named("127.0.0.1"), trusting()), (reference, options())] {
        let client = RegistryClient::new(&reference, false, options).unwrap();
        let refused = client.find(&reference).await.unwrap_err();
        assert!(matches!(refused, RegistryError::Unreachable { .. }), "{refused}");
    }
    assert_eq!(registry.seen().len(), asked);
}
