//! A credential follows its file, and a GLM key becomes a token.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use common::{ManualClock, bearer, spec};
use loadlock_egress::credential::{Credential, CredentialError, HeaderSpec, RECHECK};
use loadlock_policy::credential::CredentialMode;

const KEY: &str = "sk-live-0123456789abcdef";

fn from_file(path: &Path, clock: &Arc<ManualClock>) -> Credential {
    let template = format!("Bearer ${{file:{}}}", path.display());
    Credential::load(
        "kimi",
        &[spec("authorization", &template)],
        &common::no_env,
        Arc::clone(clock) as Arc<_>,
    )
    .unwrap()
}

async fn value(credential: &Credential) -> Result<String, CredentialError> {
    let injection = credential.injection().await?;
    Ok(injection.headers()[0].1.to_str().unwrap().to_owned())
}

#[tokio::test]
async fn a_file_is_read_again_when_it_changes() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("key");
    let clock = Arc::new(ManualClock::default());
    std::fs::write(&path, "first-key-0001\r\n").unwrap();
    let credential = from_file(&path, &clock);
    assert_eq!(credential.files(), std::slice::from_ref(&path));
    assert_eq!(value(&credential).await.unwrap(), "Bearer first-key-0001");

    // Same length, same second: only a look at the content finds this.
    std::fs::write(&path, "other-key-0002\r\n").unwrap();
    assert_eq!(
        value(&credential).await.unwrap(),
        "Bearer first-key-0001",
        "not before the next look"
    );
    clock.advance(RECHECK);
    assert_eq!(value(&credential).await.unwrap(), "Bearer other-key-0002");
    // An answer on its way may still echo the key before.
    assert_eq!(
        credential
            .scrubber()
            .text("first-key-0001 other-key-0002")
            .replace('*', ""),
        " "
    );

    // As orchestrators do: a new file in the place of the old one.
    let next = folder.path().join("next");
    std::fs::write(&next, "third-key-0003").unwrap();
    std::fs::rename(&next, &path).unwrap();
    clock.advance(RECHECK);
    assert_eq!(value(&credential).await.unwrap(), "Bearer third-key-0003");
}

#[tokio::test]
async fn taking_the_file_away_takes_the_credential_away() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("key");
    let clock = Arc::new(ManualClock::default());
    std::fs::write(&path, KEY).unwrap();
    let credential = from_file(&path, &clock);
    std::fs::remove_file(&path).unwrap();
    clock.advance(RECHECK);
    let error = value(&credential).await.unwrap_err();
    assert!(error.to_string().contains(path.to_str().unwrap()), "{error}");
    assert!(value(&credential).await.is_err(), "also before the next look");
    assert!(
        !credential.scrubber().text(KEY).contains(KEY),
        "what was known is still masked"
    );
    std::fs::write(&path, KEY).unwrap();
    clock.advance(RECHECK);
    assert_eq!(value(&credential).await.unwrap(), format!("Bearer {KEY}"));
}

fn glm(key: &'static str, clock: &Arc<ManualClock>) -> Result<Credential, CredentialError> {
    let specs = [HeaderSpec {
        mode: CredentialMode::GlmSigned,
        ..spec("authorization", "Bearer ${env:ZAI_API_KEY}")
    }];
    Credential::load("glm", &specs, &|_| Some(key.to_owned()), Arc::clone(clock) as Arc<_>)
}

#[tokio::test]
async fn a_glm_token_is_minted_on_the_host_and_renewed_in_time() {
    let clock = Arc::new(ManualClock::default());
    let credential = glm("key-id-01.key-secret-01", &clock).unwrap();
    let first = value(&credential).await.unwrap();
    let token = first.strip_prefix("Bearer ").unwrap();
    let parts: Vec<serde_json::Value> = token
        .split('.')
        .take(2)
        .map(|part| serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap())
        .collect();
    assert_eq!(parts[0], serde_json::json!({"alg": "HS256", "sign_type": "SIGN"}));
    assert_eq!(
        parts[1],
        serde_json::json!({
            "api_key": "key-id-01",
            "timestamp": 1_700_000_000_000_u64,
            "exp": 1_700_000_210_000_u64,
        })
    );

    clock.advance(Duration::from_millis(179_999));
    assert_eq!(value(&credential).await.unwrap(), first);
    clock.advance(Duration::from_millis(1));
    let second = value(&credential).await.unwrap();
    assert_ne!(second, first);

    let scrubber = Arc::clone(credential.injection().await.unwrap().scrubber());
    for secret in [
        "key-id-01.key-secret-01",
        "key-secret-01",
        second.strip_prefix("Bearer ").unwrap(),
    ] {
        assert!(!scrubber.text(secret).contains("secret"), "{secret}");
        assert_eq!(scrubber.text(secret).replace('*', "").len(), 0, "{secret}");
    }
    assert!(glm("no-dot-in-this-key", &clock).is_err());
}

#[test]
fn a_fingerprint_names_the_account_and_nothing_else() {
    let clock = Arc::new(ManualClock::default());
    let one = bearer(KEY).fingerprint(b"installation");
    assert_eq!(one, bearer(KEY).fingerprint(b"installation"));
    assert_ne!(one, bearer(KEY).fingerprint(b"another"));
    assert_ne!(one, bearer("sk-live-other-key").fingerprint(b"installation"));
    assert_eq!(one.len(), 32);
    // A new secret of the same GLM account is the same account.
    let id = |key| glm(key, &clock).unwrap().fingerprint(b"installation");
    assert_eq!(id("account-1.secret-a"), id("account-1.secret-b"));
    assert_ne!(id("account-1.secret-a"), id("account-2.secret-a"));
}
