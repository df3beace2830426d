//! No secret of a credential is in a log, the journal, the ledger, the audit log, the metrics or an answer.

use loadlock_tests::{KEY, Logs, Shop, World};
use loadlock_upstream::{Fault, Operation, Options, S3_BUCKET, S3_KEY_ID, Vendor};
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

const CLIENT_SECRET: &str = "cl1ent-s3cret-of-the-oauth-test";
const SESSION_TOKEN: &str = "s3ssion-token/of+the=s3-test";
const PEM: &str = include_str!("../../components/auth/src/tests/keys/rsa2048.pem");

/// Everywhere that a secret could get to, from its start on.
pub(super) struct Hunt {
    logs: Logs,
    metrics: PrometheusHandle,
    _recorder: metrics::LocalRecorderGuard<'static>,
}

impl Hunt {
    pub(super) fn start() -> Self {
        // As long as the test's process, which the guard wants.
        let recorder = Box::leak(Box::new(PrometheusBuilder::new().build_recorder()));
        Self {
            logs: Logs::start(),
            metrics: recorder.handle(),
            _recorder: metrics::set_default_local_recorder(recorder),
        }
    }

    /// None of these is anywhere, and something was written everywhere; `told` is what callers were told.
    pub(super) fn finds_none(&self, world: &World, told: &str, secrets: &[&str]) {
        let home = everything_beneath(world);
        let (log, metrics) = (self.logs.take(), self.metrics.render());
        assert!(!log.is_empty() && metrics.contains("loadlock_uploads_total") && world.path("home/audit").is_dir());
        for secret in secrets {
            for (place, text) in [("answers", told), ("logs", &log), ("metrics", &metrics)] {
                assert!(!text.contains(secret), "{secret} is in the {place}:\n{text}");
            }
            let is_kept = home.windows(secret.len()).any(|part| part == secret.as_bytes());
            assert!(!is_kept, "{secret} is beneath the home");
        }
    }
}

/// All bytes of the gateway's own directory.
fn everything_beneath(world: &World) -> Vec<u8> {
    let mut folders = vec![world.path("home")];
    let mut all = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_none_or(|it| it != "cwasm") {
                all.extend(std::fs::read(&path).unwrap_or_default());
            }
        }
    }
    assert!(!all.is_empty());
    all
}

/// One upload that is stored and one whose vendor repeats the credential; what is said of both and of the provider.
async fn told_of_two(world: &World, shop: &Shop) -> String {
    let (stored, refused) = (world.file("a.txt", "stored"), world.file("b.txt", "refused"));
    let gateway = world.open().await;
    let file = gateway.upload_pinned(shop.name, &stored).await.unwrap();
    let faults = shop.upstream.faults();
    faults.always(Operation::Create, Fault::EchoSecret { status: 400 });
    let error = gateway.upload_pinned(shop.name, &refused).await.unwrap_err();
    let providers = gateway.gateway.providers(&gateway.who).await.unwrap();
    gateway.gateway.publish_gauges().await;
    let json = serde_json::to_string(&error).unwrap();
    assert!(
        json.contains("invalid request"),
        "the rest of the vendor's words stay: {json}"
    );
    format!("{file:?} {error:?} {error} {json} {providers:?}")
}

fn written(world: &World, name: &str, text: &str) -> String {
    let path = world.path("outside").join(name);
    std::fs::write(&path, text).unwrap();
    format!("${{file:{}}}", path.display())
}

fn with_credential(world: World, shop: &Shop, settings: &str, credential: &str) -> World {
    world.config(&format!(
        "[providers.{name}]\ncomponent = \"builtin:{name}\"\nsettings = {{ base_url = \"{}\"{settings} }}\n{}\n\
         credential = {credential}\nretry = {{ base = \"1ms\" }}",
        shop.upstream.base_url(),
        shop.egress(),
        name = shop.name,
    ))
}

/// A token endpoint, which answers each request with what `answer` makes of its body.
async fn token_endpoint(answer: fn(&str) -> (u16, String)) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/token", listener.local_addr().unwrap());
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let (mut request, mut piece) = (String::new(), [0; 4096]);
            let body = loop {
                match stream.read(&mut piece).await {
                    Ok(read @ 1..) => request.push_str(&String::from_utf8_lossy(&piece[..read])),
                    _ => break None,
                }
                if let Some(body) = whole_body(&request) {
                    break Some(body);
                }
            };
            let (status, body) = answer(body.unwrap_or_default());
            let head = format!("HTTP/1.1 {status} Told\r\ncontent-type: application/json\r\nconnection: close\r\n");
            let reply = format!("{head}content-length: {}\r\n\r\n{body}", body.len());
            let _ = stream.write_all(reply.as_bytes()).await;
        }
    });
    url
}

fn whole_body(request: &str) -> Option<&str> {
    let (head, body) = request.split_once("\r\n\r\n")?;
    let length = head
        .lines()
        .find_map(|line| line.to_ascii_lowercase().strip_prefix("content-length: ")?.parse().ok());
    (body.len() >= length.unwrap_or(0)).then_some(body)
}

/// The minted token is the key that the vendor knows.
fn minted(_: &str) -> (u16, String) {
    (
        200,
        format!("{{\"access_token\":\"{KEY}\",\"expires_in\":3600,\"token_type\":\"Bearer\"}}"),
    )
}

fn repeats_what_it_was_sent(body: &str) -> (u16, String) {
    let text = serde_json::json!({ "error": "invalid_client", "error_description": body });
    (401, text.to_string())
}

#[tokio::test]
async fn keys_that_sign_and_their_session_token_are_nowhere() {
    let shop = Shop::s3().await;
    let hunt = Hunt::start();
    let world = World::new();
    let credential = format!(
        "{{ kind = \"aws-sigv4\", region = \"us-east-1\", key_id = \"{}\", value = \"{}\", session_token = \"{}\" }}",
        written(&world, "id", S3_KEY_ID),
        written(&world, "key", KEY),
        written(&world, "session", SESSION_TOKEN),
    );
    let bucket = format!(", bucket = \"{S3_BUCKET}\"");
    let world = with_credential(world, &shop, &bucket, &credential);
    let told = told_of_two(&world, &shop).await;
    assert_eq!(shop.posts()[0].header("x-amz-security-token"), Some(SESSION_TOKEN));
    hunt.finds_none(&world, &told, &[KEY, SESSION_TOKEN]);
}

#[tokio::test]
async fn the_secret_of_a_client_and_its_tokens_are_nowhere() {
    let shop = Shop::openai().await;
    let hunt = Hunt::start();
    let url = token_endpoint(minted).await;
    let world = World::new();
    let client = |world: &World, url: &str| {
        format!(
            "{{ kind = \"oauth-token\", url = \"{url}\", client_id = \"a-client\", value = \"{}\", private = true }}",
            written(world, "client", CLIENT_SECRET)
        )
    };
    let credential = client(&world, &url);
    let world = with_credential(world, &shop, "", &credential);
    let told = told_of_two(&world, &shop).await;
    hunt.finds_none(&world, &told, &[CLIENT_SECRET, KEY]);

    let url = token_endpoint(repeats_what_it_was_sent).await;
    let world = World::new();
    let credential = client(&world, &url);
    let world = with_credential(world, &shop, "", &credential);
    let path = world.file("a.txt", "never sent");
    let gateway = world.open().await;
    let error = gateway.upload_pinned("openai", &path).await.unwrap_err();
    let told = format!("{error:?} {error} {}", serde_json::to_string(&error).unwrap());
    hunt.finds_none(&world, &told, &[CLIENT_SECRET]);
}

#[tokio::test]
async fn the_key_of_a_service_account_is_nowhere() {
    let shop = Shop::start("openai", Vendor::Openai, Options::with_key(KEY)).await;
    let hunt = Hunt::start();
    let url = token_endpoint(minted).await;
    let world = World::new();
    let document = serde_json::json!({
        "type": "service_account", "client_email": "robot@example.iam", "private_key_id": "k1",
        "private_key": PEM, "token_uri": url,
    });
    let credential = format!(
        "{{ kind = \"oauth-token\", value = \"{}\", scope = \"files\", private = true }}",
        written(&world, "account.json", &document.to_string())
    );
    let world = with_credential(world, &shop, "", &credential);
    let told = told_of_two(&world, &shop).await;
    // A line of the key, as a whole one is in nothing that wraps lines otherwise.
    let line = PEM.lines().nth(3).unwrap();
    hunt.finds_none(&world, &told, &[line, KEY]);
}
