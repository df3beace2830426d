//! Who asks: a path is granted to the local command line and to the tenants that a grant names, to nobody else.

use bytes::Bytes;
use futures::StreamExt;
use loadlock_gateway::{Body, ErrorCode, Silent, Source, UploadRequest};
use loadlock_tests::World;

use super::{Gate, network_request};

/// A grant for tenant `acme` and one for nobody but the local command line.
fn two_grants() -> World {
    let world = World::new();
    world.file("shared/a.txt", "acme's");
    world.file("private/a.txt", "local");
    let (shared, private) = (world.path("files/shared"), world.path("files/private"));
    world.config(&format!(
        "[[grants]]\nroot = {shared:?}\ntenants = [\"acme\"]\n[[grants]]\nroot = {private:?}"
    ))
}

#[tokio::test]
async fn a_tenant_names_paths_where_it_is_named() {
    let world = two_grants();
    let gate = Gate::open(&world).await;
    let acme = gate.opened.network("acme").await;
    let file = gate.upload_as(&acme, world.path("files/shared/a.txt")).await.unwrap();
    assert_eq!(file.bytes, 6);
    // The other grant has no tenants, and other tenants have no grant. Names are compared whole.
    let other = gate
        .upload_as(&acme, world.path("files/private/a.txt"))
        .await
        .unwrap_err();
    assert_eq!(other.code, ErrorCode::PathNotAllowed);
    for tenant in ["other", "acme2", "ACME", "acm", "local"] {
        let who = gate.opened.network(tenant).await;
        for path in ["files/shared/a.txt", "files/private/a.txt"] {
            let error = gate.upload_as(&who, world.path(path)).await.unwrap_err();
            assert_eq!(error.code, ErrorCode::PathNotAllowed, "{tenant}: {path}");
        }
    }
    // The local command line may use both.
    for path in ["files/shared/a.txt", "files/private/a.txt"] {
        gate.upload(world.path(path)).await.unwrap();
    }
}

/// Whether there is a file, a folder, a link or nothing: the answer is the same to the letter.
#[tokio::test]
async fn a_caller_without_a_grant_learns_nothing() {
    let world = two_grants();
    std::os::unix::fs::symlink("a.txt", world.path("files/shared/link")).unwrap();
    let gate = Gate::open(&world).await;
    let stranger = gate.opened.network("stranger").await;
    let mut answers = std::collections::BTreeSet::new();
    for path in [
        "files/shared/a.txt",
        "files/shared/missing",
        "files/shared",
        "files/shared/link",
        "files/missing/x",
        "home/keys/local.key",
        "outside",
        "loadlock.toml",
    ] {
        let path = world.path(path);
        let error = gate.upload_as(&stranger, &path).await.unwrap_err();
        assert_eq!(error.code, ErrorCode::PathNotAllowed, "{}", path.display());
        answers.insert((error.message.replace(&path.display().to_string(), "PATH"), error.hint));
    }
    assert_eq!(answers.len(), 1, "{answers:?}");
}

/// A tenant has no current directory here, and no way to climb.
#[tokio::test]
async fn a_tenant_names_absolute_plain_paths() {
    let world = two_grants();
    let gate = Gate::open(&world).await;
    let acme = gate.opened.network("acme").await;
    let shared = world.path("files/shared").display().to_string();
    for path in [
        "a.txt".to_owned(),
        "shared/a.txt".to_owned(),
        format!("{shared}/../shared/a.txt"),
        format!("{shared}/../private/a.txt"),
    ] {
        let error = gate
            .opened
            .gateway
            .upload(&acme, network_request(&path), &Silent)
            .await
            .unwrap_err();
        assert_eq!(error.code, ErrorCode::PathNotAllowed, "{path}: {error}");
    }
    let stored = gate
        .opened
        .gateway
        .upload(&acme, network_request(format!("{shared}/a.txt")), &Silent)
        .await;
    stored.unwrap();
    // A link in its grant that leads into another's.
    std::os::unix::fs::symlink("../private/a.txt", world.path("files/shared/link")).unwrap();
    let error = gate.upload_as(&acme, format!("{shared}/link")).await.unwrap_err();
    assert_eq!(error.code, ErrorCode::PathNotAllowed, "{error}");
}

/// Bytes need no path and so no grant.
#[tokio::test]
async fn a_body_is_taken_from_anybody() {
    let world = World::new().config("grants = []");
    let opened = world.open().await;
    for tenant in ["acme", "stranger"] {
        let who = opened.network(tenant).await;
        let content = format!("the bytes of {tenant}");
        let stream = futures::stream::iter([Ok(Bytes::from(content.clone()))]).boxed();
        let body = Body {
            stream,
            name: "../../etc/a.txt".to_owned(),
            media_type: None,
        };
        let outcome = opened
            .gateway
            .upload(&who, UploadRequest::from(Source::Body(body)), &Silent)
            .await;
        // Its name is judged like any other.
        assert!(
            outcome
                .as_ref()
                .is_err_and(|error| error.code == ErrorCode::FileRejected)
                || outcome.is_ok_and(|file| file.filename == "a.txt")
        );
        let stream = futures::stream::iter([Ok(Bytes::from(content.clone()))]).boxed();
        let body = Body {
            stream,
            name: "a.txt".to_owned(),
            media_type: None,
        };
        let file = opened
            .gateway
            .upload(&who, UploadRequest::from(Source::Body(body)), &Silent)
            .await
            .unwrap();
        assert_eq!(
            (file.bytes, file.sha256),
            (content.len() as u64, loadlock_tests::sha256(content.as_bytes()))
        );
    }
    // Nothing stays in the spool.
    assert_eq!(std::fs::read_dir(world.path("home/spool")).unwrap().count(), 0);
}
