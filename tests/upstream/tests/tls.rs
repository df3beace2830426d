//! HTTPS with an authority of its own.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use crate::common;

use std::sync::Arc;

use common::*;
use loadlock_upstream::Vendor;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

#[tokio::test]
async fn a_client_that_trusts_the_authority_gets_through() {
    let upstream = start_with(Vendor::Kimi, |options| options.tls = true).await;
    assert!(upstream.base_url().starts_with("https://127.0.0.1:"));
    let mut roots = RootCertStore::empty();
    let pem = upstream.ca_pem().unwrap();
    roots
        .add(CertificateDer::from_pem_slice(pem.as_bytes()).unwrap())
        .unwrap();
    for (trusted, names) in [(true, ["127.0.0.1", "localhost"]), (false, ["127.0.0.1", "localhost"])] {
        let roots = if trusted { roots.clone() } else { RootCertStore::empty() };
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        for name in names {
            let stream = TcpStream::connect(upstream.address()).await.unwrap();
            let name = ServerName::try_from(name).unwrap();
            let connected = TlsConnector::from(Arc::new(config.clone())).connect(name, stream).await;
            assert_eq!(connected.is_ok(), trusted);
            let Ok(mut stream) = connected else { continue };
            stream
                .write_all(&upload("/v1/files", "image", "a.png", b"x"))
                .await
                .unwrap();
            let mut answer = Vec::new();
            // The end without close_notify is an error of the stream, after the answer.
            let _ = stream.read_to_end(&mut answer).await;
            assert!(answer.starts_with(b"HTTP/1.1 200"));
        }
    }
    assert_eq!(upstream.files().len(), 2);
}
