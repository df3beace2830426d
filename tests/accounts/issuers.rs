//! Tokens of an issuer whose keys are fetched where it publishes them.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use jsonwebtoken::jwk::Jwk;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use loadlock_gateway::{Door, ErrorCode, Gateway, Peer};
use loadlock_tests::World;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

const ISSUER: &str = "https://login.example";
const EC: &[u8] = include_bytes!("../../components/auth/src/tests/keys/p256.pem");
const RSA: &[u8] = include_bytes!("../../components/auth/src/tests/keys/rsa2048.pem");

/// One that publishes what it is told to, and counts how often it is asked.
struct Issuer {
    address: std::net::SocketAddr,
    /// Of each path, what it answers; of any other 404.
    published: Arc<Mutex<Vec<(&'static str, Value)>>>,
    asked: Arc<AtomicUsize>,
    serving: tokio::task::JoinHandle<()>,
}

impl Issuer {
    async fn start() -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let published: Arc<Mutex<Vec<(&'static str, Value)>>> = Arc::default();
        let asked: Arc<AtomicUsize> = Arc::default();
        let (documents, count) = (published.clone(), asked.clone());
        let serving = tokio::spawn(async move {
            loop {
                let (mut stream, _) = listener.accept().await.unwrap();
                let mut head = Vec::new();
                while !head.ends_with(b"\r\n\r\n") {
                    let mut byte = [0];
                    stream.read_exact(&mut byte).await.unwrap();
                    head.extend(byte);
                }
                count.fetch_add(1, Ordering::SeqCst);
                let head = String::from_utf8(head).unwrap();
                let path = head.split(' ').nth(1).unwrap();
                let document = documents.lock().unwrap().iter().find(|(one, _)| *one == path).cloned();
                let (status, body) = match document {
                    Some((_, document)) => ("200 OK", document.to_string()),
                    None => ("404 Not Found", "{}".to_owned()),
                };
                let length = body.len();
                let answer =
                    format!("HTTP/1.1 {status}\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}");
                stream.write_all(answer.as_bytes()).await.unwrap();
            }
        });
        Self {
            address,
            published,
            asked,
            serving,
        }
    }

    fn publish(&self, path: &'static str, document: Value) {
        let mut published = self.published.lock().unwrap();
        published.retain(|(one, _)| *one != path);
        published.push((path, document));
    }

    /// The configuration that has its keys fetched.
    fn config(&self, path: &str) -> String {
        let address = self.address;
        format!("[[auth.keys]]\njwks = \"http://{address}{path}\"\nissuers = [\"{ISSUER}\"]\ntenants = [\"acme\"]\n")
    }

    fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }
}

fn jwk(pem: &[u8], algorithm: Algorithm, kid: &str) -> Value {
    let mut key = Jwk::from_encoding_key(&private(pem, algorithm), algorithm).unwrap();
    key.common.key_id = Some(kid.to_owned());
    serde_json::to_value(key).unwrap()
}

fn private(pem: &[u8], algorithm: Algorithm) -> EncodingKey {
    match algorithm {
        Algorithm::ES256 => EncodingKey::from_ec_pem(pem).unwrap(),
        _ => EncodingKey::from_rsa_pem(pem).unwrap(),
    }
}

fn signed(pem: &[u8], algorithm: Algorithm, kid: &str, tenant: &str) -> String {
    let mut header = Header::new(algorithm);
    header.kid = Some(kid.to_owned());
    let claims = json!({
        "iss": ISSUER, "aud": "loadlock", "sub": "ann", "tenant": tenant, "scope": "read", "exp": 32_503_680_000_u64,
    });
    jsonwebtoken::encode(&header, &claims, &private(pem, algorithm)).unwrap()
}

async fn enter(gateway: &Gateway, token: &str) -> Result<String, ErrorCode> {
    let who = gateway
        .authenticate_from(Door::Network, Some(token), Peer::default())
        .await;
    who.map(|who| format!("{} of {}", who.subject(), who.tenant()))
        .map_err(|error| error.code)
}

const REFUSED: Result<String, ErrorCode> = Err(ErrorCode::Unauthenticated);

fn ann() -> Result<String, ErrorCode> {
    Ok("ann of acme".to_owned())
}

#[tokio::test]
async fn keys_are_fetched_rotate_and_outlive_their_issuer() {
    let issuer = Issuer::start().await;
    let discovery = json!({ "issuer": ISSUER, "jwks_uri": format!("http://{}/keys", issuer.address) });
    issuer.publish("/.well-known/openid-configuration", discovery);
    issuer.publish("/keys", json!({ "keys": [jwk(EC, Algorithm::ES256, "one")] }));
    let world = World::new().config(&issuer.config("/.well-known/openid-configuration"));
    let gateway = Gateway::open(world.setup()).await.unwrap();
    assert_eq!(issuer.asked(), 0, "a start waits for no issuer");

    let (old, new) = (
        signed(EC, Algorithm::ES256, "one", "acme"),
        signed(RSA, Algorithm::RS256, "two", "acme"),
    );
    assert_eq!(enter(&gateway, &old).await, ann());
    assert_eq!(enter(&gateway, &old).await, ann());
    assert_eq!(issuer.asked(), 2, "the document and the keys, once");
    assert_eq!(
        enter(&gateway, &signed(EC, Algorithm::ES256, "one", "other")).await,
        REFUSED
    );

    // The next key is known as soon as somebody has a token of it, and the one that is gone no longer is.
    issuer.publish("/keys", json!({ "keys": [jwk(RSA, Algorithm::RS256, "two")] }));
    assert_eq!(enter(&gateway, &new).await, ann());

    // What is no set of keys replaces none, and neither does silence, over a restart as well.
    issuer.publish("/keys", json!({ "keys": [] }));
    assert_eq!(enter(&gateway, &old).await, REFUSED);
    assert_eq!(enter(&gateway, &new).await, ann());
    issuer.serving.abort();
    drop(gateway);
    let gateway = Gateway::open(world.setup()).await.unwrap();
    assert_eq!(enter(&gateway, &new).await, ann());
    assert_eq!(enter(&gateway, &old).await, REFUSED);
}

#[tokio::test]
async fn strangers_keys_do_not_make_it_ask_without_end_and_no_issuer_takes_anothers_name() {
    let issuer = Issuer::start().await;
    let keys = json!({ "keys": [
        jwk(EC, Algorithm::ES256, "local"),
        jwk(RSA, Algorithm::RS256, "two"),
        { "kty": "oct", "kid": "secret", "alg": "HS256", "k": "c2VjcmV0IHNlY3JldCBzZWNyZXQgc2VjcmV0IHNlY3JldA" },
    ] });
    issuer.publish("/keys", keys);
    let world = World::new().config(&issuer.config("/keys"));
    let gateway = Gateway::open(world.setup()).await.unwrap();
    assert_eq!(
        enter(&gateway, &signed(EC, Algorithm::ES256, "local", "acme")).await,
        REFUSED
    );
    let mut header = Header::new(Algorithm::HS256);
    header.kid = Some("secret".to_owned());
    let claims = json!({ "iss": ISSUER, "aud": "loadlock", "sub": "ann", "tenant": "acme", "exp": 32_503_680_000_u64 });
    let secret = EncodingKey::from_secret(b"secret secret secret secret secret");
    let forged = jsonwebtoken::encode(&header, &claims, &secret).unwrap();
    assert_eq!(enter(&gateway, &forged).await, REFUSED);
    for number in 0..20 {
        let strange = signed(EC, Algorithm::ES256, &format!("strange-{number}"), "acme");
        assert_eq!(enter(&gateway, &strange).await, REFUSED);
    }
    assert!(issuer.asked() < 15, "asked {} times", issuer.asked());
    assert_eq!(
        enter(&gateway, &signed(RSA, Algorithm::RS256, "two", "acme")).await,
        ann()
    );
    // This machine's own key is still its own.
    let own = loadlock_tests::token(gateway.home(), "acme", "own", "read");
    assert_eq!(enter(&gateway, &own).await, Ok("own of acme".to_owned()));
}
