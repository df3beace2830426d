//! A world whose disk is looked at.

use std::path::{Path, PathBuf};

use loadlock_durable::power::{self, Names};
use loadlock_gateway::{Body, MODELLED_ELSEWHERE};
use loadlock_tests::{Opened, World};

/// A world with the provider `local` and nothing in its home that could be lost.
pub(crate) fn world() -> World {
    let world = World::new();
    power::adopt(&world.path("home")).unwrap();
    world
}

/// The power fails now. Afterwards the home is what was left; what runs ends before that.
pub(crate) async fn fail(world: &World, names: Names, ends: impl AsyncFnOnce()) {
    let (home, image) = (world.path("home"), world.path("image"));
    power::image(&home, &image, names, MODELLED_ELSEWHERE, || {
        for name in MODELLED_ELSEWHERE {
            copy(&home.join(name), &image.join(name));
        }
    })
    .unwrap();
    ends().await;
    std::fs::remove_dir_all(&home).unwrap();
    std::fs::rename(&image, &home).unwrap();
    power::adopt(&home).unwrap();
}

/// Ends what runs, and opens what the power loss left.
pub(crate) async fn again<T>(world: &World, runs: T, names: Names) -> Result<Opened, String> {
    fail(world, names, async move || drop(runs)).await;
    world
        .try_open()
        .await
        .map_err(|error| format!("it does not open: {error}"))
}

pub(crate) fn body(content: &[u8]) -> Body {
    let chunks = content.chunks(7).map(|chunk| Ok(bytes::Bytes::copy_from_slice(chunk)));
    Body {
        stream: Box::pin(futures::stream::iter(chunks.collect::<Vec<_>>())),
        name: "a.txt".into(),
        media_type: None,
    }
}

/// Every file beneath a directory.
pub(crate) fn files(directory: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(directory).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() {
            found.extend(files(&path));
        } else {
            found.push(path);
        }
    }
    found
}

fn copy(from: &Path, to: &Path) {
    if !from.is_dir() {
        let _ = std::fs::copy(from, to);
        return;
    }
    std::fs::create_dir(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let name = entry.unwrap().file_name();
        copy(&from.join(&name), &to.join(&name));
    }
}
