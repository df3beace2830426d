//! TLS is checked against the granted name and the given roots.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use crate::common;

use common::{Authority, Fixed, builder, echo_head, get, serve};
use loadlock_egress::tls::Roots;
use loadlock_egress::{BuildError, Error, TlsFault};

async fn attempt(host: &str, certificate_for: &str, roots: impl Fn(&Authority) -> Roots) -> Result<String, Error> {
    let authority = Authority::new();
    let server = serve(Some(authority.acceptor(certificate_for, &["http/1.1"])), echo_head).await;
    let origin = server.named("https", host);
    let transport = builder(&origin)
        .roots(roots(&authority))
        .resolver(Fixed::new(&["127.0.0.1"]))
        .build(&common::no_env)
        .unwrap();
    get(&transport, &origin, "/").await
}

fn is_certificate_fault(result: Result<String, Error>) -> bool {
    matches!(
        result,
        Err(Error::Tls {
            fault: TlsFault::Certificate,
            ..
        })
    )
}

#[tokio::test]
async fn a_given_ca_is_believed() {
    assert!(attempt("api.test", "api.test", Authority::roots).await.is_ok());
    assert!(attempt("127.0.0.1", "127.0.0.1", Authority::roots).await.is_ok());
}

#[tokio::test]
async fn a_certificate_for_another_name_is_refused() {
    assert!(is_certificate_fault(
        attempt("api.test", "evil.test", Authority::roots).await
    ));
    assert!(is_certificate_fault(
        attempt("127.0.0.1", "api.test", Authority::roots).await
    ));
}

#[tokio::test]
async fn only_the_given_ca_is_believed() {
    let other = Authority::new();
    assert!(is_certificate_fault(
        attempt("api.test", "api.test", |_| other.roots()).await
    ));
}

#[tokio::test]
async fn the_platform_does_not_know_a_private_ca() {
    // Where the platform has no roots at all, building says so instead.
    let authority = Authority::new();
    let server = serve(Some(authority.acceptor("api.test", &[])), echo_head).await;
    let origin = server.named("https", "api.test");
    match builder(&origin)
        .resolver(Fixed::new(&["127.0.0.1"]))
        .build(&common::no_env)
    {
        Ok(transport) => assert!(is_certificate_fault(get(&transport, &origin, "/").await)),
        Err(error) => assert!(matches!(error, BuildError::PlatformRoots { .. }), "{error}"),
    }
}

#[tokio::test]
async fn a_server_without_tls_is_a_tls_error() {
    let server = serve(None, echo_head).await;
    let authority = Authority::new();
    let origin = server.named("https", "api.test");
    let transport = builder(&origin)
        .roots(authority.roots())
        .resolver(Fixed::new(&["127.0.0.1"]))
        .build(&common::no_env)
        .unwrap();
    let error = get(&transport, &origin, "/").await.unwrap_err();
    assert!(
        matches!(
            error,
            Error::Tls {
                fault: TlsFault::Protocol,
                ..
            }
        ),
        "{error}"
    );
    assert!(!error.reached_upstream());
}

#[test]
fn a_ca_file_must_hold_certificates() {
    let folder = tempfile::tempdir().unwrap();
    let empty = folder.path().join("empty.pem");
    std::fs::write(&empty, "no certificate here\n").unwrap();
    let broken = folder.path().join("broken.pem");
    std::fs::write(
        &broken,
        "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
    )
    .unwrap();
    let origin = loadlock_policy::egress::Origin::parse("https://api.test").unwrap();
    for path in [empty, broken, folder.path().join("absent.pem")] {
        let error = builder(&origin)
            .roots(Roots::File(path.clone()))
            .build(&common::no_env)
            .unwrap_err();
        assert!(matches!(error, BuildError::CaFile { .. }));
        assert!(error.to_string().contains(path.to_str().unwrap()), "{error}");
    }
}

#[test]
fn a_proxy_for_a_granted_host_stops_the_start() {
    let origin = loadlock_policy::egress::Origin::parse("http://api.test").unwrap();
    let env = |name: &str| (name == "all_proxy").then(|| "http://proxy:3128".to_owned());
    let error = builder(&origin).build(&env).unwrap_err();
    assert!(error.to_string().contains("`all_proxy`"), "{error}");
    assert!(error.to_string().contains("proxy_not_supported"), "{error}");
    builder(&origin)
        .proxy(loadlock_egress::proxy::Proxy::Ignore)
        .build(&env)
        .unwrap();
}
