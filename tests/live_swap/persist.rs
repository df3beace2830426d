//! A swap stays over a restart until the configuration names another component, and the way back stays open.

use loadlock_gateway::{ErrorCode, swapped_components};
use loadlock_tests::{guest, sha256};

use super::{runs, swap, version, world};

#[tokio::test]
async fn a_swap_stays_over_a_restart_until_the_configuration_says_otherwise() {
    let mut world = world();
    let bytes = version(guest("good"), 2);
    let other = world.component("good-2.wasm", &bytes);
    let opened = world.open().await;
    swap(&opened, "odd", &other, false).await.unwrap();
    drop(opened);
    // What it was loaded from may be gone.
    std::fs::remove_file(&other).unwrap();
    let opened = world.open().await;
    assert_eq!(runs(&opened, "odd").await, sha256(&bytes));
    let shown = opened.gateway.providers(&opened.who).await.unwrap();
    assert!(shown[0].swapped);
    let known = swapped_components(&opened.gateway.config()).unwrap();
    assert_eq!(known["providers.odd.component"], other.display().to_string());
    drop(opened);
    let third = world.component("good-3.wasm", &version(guest("good"), 3));
    world = world
        .without_config()
        .config(&format!("[providers.odd]\ncomponent = {third:?}\naccount = \"odd\"\n"));
    let opened = world.open().await;
    assert_eq!(runs(&opened, "odd").await, sha256(&version(guest("good"), 3)));
    assert!(swapped_components(&opened.gateway.config()).unwrap().is_empty());
}

#[tokio::test]
async fn a_rollback_finds_the_bytes_of_a_file_that_was_overwritten() {
    let world = world();
    let configured = world.guest("good");
    let opened = world.open().await;
    let (one, two) = (sha256(guest("good")), version(guest("good"), 2));
    std::fs::write(&configured, &two).unwrap();
    let swapped = swap(&opened, "odd", &configured, false).await.unwrap();
    assert_eq!(swapped.after.sha256, sha256(&two));
    let back = opened.gateway.roll_back(&opened.who, "odd", false).await.unwrap();
    assert_eq!((back.after.sha256, back.on_trial), (one.clone(), false));
    assert_eq!(runs(&opened, "odd").await, one);
    let nothing = opened.gateway.roll_back(&opened.who, "odd", false).await.unwrap_err();
    assert_eq!(nothing.code, ErrorCode::SwapRefused);
    drop(opened);
    // The file still has the other bytes, and a restart runs what was rolled back to.
    let opened = world.open().await;
    assert_eq!(runs(&opened, "odd").await, one);
    let path = world.file("a.txt", "content");
    opened.upload_pinned("odd", &path).await.unwrap();
}

#[tokio::test]
async fn components_that_nobody_goes_back_to_are_not_kept() {
    let world = world();
    let opened = world.open().await;
    for number in 2..8 {
        let other = world.component(&format!("good-{number}.wasm"), &version(guest("good"), number));
        swap(&opened, "odd", &other, false).await.unwrap();
    }
    let kept = std::fs::read_dir(world.path("home/components/kept")).unwrap().count();
    assert_eq!(
        kept, 3,
        "the one that runs, the one before, and where a rollback leads if that is back"
    );
}

#[tokio::test]
async fn a_backup_holds_what_was_swapped() {
    let world = world();
    let bytes = version(guest("good"), 2);
    let other = world.component("good-2.wasm", &bytes);
    let opened = world.open().await;
    swap(&opened, "odd", &other, false).await.unwrap();
    let folder = world.path("outside/backup");
    opened.gateway.backup(&opened.who, &folder).await.unwrap();
    drop(opened);
    std::fs::remove_dir_all(world.path("home")).unwrap();
    loadlock_gateway::restore(&folder, &world.path("home")).unwrap();
    let opened = world.open().await;
    assert_eq!(runs(&opened, "odd").await, sha256(&bytes));
}
