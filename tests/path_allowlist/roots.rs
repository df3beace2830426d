//! Which provider: each reads beneath its own roots, and the sandbox holds it to them.

use std::sync::Arc;

use loadlock_gateway::ErrorCode;
use loadlock_sandbox::CallError;
use loadlock_sandbox::files::{GrantRoot, InputError, Protected};
use loadlock_sandbox::provider::ProviderGrants;
use loadlock_tests::{Cell, World};

fn two_roots() -> World {
    let world = World::new();
    world.file("one/a.txt", "for one");
    world.file("two/a.txt", "for two");
    world.file("both/a.txt", "for both");
    let root = |name: &str| world.path("files").join(name);
    let text = format!(
        "[[grants]]\nroot = {:?}\nproviders = [\"one\"]\n[[grants]]\nroot = {:?}\nproviders = [\"two\"]\n[[grants]]\n\
         root = {:?}",
        root("one"),
        root("two"),
        root("both")
    );
    world
        .with_guest("one", "good", "")
        .with_guest("two", "good", "")
        .config(&text)
}

#[tokio::test]
async fn two_providers_cannot_read_each_others() {
    let world = two_roots();
    let opened = world.open().await;
    for (provider, other) in [("one", "two"), ("two", "one")] {
        let own = world.path("files").join(provider).join("a.txt");
        assert_eq!(opened.upload_pinned(provider, &own).await.unwrap().provider, provider);
        let error = opened.upload_pinned(other, &own).await.unwrap_err();
        assert_eq!(error.code, ErrorCode::PathNotAllowed, "{error}");
        // Unpinned it goes where it may.
        assert_eq!(opened.upload(&own).await.unwrap().provider, provider);
        let both = world.path("files/both/a.txt");
        assert_eq!(opened.upload_pinned(provider, &both).await.unwrap().provider, provider);
    }
}

/// With admission out of the way: a file beneath a root that the provider was not granted is not shown to it.
#[tokio::test]
async fn the_sandbox_knows_the_roots_itself() {
    let cell = Cell::new().await;
    cell.file("a.txt", "not for it");
    std::fs::create_dir(cell.path("own")).unwrap();
    let own = Arc::new(GrantRoot::open(&cell.path("own"), Protected::default()).unwrap());
    // The same directory, granted to somebody else: a root is a grant, not a place.
    let same = Arc::new(GrantRoot::open(&cell.path("files"), Protected::default()).unwrap());
    for roots in [Vec::new(), vec![own.clone()], vec![same]] {
        let guest = cell.guest_with("good", ProviderGrants { roots, ..cell.grants() }).await;
        let report = cell.upload(&guest, "a.txt").await;
        assert!(
            matches!(&report.outcome, Err(CallError::Input(InputError::NotGranted(_)))),
            "{report:?}"
        );
        assert_eq!(report.read, None);
    }
    let guest = cell
        .guest_with(
            "good",
            ProviderGrants {
                roots: vec![own, cell.root.clone()],
                ..cell.grants()
            },
        )
        .await;
    assert!(cell.upload(&guest, "a.txt").await.outcome.unwrap().is_ok());
}

/// A grant within a grant: the narrower one decides who may have the file.
#[tokio::test]
async fn the_narrower_grant_adds_and_does_not_take_away() {
    let world = World::new();
    let path = world.file("inner/a.txt", "nested");
    let (outer, inner) = (world.path("files"), world.path("files/inner"));
    let world = world
        .with_guest("one", "good", "")
        .with_guest("two", "good", "")
        .config(&format!(
            "[[grants]]\nroot = {outer:?}\nproviders = [\"one\"]\n[[grants]]\nroot = {inner:?}\nproviders = [\"two\"]"
        ));
    let opened = world.open().await;
    // Both grants cover it, so both providers may have it: what was granted is not taken back by another line.
    for provider in ["one", "two"] {
        assert_eq!(opened.upload_pinned(provider, &path).await.unwrap().provider, provider);
    }
    let outside = world.file("b.txt", "outer");
    assert_eq!(
        opened.upload_pinned("two", &outside).await.unwrap_err().code,
        ErrorCode::PathNotAllowed
    );
}
