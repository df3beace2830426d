//! HTTPS, and a certificate that is replaced while it is in use.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use std::sync::Arc;

use loadlock_served::{Place, Served};
use rcgen::{CertifiedKey, generate_simple_self_signed};
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

/// Writes a new certificate where the configuration names it.
fn certify(place: &Place) -> CertificateDer<'static> {
    let CertifiedKey { cert, signing_key } = generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    std::fs::write(place.home().join("../server.pem"), cert.pem()).unwrap();
    std::fs::write(place.home().join("../server.key"), signing_key.serialize_pem()).unwrap();
    cert.der().clone()
}

fn place() -> (Place, CertificateDer<'static>) {
    let place = Place::new(env!("CARGO_BIN_EXE_loadlock"), env!("CARGO_TARGET_TMPDIR"));
    let certificate = certify(&place);
    place.configure("server.tls = { certificate = \"server.pem\", key = \"server.key\" }\n");
    (place, certificate)
}

/// `GET /readyz` by a client that trusts this certificate alone.
async fn ready(served: &Served, trusted: &CertificateDer<'static>) -> std::io::Result<String> {
    let mut roots = RootCertStore::empty();
    roots.add(trusted.clone()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let stream = TcpStream::connect(&served.address).await?;
    let name = ServerName::try_from("localhost").unwrap();
    let mut stream = TlsConnector::from(Arc::new(config)).connect(name, stream).await?;
    let request = b"GET /readyz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
    stream.write_all(request).await?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await?;
    Ok(answer)
}

#[tokio::test]
async fn https_is_spoken_and_a_new_certificate_is_taken_over() {
    let (place, first) = place();
    let served = place.serve().await;
    assert!(ready(&served, &first).await.unwrap().starts_with("HTTP/1.1 200"));
    let second = certify(&place);
    served.log.wait_for(0, "configuration reloaded").await;
    assert!(ready(&served, &second).await.unwrap().starts_with("HTTP/1.1 200"));
    assert!(ready(&served, &first).await.is_err());
}

#[tokio::test]
async fn a_key_that_does_not_fit_is_named_at_start() {
    let (place, _) = place();
    std::fs::write(place.home().join("../server.key"), "not a key").unwrap();
    let (status, lines) = place.run(&["serve", "--listen", "127.0.0.1:0"]).await;
    assert_eq!(status, 2, "{lines:?}");
    assert!(lines[0]["error"]["message"].as_str().unwrap().contains("server.key"));
}
