//! A client that comes again has the upload; its earlier request ends.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

mod tus;

use loadlock_served::feed;
use tus::*;

#[tokio::test]
async fn a_new_request_ends_the_earlier_one_and_keeps_its_bytes() {
    let place = place();
    let (_served, client) = serve(&place).await;
    let content = bytes(2_000_000);
    for verb in ["HEAD", "PATCH", "DELETE"] {
        let path = make(&client, content.len()).await;
        let (mut stale, body) = feed();
        let headers = [VERSION, OCTETS, ("upload-offset", "0")];
        let request = client.send_body("PATCH", &path, &headers, body);
        let data = data(&place, &path);
        let taken = async {
            stale.send(content[..1_500_000].to_vec()).await;
            until("the bytes", async || {
                std::fs::metadata(&data).is_ok_and(|data| data.len() > 1_000_000)
            })
            .await;
            // The stale connection still stands; nobody has told the server that its client is gone.
            match verb {
                "HEAD" => {
                    let here = offset(&client, &path).await as usize;
                    assert!(here > 1_000_000);
                    patch(&client, &path, here, &content[here..]).await.expect(204);
                    assert!(stored(&place, &content) > 0);
                }
                "PATCH" => {
                    let answer = patch(&client, &path, 0, "x").await.expect(409);
                    let here: u64 = answer.header("upload-offset").parse().unwrap();
                    assert!(here > 1_000_000);
                }
                _ => {
                    tus(&client, "DELETE", &path, &[], "").await.expect(204);
                    assert!(!data.exists());
                }
            }
        };
        let (answer, ()) = tokio::join!(request, taken);
        let answer = answer.unwrap().expect(423);
        assert_eq!(answer.code(), "upload_conflict");
        drop(stale);
    }
}
