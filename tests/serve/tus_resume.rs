//! Interruption, restart, power that goes: what was acknowledged is there.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

mod tus;

use loadlock_served::feed;
use tus::*;

#[tokio::test]
async fn what_came_before_the_connection_broke_stays() {
    let place = place();
    let (_served, client) = serve(&place).await;
    let content = bytes(3_000_000);
    let path = make(&client, content.len()).await;
    let data = data(&place, &path);
    let (mut feed, body) = feed();
    let headers = [VERSION, OCTETS, ("upload-offset", "0")];
    let request = client.send_body("PATCH", &path, &headers, body);
    let broken = async {
        for piece in content[..2_000_000].chunks(100_000) {
            feed.send(piece.to_vec()).await;
        }
        until("the bytes", async || {
            std::fs::metadata(&data).is_ok_and(|data| data.len() > 1_000_000)
        })
        .await;
        feed.abort().await;
    };
    let (answer, ()) = tokio::join!(request, broken);
    assert!(answer.is_err());
    let here = usize::try_from(offset(&client, &path).await).unwrap();
    assert!(here > 1_000_000 && here <= 2_000_000, "{here}");
    patch(&client, &path, here, &content[here..]).await.expect(204);
    assert_eq!(stored(&place, &content), 1);
}

#[tokio::test]
async fn a_killed_server_has_everything_that_it_acknowledged_and_what_it_synced_meanwhile() {
    let place = place();
    let (served, client) = serve(&place).await;
    let content = bytes(50 << 20);
    let path = make(&client, content.len()).await;
    patch(&client, &path, 0, &content[..1_000]).await.expect(204);
    let (mut feed, body) = feed();
    let headers = [VERSION, OCTETS, ("upload-offset", "1000")];
    let request = client.send_body("PATCH", &path, &headers, body);
    let data = data(&place, &path);
    let killed = async {
        for piece in content[1_000..40 << 20].chunks(1 << 20) {
            feed.send(piece.to_vec()).await;
        }
        until("the bytes", async || std::fs::metadata(&data).unwrap().len() > 33 << 20).await;
        served.kill().await;
        feed.abort().await;
    };
    let (answer, ()) = tokio::join!(request, killed);
    assert!(answer.is_err());

    let (_served, client) = serve(&place).await;
    let here = usize::try_from(offset(&client, &path).await).unwrap();
    // Synced every 16 MiB, so at most so much is sent twice; and nothing that was not synced is claimed.
    assert!((16 << 20..=40 << 20).contains(&here), "{here}");
    assert_eq!(std::fs::metadata(&data).unwrap().len(), here as u64);
    assert_eq!(std::fs::read(&data).unwrap(), content[..here]);
    patch(&client, &path, here, &content[here..]).await.expect(204);
    assert_eq!(stored(&place, &content), 1);
}

#[tokio::test]
async fn a_stored_upload_is_known_after_a_restart_and_stored_once() {
    let place = place();
    let (served, client) = serve(&place).await;
    let path = make(&client, 5).await;
    let file = patch(&client, &path, 0, "hello")
        .await
        .expect(204)
        .header("loadlock-file-id")
        .to_owned();
    served.kill().await;
    let (_served, client) = serve(&place).await;
    let now = head(&client, &path).await.expect(200);
    assert_eq!(
        (now.header("upload-offset"), now.header("loadlock-file-id")),
        ("5", file.as_str())
    );
}

#[tokio::test]
async fn an_upload_under_way_ends_when_the_server_stops_and_goes_on_later() {
    let mut place = place();
    // Who was let in shows that a request has arrived.
    place.env("LOADLOCK_LOG", "info");
    let (served, client) = serve(&place).await;
    let path = make(&client, 10).await;
    let (mut feed, body) = feed();
    let headers = [VERSION, OCTETS, ("upload-offset", "0")];
    let request = client.send_body("PATCH", &path, &headers, body);
    let lines = served.log.lines().len();
    let stop = async {
        feed.send("01234").await;
        // A connection on which no request has arrived yet is closed at once.
        served.log.wait_for(lines, r#""method":"PATCH""#).await;
        served.signal(rustix::process::Signal::TERM);
    };
    let (answer, ()) = tokio::join!(request, stop);
    let answer = answer.unwrap().expect(503);
    assert_eq!(
        (answer.code().as_str(), answer.header("retry-after")),
        ("overloaded", "5")
    );
    drop(feed);
    served.stop().await;
    let (_served, client) = serve(&place).await;
    let here = offset(&client, &path).await;
    assert!(here == 5 || here == 0);
    patch(&client, &path, here as usize, &b"0123456789"[here as usize..])
        .await
        .expect(204);
    assert_eq!(stored(&place, b"0123456789"), 1);
}
