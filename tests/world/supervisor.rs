//! A supervisor that speaks sd_notify(3) hears of a gateway's start, life and end.

use std::time::Duration;

use loadlock_served::Place;
use tokio::net::UnixDatagram;

/// Longest that a message is waited for; none takes that long.
const PATIENCE: Duration = Duration::from_secs(60);

/// The next message that begins so; what comes before it is left.
async fn heard(supervisor: &UnixDatagram, begin: &str) -> String {
    let mut buffer = [0; 4096];
    let next = async {
        loop {
            let read = supervisor.recv(&mut buffer).await.unwrap();
            let message = String::from_utf8(buffer[..read].to_vec()).unwrap();
            if message.starts_with(begin) {
                return message;
            }
        }
    };
    tokio::time::timeout(PATIENCE, next)
        .await
        .unwrap_or_else(|_| panic!("no {begin}"))
}

#[tokio::test]
async fn a_supervisor_hears_of_start_life_and_end() {
    let mut place = Place::new(env!("CARGO_BIN_EXE_loadlock"), env!("CARGO_TARGET_TMPDIR"));
    let socket = place.files().join("notify.sock");
    let supervisor = UnixDatagram::bind(&socket).unwrap();
    place
        .env("NOTIFY_SOCKET", socket.to_str().unwrap())
        .env("WATCHDOG_USEC", "200000");
    let served = place.serve().await;
    let ready = heard(&supervisor, "READY=1").await;
    assert!(ready.contains("serving on 127.0.0.1:"), "{ready}");
    heard(&supervisor, "WATCHDOG=1").await;
    heard(&supervisor, "WATCHDOG=1").await;
    let ended = tokio::spawn(served.stop());
    heard(&supervisor, "STOPPING=1").await;
    assert_eq!(ended.await.unwrap(), Some(0));
}

#[tokio::test]
async fn a_supervisor_that_is_away_is_no_reason_not_to_serve() {
    let mut place = Place::new(env!("CARGO_BIN_EXE_loadlock"), env!("CARGO_TARGET_TMPDIR"));
    place
        .env("NOTIFY_SOCKET", "/nowhere/at/all")
        .env("WATCHDOG_USEC", "1000000");
    let served = place.serve().await;
    served.stranger().get("/healthz").await.expect(200);
    assert_eq!(served.stop().await, Some(0));
}
