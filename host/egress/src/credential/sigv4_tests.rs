#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
use super::*;

const KEY_ID: &str = "AKIDEXAMPLE";
const SECRET: &str = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";

fn signer(region: &str, service: &str, token: Option<&str>) -> Signer {
    Signer {
        region: region.to_owned(),
        service: service.to_owned(),
        keys: AwsKeys {
            key_id: KEY_ID.to_owned(),
            secret: Secret::new(SECRET.to_owned()),
            session_token: token.map(|token| Secret::new(token.to_owned())),
        },
        ahead_ms: Arc::default(),
    }
}

/// 2026-11-29T16:00:00Z
const NOW_MS: u64 = 1_795_968_000_000;

fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for (name, value) in pairs {
        headers.append(
            HeaderName::from_static(name),
            HeaderValue::from_bytes(value.as_bytes()).unwrap(),
        );
    }
    headers
}

fn sign(signer: &Signer, method: &str, target: &str, is_empty: bool, headers: &mut HeaderMap) -> SignedTarget {
    let request = Unsigned {
        method,
        host: "s3.example",
        path_and_query: target,
        is_empty,
        now_ms: NOW_MS,
    };
    signer.sign(&request, headers).unwrap()
}

#[test]
fn the_published_suite_agrees() {
    const EMPTY_HASH: &str = EMPTY;
    // AWS's test suite for Signature Version 4: method, canonical path, query and headers as the suite has them.
    const DATE: (&str, &str) = ("x-amz-date", "20150830T123600Z");
    const HOST: (&str, &str) = ("host", "example.amazonaws.com");
    type Vector = (
        &'static str,
        &'static str,
        &'static str,
        &'static [(&'static str, &'static str)],
        &'static str,
        &'static str,
    );
    let form_hash = hex::encode(Sha256::digest(b"Param1=value1"));
    let vectors: [Vector; 7] = [
        (
            "GET",
            "/",
            "",
            &[HOST, DATE],
            "",
            "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31",
        ),
        (
            "POST",
            "/",
            "",
            &[HOST, DATE],
            "",
            "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b",
        ),
        (
            "GET",
            "/",
            "Param2=value2&Param1=value1",
            &[HOST, DATE],
            "",
            "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500",
        ),
        (
            "GET",
            "/",
            "Param1=value1",
            &[HOST, DATE],
            "",
            "a67d582fa61cc504c4bae71f336f98b97f1ea3c7a6bfe1b6e45aec72011b9aeb",
        ),
        (
            "GET",
            "/%E1%88%B4",
            "",
            &[HOST, DATE],
            "",
            "8318018e0b0f223aa2bbf98705b62bb787dc9c0e678f255a891fd03141be5d85",
        ),
        (
            "GET",
            "/",
            "",
            &[HOST, ("my-header1", " value1"), ("my-header2", " \"a   b   c\""), DATE],
            "",
            "acc3ed3afb60bb290fc8d2dd0098b9911fcaa05412b367055dee359757a9c736",
        ),
        (
            "POST",
            "/",
            "",
            &[("content-type", "application/x-www-form-urlencoded"), HOST, DATE],
            "form",
            "ff11897932ad3f4e8b18135d722051e5ac45fc38421b1da7b9d196a0fe09473a",
        ),
    ];
    for (method, path, query, sent, body, signature) in vectors {
        let headers: Vec<(String, Vec<u8>)> = sent
            .iter()
            .map(|(name, value)| ((*name).to_owned(), trimmed(value.as_bytes())))
            .collect();
        let signed = signer("us-east-1", "service", None).authorization(&CanonicalParts {
            method,
            path,
            query: &canonical_query(&parameters(query, &mut Vec::new())),
            headers: &headers,
            payload: if body.is_empty() { EMPTY_HASH } else { &form_hash },
            date: DATE.1,
        });
        assert!(
            signed.ends_with(&format!("Signature={signature}")),
            "{method} {path}?{query}: {signed}"
        );
    }
}

/// A request, and how botocore 1.44.8's `S3SigV4Auth` signs it for `eu-central-1`.
struct Case {
    name: &'static str,
    method: &'static str,
    target: &'static str,
    headers: &'static [(&'static str, &'static str)],
    token: Option<&'static str>,
    is_empty: bool,
    signed: &'static str,
    signature: &'static str,
}

#[test]
fn odd_requests_are_signed_as_botocore_signs_them() {
    for case in CASES {
        let signer = signer("eu-central-1", "s3", case.token);
        let mut headers = headers(case.headers);
        let signed = sign(&signer, case.method, case.target, case.is_empty, &mut headers);
        assert_eq!(signed.path_and_query, case.target, "{}", case.name);
        let authorization = headers.get("authorization").unwrap().to_str().unwrap();
        let expected = format!("SignedHeaders={}, Signature={}", case.signed, case.signature);
        assert!(authorization.ends_with(&expected), "{}: {authorization}", case.name);
    }
}

#[test]
fn one_request_has_one_spelling() {
    let signer = signer("eu-central-1", "s3", None);
    let spelled = |target: &str| {
        let mut headers = HeaderMap::new();
        let signed = sign(&signer, "GET", target, true, &mut headers);
        (signed.path_and_query, headers.get("authorization").unwrap().clone())
    };
    // What the policy lets pass plain, a server would escape before it compares.
    let plain = spelled("/b/a:b@c;d,e!?prefix=a/b:c&x=1+1");
    assert_eq!(plain.0, "/b/a%3Ab%40c%3Bd%2Ce%21?prefix=a%2Fb%3Ac&x=1%2B1");
    assert_eq!(plain, spelled("/b/a%3Ab%40c%3Bd%2Ce%21?prefix=a%2Fb%3Ac&x=1%2B1"));
    // A parameter without a value stays one; its signature is that of an empty value.
    assert_eq!(spelled("/b/k?uploads").0, "/b/k?uploads");
    assert_eq!(spelled("/b/k?uploads").1, spelled("/b/k?uploads=").1);
}

#[test]
fn what_a_guest_sets_of_a_signature_is_taken_away() {
    let signer = signer("eu-central-1", "s3", Some("token-of-the-host"));
    let mut headers = headers(&[
        ("authorization", "AWS4-HMAC-SHA256 Credential=guest"),
        ("x-amz-date", "20000101T000000Z"),
        ("x-amz-security-token", "guest"),
        ("x-amz-content-sha256", "STREAMING-AWS4-HMAC-SHA256-PAYLOAD"),
        ("x-amz-copy-source", "/bucket/of-another-tenant"),
        ("x-amz-copy-source-range", "bytes=0-9"),
        ("x-amz-meta-name", "stays"),
    ]);
    let target = "/b/k?X-Amz-Signature=guest&x-amz-security-token=guest&X%2DAmz-Credential=guest&AWSAccessKeyId=guest\
                  &Signature=guest&partNumber=1";
    let signed = sign(&signer, "PUT", target, false, &mut headers);
    assert_eq!(signed.path_and_query, "/b/k?partNumber=1");
    assert_eq!(signed.taken.len(), 10, "{:?}", signed.taken);
    let sent = format!("{headers:?}");
    assert!(!sent.contains("guest") && !sent.contains("copy-source"), "{sent}");
    assert_eq!(headers.get("x-amz-content-sha256").unwrap(), UNSIGNED);
    assert_eq!(headers.get("x-amz-date").unwrap(), "20261129T160000Z");
    let authorization = headers.get("authorization").unwrap();
    assert!(authorization.is_sensitive() && headers.get("x-amz-security-token").unwrap().is_sensitive());
    let text = authorization.to_str().unwrap();
    assert!(
        text.contains("x-amz-meta-name") && text.contains("x-amz-security-token"),
        "{text}"
    );
    assert!(!text.contains(SECRET));
}

#[test]
fn a_digest_is_signed_where_it_is_known_and_could_be_true() {
    let signer = signer("eu-central-1", "s3", None);
    let digest = hex::encode([7; 32]);
    let payload = |value: &str, is_empty: bool| {
        let mut headers = headers(&[("x-amz-content-sha256", value)]);
        let signed = sign(&signer, "PUT", "/b/k", is_empty, &mut headers);
        let sent = headers
            .get("x-amz-content-sha256")
            .unwrap()
            .to_str()
            .unwrap()
            .to_owned();
        (sent, signed.digest)
    };
    assert_eq!(payload(&digest, false), (digest.clone(), Some([7; 32])));
    // Of no body there is one digest.
    assert_eq!(payload(&digest, true), (EMPTY.to_owned(), None));
    for odd in [
        "",
        "abc",
        &digest.to_uppercase().replace('0', "A"),
        &format!("{digest}00"),
        UNSIGNED,
    ] {
        assert_eq!(payload(odd, false), (UNSIGNED.to_owned(), None), "{odd}");
    }
}

#[test]
fn the_stores_clock_is_followed() {
    let signer = signer("eu-central-1", "s3", None);
    signer.ahead_ms.store(-3_600_000, Ordering::Relaxed);
    let mut headers = HeaderMap::new();
    sign(&signer, "GET", "/b", true, &mut headers);
    assert_eq!(headers.get("x-amz-date").unwrap(), "20261129T150000Z");
}

const CASES: &[Case] = &[
    Case {
        name: "plain",
        method: "GET",
        target: "/bucket/loadlock/a.pdf",
        headers: &[],
        token: None,
        is_empty: true,
        signed: "host;x-amz-content-sha256;x-amz-date",
        signature: "f97de3e8b3eb0e2e46ad1fcc82dbe466c7cbbf63333dfc53d2a0966e1360d7c0",
    },
    Case {
        name: "unicode key",
        method: "GET",
        target: "/bucket/loadlock/%C3%A4%C3%A9%E4%B8%AD.pdf",
        headers: &[],
        token: None,
        is_empty: true,
        signed: "host;x-amz-content-sha256;x-amz-date",
        signature: "e7586187c04d2646f997d7233c1b3d9690b0b6c1254de672ef34ef5336fa74cc",
    },
    Case {
        name: "emoji and spaces",
        method: "PUT",
        target: "/bucket/a%20b/%F0%9F%98%80.txt",
        headers: &[
            ("content-type", "text/plain; charset=utf-8"),
            ("x-amz-meta-name", "a  b   c"),
        ],
        token: None,
        is_empty: false,
        signed: "content-type;host;x-amz-content-sha256;x-amz-date;x-amz-meta-name",
        signature: "cbeac0ec21de0379c7b6ad86ce118406b0cdc54b7b197d308b9eb811df0ac1e9",
    },
    Case {
        name: "reserved",
        method: "GET",
        target: "/bucket/%21%2A%27%28%29%3B%3A%40%26%3D%2B%24%2C%5B%5D~.txt",
        headers: &[],
        token: None,
        is_empty: true,
        signed: "host;x-amz-content-sha256;x-amz-date",
        signature: "ab267e491c16cc3eb8c43d5d4a79223234248ac083b06142ea3d1ed800ad98b1",
    },
    Case {
        name: "double slash",
        method: "GET",
        target: "/bucket//a//b.txt",
        headers: &[],
        token: None,
        is_empty: true,
        signed: "host;x-amz-content-sha256;x-amz-date",
        signature: "77b820af6be2010bb8ddafef907f5f1294157d0193edc1038e485de862186a51",
    },
    Case {
        name: "dots",
        method: "GET",
        target: "/bucket/a/./b/../c",
        headers: &[],
        token: None,
        is_empty: true,
        signed: "host;x-amz-content-sha256;x-amz-date",
        signature: "8fd605cd1bea33e31ef076b4841f529aa04c19825e6a2c97fda92d822df897c0",
    },
    Case {
        name: "list",
        method: "GET",
        target: "/bucket?list-type=2&prefix=loadlock%2F%C3%A4%2Bb%20%26c&max-keys=1000&continuation-token=1%2F%2B%3D%3D",
        headers: &[],
        token: None,
        is_empty: true,
        signed: "host;x-amz-content-sha256;x-amz-date",
        signature: "8f5e3f1c67b98398136d0b845a7def9f392d4963681bb96afaabf515edb86962",
    },
    Case {
        name: "order",
        method: "GET",
        target: "/bucket?b=2&a=2&a=1&B=0&a-=&%C3%A4=%C3%B6",
        headers: &[],
        token: None,
        is_empty: true,
        signed: "host;x-amz-content-sha256;x-amz-date",
        signature: "fb37f3c3899cdd907cb4af9bb1acc848a7e9235a19269148f6435432f6620fd9",
    },
    Case {
        name: "uploads",
        method: "POST",
        target: "/bucket/loadlock/k.bin?uploads=",
        headers: &[
            ("content-type", "application/pdf"),
            ("x-amz-checksum-algorithm", "SHA256"),
        ],
        token: None,
        is_empty: true,
        signed: "content-type;host;x-amz-checksum-algorithm;x-amz-content-sha256;x-amz-date",
        signature: "6c601acc6f6c6adf85f7b0cea440c552b39634da8ffccb3cf85366fa5445bdb7",
    },
    Case {
        name: "part",
        method: "PUT",
        target: "/bucket/loadlock/k.bin?partNumber=10000&uploadId=VXBs~b2Fk.-_%2F%2B%3D",
        headers: &[("x-amz-checksum-sha256", "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=")],
        token: None,
        is_empty: false,
        signed: "host;x-amz-checksum-sha256;x-amz-content-sha256;x-amz-date",
        signature: "79f060dc1018ff1cfd29120f065248ef6ea67f3ae682d0da5c9146dcd77dbc56",
    },
    Case {
        name: "conditional with token",
        method: "PUT",
        target: "/bucket/loadlock/k.bin",
        headers: &[
            ("if-none-match", "*"),
            ("content-type", "application/octet-stream"),
            ("content-md5", "1B2M2Y8AsgTpgAmY7PhCfg=="),
        ],
        token: Some("FQoGZXIvYXdzE//token+=="),
        is_empty: true,
        signed: "content-md5;content-type;host;if-none-match;x-amz-content-sha256;x-amz-date;x-amz-security-token",
        signature: "051acf4872c00a9d8fae56e0605913ec40432910817431734bd9bda2243d9ed8",
    },
    Case {
        name: "range",
        method: "GET",
        target: "/bucket/k?versionId=null",
        headers: &[
            ("range", "bytes=0-9"),
            ("user-agent", "x"),
            ("x-amzn-trace-id", "Root=1"),
        ],
        token: None,
        is_empty: true,
        signed: "host;range;x-amz-content-sha256;x-amz-date",
        signature: "790630fc5b95de1c899e6515f33b9da8313bb293c493d8bdc833c810cf720d9f",
    },
];
