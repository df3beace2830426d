//! Behind a proxy everybody comes from one address: who fails to log in is limited, and audited, by their own.

use loadlock_served::{Answer, Place, Served};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

fn place() -> Place {
    Place::new(env!("CARGO_BIN_EXE_loadlock"), env!("CARGO_TARGET_TMPDIR"))
}

/// Asks with a token as a proxy passes it on.
async fn asks(served: &Served, token: &str, headers: &[(&str, &str)]) -> Answer {
    served.client(token).send("GET", "/v1/files", headers, "").await
}

/// Wrong tokens until no further one is looked at.
async fn fails(served: &Served, headers: &[(&str, &str)]) {
    for number in 0..11 {
        asks(served, &format!("wrong {number}"), headers).await.expect(401);
    }
    asks(served, "wrong again", headers).await.expect(429);
}

#[tokio::test]
async fn one_client_behind_a_proxy_locks_out_no_other() {
    let place = place();
    place.configure("server.trusted_proxies = [\"127.0.0.0/8\", \"10.0.0.0/8\"]\n");
    let good = place.token("acme", &["read"]).await;
    let served = place.serve().await;
    let list = "x-forwarded-for";
    // What the client itself wrote stands before what the proxies wrote.
    fails(&served, &[(list, "1.1.1.1, 198.51.100.4, 10.0.0.9")]).await;
    asks(&served, "wrong", &[(list, "2.2.2.2, 198.51.100.4")])
        .await
        .expect(429);
    asks(&served, "wrong", &[("forwarded", "for=\"198.51.100.4:4711\"")])
        .await
        .expect(429);
    // Others are others.
    asks(&served, "wrong", &[(list, "198.51.100.4, 203.0.113.9")])
        .await
        .expect(401);
    asks(&served, "wrong", &[("forwarded", "for=203.0.113.10;proto=https")])
        .await
        .expect(401);
    asks(&served, "wrong", &[]).await.expect(401);
    asks(&served, &good, &[(list, "203.0.113.9")]).await.expect(200);
    // The one that the proxy does not write may come from the client: where they differ nobody is believed.
    asks(
        &served,
        "wrong",
        &[(list, "198.51.100.4"), ("forwarded", "for=203.0.113.77")],
    )
    .await
    .expect(401);
    let audit = place.home().join("audit");
    let files = std::fs::read_dir(audit).unwrap().map(|entry| entry.unwrap().path());
    let log: String = files.filter_map(|file| std::fs::read_to_string(file).ok()).collect();
    assert!(log.contains("\"198.51.100.4\"") && log.contains("\"203.0.113.10\""));
    assert!(!log.contains("1.1.1.1") && !log.contains("203.0.113.77"));
}

#[tokio::test]
async fn a_client_whose_address_is_hidden_is_one_of_its_own() {
    let place = place();
    place.configure("server.trusted_proxies = [\"127.0.0.0/8\"]\n");
    let served = place.serve().await;
    fails(&served, &[("forwarded", "for=_a")]).await;
    asks(&served, "wrong", &[("forwarded", "for=_b")]).await.expect(401);
    asks(&served, "wrong", &[]).await.expect(401);
    // Nothing between two commas is no element, and what says nothing of a client leaves it to the other header.
    fails(&served, &[("x-forwarded-for", "9.9.9.9,198.51.100.4,")]).await;
    let says_nothing = [("x-forwarded-for", "198.51.100.4"), ("forwarded", "proto=https")];
    asks(&served, "wrong", &says_nothing).await.expect(429);
    asks(&served, "wrong", &[("forwarded", "for=\"\\198.51.100.4\"")])
        .await
        .expect(429);
    asks(&served, "wrong", &[]).await.expect(401);
}

#[tokio::test]
async fn without_the_setting_the_headers_mean_nothing() {
    let place = place();
    let served = place.serve().await;
    for number in 0..11 {
        let client = format!("198.51.100.{number}");
        let forwarded = format!("for={client}");
        let headers = [("x-forwarded-for", client.as_str()), ("forwarded", forwarded.as_str())];
        asks(&served, "wrong", &headers).await.expect(401);
    }
    asks(&served, "wrong", &[("x-forwarded-for", "203.0.113.9")])
        .await
        .expect(429);
}

#[tokio::test]
async fn a_token_that_was_good_is_let_in_whoever_else_fails_and_after_a_restart() {
    let place = place();
    let good = place.token("acme", &["read"]).await;
    let other = place.token("acme", &["read"]).await;
    let served = place.serve().await;
    asks(&served, &good, &[]).await.expect(200);
    fails(&served, &[]).await;
    asks(&served, &good, &[]).await.expect(200);
    // One that nobody saw before waits like a wrong one: it tells nothing apart.
    asks(&served, &other, &[]).await.expect(429);
    served.stop().await;
    let served = place.serve().await;
    fails(&served, &[]).await;
    asks(&served, &good, &[]).await.expect(200);
    asks(&served, &other, &[]).await.expect(429);
    let kept = std::fs::read(place.home().join("accepted")).unwrap();
    assert!(!kept.windows(16).any(|bytes| good.as_bytes().starts_with(bytes)));
}

/// One request over a connection that begins with these bytes; the answer's first line, empty where there is none.
async fn begins(served: &Served, start: &[u8], token: &str) -> String {
    let mut stream = TcpStream::connect(&served.address).await.unwrap();
    let request = format!(
        "GET /v1/files HTTP/1.1\r\nHost: x\r\nX-Forwarded-For: 192.0.2.1\r\nAuthorization: Bearer {token}\r\n\
         Connection: close\r\n\r\n"
    );
    let _ = stream.write_all(&[start, request.as_bytes()].concat()).await;
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer).await;
    let answer = String::from_utf8_lossy(&answer).into_owned();
    answer.lines().next().unwrap_or_default().to_owned()
}

fn version_2(client: [u8; 4]) -> Vec<u8> {
    let addresses = [&client[..], &[127, 0, 0, 1, 0x12, 0x34, 1, 187]].concat();
    [&b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c"[..], &addresses].concat()
}

#[tokio::test]
async fn the_proxy_protocol_names_the_client() {
    let place = place();
    place.configure("server.trusted_proxies = [\"proxy-protocol:127.0.0.1\"]\n");
    let good = place.token("acme", &["read"]).await;
    let served = place.serve().await;
    for number in 0..11 {
        let answer = begins(&served, &version_2([198, 51, 100, 4]), &format!("wrong{number}")).await;
        assert!(answer.contains(" 401 "), "{answer}");
    }
    let one = b"PROXY TCP4 198.51.100.4 127.0.0.1 4711 443\r\n";
    assert!(begins(&served, one, "wrong").await.contains(" 429 "));
    assert!(
        begins(&served, &version_2([203, 0, 113, 9]), "wrong")
            .await
            .contains(" 401 ")
    );
    assert!(
        begins(&served, &version_2([203, 0, 113, 9]), &good)
            .await
            .contains(" 200 ")
    );
    // LOCAL: the balancer looks whether the server lives.
    let local = b"\r\n\r\n\0\r\nQUIT\n\x20\0\0\0";
    assert!(begins(&served, local, &good).await.contains(" 200 "));
    // Without a header, or with half of one, nobody is served.
    for start in [&b""[..], b"PROXY NONSENSE\r\n", b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x01x"] {
        assert_eq!(begins(&served, start, &good).await, "");
    }
}

#[tokio::test]
async fn a_client_cannot_write_the_proxys_header_itself() {
    let place = place();
    place.configure("server.trusted_proxies = [\"127.0.0.1\"]\n");
    let good = place.token("acme", &["read"]).await;
    let served = place.serve().await;
    let answer = begins(&served, &version_2([198, 51, 100, 4]), &good).await;
    assert!(!answer.contains(" 200 "), "{answer}");
}
