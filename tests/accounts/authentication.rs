//! Too many failures are answered without looking, and whoever is in stays in.

use loadlock_gateway::{Door, ErrorCode, Gateway, Peer};
use loadlock_tests::{World, token};

fn from(address: &str) -> Peer {
    Peer {
        address: Some(address.parse().unwrap()),
        alias: None,
        request_id: None,
    }
}

#[tokio::test]
async fn failures_are_limited_by_address_and_do_not_lock_out_who_is_in() {
    let world = World::new();
    let gateway = Gateway::open(world.setup()).await.unwrap();
    let (known, fresh) = (
        token(gateway.home(), "acme", "known", "read"),
        token(gateway.home(), "acme", "fresh", "read"),
    );
    let enter = |credential: &str, address: &str| {
        let (gateway, credential, peer) = (gateway.clone(), credential.to_owned(), from(address));
        async move { gateway.authenticate_from(Door::Network, Some(&credential), peer).await }
    };
    enter(&known, "192.0.2.1").await.unwrap();
    let mut codes = Vec::new();
    for _ in 0..30 {
        codes.push(enter("guess", "192.0.2.1").await.unwrap_err());
    }
    assert_eq!(codes[0].code, ErrorCode::Unauthenticated);
    let blocked = codes.last().unwrap();
    assert_eq!(blocked.code, ErrorCode::RateLimited);
    assert!(blocked.retry_after_ms.unwrap() > 0);
    assert_eq!(
        enter(&fresh, "192.0.2.1").await.unwrap_err().code,
        ErrorCode::RateLimited
    );
    enter(&known, "192.0.2.1").await.unwrap();
    enter(&fresh, "192.0.2.2").await.unwrap();
    // This machine's own door is not limited.
    for _ in 0..30 {
        let error = gateway.authenticate(Door::Local, Some("guess")).await.unwrap_err();
        assert_eq!(error.code, ErrorCode::Unauthenticated);
    }
    let home = gateway.home().to_owned();
    drop(gateway);
    let records = super::log(&home);
    let of_address = records
        .iter()
        .filter(|record| record.who.address.is_some() && record.code.is_some())
        .count();
    assert!(of_address < 15, "a flood fills no disk: {of_address}");
    assert!(
        records
            .iter()
            .any(|record| record.what.detail.as_deref() == Some("too many failures: this address has to wait"))
    );
}
