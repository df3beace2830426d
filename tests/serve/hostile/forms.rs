//! Forms that are malformed, without an end, or far too large.

use futures::future::join_all;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::raw::{connect, exchange, peak_kib};
use super::{assert_clean, place, served, still_serves};

const KIND: &str = "multipart/form-data; boundary=b";

/// A whole request for an upload, after which the server closes.
fn request(token: &str, kind: &str, body: &str) -> String {
    format!(
        "POST /v1/files HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\nConnection: close\r\nContent-Type: \
         {kind}\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )
}

fn part(disposition: &str, value: &str) -> String {
    format!("--b\r\nContent-Disposition: form-data; {disposition}\r\n\r\n{value}\r\n")
}

#[tokio::test]
async fn forms_that_are_wrong_are_refused_and_leave_nothing() {
    let place = place();
    let (served, token, client) = served(&place).await;
    let purpose = part("name=\"purpose\"", "user_data");
    let file = part("name=\"file\"; filename=\"a.txt\"", "content");
    let end = "--b--\r\n";
    let good = format!("{purpose}{file}{end}");
    let fields: String = (0..5_000)
        .map(|number| part(&format!("name=\"f{number}\""), "x"))
        .collect();
    let huge = "n".repeat(200_000);
    let wrong: Vec<(&str, String)> = vec![
        ("multipart/form-data", good.clone()),
        ("multipart/form-data; boundary=", good.clone()),
        ("multipart/form-data; boundary=\"\"", good.clone()),
        ("multipart/form-data; boundary=c", good.clone()),
        (
            "multipart/form-data; boundary=b; boundary=c",
            good.replace("--b", "--c"),
        ),
        ("multipart/form-data; boundary=\"b", good.clone()),
        ("multipart/mixed; boundary=b", good.clone()),
        ("multipart/form-data, multipart/form-data; boundary=b", good.clone()),
        (KIND, String::new()),
        (KIND, "--b".to_owned()),
        (KIND, end.to_owned()),
        (KIND, format!("{purpose}{end}")),
        (KIND, format!("{purpose}{file}")),
        (KIND, format!("{purpose}{file}--b")),
        (KIND, format!("{purpose}{file}--b-")),
        (KIND, good.replace("\r\n\r\n", "\r\n")),
        (KIND, good.replace("\r\n", "\n")),
        (KIND, format!("{purpose}{file}{file}{end}")),
        (KIND, format!("{file}{purpose}{purpose}{end}")),
        (KIND, format!("{fields}{file}{end}")),
        (KIND, format!("{file}{fields}{end}")),
        (KIND, format!("{}{file}{end}", part(&format!("name=\"{huge}\""), "x"))),
        (KIND, format!("{}{file}{end}", part("name=\"purpose\"", &huge))),
        (KIND, format!("{}{file}{end}", part("", "x"))),
        (KIND, format!("{}{file}{end}", part("name", "x"))),
        (KIND, format!("{file}--b\r\n\r\nx\r\n{end}")),
        (KIND, format!("{file}--b\r\nno colon\r\n\r\nx\r\n{end}")),
        (KIND, format!("{file}--b\r\nX\0Y: z\r\n\r\nx\r\n{end}")),
        (
            KIND,
            format!("{file}--b\r\n{}\r\n\r\nx\r\n{end}", "X: y\r\n".repeat(10_000)),
        ),
    ];
    let all = wrong
        .iter()
        .map(|(kind, body)| exchange(&served, request(&token, kind, body)));
    for ((kind, body), replies) in wrong.iter().zip(join_all(all).await) {
        let shown: String = body.chars().take(300).collect();
        assert_eq!(replies.len(), 1, "{kind}\n{shown}: {replies:?}");
        assert_eq!(
            (replies[0].status, replies[0].code().as_str()),
            (400, "request_invalid"),
            "{kind}\n{shown}: {replies:?}"
        );
    }
    assert_clean(&place);
    let listed = client.get("/v1/files").await.expect(200).json();
    assert_eq!(listed["data"].as_array().unwrap().len(), 0);
    still_serves(&served).await;
}

#[tokio::test]
async fn forms_that_are_only_unusual_are_read() {
    let place = place();
    let (served, token, client) = served(&place).await;
    let purpose = part("name=\"purpose\"", "user_data");
    let end = "--b--\r\n";
    let nested = "--c\r\nContent-Disposition: form-data; name=\"purpose\"\r\n\r\nbatch\r\n--c--\r\n";
    let mixed = format!(
        "--b\r\nContent-Disposition: form-data; name=\"file\"; filename=\"nested.txt\"\r\nContent-Type: \
         multipart/mixed; boundary=c\r\n\r\n{nested}\r\n"
    );
    let file = |name: &str| part(&format!("name=\"file\"; filename=\"{name}\""), name);
    let whole = [
        // As the SDK for Node sends it.
        (KIND, format!("{}{purpose}{end}", file("first.txt")), "first.txt"),
        (
            KIND,
            format!("{purpose}{}{end}and more", file("epilogue.txt")),
            "epilogue.txt",
        ),
        (
            "multipart/form-data; charset=utf-8; boundary=\"b\"",
            format!("{purpose}{}{end}", file("quoted.txt")),
            "quoted.txt",
        ),
        // A form inside of a form is bytes of a file, not fields.
        (KIND, format!("{purpose}{mixed}{end}"), "nested.txt"),
    ];
    for (kind, body, name) in &whole {
        let replies = exchange(&served, request(&token, kind, body)).await;
        assert_eq!(replies.len(), 1, "{body}: {replies:?}");
        assert_eq!(replies[0].status, 200, "{body}: {replies:?}");
        let file: serde_json::Value = serde_json::from_str(&replies[0].body).unwrap();
        assert_eq!(
            (file["filename"].as_str(), file["purpose"].as_str()),
            (Some(*name), Some("user_data"))
        );
        let path = format!("/v1/files/{}", file["id"].as_str().unwrap());
        let bytes = client.get(&path).await.expect(200).json()["bytes"].clone();
        let wanted = if *name == "nested.txt" {
            nested.len()
        } else {
            name.len()
        };
        assert_eq!(bytes, wanted);
    }
    assert_clean(&place);
}

/// What comes before a file is held in memory: it has a bound, whatever it is.
#[tokio::test]
async fn forms_without_an_end_are_refused_in_bounded_memory() {
    const MUCH: usize = 64 << 20;
    let place = place();
    let (served, token, client) = served(&place).await;
    client
        .upload("a.txt", b"warm", &[("purpose", "user_data")])
        .await
        .expect(200);
    let before = peak_kib(&served);
    let name = "--b\r\nContent-Disposition: form-data; name=\"";
    let floods = [
        // Before the first part; in a part's headers; in its name; in a field; fields without end.
        ("", "x".repeat(64 << 10)),
        ("--b\r\nX: ", "x".repeat(64 << 10)),
        ("--b\r\n", "X: y\r\n".repeat(10_000)),
        (name, "x".repeat(64 << 10)),
        (
            "--b\r\nContent-Disposition: form-data; name=\"purpose\"\r\n\r\n",
            "x".repeat(64 << 10),
        ),
        ("", part("name=\"f\"", "x").repeat(1_000)),
    ];
    let (server, token) = (&served, &token);
    let all = floods.iter().map(|(start, piece)| async move {
        let mut stream = connect(server).await;
        let head = format!(
            "POST /v1/files HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\nContent-Type: {KIND}\r\n\
             Content-Length: {}\r\n\r\n{start}",
            1_u64 << 40
        );
        stream.write_all(head.as_bytes()).await.unwrap();
        // The answer comes while the body does.
        let (mut reader, mut writer) = stream.split();
        let mut answer = Vec::new();
        let sending = async {
            let mut sent = 0;
            while writer.write_all(piece.as_bytes()).await.is_ok() {
                sent += piece.len();
                assert!(sent <= 2 * MUCH, "the server takes a form without an end");
            }
        };
        let reading = async {
            let _ = reader.read_to_end(&mut answer).await;
        };
        tokio::join!(sending, reading);
        String::from_utf8_lossy(&answer).into_owned()
    });
    for answer in join_all(all).await {
        assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 400"), "{answer}");
    }
    let grown = peak_kib(&served) - before;
    assert!(grown < 24 << 10, "{grown} KiB more");
    assert_clean(&place);
    still_serves(&served).await;
}
