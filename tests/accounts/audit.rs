//! Each kind of event leaves its record, whoever goes away, and no record holds a secret.

use loadlock_audit::{Event, Outcome, Record};
use loadlock_gateway::{Door, ErrorCode, Gateway, Peer, Silent, Source, UploadRequest};
use loadlock_tests::{KEY, Shop, World, sha256, token};

use super::{log, send};

/// A credential from before tokens.
const LEGACY: &str = "correct-horse-battery-staple-legacy";

fn of(records: &[Record], event: Event) -> Vec<&Record> {
    records.iter().filter(|record| record.event == event).collect()
}

#[tokio::test]
async fn every_event_is_recorded_and_no_secret_is() {
    let shop = Shop::kimi().await;
    let world = shop.join(World::new().config(&format!(
        "[auth]\nlegacy_until = 2100-01-01T00:00:00Z\n[[auth.legacy]]\nsha256 = \"{}\"\nsubject = \"old-job\"\ntenant \
         = \"acme\"\nscopes = [\"read\"]\n[providers.local]",
        sha256(LEGACY.as_bytes())
    )));
    let path = world.file("report.txt", "the content of the report");
    let opened = world.open().await;
    let gateway = &opened.gateway;
    let good = token(gateway.home(), "acme", "ann", "read write delete");
    let peer = Peer {
        address: Some("192.0.2.7".parse().unwrap()),
        alias: None,
        request_id: Some("req-1\nforged".into()),
    };
    let ann = gateway
        .authenticate_from(Door::Network, Some(&good), peer.clone())
        .await
        .unwrap();
    let mut forged = good.clone();
    forged.replace_range(forged.len() - 6.., "AAAAAA");
    let error = gateway
        .authenticate_from(Door::Network, Some(&forged), peer)
        .await
        .unwrap_err();
    assert_eq!(error.code, ErrorCode::Unauthenticated);
    let old = gateway.authenticate(Door::Network, Some(LEGACY)).await.unwrap();

    let stored = opened.upload_pinned("kimi", &path).await.unwrap();
    let disguised = world.file("re\u{202e}port.txt", "disguised");
    assert_eq!(
        opened.upload(&disguised).await.unwrap_err().code,
        ErrorCode::FileRejected
    );
    let mine = send(gateway, &ann.for_request("req-2"), "a.txt", b"body of ann".to_vec())
        .await
        .unwrap();
    opened.content(&stored.id).await.unwrap();
    let refused = gateway
        .upload(
            &ann,
            UploadRequest::from(Source::Path {
                path: path.clone(),
                current_dir: None,
            }),
            &Silent,
        )
        .await
        .unwrap_err();
    assert_eq!(refused.code, ErrorCode::PathNotAllowed);
    let no_scope = send(gateway, &old, "b.txt", b"b".to_vec()).await.unwrap_err();
    assert_eq!(no_scope.code, ErrorCode::Forbidden);
    assert!(
        gateway.delete(&ann, &stored.id).await.is_err(),
        "it is another tenant's"
    );
    gateway.delete(&opened.who, &stored.id).await.unwrap();
    let home = gateway.home().to_owned();
    drop(opened);

    let records = log(&home);
    let configuration = of(&records, Event::Configuration)[0];
    assert!(configuration.what.path.as_ref().unwrap().ends_with("loadlock.toml"));
    assert!(configuration.what.sha256.is_some());

    let authentications = of(&records, Event::Authentication);
    let by_ann = authentications
        .iter()
        .find(|record| record.who.subject.as_deref() == Some("ann"))
        .unwrap();
    assert_eq!(
        (by_ann.who.tenant.as_deref(), by_ann.who.key_id.as_deref()),
        (Some("acme"), Some("local"))
    );
    assert_eq!(by_ann.who.address, Some("192.0.2.7".parse().unwrap()));
    assert_eq!(by_ann.request_id.as_deref(), Some("req-1\\nforged"));
    let denied = authentications
        .iter()
        .find(|record| record.outcome == Outcome::Denied)
        .unwrap();
    assert_eq!(denied.code.as_deref(), Some("bad_signature"));
    assert_eq!(
        (denied.who.key_id.as_deref(), &denied.who.subject),
        (Some("local"), &None)
    );
    assert!(authentications.iter().any(|record| record.who.legacy));

    let admissions = of(&records, Event::Admission);
    let of_path = |end: &str| {
        admissions
            .iter()
            .find(|record| record.what.path.as_ref().is_some_and(|path| path.ends_with(end)))
            .unwrap()
    };
    assert_eq!(of_path("/report.txt").outcome, Outcome::Ok);
    let refused = of_path("/re\\u{202e}port.txt");
    assert_eq!(
        (refused.outcome, refused.code.as_deref()),
        (Outcome::Denied, Some("file_rejected"))
    );
    assert!(
        admissions
            .iter()
            .any(|record| record.outcome == Outcome::Denied && record.code.as_deref() == Some("path_not_allowed"))
    );

    let uploads = of(&records, Event::Upload);
    let upload = uploads
        .iter()
        .find(|record| record.what.file_id.as_deref() == Some(&stored.id))
        .unwrap();
    assert_eq!(
        (upload.outcome, upload.what.provider.as_deref()),
        (Outcome::Ok, Some("kimi"))
    );
    assert_eq!(upload.what.sha256.as_deref(), Some(stored.sha256.as_str()));
    assert_eq!(upload.what.remote_id.as_deref(), Some(stored.remote_id.as_str()));
    let with_request = uploads
        .iter()
        .find(|record| record.what.file_id.as_deref() == Some(&mine.id))
        .unwrap();
    assert_eq!(with_request.request_id.as_deref(), Some("req-2"));
    for code in ["path_not_allowed", "forbidden"] {
        assert!(
            uploads
                .iter()
                .any(|record| record.outcome == Outcome::Denied && record.code.as_deref() == Some(code)),
            "{code}"
        );
    }

    let content = of(&records, Event::Content)[0];
    assert_eq!(
        (content.outcome, content.what.file_id.as_deref()),
        (Outcome::Ok, Some(stored.id.as_str()))
    );
    let deletes = of(&records, Event::Delete);
    assert!(
        deletes
            .iter()
            .any(|record| record.outcome == Outcome::Denied && record.who.subject.as_deref() == Some("ann"))
    );
    assert!(
        deletes
            .iter()
            .any(|record| record.outcome == Outcome::Ok && record.what.file_id.as_deref() == Some(&stored.id))
    );
    let at_vendor = deletes
        .iter()
        .find(|record| record.what.remote_id.as_deref() == Some(&stored.remote_id))
        .unwrap();
    assert_eq!(at_vendor.who.door.as_deref(), Some("gateway"));

    let mut text = String::new();
    for file in std::fs::read_dir(home.join("audit")).unwrap() {
        text.push_str(&std::fs::read_to_string(file.unwrap().path()).unwrap());
    }
    let signature = good.rsplit('.').next().unwrap();
    for secret in [
        good.as_str(),
        signature,
        forged.as_str(),
        LEGACY,
        KEY,
        "s3cr3t",
        "content of the report",
        "body of ann",
    ] {
        assert!(!text.contains(secret), "{secret}");
    }
    assert!(text.contains("ann"));
}

#[tokio::test]
async fn a_caller_that_goes_away_is_recorded() {
    let world = World::new();
    let opened = world.open().await;
    let (entered, begun) = tokio::sync::oneshot::channel();
    let stream = futures::stream::once(async move {
        let _ = entered.send(());
        futures::future::pending::<std::io::Result<bytes::Bytes>>().await
    });
    let body = loadlock_gateway::Body {
        stream: Box::pin(stream),
        name: "never.txt".into(),
        media_type: None,
    };
    let (gateway, who) = (opened.gateway.clone(), opened.who.clone());
    let task = tokio::spawn(async move { gateway.upload(&who, Source::Body(body).into(), &Silent).await });
    begun.await.unwrap();
    task.abort();
    assert!(task.await.is_err());
    let home = opened.gateway.home().to_owned();
    drop(opened);
    let records = log(&home);
    let upload = of(&records, Event::Upload)[0];
    assert_eq!(
        (upload.outcome, upload.what.name.as_deref()),
        (Outcome::Cancelled, Some("never.txt"))
    );
}

/// At once: the log's thread looks at the file every second, and would continue one that is empty for a moment.
fn replace(file: &std::path::Path, content: &[u8]) {
    let beside = file.with_extension("new");
    std::fs::write(&beside, content).unwrap();
    std::fs::rename(&beside, file).unwrap();
}

#[tokio::test]
async fn what_cannot_be_recorded_is_not_done() {
    let world = World::new();
    let path = world.file("a.txt", "a");
    let opened = world.open().await;
    opened.upload(&path).await.unwrap();
    // Somebody damages the end of the log: it cannot be continued.
    let dir = world.path("home/audit");
    let file = std::fs::read_dir(&dir)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .find(|path| path.extension().is_some_and(|extension| extension == "jsonl"))
        .unwrap();
    let good = std::fs::read(&file).unwrap();
    replace(&file, b"damaged\n");
    // The first to come finds it out; what it did before it could know is kept.
    let _ = opened.upload(&path).await;
    let before = opened.list().await.unwrap().files.len();
    let refused = opened.upload(&path).await.unwrap_err();
    assert_eq!(refused.code, ErrorCode::StateUnavailable, "{refused}");
    let good_token = token(opened.gateway.home(), "local", "x", "read");
    let refused = opened
        .gateway
        .authenticate(Door::Network, Some(&good_token))
        .await
        .unwrap_err();
    assert_eq!(refused.code, ErrorCode::StateUnavailable);
    assert_eq!(opened.list().await.unwrap().files.len(), before);
    // It is repaired: what waited is written, and everything goes on.
    replace(&file, &good);
    let repaired = async {
        while opened.upload(&path).await.is_err() {
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(std::time::Duration::from_secs(30), repaired)
        .await
        .unwrap();
    let files = opened.list().await.unwrap().files.len();
    drop(opened);
    let records = log(&world.path("home"));
    let stored = of(&records, Event::Upload)
        .iter()
        .filter(|record| record.outcome == Outcome::Ok)
        .count();
    assert_eq!(stored, files);
    // A damaged end keeps a gateway from starting.
    std::fs::write(&file, b"damaged\n").unwrap();
    let error = Gateway::open(world.setup()).await.err().unwrap();
    assert!(error.hint.contains("loadlock audit verify"), "{error:?}");
}
