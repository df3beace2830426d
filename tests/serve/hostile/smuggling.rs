//! Requests whose end two servers would see at different places. Behind each stands another one that deletes a file: it
//! must never be carried out, whatever the first is answered.

use futures::future::join_all;
use loadlock_served::{Client, Served};
use tokio::io::AsyncWriteExt;

use super::raw::{Reply, connect, exchange, until_closed};
use super::{assert_clean, place, served, still_serves};

/// A server, a file, and the request that must not be carried out.
struct Victim {
    served: Served,
    client: Client,
    token: String,
    file: String,
    place: loadlock_served::Place,
}

impl Victim {
    async fn new() -> Self {
        let place = place();
        let (served, token, client) = served(&place).await;
        let file = client
            .upload("victim.txt", b"victim", &[("purpose", "user_data")])
            .await
            .expect(200)
            .json();
        Self {
            served,
            client,
            token,
            file: file["id"].as_str().unwrap().to_owned(),
            place,
        }
    }

    fn hidden(&self) -> String {
        format!(
            "DELETE /v1/files/{} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {}\r\n\r\n",
            self.file, self.token
        )
    }

    /// The head of an upload that is allowed, without its framing.
    fn upload(&self) -> String {
        format!(
            "POST /v1/files HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {}\r\nContent-Type: multipart/form-data; \
             boundary=b\r\n",
            self.token
        )
    }

    /// Sends each request and asserts that it got one answer at the most, none of them a success, and that nothing else
    /// was done.
    async fn survives(&self, requests: &[(&str, String)]) {
        let all = requests.iter().map(|(_, request)| exchange(&self.served, request));
        for ((what, _), replies) in requests.iter().zip(join_all(all).await) {
            assert_refused(what, &replies);
        }
        self.is_well().await;
    }

    async fn is_well(&self) {
        let path = format!("/v1/files/{}", self.file);
        self.client.get(&path).await.expect(200);
        let listed = self.client.get("/v1/files").await.expect(200).json();
        assert_eq!(listed["data"].as_array().unwrap().len(), 1);
        assert_clean(&self.place);
        still_serves(&self.served).await;
    }
}

fn assert_refused(what: &str, replies: &[Reply]) {
    assert!(replies.len() <= 1, "{what}: {replies:?}");
    for reply in replies {
        assert!(
            matches!(reply.status, 400 | 401 | 413 | 414 | 431 | 501 | 505),
            "{what}: {reply:?}"
        );
        if !reply.body.is_empty() {
            let code = reply.code();
            assert!(
                code == "request_invalid" || code == "unauthenticated",
                "{what}: {reply:?}"
            );
        }
    }
}

#[tokio::test]
async fn two_lengths_are_none() {
    let victim = Victim::new().await;
    let (upload, hidden) = (victim.upload(), victim.hidden());
    let chunked = "Transfer-Encoding: chunked\r\n";
    let end = "0\r\n\r\n";
    let mut requests = vec![
        (
            "CL then TE",
            format!("{upload}Content-Length: 5\r\n{chunked}\r\n{end}{hidden}"),
        ),
        (
            "TE then CL",
            format!("{upload}{chunked}Content-Length: 5\r\n\r\n{end}{hidden}"),
        ),
        (
            "CL over all, and TE",
            format!(
                "{upload}{chunked}Content-Length: {}\r\n\r\n{end}{hidden}",
                end.len() + hidden.len()
            ),
        ),
        (
            "two lengths",
            format!("{upload}Content-Length: 5\r\nContent-Length: 6\r\n\r\n{end}{hidden}"),
        ),
        (
            "two lengths in one",
            format!("{upload}Content-Length: 5, 6\r\n\r\n{end}{hidden}"),
        ),
        (
            "one length twice in one",
            format!("{upload}Content-Length: 5, 5\r\n\r\n{end}{hidden}"),
        ),
        (
            "a length and none",
            format!("{upload}Content-Length: 5\r\nContent-Length: \r\n\r\n{end}{hidden}"),
        ),
        (
            "HTTP/1.0 in chunks",
            format!("{}{chunked}\r\n{end}{hidden}", upload.replace("HTTP/1.1", "HTTP/1.0")),
        ),
    ];
    for length in [
        "+5",
        "-5",
        "-0",
        "5 5",
        "0x5",
        "5;",
        "5.0",
        "5e0",
        "",
        "a",
        "\u{665}",
        "5\t5",
        "\"5\"",
        "18446744073709551616",
        "18446744073709551621",
        "99999999999999999999999999",
    ] {
        requests.push((
            "a length that is none",
            format!("{upload}Content-Length: {length}\r\n\r\n{end}{hidden}"),
        ));
    }
    victim.survives(&requests).await;
}

#[tokio::test]
async fn codings_that_proxies_read_in_two_ways_are_refused() {
    let victim = Victim::new().await;
    let (upload, hidden) = (victim.upload(), victim.hidden());
    let requests: Vec<_> = [
        "Transfer-Encoding: identity",
        "Transfer-Encoding: xchunked",
        "Transfer-Encoding: chunked, identity",
        "Transfer-Encoding: identity, chunked",
        "Transfer-Encoding: gzip, chunked",
        "Transfer-Encoding: chunked, chunked",
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity",
        "Transfer-Encoding: identity\r\nTransfer-Encoding: chunked",
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked",
        "Transfer-Encoding: \x0bchunked",
        "Transfer-Encoding: chunked;q=1",
        "Transfer-Encoding: \"chunked\"",
        "Transfer-Encoding: chunked,",
        "Transfer-Encoding:",
        "Transfer-Encoding : chunked",
        "Transfer-Encoding\t: chunked",
        " Transfer-Encoding: chunked",
        "\tTransfer-Encoding: chunked",
        "Transfer-Encoding\r\n : chunked",
        "Transfer-Encoding:\r\n chunked",
        "X: a\r\n Transfer-Encoding: chunked",
        "X: a\rTransfer-Encoding: chunked",
        "X: a\0Transfer-Encoding: chunked",
        "Transfer-Encoding: chunked\r",
        "Transfer-Encoding\0: chunked",
        ": chunked",
        "no colon at all",
    ]
    .into_iter()
    .map(|line| (line, format!("{upload}{line}\r\n\r\n0\r\n\r\n{hidden}")))
    .collect();
    victim.survives(&requests).await;
}

#[tokio::test]
async fn chunks_that_are_none_end_the_connection() {
    let victim = Victim::new().await;
    let (upload, hidden) = (victim.upload(), victim.hidden());
    let long = format!("1;{}\r\na\r\n0\r\n\r\n", "x".repeat(32 << 10));
    let trailers = format!("0\r\n{}\r\n", "X: y\r\n".repeat(5_000));
    let requests: Vec<_> = [
        "G\r\n",
        "-1\r\n",
        "+1\r\na\r\n0\r\n\r\n",
        "0x1\r\na\r\n0\r\n\r\n",
        "1 1\r\na\r\n0\r\n\r\n",
        "\r\n",
        ";ext\r\n\r\n",
        "10000000000000000\r\n",
        "fffffffffffffffff\r\n",
        "1\na\r\n0\r\n\r\n",
        "1\r\na\n0\r\n\r\n",
        "1;a\nb\r\na\r\n0\r\n\r\n",
        "1\r\rna\r\n0\r\n\r\n",
        "1\r\nab\r\n0\r\n\r\n",
        "1\r\naXX0\r\n\r\n",
        "5\r\na\r\n0\r\n\r\n",
        "0\r\nX\r\n\r\n",
        "0\r\n X: y\r\n\r\n",
        &long,
        &trailers,
    ]
    .into_iter()
    .map(|body| {
        (
            body,
            format!("{upload}Transfer-Encoding: chunked\r\n\r\n{body}{hidden}"),
        )
    })
    .collect();
    victim.survives(&requests).await;
}

#[tokio::test]
async fn request_lines_that_are_none_are_refused() {
    let victim = Victim::new().await;
    let hidden = victim.hidden();
    let requests: Vec<_> = [
        "GET /healthz HTTP/1.1 \r\nHost: x\r\n\r\n",
        "GET  /healthz HTTP/1.1\r\nHost: x\r\n\r\n",
        "GET /healthz  HTTP/1.1\r\nHost: x\r\n\r\n",
        "GET /healthz HTTP/1.2\r\nHost: x\r\n\r\n",
        "GET /healthz HTTP/3.0\r\nHost: x\r\n\r\n",
        "GET /healthz\r\n\r\n",
        "GET /healthz http/1.1\r\nHost: x\r\n\r\n",
        "GET /health z HTTP/1.1\r\nHost: x\r\n\r\n",
        "GET /healthz\0 HTTP/1.1\r\nHost: x\r\n\r\n",
        "G\tT /healthz HTTP/1.1\r\nHost: x\r\n\r\n",
        "\u{feff}GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n",
        " GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n",
        "GET healthz HTTP/1.1\r\nHost: x\r\n\r\n",
        "GET /healthz HTTP/1.1\r\n\r\n",
        "GET /healthz HTTP/1.1\r\nHost: x\r\nHost: x\r\n\r\n",
        "GET /healthz HTTP/1.1\r\nHost: a b\r\n\r\n",
        "GET http://evil.example/healthz HTTP/1.1\r\nHost: x\r\n\r\n",
        "GET http://x@evil.example/healthz HTTP/1.1\r\nHost: x\r\n\r\n",
        "CONNECT evil.example:80 HTTP/1.1\r\nHost: x\r\n\r\n",
        "GET /healthz HTTP/1.1\r\nHost: x\r\nX Y: z\r\n\r\n",
        "GET /healthz HTTP/1.1\r\n Host: x\r\n\r\n",
    ]
    .into_iter()
    .map(|request| (request, format!("{request}{hidden}")))
    .collect();
    victim.survives(&requests).await;
}

#[tokio::test]
async fn what_is_inside_a_body_is_never_a_request() {
    let victim = Victim::new().await;
    let (upload, hidden) = (victim.upload(), victim.hidden());
    let length = hidden.len();
    let stranger = "POST /v1/files HTTP/1.1\r\nHost: x\r\n";
    let chunk = format!("{length:x}\r\n{hidden}\r\n0\r\n\r\n");
    let requests = [
        (
            "a GET's",
            format!("GET /healthz HTTP/1.1\r\nHost: x\r\nContent-Length: {length}\r\n\r\n{hidden}"),
            200,
        ),
        (
            "a GET's, in chunks",
            format!("GET /healthz HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n{chunk}"),
            200,
        ),
        (
            "a GET's, of the same length twice",
            format!(
                "GET /healthz HTTP/1.1\r\nHost: x\r\nContent-Length: {length}\r\nContent-Length: {length}\r\n\r\n\
                 {hidden}"
            ),
            200,
        ),
        (
            "a refused one's",
            format!("{stranger}Content-Length: {length}\r\n\r\n{hidden}"),
            401,
        ),
        (
            "a refused one's, in chunks",
            format!("{stranger}Transfer-Encoding: chunked\r\n\r\n{chunk}"),
            401,
        ),
        (
            "a refused one's that is longer",
            format!("{stranger}Content-Length: 99999999999\r\n\r\n{hidden}"),
            401,
        ),
        (
            "a refused one's that was asked about",
            format!("{stranger}Expect: 100-continue\r\nContent-Length: {length}\r\n\r\n{hidden}"),
            401,
        ),
        (
            "a broken form's",
            format!("{upload}Content-Length: {length}\r\n\r\n{hidden}"),
            400,
        ),
        (
            "a broken form's, in chunks",
            format!("{upload}Transfer-Encoding: chunked\r\n\r\n{chunk}"),
            400,
        ),
        (
            "nowhere's",
            format!("POST /nowhere HTTP/1.1\r\nHost: x\r\nContent-Length: {length}\r\n\r\n{hidden}"),
            404,
        ),
        (
            "HTTP/1.0's",
            format!("GET /healthz HTTP/1.0\r\nContent-Length: {length}\r\n\r\n{hidden}"),
            200,
        ),
        (
            "an upgrade's that is not one",
            format!(
                "GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n\
                 HTTP2-Settings: AAMAAABkAAQAAP__\r\nContent-Length: {length}\r\n\r\n{hidden}"
            ),
            200,
        ),
    ];
    let all = requests.iter().map(|(_, request, _)| exchange(&victim.served, request));
    for ((what, _, status), replies) in requests.iter().zip(join_all(all).await) {
        assert_eq!(replies.len(), 1, "{what}: {replies:?}");
        assert_eq!(replies[0].status, *status, "{what}: {replies:?}");
    }
    victim.is_well().await;
}

#[tokio::test]
async fn the_body_of_an_upgrade_is_neither_a_request_nor_a_frame() {
    let victim = Victim::new().await;
    let hidden = victim.hidden();
    let upgrade = format!(
        "GET /v1/ws HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n",
        victim.token
    );
    let head = format!("{upgrade}Content-Length: {}\r\n\r\n{hidden}", hidden.len());
    // A close frame, to which the server answers in kind.
    let request = [head.as_bytes(), &[0x88, 0x80, 0, 0, 0, 0]].concat();
    let replies = exchange(&victim.served, request).await;
    assert_eq!((replies.len(), replies[0].status), (1, 101));
    victim.is_well().await;
}

/// After a refusal a connection goes on only behind the very end of the refused body, or it is closed.
#[tokio::test]
async fn what_follows_a_refused_body_is_served_or_the_connection_is_closed() {
    let victim = &Victim::new().await;
    let stranger = "POST /v1/files HTTP/1.1\r\nHost: x\r\n";
    let next = "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n";
    let all = [10_usize, 100_000, 4 << 20].map(|bytes| async move {
        let body = victim.hidden().repeat(bytes.div_ceil(victim.hidden().len()));
        let mut stream = connect(&victim.served).await;
        let head = format!("{stranger}Content-Length: {}\r\n\r\n", body.len());
        // A server that does not want the body may close while it comes.
        let _ = stream.write_all(format!("{head}{body}{next}").as_bytes()).await;
        let replies = until_closed(stream).await;
        let statuses: Vec<_> = replies.iter().map(|reply| reply.status).collect();
        assert!(
            statuses.is_empty() || statuses == [401] || statuses == [401, 200],
            "{bytes}: {statuses:?}"
        );
    });
    join_all(all).await;
    victim.is_well().await;
}

/// RFC 9112 §2.2 lets a lone LF end a line. Whoever reads it so must do so everywhere: each of these is one request,
/// and the line after it is not hidden in a header.
#[tokio::test]
async fn a_lone_line_feed_ends_a_line_wherever_it_stands() {
    let place = place();
    let served = place.serve().await;
    for request in [
        "GET /healthz HTTP/1.1\nHost: x\nConnection: close\n\n",
        "GET /healthz HTTP/1.1\r\nHost: x\nConnection: close\r\n\r\n",
        "GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\n\n",
    ] {
        let replies = exchange(&served, request).await;
        assert_eq!((replies.len(), replies[0].status), (1, 200), "{request:?}");
    }
    still_serves(&served).await;
}
