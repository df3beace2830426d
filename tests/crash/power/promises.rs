//! What the gateway promises about files, keys and bodies.

use std::path::{Path, PathBuf};

use futures::future::BoxFuture;
use loadlock_durable::power::{self, Names};
use loadlock_gateway::{Home, SwapRequest, local_key, revoke, revoked};
use loadlock_tests::{Opened, World};

use crate::disk::{again, files, world};
use crate::{sessions, tus};

/// Something that is promised, and what is found after the power failed.
pub(crate) type Check = fn(Names) -> BoxFuture<'static, Result<(), String>>;

pub(crate) fn all() -> Vec<(&'static str, Check)> {
    let mut all: Vec<(&'static str, Check)> = vec![
        ("a stored file is there", |names| Box::pin(stored(names))),
        ("a second file is there", |names| Box::pin(second(names))),
        ("both of two files are there", |names| Box::pin(both(names))),
        ("a file in a folder that a kill left is there", |names| {
            Box::pin(left_by_a_kill(names))
        }),
        ("a deleted file stays deleted", |names| Box::pin(deleted(names))),
        ("a token is still good", |names| Box::pin(key(names))),
        ("a token that was revoked stays so", |names| Box::pin(revocation(names))),
        ("a home in a new place is there", |names| Box::pin(new_home(names))),
        ("a component that was swapped runs", |names| Box::pin(swapped(names))),
        ("what a swap took away can be gone back to", |names| {
            Box::pin(gone_back(names))
        }),
    ];
    all.extend(sessions::all());
    all.extend(tus::all());
    all
}

const CONTENT: &str = "what a client was told is stored";

async fn stored(names: Names) -> Result<(), String> {
    let world = world();
    let path = world.file("a.txt", CONTENT);
    let gateway = world.open().await;
    let file = gateway.upload(&path).await.unwrap();
    let gateway = again(&world, gateway, names).await?;
    match gateway.content(&file.id).await {
        Ok(content) if content == CONTENT.as_bytes() => Ok(()),
        other => Err(format!("it reads {other:?}")),
    }
}

/// In a gateway that has been open before: what the first start makes is there.
async fn second(names: Names) -> Result<(), String> {
    let world = world();
    let (a, b) = (world.file("a.txt", CONTENT), world.file("b.txt", "another"));
    let gateway = world.open().await;
    gateway.upload(&a).await.unwrap();
    let gateway = again(&world, gateway, names).await?;
    let file = gateway.upload(&b).await.map_err(|error| error.to_string())?;
    let gateway = again(&world, gateway, names).await?;
    match gateway.content(&file.id).await {
        Ok(content) if content == b"another" => Ok(()),
        other => Err(format!("it reads {other:?}")),
    }
}

/// A process died between making a folder of objects and syncing its name. Whoever uses it next has to.
async fn left_by_a_kill(names: Names) -> Result<(), String> {
    let world = world();
    let (a, b) = (world.file("a.txt", "another"), world.file("b.txt", CONTENT));
    let gateway = world.open().await;
    gateway.upload(&a).await.unwrap();
    let digest = loadlock_tests::sha256(CONTENT.as_bytes());
    let objects = world.path("home/providers/local/objects");
    std::fs::create_dir(objects.join(&digest[..2])).unwrap();
    let file = gateway.upload(&b).await.unwrap();
    let gateway = again(&world, gateway, names).await?;
    match gateway.content(&file.id).await {
        Ok(content) if content == CONTENT.as_bytes() => Ok(()),
        other => Err(format!("it reads {other:?}")),
    }
}

/// By the second one the journal has forgotten the first.
async fn both(names: Names) -> Result<(), String> {
    let world = world();
    let paths = [world.file("a.txt", CONTENT), world.file("b.txt", "another")];
    let gateway = world.open().await;
    for path in &paths {
        gateway.upload(path).await.unwrap();
    }
    let gateway = again(&world, gateway, names).await?;
    let left = gateway.list().await.unwrap().files.len();
    (left == 2).then_some(()).ok_or_else(|| format!("{left} are there"))
}

async fn deleted(names: Names) -> Result<(), String> {
    let world = world();
    let path = world.file("a.txt", CONTENT);
    let gateway = world.open().await;
    let file = gateway.upload(&path).await.unwrap();
    gateway.gateway.delete(&gateway.who, &file.id).await.unwrap();
    let gateway = again(&world, gateway, names).await?;
    if gateway.gateway.get(&gateway.who, &file.id).await.is_ok() {
        return Err("it is listed again".into());
    }
    let sheet = gateway.gateway.fsck(&gateway.who).await.unwrap();
    let objects = files(&world.path("home/providers/local/objects"));
    match (sheet.balanced, objects.as_slice()) {
        (true, []) => Ok(()),
        _ => Err(format!("{objects:?} is left: {sheet:#?}")),
    }
}

async fn key(names: Names) -> Result<(), String> {
    let world = world();
    let gateway = world.open().await;
    let keys = world.path("home/keys");
    let key = local_key(&keys).unwrap();
    let _gateway = again(&world, gateway, names).await?;
    (local_key(&keys).unwrap() == key)
        .then_some(())
        .ok_or_else(|| "there is another key".into())
}

async fn revocation(names: Names) -> Result<(), String> {
    let place = tempfile::tempdir().unwrap();
    power::adopt(place.path()).unwrap();
    revoke(&place.path().join("keys"), "a-token").unwrap();
    let target = tempfile::tempdir().unwrap();
    let image = target.path().join("image");
    power::image(place.path(), &image, names, &[], || ()).unwrap();
    match revoked(&image.join("keys")) {
        Ok(list) if list == ["a-token"] => Ok(()),
        other => Err(format!("revoked are {other:?}")),
    }
}

/// The built-in store with one more custom section.
fn another(world: &World, number: u8) -> PathBuf {
    let mut bytes = loadlock::builtins()["local"].to_vec();
    bytes.extend(b"\0\x09\x07version");
    bytes.push(number);
    world.component(&format!("local-{number}.wasm"), &bytes)
}

async fn swap(gateway: &Opened, source: &Path) {
    let request = SwapRequest {
        source: source.display().to_string(),
        sha256: None,
        accept: false,
    };
    gateway.gateway.swap(&gateway.who, "local", request).await.unwrap();
}

async fn runs(gateway: &Opened, source: &Path) -> Result<(), String> {
    let providers = gateway.gateway.providers(&gateway.who).await.unwrap();
    let component = &providers[0].component;
    let is_that = Path::new(component) == source;
    is_that.then_some(()).ok_or_else(|| format!("{component} runs"))
}

async fn swapped(names: Names) -> Result<(), String> {
    let world = world();
    let other = another(&world, 2);
    let gateway = world.open().await;
    swap(&gateway, &other).await;
    let gateway = again(&world, gateway, names).await?;
    runs(&gateway, &other).await
}

async fn gone_back(names: Names) -> Result<(), String> {
    let world = world();
    let (second, third) = (another(&world, 2), another(&world, 3));
    let gateway = world.open().await;
    swap(&gateway, &second).await;
    let gateway = again(&world, gateway, names).await?;
    swap(&gateway, &third).await;
    let gateway = again(&world, gateway, names).await?;
    let back = gateway.gateway.roll_back(&gateway.who, "local", false).await;
    back.map_err(|error| error.to_string())?;
    runs(&gateway, &second).await
}

async fn new_home(names: Names) -> Result<(), String> {
    let place = tempfile::tempdir().unwrap();
    power::adopt(place.path()).unwrap();
    let home = Home::open(&place.path().join("new/home")).unwrap();
    home.component_state("tracker", "ledger").unwrap();
    let target = tempfile::tempdir().unwrap();
    let image = target.path().join("image");
    power::image(place.path(), &image, names, &[], || ()).unwrap();
    let left = image.join("new/home/tracker/ledger");
    left.is_dir()
        .then_some(())
        .ok_or_else(|| format!("{} is lost", left.display()))
}
