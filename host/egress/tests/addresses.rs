//! The address that was judged is the address that is connected to.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use crate::common;

use std::sync::atomic::Ordering;

use common::{Fixed, allowed, builder, echo_head, serve};
use loadlock_egress::{Call, Error};
use loadlock_policy::egress::{Method, Origin};

async fn error(origin: &Origin, answers: &[&str], private: bool) -> Error {
    let transport = builder(origin)
        .resolver(Fixed::new(answers))
        .build(&common::no_env)
        .unwrap();
    let mut decided = allowed(origin, Method::Get, "/");
    decided.private = private;
    transport
        .send(common::empty(), &decided, &Call::default())
        .await
        .unwrap_err()
}

#[tokio::test]
async fn a_name_that_answers_an_address_of_this_network_is_refused() {
    let server = serve(None, echo_head).await;
    let origin = server.named("http", "api.test");
    for answer in [
        "127.0.0.1",
        "::1",
        "::ffff:127.0.0.1",
        "64:ff9b::7f00:1",
        "10.0.0.1",
        "fd00::1",
        "169.254.1.1",
    ] {
        let refused = error(&origin, &[answer], false).await;
        assert!(matches!(refused, Error::AddressRefused { .. }), "{answer}: {refused}");
        assert!(refused.to_string().contains("private = true"), "{refused}");
        assert!(!refused.reached_upstream());
    }
    // One bad address spoils the name, wherever it stands.
    for answers in [["127.0.0.1", "1.1.1.1"], ["1.1.1.1", "127.0.0.1"]] {
        let refused = error(&origin, &answers, false).await;
        assert!(matches!(refused, Error::AddressRefused { .. }), "{refused}");
    }
    assert_eq!(server.connections(), 0);
}

#[tokio::test]
async fn no_grant_opens_the_metadata_service() {
    let name = Origin::parse("http://api.test:1").unwrap();
    for answer in ["169.254.169.254", "::ffff:169.254.169.254", "fd00:ec2::254"] {
        let refused = error(&name, &[answer], true).await;
        assert!(matches!(refused, Error::AddressRefused { .. }), "{answer}: {refused}");
    }
    for literal in ["http://169.254.169.254", "http://[fd00:ec2::254]", "http://0.0.0.0"] {
        let refused = error(&Origin::parse(literal).unwrap(), &[], true).await;
        assert!(matches!(refused, Error::AddressRefused { .. }), "{literal}: {refused}");
    }
    let private = Origin::parse("http://10.255.255.1:9").unwrap();
    assert!(matches!(
        error(&private, &[], false).await,
        Error::AddressRefused { .. }
    ));
}

#[tokio::test]
async fn a_name_for_this_machine_may_not_lead_elsewhere() {
    let origin = Origin::parse("http://localhost:9").unwrap();
    for answer in ["1.1.1.1", "10.0.0.1"] {
        let refused = error(&origin, &[answer], true).await;
        assert!(matches!(refused, Error::AddressRefused { .. }), "{refused}");
    }
}

#[tokio::test]
async fn a_name_is_resolved_once_for_a_connection() {
    let server = serve(None, echo_head).await;
    let origin = server.named("http", "api.test");
    let resolver = Fixed::new(&["127.0.0.1"]);
    let transport = builder(&origin)
        .resolver(resolver.clone())
        .build(&common::no_env)
        .unwrap();
    let text = common::get(&transport, &origin, "/v1/files").await.unwrap();
    assert_eq!(
        resolver.asked.load(Ordering::SeqCst),
        1,
        "no second question, no second answer"
    );
    assert!(
        text.contains(&format!("host: api.test:{}", server.address.port())),
        "{text}"
    );
    assert_eq!(server.connections(), 1);
}

#[tokio::test]
async fn the_next_address_is_tried_when_one_refuses() {
    let server = serve(None, echo_head).await;
    let origin = server.named("http", "api.test");
    // Nothing listens on 127.0.0.2 at that port.
    let transport = builder(&origin)
        .resolver(Fixed::new(&["127.0.0.2", "127.0.0.1"]))
        .build(&common::no_env)
        .unwrap();
    common::get(&transport, &origin, "/").await.unwrap();
}

#[tokio::test]
async fn failures_on_the_way_have_names() {
    let origin = Origin::parse("http://api.test:9").unwrap();
    let dns = error(&origin, &[], true).await;
    assert!(matches!(dns, Error::Dns { .. }), "{dns}");

    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    drop(listener);
    let closed = Origin::parse(&format!("http://127.0.0.1:{port}")).unwrap();
    let refused = error(&closed, &[], true).await;
    assert!(matches!(refused, Error::ConnectRefused { .. }), "{refused}");
    assert!(!refused.reached_upstream());
}
