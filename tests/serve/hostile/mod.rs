//! Clients that mean harm or are broken: every byte comes from a plain socket, so that no client's manners are in the
//! way.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

mod crowd;
mod forms;
mod heads;
mod raw;
mod slow;
mod smuggling;

use loadlock_served::{Client, Place, Served};

const ALL: &[&str] = &["read", "write", "delete"];

fn place() -> Place {
    Place::new(env!("CARGO_BIN_EXE_loadlock"), env!("CARGO_TARGET_TMPDIR"))
}

/// A server over a place, a token of the tenant `acme` and its client.
async fn served(place: &Place) -> (Served, String, Client) {
    let token = place.token("acme", ALL).await;
    let served = place.serve().await;
    let client = served.client(&token);
    (served, token, client)
}

async fn still_serves(served: &Served) {
    served.stranger().get("/healthz").await.expect(200);
    served.stranger().get("/readyz").await.expect(200);
}

/// Nothing is left in the spool.
fn assert_clean(place: &Place) {
    let left: Vec<_> = std::fs::read_dir(place.home().join("spool")).unwrap().collect();
    assert!(left.is_empty(), "{left:?}");
}
