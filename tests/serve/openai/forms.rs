//! Forms that are broken, cut off, hostile or large.

use loadlock_served::form;
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::{ALL, place, served, spool};

#[tokio::test]
async fn a_form_that_is_wrong_is_the_clients_fault_and_leaves_nothing() {
    let place = place();
    let (_served, client) = served(&place).await;
    let (kind, good) = form(&[("purpose", "user_data")], &[("file", "a.txt", b"content")]);
    let (kind, text) = (kind.as_str(), String::from_utf8(good).unwrap());
    let wrong = [
        (kind, text.replace("name=\"file\"", "name=\"data\"")),
        (kind, text.replace("name=\"purpose\"", "name=\"porpose\"")),
        (kind, text.replace("user_data", &"x".repeat(5_000))),
        (kind, text.replace("--\r\n", "")),
        (kind, text.replace("\r\n\r\n", "\r\n")),
        (kind, String::new()),
        ("multipart/form-data", text.clone()),
        ("multipart/mixed; boundary=x", text.clone()),
        ("text/plain", text.clone()),
    ];
    for (kind, body) in wrong {
        let answer = client.send("POST", "/v1/files", &[("content-type", kind)], body).await;
        let answer = answer.expect(400);
        let error = &answer.json()["error"];
        assert_eq!(error["code"], "request_invalid");
        assert_eq!(error["type"], "invalid_request_error");
        assert!(error.get("param").is_some() && error["message"].is_string());
        assert_eq!(answer.header("x-should-retry"), "false");
        assert!(spool(&place.home()).is_empty());
    }
    client.send("POST", "/v1/files", &[], text).await.expect(400);
}

#[tokio::test]
async fn a_body_that_is_cut_off_leaves_nothing() {
    let place = place();
    let token = place.token("acme", ALL).await;
    let served = place.serve().await;
    let (kind, body) = form(&[("purpose", "user_data")], &[("file", "a.txt", &[b'x'; 300_000])]);
    let head = format!(
        "POST /v1/files HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {token}\r\ncontent-type: {kind}\r\n\
         content-length: {}\r\n\r\n",
        body.len()
    );
    for cut in [10, 200, 250_000, body.len() - 3] {
        let mut stream = TcpStream::connect(&served.address).await.unwrap();
        stream.write_all(head.as_bytes()).await.unwrap();
        stream.write_all(&body[..cut]).await.unwrap();
        stream.shutdown().await.unwrap();
        // The server's end of the connection comes after the request's.
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).await.unwrap();
        let answer = String::from_utf8_lossy(&answer);
        assert!(!answer.starts_with("HTTP/1.1 2"), "{cut}: {answer}");
        assert!(!answer.starts_with("HTTP/1.1 5"), "{cut}: {answer}");
        assert!(spool(&place.home()).is_empty(), "{cut}");
    }
    let client = served.client(&token);
    let list = client.get("/v1/files").await.expect(200).json();
    assert_eq!(list["data"], Value::Array(Vec::new()));
}

#[tokio::test]
async fn a_hostile_name_is_refused_or_harmless() {
    let place = place();
    let (_served, client) = served(&place).await;
    for name in [
        "../../etc/passwd",
        "/etc/passwd",
        "..",
        "a\\..\\b.txt",
        ".env",
        "nul\0.txt",
        "",
        "ünï☃.txt",
    ] {
        let answer = client.upload(name, b"content", &[("purpose", "user_data")]).await;
        match answer.status.as_u16() {
            200 => {
                let stored = answer.json()["filename"].as_str().unwrap().to_owned();
                assert!(
                    !stored.contains(['/', '\\', '\0']) && stored != "..",
                    "{name:?} became {stored:?}"
                );
            }
            status => assert!(matches!(status, 400 | 422), "{name:?}: {}", answer.text()),
        }
        assert!(spool(&place.home()).is_empty());
    }
}

#[tokio::test]
async fn memory_does_not_grow_with_the_file() {
    let place = place();
    let (served, client) = served(&place).await;
    let most = |content: &[u8]| {
        let client = client.clone();
        let pid = served.pid();
        let content = content.to_vec();
        async move {
            client
                .upload("big.bin", &content, &[("purpose", "user_data")])
                .await
                .expect(200);
            let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
            let line = status
                .lines()
                .find(|line| line.starts_with("VmHWM"))
                .unwrap()
                .to_owned();
            line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap()
        }
    };
    let before = most(&[1; 1 << 20]).await;
    let after = most(&vec![2; 40 << 20]).await;
    assert!(after - before < 16 << 10, "{before} KiB, then {after} KiB");
}
