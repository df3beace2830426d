//! What is Gemini's alone.

use loadlock_gateway::{Clock, ErrorCode};
use loadlock_policy::model::RemoteStatus;
use loadlock_tests::{KEY, Shop, World, sha256};
use loadlock_upstream::{Answer, Fault, Operation, Options, Vendor};

use super::secrets::Hunt;

/// Several requests, the last of them not full.
const THREE_CHUNKS: usize = 2 * (8 << 20) + 1_000;

fn bytes(count: usize) -> Vec<u8> {
    (0..=250u8).cycle().take(count).collect()
}

async fn video(options: Options) -> (Shop, World, std::path::PathBuf) {
    let shop = Shop::start("gemini", Vendor::Gemini, options).await;
    let shop = shop.settings("poll_interval_ms = 500");
    let world = shop.join(World::new()).clock(Clock::scaled(10));
    let path = world.file("film.mp4", b"\0\0\0\x18ftypmp42\0\0\0\0mp42isom".as_slice());
    (shop, world, path)
}

fn with_key() -> Options {
    Options::with_key(KEY)
}

#[tokio::test]
async fn the_id_is_chosen_and_what_prompts_want_is_recorded() {
    for version in ["v1", "v1beta"] {
        let shop = Shop::gemini().await.settings(&format!("api_version = \"{version}\""));
        let world = shop.join(World::new());
        let path = world.file("report.txt", "what a prompt refers to");
        let gateway = world.open().await;
        let file = gateway.upload_pinned("gemini", &path).await.unwrap();
        let stored = shop.upstream.files().get(&file.remote_id).unwrap();
        assert_eq!((&stored.sha256, stored.filename.as_str()), (&file.sha256, "report.txt"));
        let chosen = file.remote_id.strip_prefix("files/").unwrap();
        assert_eq!(chosen.len(), 26);
        let end = format!("/{version}/{}", file.remote_id);
        assert!(file.uri.as_ref().unwrap().ends_with(&end), "{:?}", file.uri);
        assert_eq!(file.remote_media_type.as_deref(), Some("text/plain"));
        assert!(file.expires_at.is_some(), "kept for 48 hours");
        assert_eq!(gateway.gateway.get(&gateway.who, &file.id).await.unwrap(), file);
        assert_eq!(gateway.list().await.unwrap().files, std::slice::from_ref(&file));
        let again = gateway.upload_pinned("gemini", &path).await.unwrap();
        assert!(again.deduplicated && again.uri == file.uri);
        assert_eq!(
            gateway.content(&file.id).await.unwrap_err().code,
            ErrorCode::ContentUnavailable
        );
        assert!(gateway.gateway.probe(&gateway.who, "gemini").await.unwrap().healthy);
        for id in [&again.id, &file.id] {
            gateway.gateway.delete(&gateway.who, id).await.unwrap();
        }
        assert_eq!(shop.upstream.files().deleted().len(), 1);
    }
}

/// A request that breaks is followed by a question, and the bytes that have arrived are not sent again.
#[tokio::test]
async fn an_upload_goes_on_where_it_broke() {
    for (operation, fault) in [
        (Operation::AddPart, Fault::ResetBefore),
        (Operation::AddPart, Fault::ResetMiddle { after_bytes: 1_000_000 }),
        (Operation::AddPart, Fault::ResetAfter),
        (Operation::AddPart, Fault::status(503)),
        (Operation::Create, Fault::ResetMiddle { after_bytes: 100 }),
    ] {
        let shop = Shop::gemini().await;
        let world = shop.join(World::new());
        let content = bytes(THREE_CHUNKS);
        let path = world.file("a.bin", &content);
        let gateway = world.open().await;
        shop.upstream.faults().push(operation, fault.clone());
        let file = gateway.upload_pinned("gemini", &path).await.unwrap();
        assert_eq!((file.attempts, &file.sha256), (1, &sha256(&content)), "{fault:?}");
        let requests = shop.upstream.requests();
        assert_eq!(requests.of(Operation::CreateUpload).len(), 1, "{fault:?}");
        assert_eq!(requests.of(Operation::QueryUpload).len(), 1, "{fault:?}");
        assert_eq!(shop.upstream.files().len(), 1);
    }
}

/// The name is taken: by this upload, whose answer was lost.
#[tokio::test]
async fn a_taken_id_is_looked_at_before_anything_is_sent_again() {
    let shop = Shop::gemini().await;
    let world = shop.join(World::new());
    let path = world.file("a.txt", "sent once");
    let gateway = world.open().await;
    let faults = shop.upstream.faults();
    faults.push(
        Operation::Create,
        Fault::StoredAnswer(Answer::status(409).message("already exists")),
    );
    let file = gateway.upload_pinned("gemini", &path).await.unwrap();
    assert_eq!((file.attempts, shop.upstream.files().len()), (1, 1));
    assert_eq!(shop.upstream.requests().of(Operation::List).len(), 0, "no list is read");
    assert_eq!(shop.upstream.requests().of(Operation::Retrieve).len(), 1);
}

/// A video is answered when it can be used.
#[tokio::test]
async fn what_is_processed_is_waited_for() {
    let options = Options {
        processing: 3,
        ..with_key()
    };
    let (shop, world, path) = video(options).await;
    let gateway = world.open().await;
    let file = gateway.upload_pinned("gemini", &path).await.unwrap();
    assert_eq!(gateway.gateway.status(&file), RemoteStatus::Ready);
    assert_eq!(shop.upstream.requests().of(Operation::Retrieve).len(), 3);
}

/// The operator may not want to wait; the status says so then, and is asked for when somebody looks.
#[tokio::test]
async fn without_a_wait_the_status_is_told_as_it_is() {
    let shop = Shop::start(
        "gemini",
        Vendor::Gemini,
        Options {
            processing: 2,
            ..with_key()
        },
    )
    .await;
    let shop = shop.settings("poll_interval_ms = 0");
    let world = shop.join(World::new());
    let path = world.file("film.mp4", b"\0\0\0\x18ftypmp42\0\0\0\0mp42isom".as_slice());
    let gateway = world.open().await;
    let file = gateway.upload_pinned("gemini", &path).await.unwrap();
    for expected in [RemoteStatus::Processing, RemoteStatus::Processing, RemoteStatus::Ready] {
        assert_eq!(
            gateway.gateway.status(&file),
            expected,
            "{:?}",
            shop.upstream.requests().of(Operation::Retrieve)
        );
        gateway.gateway.ask_status(&file).await;
    }
}

/// What the vendor cannot use is no success, says why, and is deleted again.
#[tokio::test]
async fn what_cannot_be_processed_is_refused_with_the_vendors_words() {
    let options = Options {
        processing: 2,
        processing_fails: true,
        ..with_key()
    };
    let (shop, world, path) = video(options).await;
    let gateway = world.open().await;
    let error = gateway.upload_pinned("gemini", &path).await.unwrap_err();
    assert_eq!(error.code, ErrorCode::ProviderRejected, "{error}");
    assert!(error.message.contains("The video has no frames."), "{error}");
    assert!(shop.upstream.files().is_empty());
    assert_eq!(shop.upstream.files().deleted().len(), 1);
    assert!(gateway.list().await.unwrap().files.is_empty());
}

#[tokio::test]
async fn errors_mean_what_their_details_say() {
    for (answer, code) in [
        (
            Answer::status(429).code("file_storage_bytes"),
            ErrorCode::ProviderQuotaExhausted,
        ),
        (
            Answer::status(400).code("API_KEY_INVALID"),
            ErrorCode::ProviderUnauthorized,
        ),
        (Answer::status(403).message("denied"), ErrorCode::ProviderUnauthorized),
        (
            Answer::status(400).kind("FAILED_PRECONDITION"),
            ErrorCode::ProviderRejected,
        ),
        (
            Answer::status(400).message("Unsupported MIME"),
            ErrorCode::ProviderRejected,
        ),
    ] {
        let shop = Shop::gemini().await;
        let world = shop.join(World::new());
        let path = world.file("a.txt", "content");
        let gateway = world.open().await;
        shop.upstream
            .faults()
            .push(Operation::CreateUpload, Fault::Answer(answer.clone()));
        let error = gateway.upload_pinned("gemini", &path).await.unwrap_err();
        assert_eq!(error.code, code, "{answer:?}: {error}");
        assert!(shop.upstream.files().is_empty());
    }
    for answer in [Answer::status(429).code("0.001s"), Answer::status(503)] {
        let shop = Shop::gemini().await;
        let world = shop.join(World::new());
        let path = world.file("a.txt", "content");
        let gateway = world.open().await;
        shop.upstream
            .faults()
            .push(Operation::CreateUpload, Fault::Answer(answer.clone()));
        let file = gateway.upload_pinned("gemini", &path).await.unwrap();
        assert_eq!((file.attempts, shop.upstream.files().len()), (2, 1), "{answer:?}");
    }
}

/// "You do not have permission …, or it may not exist" is a file that is gone.
#[tokio::test]
async fn a_file_that_expired_is_gone_and_is_uploaded_again() {
    let shop = Shop::gemini().await;
    let world = shop.join(World::new().config("[dedup]\nverify_after = \"0s\""));
    let path = world.file("a.txt", "content");
    let gateway = world.open().await;
    let first = gateway.upload_pinned("gemini", &path).await.unwrap();
    assert!(shop.upstream.files().lose(&first.remote_id));
    let second = gateway.upload_pinned("gemini", &path).await.unwrap();
    assert!(!second.deduplicated && second.remote_id != first.remote_id);
    for id in [&first.id, &second.id] {
        gateway.gateway.delete(&gateway.who, id).await.unwrap();
    }
    assert!(shop.upstream.files().is_empty());
}

/// The address of an upload opens it without a key: it is in no log, no journal, no ledger, no audit log, no metric, no
/// answer.
#[tokio::test]
async fn the_address_of_an_upload_is_a_secret() {
    let shop = Shop::gemini().await;
    let hunt = Hunt::start();
    let world = shop.join(World::new());
    let path = world.file("a.bin", bytes(THREE_CHUNKS));
    let gateway = world.open().await;
    let faults = shop.upstream.faults();
    faults.push(Operation::AddPart, Fault::ResetMiddle { after_bytes: 1_000_000 });
    faults.push(Operation::Create, Fault::TruncatedJson);
    let file = gateway.upload_pinned("gemini", &path).await.unwrap();
    let other = world.file("b.txt", "never stored");
    faults.always(Operation::Create, Fault::EchoSecret { status: 400 });
    let error = gateway.upload_pinned("gemini", &other).await.unwrap_err();
    let told = format!("{file:?} {error:?} {error} {}", serde_json::to_string(&error).unwrap());
    let secrets: Vec<String> = shop
        .upstream
        .requests()
        .all()
        .iter()
        .filter_map(|request| request.target.split("upload_id=").nth(1))
        .map(|rest| rest.split('&').next().unwrap().to_owned())
        .collect();
    assert!(secrets.len() >= 4);
    let secrets: Vec<&str> = secrets.iter().map(String::as_str).chain([KEY]).collect();
    gateway.gateway.publish_gauges().await;
    hunt.finds_none(&world, &told, &secrets);
}
