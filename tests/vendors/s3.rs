//! What is S3's alone: signatures, keys that are chosen, uploads in parts, versions, and errors in disguise.

use std::path::PathBuf;

use loadlock_gateway::ErrorCode;
use loadlock_tests::{Logs, World, sha256};
use loadlock_upstream::{S3_BUCKET, S3_KEY_ID, S3_SECRET, S3Call, S3Fault, S3Options, S3Store};

const MIB: usize = 1 << 20;

struct Bucket {
    store: S3Store,
    world: World,
}

impl Bucket {
    async fn new(options: S3Options, settings: &str) -> Self {
        Self::with_secret(options, settings, S3_SECRET).await
    }

    async fn with_secret(options: S3Options, settings: &str, secret: &str) -> Self {
        let store = S3Store::start(options).await.unwrap();
        let world = World::new();
        let file = world.path("outside").join("s3.key");
        std::fs::write(&file, secret).unwrap();
        let id = world.path("outside").join("s3.id");
        std::fs::write(&id, S3_KEY_ID).unwrap();
        let text = format!(
            "[providers.s3]\ncomponent = \"builtin:s3\"\nsettings = {{ base_url = \"{}\", bucket = \"{S3_BUCKET}\", \
             single_max_bytes = {}, part_bytes = {}{settings} }}\ncredential = {{ kind = \"aws-sigv4\", region = \
             \"us-east-1\", key_id = \"${{file:{}}}\", value = \"${{file:{}}}\" }}\nretry = {{ base = \"1ms\" }}\n[validator]\nskip = \
             [\"empty\"]\n",
            store.url(),
            5 * MIB,
            5 * MIB,
            id.display(),
            file.display(),
        );
        Self {
            world: world.config(&text),
            store,
        }
    }

    async fn plain() -> Self {
        Self::new(S3Options::default(), "").await
    }

    fn file(&self, size: usize) -> (PathBuf, Vec<u8>) {
        let content: Vec<u8> = (0..=250u8).cycle().take(size).collect();
        (self.world.file("größe.bin", &content), content)
    }

    fn count(&self, call: S3Call) -> usize {
        self.store.calls().iter().filter(|one| **one == call).count()
    }
}

#[tokio::test]
async fn a_file_is_stored_under_a_key_of_its_own_with_its_digest() {
    let logs = Logs::start();
    let bucket = Bucket::plain().await;
    let path = bucket.world.file("report 1.txt", "what is kept");
    let gateway = bucket.world.open().await;
    let file = gateway.upload_pinned("s3", &path).await.unwrap();
    let (mark, extension) = file.remote_id.split_once('.').unwrap();
    assert_eq!((mark.len(), extension), (26, "txt"));
    let key = format!("loadlock/{}", file.remote_id);
    assert_eq!(bucket.store.body(&key).as_deref(), Some(b"what is kept".as_slice()));
    assert_eq!(file.uri.as_deref(), Some(format!("s3://{S3_BUCKET}/{key}").as_str()));
    let (headers, _) = &bucket.store.of(S3Call::Put)[0];
    let header = |name: &str| headers.get(name).map(|value| value.to_str().unwrap().to_owned());
    assert_eq!(header("x-amz-content-sha256"), Some(file.sha256.clone()));
    assert_eq!(header("if-none-match").as_deref(), Some("*"));
    assert_eq!(header("x-amz-meta-name").as_deref(), Some("report%201%2Etxt"));
    assert!(header("x-amz-checksum-sha256").is_some() && header("x-amz-trailer").is_none());
    assert_eq!(gateway.content(&file.id).await.unwrap(), b"what is kept");
    assert!(gateway.upload_pinned("s3", &path).await.unwrap().deduplicated);
    assert!(gateway.gateway.probe(&gateway.who, "s3").await.unwrap().healthy);
    assert!(!logs.take().contains(S3_SECRET));
}

#[tokio::test]
async fn each_size_goes_the_way_that_it_needs() {
    for (size, parts) in [
        (0, 0),
        (1, 0),
        (5 * MIB - 1, 0),
        (5 * MIB, 0),
        (5 * MIB + 1, 2),
        (10 * MIB - 1, 2),
        (10 * MIB, 2),
        (10 * MIB + 1, 3),
    ] {
        let bucket = Bucket::plain().await;
        let (path, content) = bucket.file(size);
        let gateway = bucket.world.open().await;
        let file = gateway.upload_pinned("s3", &path).await.unwrap();
        assert_eq!(file.sha256, sha256(&content), "{size}");
        assert_eq!(
            bucket.store.body(&format!("loadlock/{}", file.remote_id)),
            Some(content),
            "{size}"
        );
        assert_eq!(bucket.count(S3Call::Part), parts, "{size}");
        assert_eq!(bucket.count(S3Call::Put), usize::from(parts == 0), "{size}");
        let checked = bucket
            .store
            .of(S3Call::Part)
            .iter()
            .all(|(headers, _)| headers.contains_key("x-amz-checksum-sha256"));
        assert!(checked && bucket.store.sessions().is_empty(), "{size}");
    }
}

/// The bytes are there, or nothing is: neither is sent twice, nor left half done.
#[tokio::test]
async fn a_lost_answer_is_looked_for_by_the_key() {
    for (size, call, fault) in [
        (9, S3Call::Put, S3Fault::Lost),
        (6 * MIB, S3Call::Complete, S3Fault::Lost),
        (6 * MIB, S3Call::Complete, S3Fault::DisguisedAndDone("InternalError")),
    ] {
        let bucket = Bucket::plain().await;
        let (path, _) = bucket.file(size);
        let gateway = bucket.world.open().await;
        bucket.store.fault(call, fault);
        let file = gateway.upload_pinned("s3", &path).await.unwrap();
        assert_eq!((bucket.count(call), bucket.store.objects().len()), (1, 1), "{fault:?}");
        assert!(
            bucket
                .store
                .objects()
                .contains_key(&format!("loadlock/{}", file.remote_id))
        );
        assert!(
            bucket.store.sessions().is_empty() && bucket.count(S3Call::List) == 0,
            "{fault:?}"
        );
    }
}

#[tokio::test]
async fn what_passes_is_tried_again_and_leaves_no_parts() {
    for (size, call, fault) in [
        (9, S3Call::Put, S3Fault::Refuse(503, "SlowDown")),
        (9, S3Call::Put, S3Fault::Refuse(409, "ConditionalRequestConflict")),
        (9, S3Call::Put, S3Fault::Refuse(400, "XAmzContentSHA256Mismatch")),
        (9, S3Call::Put, S3Fault::Refuse(400, "RequestTimeout")),
        (6 * MIB, S3Call::Begin, S3Fault::Refuse(500, "InternalError")),
        (6 * MIB, S3Call::Part, S3Fault::Refuse(500, "InternalError")),
        (6 * MIB, S3Call::Part, S3Fault::Lost),
        (6 * MIB, S3Call::Part, S3Fault::Refuse(404, "NoSuchUpload")),
        (
            6 * MIB,
            S3Call::Complete,
            S3Fault::Refuse(409, "ConditionalRequestConflict"),
        ),
        (6 * MIB, S3Call::Complete, S3Fault::Disguised("InternalError")),
    ] {
        let bucket = Bucket::plain().await;
        let (path, content) = bucket.file(size);
        let gateway = bucket.world.open().await;
        bucket.store.fault(call, fault);
        let file = gateway
            .upload_pinned("s3", &path)
            .await
            .unwrap_or_else(|error| panic!("{fault:?}: {error:?}"));
        assert_eq!(
            bucket.store.body(&format!("loadlock/{}", file.remote_id)),
            Some(content),
            "{fault:?}"
        );
        assert!(bucket.store.sessions().is_empty(), "{call:?} {fault:?}");
    }
}

#[tokio::test]
async fn an_upload_in_parts_that_cannot_be_ended_is_ended_later() {
    let bucket = Bucket::plain().await;
    let (path, _) = bucket.file(6 * MIB);
    let gateway = bucket.world.open().await;
    bucket.store.fault(S3Call::Part, S3Fault::Refuse(400, "EntityTooLarge"));
    bucket.store.fault(S3Call::Abort, S3Fault::Refuse(500, "InternalError"));
    // Whether it is given up or sent again: nothing is left.
    let _ = gateway.upload_pinned("s3", &path).await;
    assert!(bucket.store.sessions().is_empty());
    assert!(bucket.count(S3Call::Abort) >= 2);
}

#[tokio::test]
async fn another_region_is_named_and_a_wrong_secret_is_refused() {
    let options = S3Options {
        region: "eu-west-1",
        ..S3Options::default()
    };
    let bucket = Bucket::new(options, "").await;
    let path = bucket.world.file("a.txt", "a");
    let gateway = bucket.world.open().await;
    let error = gateway.upload_pinned("s3", &path).await.unwrap_err();
    assert!(format!("{error:?}").contains("eu-west-1"), "{error:?}");

    let logs = Logs::start();
    let wrong = "wr0ng/secret+of=the-store-that-is-no-good";
    let bucket = Bucket::with_secret(S3Options::default(), "", wrong).await;
    let path = bucket.world.file("a.txt", "a");
    let gateway = bucket.world.open().await;
    let error = gateway.upload_pinned("s3", &path).await.unwrap_err();
    assert_eq!(error.code, ErrorCode::ProviderUnauthorized, "{error:?}");
    assert!(bucket.store.objects().is_empty());
    assert!(!format!("{error:?}{}", logs.take()).contains(wrong));
}

#[tokio::test]
async fn a_clock_that_is_off_costs_one_try() {
    let options = S3Options {
        ahead_s: 3_600,
        ..S3Options::default()
    };
    let bucket = Bucket::new(options, "").await;
    let path = bucket.world.file("a.txt", "a");
    let gateway = bucket.world.open().await;
    let file = gateway.upload_pinned("s3", &path).await.unwrap();
    assert_eq!((bucket.store.objects().len(), file.attempts), (1, 2));
}

#[tokio::test]
async fn a_store_without_checksums_and_conditions_is_served() {
    let options = S3Options {
        modern: false,
        ..S3Options::default()
    };
    for (size, settings) in [(9, ""), (6 * MIB, ", checksums = false")] {
        let bucket = Bucket::new(options.clone(), settings).await;
        let (path, content) = bucket.file(size);
        let gateway = bucket.world.open().await;
        let file = gateway.upload_pinned("s3", &path).await.unwrap();
        assert_eq!(
            bucket.store.body(&format!("loadlock/{}", file.remote_id)),
            Some(content)
        );
    }
}

#[tokio::test]
async fn a_version_is_erased_or_hidden_as_the_operator_says() {
    let options = S3Options {
        versioned: true,
        ..S3Options::default()
    };
    for (settings, left) in [("", 0), (", versioned = true", 2)] {
        let bucket = Bucket::new(options.clone(), settings).await;
        let path = bucket.world.file("a.txt", "a");
        let gateway = bucket.world.open().await;
        let file = gateway.upload_pinned("s3", &path).await.unwrap();
        let key = format!("loadlock/{}", file.remote_id);
        gateway.gateway.delete(&gateway.who, &file.id).await.unwrap();
        assert_eq!(bucket.store.body(&key), None);
        // The version that was stored, and the marker that hides it.
        assert_eq!(bucket.store.objects().get(&key).map_or(0, Vec::len), left, "{settings}");
    }
}

#[tokio::test]
async fn what_somebody_else_deleted_is_already_gone() {
    let bucket = Bucket::plain().await;
    let path = bucket.world.file("a.txt", "a");
    let gateway = bucket.world.open().await;
    let file = gateway.upload_pinned("s3", &path).await.unwrap();
    bucket.store.fault(S3Call::Head, S3Fault::Refuse(404, "NoSuchKey"));
    bucket.store.fault(S3Call::Get, S3Fault::Refuse(404, "NoSuchKey"));
    gateway.gateway.delete(&gateway.who, &file.id).await.unwrap();
    assert_eq!(bucket.count(S3Call::Delete), 0);
}
