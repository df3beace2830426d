//! Credentials that are made or fetched: signatures and tokens.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use crate::common;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use common::{ManualClock, Server, allowed, builder, get, serve, text};
use http::{HeaderName, Request, StatusCode};
use http_body_util::{BodyExt as _, Full};
use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use loadlock_egress::credential::{Credential, CredentialError, Minted, RECHECK};
use loadlock_egress::observe::Seen;
use loadlock_egress::tls::Roots;
use loadlock_egress::{Call, Error, HostClient, Transport};
use loadlock_policy::credential::{AwsSigning, AwsSource, OauthGrant, OauthToken, TokenUrl};
use loadlock_policy::egress::Method;

const SECRET: &str = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";

fn client() -> Arc<HostClient> {
    Arc::new(HostClient::new("store", Roots::Platform, None))
}

fn aws(source: AwsSource, vars: &[(&str, &str)], clock: &Arc<ManualClock>) -> Result<Minted, CredentialError> {
    let signing = AwsSigning {
        region: "eu-central-1".into(),
        service: "s3".into(),
        source,
    };
    let vars: BTreeMap<String, String> = vars.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
    let env = |name: &str| vars.get(name).cloned();
    Minted::aws("store", &signing, &env, client(), Arc::clone(clock) as Arc<_>)
}

fn keys(id: &str, secret: &str) -> AwsSource {
    AwsSource::Keys {
        key_id: id.parse().unwrap(),
        secret: secret.parse().unwrap(),
        session_token: None,
    }
}

/// Sends with this credential to a server that answers with the headers it saw.
async fn transport(minted: Minted, clock: &Arc<ManualClock>) -> (Server, Transport, Arc<Credential>) {
    let server = serve(None, common::echo_head).await;
    let (transport, credential) = to(&server, minted, clock);
    (server, transport, credential)
}

fn to(server: &Server, minted: Minted, clock: &Arc<ManualClock>) -> (Transport, Arc<Credential>) {
    let credential = Credential::load("store", &[], &common::no_env, Arc::clone(clock) as Arc<_>).unwrap();
    let credential = Arc::new(credential.with_minted(minted));
    let origin = server.origin();
    let built = builder(&origin)
        .credential(Arc::clone(&credential))
        .build(&common::no_env);
    (built.unwrap(), credential)
}

#[tokio::test]
async fn a_request_is_signed_with_keys_by_reference_and_echoes_are_masked() {
    let clock = Arc::new(ManualClock::default());
    let vars = [("ID", "AKIDEXAMPLE"), ("KEY", SECRET)];
    let minted = aws(keys("${env:ID}", "${env:KEY}"), &vars, &clock).unwrap();
    let (server, transport, credential) = transport(minted, &clock).await;
    let seen = get(&transport, &server.origin(), "/bucket/a:b").await.unwrap();
    assert!(seen.contains("GET /bucket/a%3Ab"), "{seen}");
    assert!(
        seen.contains("authorization: AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20231114/eu-central-1/s3/"),
        "{seen}"
    );
    assert!(
        seen.contains("SignedHeaders=host;x-amz-content-sha256;x-amz-date,"),
        "{seen}"
    );
    assert!(!seen.contains(SECRET));
    assert!(
        !credential
            .scrubber()
            .text(&format!("a log line with {SECRET}"))
            .contains(SECRET)
    );
    let shown = format!("{credential:?} {:?}", credential.describe());
    assert!(!shown.contains(SECRET) && shown.contains("${env:KEY}"), "{shown}");
}

#[tokio::test]
async fn a_body_that_is_not_the_promised_one_does_not_leave_whole() {
    let clock = Arc::new(ManualClock::default());
    let vars = [("ID", "AKIDEXAMPLE"), ("KEY", SECRET)];
    let minted = aws(keys("${env:ID}", "${env:KEY}"), &vars, &clock).unwrap();
    let stored = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&stored);
    let server = serve(None, move |request| {
        let count = Arc::clone(&count);
        async move {
            if request.into_body().collect().await.is_ok() {
                count.fetch_add(1, Ordering::SeqCst);
            }
            text("stored")
        }
    })
    .await;
    let (transport, _) = to(&server, minted, &clock);
    let put = |digest: String| {
        let request = Request::builder().header("x-amz-content-sha256", digest);
        let request = request.body(Full::new(Bytes::from_static(b"hello"))).unwrap();
        let (transport, target) = (&transport, allowed(&server.origin(), Method::Put, "/bucket/key"));
        async move {
            transport
                .send(request, &target, &Call::default())
                .await
                .map(|answer| answer.status())
        }
    };
    let truth = "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824";
    assert_eq!(put(truth.to_owned()).await.unwrap(), StatusCode::OK);
    let lie = put(truth.replace('2', "3")).await;
    assert!(lie.is_err(), "{lie:?}");
    assert_eq!(stored.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn keys_in_files_and_profiles_are_read_again() {
    let clock = Arc::new(ManualClock::default());
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("credentials");
    let profile = |id: &str| {
        format!(
            "[default]\naws_access_key_id=OTHER\naws_secret_access_key=other-secret\n\n# ours\n[ store ]\naws_access_key_id = \
         {id}\naws_secret_access_key={SECRET}\naws_session_token = {id}-session-token\n"
        )
    };
    std::fs::write(&file, profile("FIRST")).unwrap();
    let source = AwsSource::Profile {
        name: "store".into(),
        file: Some(file.clone()),
    };
    let minted = aws(source, &[], &clock).unwrap();
    let (server, transport, credential) = transport(minted, &clock).await;
    let seen = get(&transport, &server.origin(), "/b").await.unwrap();
    assert!(
        seen.contains("Credential=FIRST/")
            && seen.contains("x-amz-security-token;") | seen.contains(";x-amz-security-token")
    );
    assert!(
        !seen.contains("FIRST-session-token"),
        "the echoed token is masked: {seen}"
    );
    std::fs::write(&file, profile("SECOND")).unwrap();
    clock.advance(RECHECK);
    let seen = get(&transport, &server.origin(), "/b").await.unwrap();
    assert!(seen.contains("Credential=SECOND/"), "{seen}");
    for token in ["FIRST-session-token", "SECOND-session-token"] {
        assert!(!credential.scrubber().text(token).contains("session"), "{token}");
    }
    std::fs::remove_file(&file).unwrap();
    clock.advance(RECHECK);
    let gone = get(&transport, &server.origin(), "/b").await.unwrap_err();
    assert!(
        matches!(gone, Error::Credential(CredentialError::FileMissing { .. })),
        "{gone}"
    );
}

#[tokio::test]
async fn what_is_missing_is_said_at_the_start() {
    let clock = Arc::new(ManualClock::default());
    let file = |file: &str| AwsSource::Profile {
        name: "x".into(),
        file: Some(file.into()),
    };
    let folder = tempfile::tempdir().unwrap();
    let empty = folder.path().join("empty");
    std::fs::write(&empty, "[y]\naws_access_key_id=a\n").unwrap();
    for (source, vars, says) in [
        (keys("${env:ID}", "${env:KEY}"), vec![("ID", "A")], "`KEY`"),
        (
            keys("${env:ID}", "${env:KEY}"),
            vec![("ID", "A B"), ("KEY", SECRET)],
            "printable",
        ),
        (file("/nowhere/credentials"), vec![], "/nowhere/credentials"),
        (file(empty.to_str().unwrap()), vec![], "no such profile"),
        (
            AwsSource::WebIdentity { role: None, file: None },
            vec![],
            "`AWS_ROLE_ARN`",
        ),
        (
            AwsSource::Container { file: None },
            vec![],
            "`AWS_CONTAINER_CREDENTIALS_FULL_URI`",
        ),
        (
            AwsSource::Container { file: None },
            vec![("AWS_CONTAINER_CREDENTIALS_FULL_URI", "http://10.0.0.7/keys")],
            "plain HTTP",
        ),
        (
            AwsSource::Instance,
            vec![("AWS_EC2_METADATA_SERVICE_ENDPOINT", "http://metadata.example")],
            "plain HTTP",
        ),
    ] {
        let error = aws(source, &vars, &clock).map(|_| ()).unwrap_err().to_string();
        assert!(error.contains(says) && !error.contains(SECRET), "{error}");
    }
}

/// Keys that end an hour after the clock's start, as an XML or a JSON document.
fn ends(clock_ms: u64) -> String {
    let end = i64::try_from(1_700_000_000_000 + clock_ms + 3_600_000).unwrap();
    jiff::Timestamp::from_millisecond(end).unwrap().to_string()
}

#[tokio::test]
async fn a_web_identity_is_exchanged_once_and_renewed_before_its_end() {
    let clock = Arc::new(ManualClock::default());
    let asked = Arc::new(AtomicUsize::new(0));
    let broken = Arc::new(AtomicUsize::new(0));
    let (count, fail, time) = (Arc::clone(&asked), Arc::clone(&broken), Arc::clone(&clock));
    let sts = serve(None, move |request| {
        let (number, fail) = (count.fetch_add(1, Ordering::SeqCst), fail.load(Ordering::SeqCst));
        let time = time.0.load(Ordering::SeqCst);
        async move {
            let body = request.into_body().collect().await.unwrap().to_bytes();
            let body = String::from_utf8_lossy(&body).into_owned();
            assert!(body.contains("Action=AssumeRoleWithWebIdentity") && body.contains("WebIdentityToken=the-workload-token"));
            assert!(body.contains("RoleArn=arn%3Aaws%3Aiam%3A%3A1%3Arole%2Floadlock"), "{body}");
            let mut answer = text(format!(
                "<AssumeRoleWithWebIdentityResponse><AssumeRoleWithWebIdentityResult><Credentials><AccessKeyId>STS{number}\
                 </AccessKeyId><SecretAccessKey>{SECRET}</SecretAccessKey><SessionToken>session-of-sts-{number}\
                 </SessionToken><Expiration>{}</Expiration></Credentials></AssumeRoleWithWebIdentityResult>\
                 </AssumeRoleWithWebIdentityResponse>",
                ends(time)
            ));
            if fail != 0 {
                answer = text(format!("<ErrorResponse><Error><Code>ExpiredToken</Code>{body}</Error></ErrorResponse>"));
                *answer.status_mut() = StatusCode::from_u16(u16::try_from(fail).unwrap()).unwrap();
            }
            answer
        }
    })
    .await;
    let folder = tempfile::tempdir().unwrap();
    let token = folder.path().join("token");
    std::fs::write(&token, "the-workload-token\n").unwrap();
    let source = AwsSource::WebIdentity {
        role: Some("arn:aws:iam::1:role/loadlock".into()),
        file: Some(token),
    };
    let endpoint = sts.origin().to_string();
    let minted = aws(source, &[("AWS_ENDPOINT_URL_STS", &endpoint)], &clock).unwrap();
    let (server, transport, credential) = transport(minted, &clock).await;
    let origin = server.origin();
    let all = (0..20).map(|_| get(&transport, &origin, "/b"));
    for seen in futures::future::join_all(all).await {
        assert!(seen.unwrap().contains("Credential=STS0/"));
    }
    assert_eq!(asked.load(Ordering::SeqCst), 1, "one asks, the others wait");

    clock.advance(Duration::from_secs(3_600 - 301));
    assert!(
        get(&transport, &origin, "/b")
            .await
            .unwrap()
            .contains("Credential=STS0/")
    );
    // Due: an endpoint that is down does not matter while the keys are good.
    broken.store(503, Ordering::SeqCst);
    clock.advance(Duration::from_secs(2));
    for _ in 0..2 {
        assert!(
            get(&transport, &origin, "/b")
                .await
                .unwrap()
                .contains("Credential=STS0/")
        );
    }
    assert_eq!(asked.load(Ordering::SeqCst), 2, "not asked again at once");
    clock.advance(Duration::from_secs(400));
    let down = get(&transport, &origin, "/b").await.unwrap_err();
    assert!(
        matches!(down, Error::Credential(CredentialError::Unavailable { .. })),
        "{down}"
    );
    assert!(down.unreachable().unwrap().contains(&endpoint), "{down}");
    assert!(!down.reached_upstream());
    broken.store(403, Ordering::SeqCst);
    clock.advance(Duration::from_secs(2));
    let refused = get(&transport, &origin, "/b").await.unwrap_err();
    assert!(
        matches!(refused, Error::Credential(CredentialError::Refused { .. })),
        "{refused}"
    );
    assert!(refused.to_string().contains("HTTP 403, ExpiredToken"), "{refused}");
    assert!(!refused.to_string().contains("workload"), "{refused}");
    broken.store(0, Ordering::SeqCst);
    clock.advance(Duration::from_secs(2));
    let seen = get(&transport, &origin, "/b").await.unwrap();
    assert!(
        seen.contains("Credential=STS") && !seen.contains("session-of-sts"),
        "{seen}"
    );
    for secret in ["the-workload-token", SECRET, "session-of-sts-0"] {
        assert!(!credential.scrubber().text(secret).contains(secret), "{secret}");
    }
}

#[tokio::test]
async fn a_container_and_an_instance_give_their_keys() {
    let clock = Arc::new(ManualClock::default());
    let server = serve(None, |request| async move {
        let header = |name: &str| request.headers().get(name).map(|value| value.to_str().unwrap().to_owned());
        let json = |id: &str| text(format!(
            r#"{{"Code":"Success","AccessKeyId":"{id}","SecretAccessKey":"{SECRET}","Token":"session-of-{id}","Expiration":"{}"}}"#,
            ends(0)
        ));
        match (request.method().as_str(), request.uri().path()) {
            ("GET", "/v1/credentials") => {
                assert_eq!(header("authorization").as_deref(), Some("platform-token-of-the-pod"));
                json("CONTAINER")
            }
            ("PUT", "/latest/api/token") => {
                assert_eq!(header("x-aws-ec2-metadata-token-ttl-seconds").as_deref(), Some("300"));
                text("metadata-session-token")
            }
            ("GET", path) => {
                assert_eq!(header("x-aws-ec2-metadata-token").as_deref(), Some("metadata-session-token"));
                match path {
                    "/latest/meta-data/iam/security-credentials/" => text("a-role\n"),
                    "/latest/meta-data/iam/security-credentials/a-role" => json("INSTANCE"),
                    other => panic!("{other}"),
                }
            }
            other => panic!("{other:?}"),
        }
    })
    .await;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("token");
    std::fs::write(&file, "platform-token-of-the-pod").unwrap();
    let base = server.origin().to_string();
    let full = format!("{base}/v1/credentials");
    for (source, vars, id) in [
        (
            AwsSource::Container { file: Some(file) },
            ("AWS_CONTAINER_CREDENTIALS_FULL_URI", full.as_str()),
            "CONTAINER",
        ),
        (
            AwsSource::Instance,
            ("AWS_EC2_METADATA_SERVICE_ENDPOINT", base.as_str()),
            "INSTANCE",
        ),
    ] {
        let minted = aws(source, &[vars], &clock).unwrap();
        assert!(minted.endpoint().is_none(), "no proxy is asked about this machine");
        let (store, transport, credential) = transport(minted, &clock).await;
        let seen = get(&transport, &store.origin(), "/b").await.unwrap();
        assert!(seen.contains(&format!("Credential={id}/")), "{seen}");
        let session = format!("session-of-{id}");
        assert!(!seen.contains(&session) && !credential.scrubber().text(&session).contains("session"));
    }
}

#[tokio::test]
async fn a_stores_clock_that_is_far_off_is_followed_after_its_refusal() {
    let clock = Arc::new(ManualClock::default());
    let vars = [("ID", "AKIDEXAMPLE"), ("KEY", SECRET)];
    let minted = aws(keys("${env:ID}", "${env:KEY}"), &vars, &clock).unwrap();
    let server = serve(None, |request| async move {
        let date = request
            .headers()
            .get("x-amz-date")
            .unwrap()
            .to_str()
            .unwrap()
            .to_owned();
        let mut answer = text(date.clone());
        if !date.starts_with("20231114T231") {
            *answer.status_mut() = StatusCode::FORBIDDEN;
            // An hour after the manual clock.
            let theirs = "Tue, 14 Nov 2023 23:13:20 GMT".parse().unwrap();
            answer.headers_mut().insert("date", theirs);
        }
        answer
    })
    .await;
    let (transport, _) = to(&server, minted, &clock);
    assert_eq!(
        get(&transport, &server.origin(), "/b").await.unwrap(),
        "20231114T221320Z"
    );
    assert_eq!(
        get(&transport, &server.origin(), "/b").await.unwrap(),
        "20231114T231320Z"
    );
}

fn oauth(grant: OauthGrant, vars: &[(&str, &str)], clock: &Arc<ManualClock>) -> Result<Minted, CredentialError> {
    let token = OauthToken {
        grant,
        scope: Some("https://store.example/.default read".into()),
        private: false,
    };
    let vars: BTreeMap<String, String> = vars.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
    let env = |name: &str| vars.get(name).cloned();
    Minted::oauth("store", &token, &env, client(), Arc::clone(clock) as Arc<_>)
}

#[tokio::test]
async fn a_client_gets_its_token_in_the_header_or_in_the_form() {
    const CLIENT_SECRET: &str = "client secret/with+signs";
    for in_form in [false, true] {
        let clock = Arc::new(ManualClock::default());
        let given = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&given);
        let endpoint =
            serve(None, move |request| {
                let count = Arc::clone(&count);
                async move {
                    let basic = request.headers().get("authorization").cloned();
                    let body = request.into_body().collect().await.unwrap().to_bytes();
                    let body = String::from_utf8_lossy(&body).into_owned();
                    assert!(body.starts_with(
                        "grant_type=client_credentials&scope=https%3A%2F%2Fstore.example%2F.default%20read"
                    ));
                    let good = match in_form {
                        false => basic
                            .is_some_and(|value| value == "Basic bG9hZGxvY2s6Y2xpZW50JTIwc2VjcmV0JTJGd2l0aCUyQnNpZ25z"),
                        true => body.ends_with("client_id=loadlock&client_secret=client%20secret%2Fwith%2Bsigns"),
                    };
                    if !good {
                        let mut answer = text(format!(r#"{{"error":"invalid_client","error_description":"{body}"}}"#));
                        *answer.status_mut() = StatusCode::UNAUTHORIZED;
                        return answer;
                    }
                    let number = count.fetch_add(1, Ordering::SeqCst);
                    text(format!(
                        r#"{{"access_token":"minted-token-{number}","token_type":"bearer","expires_in":"3600"}}"#
                    ))
                }
            })
            .await;
        let grant = |secret: &str| OauthGrant::ClientCredentials {
            url: TokenUrl::parse(&format!("{}/token/", endpoint.origin())).unwrap(),
            client_id: "loadlock".into(),
            secret: secret.parse().unwrap(),
        };
        let minted = oauth(grant("${env:SECRET}"), &[("SECRET", CLIENT_SECRET)], &clock).unwrap();
        let (server, transport, credential) = transport(minted, &clock).await;
        let masked = "*".repeat("minted-token-0".len());
        let origin = server.origin();
        let all = (0..10).map(|_| get(&transport, &origin, "/b"));
        for seen in futures::future::join_all(all).await {
            assert!(seen.unwrap().contains(&format!("authorization: Bearer {masked}")));
        }
        assert_eq!(given.load(Ordering::SeqCst), 1);
        clock.advance(Duration::from_secs(3_301));
        get(&transport, &server.origin(), "/b").await.unwrap();
        assert_eq!(given.load(Ordering::SeqCst), 2, "renewed before its end");
        for secret in [CLIENT_SECRET, "minted-token-0", "minted-token-1"] {
            assert!(!credential.scrubber().text(secret).contains(secret), "{secret}");
        }

        let minted = oauth(grant("${env:SECRET}"), &[("SECRET", "a wrong secret")], &clock).unwrap();
        let (server, transport, _) = self::transport(minted, &clock).await;
        let refused = get(&transport, &server.origin(), "/b").await.unwrap_err();
        assert!(
            matches!(refused, Error::Credential(CredentialError::Refused { .. })),
            "{refused}"
        );
        let said = refused.to_string();
        assert!(
            said.contains("HTTP 401, invalid_client") && !said.contains("wrong"),
            "{said}"
        );
    }
}

#[tokio::test]
async fn a_token_that_a_server_refuses_is_fetched_again() {
    let clock = Arc::new(ManualClock::default());
    let given = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&given);
    let endpoint = serve(None, move |_| {
        let number = count.fetch_add(1, Ordering::SeqCst);
        async move {
            text(format!(
                r#"{{"access_token":"minted-token-{number}","expires_in":3600}}"#
            ))
        }
    })
    .await;
    let store = serve(None, |request| async move {
        let mut answer = text("");
        if request.headers().get("authorization").unwrap() == "Bearer minted-token-0" {
            *answer.status_mut() = StatusCode::UNAUTHORIZED;
        }
        answer
    })
    .await;
    let grant = OauthGrant::ClientCredentials {
        url: TokenUrl::parse(&endpoint.origin().to_string()).unwrap(),
        client_id: "loadlock".into(),
        secret: "${env:SECRET}".parse().unwrap(),
    };
    let minted = oauth(grant, &[("SECRET", "client-secret")], &clock).unwrap();
    let (transport, _) = to(&store, minted, &clock);
    let status = async || {
        let target = allowed(&store.origin(), Method::Get, "/b");
        transport
            .send(common::empty(), &target, &Call::default())
            .await
            .unwrap()
            .status()
    };
    assert_eq!(status().await, StatusCode::UNAUTHORIZED);
    assert_eq!(status().await, StatusCode::UNAUTHORIZED, "a fresh token is not doubted");
    clock.advance(Duration::from_secs(31));
    assert_eq!(status().await, StatusCode::UNAUTHORIZED);
    assert_eq!(status().await, StatusCode::OK);
    assert_eq!(given.load(Ordering::SeqCst), 2);
}

#[tokio::test]
async fn a_service_account_signs_for_its_token() {
    const PEM: &str = include_str!("../../../components/auth/src/tests/keys/rsa2048.pem");
    const PUBLIC: &str = include_str!("../../../components/auth/src/tests/keys/rsa2048.pub.pem");
    let clock = Arc::new(ManualClock::default());
    let endpoint = serve(None, |request| async move {
        let host = request.headers().get("host").unwrap().to_str().unwrap().to_owned();
        let body = request.into_body().collect().await.unwrap().to_bytes();
        let body = String::from_utf8_lossy(&body).into_owned();
        let (grant, assertion) = body.split_once("&assertion=").unwrap();
        assert_eq!(
            grant,
            "grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Ajwt-bearer"
        );
        let mut rules = Validation::new(Algorithm::RS256);
        rules.set_audience(&[format!("http://{host}/token")]);
        rules.validate_exp = false;
        let key = DecodingKey::from_rsa_pem(PUBLIC.as_bytes()).unwrap();
        let token = jsonwebtoken::decode::<serde_json::Value>(assertion, &key, &rules).unwrap();
        assert_eq!(token.header.kid.as_deref(), Some("key-1"));
        assert_eq!(token.claims["iss"], "loadlock@project.example");
        assert_eq!(token.claims["scope"], "https://store.example/.default read");
        assert_eq!(
            token.claims["exp"].as_u64().unwrap() - token.claims["iat"].as_u64().unwrap(),
            600
        );
        text(r#"{"access_token":"token-of-the-account","token_type":"Bearer","expires_in":3599}"#)
    })
    .await;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("key.json");
    let document = |pem: &str| {
        serde_json::json!({
            "type": "service_account",
            "client_email": "loadlock@project.example",
            "private_key_id": "key-1",
            "private_key": pem,
            "token_uri": format!("{}/token", endpoint.origin()),
        })
    };
    std::fs::write(&file, document(PEM).to_string()).unwrap();
    let grant = || OauthGrant::ServiceAccount {
        key: format!("${{file:{}}}", file.display()).parse().unwrap(),
    };
    let minted = oauth(grant(), &[], &clock).unwrap();
    let (server, transport, credential) = transport(minted, &clock).await;
    let seen = get(&transport, &server.origin(), "/b").await.unwrap();
    assert!(
        seen.contains("authorization: Bearer *") && !seen.contains("token-of-the-account"),
        "{seen}"
    );
    let line = PEM.trim();
    assert!(!credential.scrubber().text(&format!("log: {line}")).contains(line));
    std::fs::write(&file, document("not a key").to_string()).unwrap();
    let error = oauth(grant(), &[], &clock).map(|_| ()).unwrap_err().to_string();
    assert!(
        error.contains("RSA key in PEM") && !error.contains("not a key"),
        "{error}"
    );
}

#[tokio::test]
async fn an_endpoint_that_answers_nonsense_or_nothing_is_unavailable() {
    let clock = Arc::new(ManualClock::default());
    let wrong = [
        "",
        "<html>",
        r#"{"access_token":""}"#,
        "{\"access_token\":\"line\\nbreak\"}",
        r#"{"access_token":"t","token_type":"mac"}"#,
        r#"{"access_token":"t","expires_in":0}"#,
        &"x".repeat(70_000),
    ];
    for body in wrong.map(str::to_owned) {
        let endpoint = serve(None, move |_| {
            let body = body.clone();
            async move { text(body) }
        })
        .await;
        let grant = OauthGrant::ClientCredentials {
            url: TokenUrl::parse(&endpoint.origin().to_string()).unwrap(),
            client_id: "loadlock".into(),
            secret: "${env:SECRET}".parse().unwrap(),
        };
        let minted = oauth(grant, &[("SECRET", "client-secret")], &clock).unwrap();
        let (server, transport, _) = transport(minted, &clock).await;
        let error = get(&transport, &server.origin(), "/b").await.unwrap_err();
        assert!(
            matches!(error, Error::Credential(CredentialError::Unavailable { .. })),
            "{error}"
        );
        assert_eq!(server.connections(), 0, "nothing leaves without its credential");
    }
}

#[tokio::test]
async fn where_something_was_stored_is_kept_for_the_receipt() {
    let server = serve(None, |request| async move {
        let mut answer = text("");
        if request.uri().path().ends_with("refused") {
            *answer.status_mut() = StatusCode::CONFLICT;
        }
        answer
    })
    .await;
    let transport = common::transport(&server.origin());
    let seen = Seen::new();
    let call = Call {
        seen: Some(seen.clone()),
        ..Call::default()
    };
    for (method, path) in [
        (Method::Put, "/bucket/loadlock/m%C3%A4rk.pdf?partNumber=1"),
        (Method::Put, "/bucket/refused"),
        (Method::Get, "/bucket/read"),
        (Method::Delete, "/bucket/removed"),
    ] {
        let request = Request::builder().header(HeaderName::from_static("content-length"), "0");
        let request = request.body(Full::<Bytes>::default()).unwrap();
        transport
            .send(request, &allowed(&server.origin(), method, path), &call)
            .await
            .unwrap();
    }
    for (id, proven) in [
        ("märk.pdf", true),
        ("loadlock/märk.pdf", true),
        ("rk.pdf", false),
        ("loadlock", false),
        ("bucket", false),
        ("refused", false),
        ("read", false),
        ("removed", false),
        ("", false),
        ("/", false),
    ] {
        assert_eq!(seen.stored_at(id), proven, "{id}");
    }
    assert!(!seen.contains("märk.pdf"), "no response held it");
}
