//! What a file is called: as its sender called it, or a refusal that says why not.

use loadlock_served::{Answer, Client, Place};

fn place() -> Place {
    Place::new(env!("CARGO_BIN_EXE_loadlock"), env!("CARGO_TARGET_TMPDIR"))
}

/// A form with one file whose part has these headers.
async fn sends(client: &Client, headers: &[u8], content: &[u8]) -> Answer {
    let purpose = b"--b\r\ncontent-disposition: form-data; name=purpose\r\n\r\nuser_data\r\n--b\r\n";
    let body = [purpose, headers, b"\r\n\r\n", content, b"\r\n--b--\r\n"].concat();
    let kind = ("content-type", "multipart/form-data; boundary=b");
    client.send("POST", "/v1/files", &[kind], body).await
}

#[tokio::test]
async fn a_form_names_its_file_in_every_way_that_clients_have() {
    let place = place();
    let token = place.token("acme", &["read", "write"]).await;
    let served = place.serve().await;
    let client = served.client(&token);
    for (parameters, expected) in [
        (
            &b"name=\"file\"; filename*=UTF-8''r%C3%A9sum%C3%A9.txt"[..],
            "r\u{e9}sum\u{e9}.txt",
        ),
        (b"filename*=UTF-8''a.txt; filename=\"b.txt\"; name=file", "a.txt"),
        (b"name=\"file\"; filename=\"b.txt\"; filename*=UTF-8''a.txt", "a.txt"),
        (b"name=\"file\"; filename=\"r\xe9sum\xe9.txt\"", "r\u{e9}sum\u{e9}.txt"),
        (b"filename=\"a.txt\"; name=\"file\"", "a.txt"),
        (b"name=\"file\"; filename=\"C:\\Users\\me\\report.txt\"", "report.txt"),
        (b"name=\"file\"; filename=\"./data/train.jsonl\"", "train.jsonl"),
    ] {
        let headers = [b"Content-Disposition: form-data; ", parameters].concat();
        let file = sends(&client, &headers, b"{}").await.expect(200).json();
        assert_eq!(file["filename"], expected, "{}", String::from_utf8_lossy(parameters));
    }
    for parameters in [
        &b"name=\"file\""[..],
        b"name=\"file\"; filename=\"\"",
        b"name=\"file\"; filename=\"folder/\"",
        b"name=\"file\"; filename=\"\x93x\x94.txt\"",
        b"name=\"file\"; filename*=koi8-r''%C1.txt",
    ] {
        let headers = [b"Content-Disposition: form-data; ", parameters].concat();
        let refused = sends(&client, &headers, b"{}").await.expect(400);
        let error = &refused.json()["error"];
        assert_eq!(
            (error["code"].as_str(), error["param"].as_str()),
            (Some("request_invalid"), Some("file"))
        );
        assert!(error["message"].as_str().unwrap().contains("name"), "{error}");
    }
}

#[tokio::test]
async fn a_part_that_is_encoded_is_refused_and_not_taken_for_the_file() {
    let place = place();
    let token = place.token("acme", &["read", "write"]).await;
    let served = place.serve().await;
    let client = served.client(&token);
    let disposition = "Content-Disposition: form-data; name=\"file\"; filename=\"a.txt\"\r\n";
    for encoding in [
        "Content-Transfer-Encoding: base64",
        "content-transfer-encoding: Quoted-Printable",
        "Content-Encoding: gzip",
    ] {
        let refused = sends(&client, format!("{disposition}{encoding}").as_bytes(), b"aGk=")
            .await
            .expect(415);
        assert_eq!(refused.code(), "encoding_unsupported");
    }
    for plain in ["Content-Transfer-Encoding: binary", "Content-Transfer-Encoding: 8BIT"] {
        sends(&client, format!("{disposition}{plain}").as_bytes(), b"aGk=")
            .await
            .expect(200);
    }
}

#[tokio::test]
async fn a_link_keeps_the_name_that_was_typed() {
    let place = place();
    place.configure("[[grants]]\nroot = \"{files}\"\n");
    std::fs::create_dir(place.files().join("blobs")).unwrap();
    place.file("blobs/45a2c3d4e5f6", "{\"a\": 1}");
    std::os::unix::fs::symlink("blobs/45a2c3d4e5f6", place.files().join("config.json")).unwrap();
    let (status, lines) = place.run(&["upload", "config.json"]).await;
    assert_eq!(status, 0, "{lines:?}");
    assert_eq!(lines[0]["filename"], "config.json", "{lines:?}");
    assert_eq!(lines[0]["media_type"], "application/json", "{lines:?}");
    // The target's own name is judged all the same.
    place.file(".env", "SECRET=1");
    std::os::unix::fs::symlink(".env", place.files().join("notes.txt")).unwrap();
    let (status, lines) = place.run(&["upload", "notes.txt"]).await;
    assert_ne!(status, 0, "{lines:?}");
    assert_eq!(lines[0]["error"]["code"], "file_rejected", "{lines:?}");
}
