//! The host's credential goes to the granted origin, and comes back to nobody.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use crate::common;

use std::sync::Arc;

use bytes::Bytes;
use common::{ManualClock, allowed, bearer, builder, echo_head, get, serve, spec};
use http::{HeaderName, Request};
use http_body_util::{BodyExt as _, Empty, StreamBody};
use hyper::body::Frame;
use loadlock_egress::credential::{Credential, CredentialError};
use loadlock_egress::{BuildError, Call, Error};
use loadlock_policy::egress::{Method, Origin};

const KEY: &str = "sk-live-0123456789abcdef";

/// What a server saw of one header, through a request that sets the given ones.
async fn seen(credential: Option<Arc<Credential>>, guest: &[(&'static str, &str)]) -> Vec<String> {
    let (told, mut heads) = tokio::sync::mpsc::unbounded_channel();
    let server = serve(None, move |request| {
        let told = told.clone();
        async move {
            told.send(request.headers().clone()).unwrap();
            common::text("ok")
        }
    })
    .await;
    let origin = server.origin();
    let mut builder = builder(&origin);
    if let Some(credential) = credential {
        builder = builder.credential(credential);
    }
    let transport = builder.build(&common::no_env).unwrap();
    let mut request = common::empty();
    for (name, value) in guest {
        request
            .headers_mut()
            .append(HeaderName::from_static(name), value.parse().unwrap());
    }
    transport
        .send(request, &allowed(&origin, Method::Get, "/"), &Call::default())
        .await
        .unwrap();
    let headers = heads.recv().await.unwrap();
    headers
        .iter()
        .map(|(name, value)| format!("{name}: {}", value.to_str().unwrap()))
        .collect()
}

#[tokio::test]
async fn the_credential_is_injected() {
    let headers = seen(Some(bearer(KEY)), &[("x-other", "stays")]).await;
    assert!(headers.contains(&format!("authorization: Bearer {KEY}")), "{headers:?}");
    assert!(headers.contains(&"x-other: stays".to_owned()));
}

#[tokio::test]
async fn what_the_guest_sets_itself_is_overridden() {
    let guest = [
        ("authorization", "Bearer guest"),
        ("authorization", "Bearer twice"),
        ("proxy-authorization", "guest"),
        ("cookie", "guest=1"),
        ("x-api-key", "guest"),
        ("api-key", "guest"),
        ("host", "evil.test"),
        ("te", "guest"),
        ("accept-encoding", "gzip"),
    ];
    let headers = seen(Some(bearer(KEY)), &guest).await;
    assert!(
        headers
            .iter()
            .all(|line| !line.contains("guest") && !line.contains("evil")),
        "{headers:?}"
    );
    let authorizations = headers.iter().filter(|line| line.starts_with("authorization")).count();
    assert_eq!(authorizations, 1);
    assert!(headers.contains(&"accept-encoding: identity".to_owned()));

    // Without a credential of the host the guest's is taken away all the same.
    let headers = seen(None, &guest).await;
    assert!(headers.iter().all(|line| !line.contains("guest")), "{headers:?}");

    // A header of another name is the host's too, once a template names it.
    let specs = [spec("x-vendor-token", "${env:KEY}")];
    let credential = Credential::load(
        "test",
        &specs,
        &|_| Some(KEY.to_owned()),
        Arc::new(ManualClock::default()),
    )
    .unwrap();
    let headers = seen(Some(Arc::new(credential)), &[("x-vendor-token", "guest")]).await;
    assert!(headers.contains(&format!("x-vendor-token: {KEY}")), "{headers:?}");
}

#[tokio::test]
async fn an_origin_without_the_credential_gets_none() {
    let api = serve(None, echo_head).await;
    let bucket = serve(None, echo_head).await;
    let transport = loadlock_egress::Transport::builder("test", vec![api.origin(), bucket.origin()])
        .credential(bearer(KEY))
        .credential_only_at(vec![api.origin()])
        .build(&common::no_env)
        .unwrap();
    let masked = "*".repeat(KEY.len());
    assert!(get(&transport, &api.origin(), "/").await.unwrap().contains(&masked));
    let text = get(&transport, &bucket.origin(), "/").await.unwrap();
    assert!(!text.contains("authorization"), "{text}");
}

#[tokio::test]
async fn no_credential_leaves_this_machine_in_plain_text() {
    let plain = Origin::parse("http://api.test").unwrap();
    let error = builder(&plain)
        .credential(bearer(KEY))
        .build(&common::no_env)
        .unwrap_err();
    assert!(matches!(error, BuildError::CredentialOverPlainHttp { .. }), "{error}");

    // The same at the moment of sending, should a grant have come later.
    let local = Origin::parse("http://127.0.0.1:9").unwrap();
    let transport = builder(&local).credential(bearer(KEY)).build(&common::no_env).unwrap();
    let error = get(&transport, &plain, "/").await.unwrap_err();
    assert!(matches!(error, Error::CredentialOverPlainHttp { .. }), "{error}");
    assert!(!error.reached_upstream());
}

#[test]
fn a_missing_credential_is_named() {
    let clock = || Arc::new(ManualClock::default());
    for value in [None, Some(""), Some("\n")] {
        let env = move |_: &str| value.map(str::to_owned);
        let error = Credential::load(
            "kimi",
            &[spec("authorization", "Bearer ${env:MOONSHOT_API_KEY}")],
            &env,
            clock(),
        )
        .unwrap_err();
        let text = error.to_string();
        for part in ["credential_missing", "`kimi`", "`MOONSHOT_API_KEY`", "`authorization`"] {
            assert!(text.contains(part), "{text}");
        }
    }
    let folder = tempfile::tempdir().unwrap();
    let empty = folder.path().join("empty");
    std::fs::write(&empty, "\n").unwrap();
    for path in [folder.path().join("absent"), empty, folder.path().to_owned()] {
        let template = format!("Bearer ${{file:{}}}", path.display());
        let error =
            Credential::load("kimi", &[spec("authorization", &template)], &common::no_env, clock()).unwrap_err();
        assert!(matches!(error, CredentialError::FileMissing { .. }), "{error}");
        assert!(error.to_string().contains(path.to_str().unwrap()), "{error}");
    }
}

#[test]
fn a_value_that_is_no_header_is_refused_without_showing_it() {
    let specs = [spec("authorization", "Bearer ${env:KEY}")];
    let env = |_: &str| Some("secret-line\nsecond-line".to_owned());
    let error = Credential::load("kimi", &specs, &env, Arc::new(ManualClock::default())).unwrap_err();
    assert!(matches!(error, CredentialError::Invalid { .. }), "{error}");
    assert!(!format!("{error} {error:?}").contains("secret-line"), "{error}");

    let twice = [specs[0].clone(), specs[0].clone()];
    let error = Credential::load("kimi", &twice, &env, Arc::new(ManualClock::default())).unwrap_err();
    assert!(matches!(error, CredentialError::Duplicate { .. }), "{error}");
}

#[test]
fn nothing_prints_a_secret() {
    let credential = bearer(KEY);
    let transport = builder(&Origin::parse("http://127.0.0.1:9").unwrap())
        .credential(Arc::clone(&credential))
        .build(&common::no_env)
        .unwrap();
    let text = format!(
        "{credential:?} {transport:?} {:?} {:?}",
        credential.describe(),
        credential.scrubber()
    );
    assert!(!text.contains(KEY), "{text}");
    assert_eq!(credential.describe(), ["authorization: Bearer ${env:KEY}"]);
}

#[tokio::test]
async fn an_echo_of_the_secret_is_masked_in_head_and_body_and_trailers() {
    // The upstream returns what it was sent, in small pieces and several spellings.
    let server = serve(None, |request| async move {
        let value = request.headers()["authorization"].to_str().unwrap().to_owned();
        let encoded: String = value.bytes().map(|byte| format!("%{byte:02x}")).collect();
        let text = format!("{{\"you sent\":\"{value}\"}} {encoded} end");
        let frames: Vec<_> = text
            .as_bytes()
            .chunks(5)
            .map(|chunk| Ok(Frame::data(Bytes::copy_from_slice(chunk))))
            .collect();
        let mut answer = http::Response::new(StreamBody::new(futures::stream::iter(frames)).boxed());
        answer.headers_mut().insert("content-length", text.len().into());
        answer.headers_mut().insert("x-echo", value.parse().unwrap());
        answer
    })
    .await;
    let origin = server.origin();
    let transport = builder(&origin).credential(bearer(KEY)).build(&common::no_env).unwrap();
    let response = transport
        .send(
            Request::new(Empty::<Bytes>::new()),
            &allowed(&origin, Method::Get, "/"),
            &Call::default(),
        )
        .await
        .unwrap();
    let mask = "*".repeat(KEY.len());
    assert_eq!(response.headers()["x-echo"], format!("Bearer {mask}"));
    let length: usize = response.headers()["content-length"].to_str().unwrap().parse().unwrap();
    let body = response.into_body().collect().await.unwrap().to_bytes();
    let text = std::str::from_utf8(&body).unwrap();
    assert_eq!(text.len(), length, "lengths stay true");
    assert!(
        text.starts_with(&format!("{{\"you sent\":\"Bearer {mask}\"}} %42")),
        "{text}"
    );
    assert!(text.ends_with(&format!("{} end", "*".repeat(KEY.len() * 3))), "{text}");
}
