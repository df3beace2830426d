//! Every size limit that any profile states, for every purpose and dialect: one byte less, exactly, one byte more.
//! Asked as a route: nothing is sent.

use loadlock_gateway::{Target, UploadRequest};
use loadlock_policy::model::PurposeProfile;
use loadlock_tests::{Shop, World};

/// A name that the purpose takes, as an image or as anything else.
fn name(purpose: &PurposeProfile, image: bool) -> Option<String> {
    let images = ["png", "jpg", "jpeg", "webp", "gif", "bmp"];
    let is_image = |extension: &&String| images.contains(&extension.as_str());
    let extension = if purpose.extensions.is_empty() && purpose.media_types.is_empty() {
        Some(if image { "png" } else { "bin" }.to_owned())
    } else {
        let found = purpose.extensions.iter().find(|extension| is_image(extension) == image);
        found.cloned().or_else(|| {
            let typed = purpose.media_types.iter().find(|t| t.starts_with("image/") == image);
            typed.map(|t| match t.split_once('/') {
                Some(("image", _)) => "png".to_owned(),
                Some(("video", _)) => "mp4".to_owned(),
                Some(("audio", _)) => "mp3".to_owned(),
                _ => "txt".to_owned(),
            })
        })
    };
    extension.map(|extension| format!("file.{extension}"))
}

async fn every_limit(shop: Shop) {
    let world = shop.join(World::new().config("[limits]\nmax_upload_size = \"20 GB\""));
    let gateway = world.open().await;
    let providers = gateway.gateway.providers(&gateway.who).await.unwrap();
    let profile = &providers.iter().find(|view| view.name == shop.name).unwrap().profile;
    let mut checked = 0;
    for purpose in &profile.purposes {
        for image in [false, true] {
            let limit = match (image, purpose.image_max_bytes) {
                (true, Some(limit)) => Some(limit),
                _ => purpose.max_bytes,
            };
            let (Some(limit), Some(name)) = (limit, name(purpose, image)) else {
                continue;
            };
            for (bytes, fits) in [(limit - 1, true), (limit, true), (limit + 1, false)] {
                let path = world.file(&name, "");
                let file = std::fs::File::options().write(true).open(&path).unwrap();
                file.set_len(bytes).unwrap();
                let request = UploadRequest {
                    target: Target::Pinned(shop.name.into()),
                    purpose: Some(purpose.purpose.clone()),
                    ..gateway.request(&path)
                };
                let view = gateway.gateway.route(&gateway.who, request).await.unwrap();
                assert_eq!(
                    view.eligible.len(),
                    usize::from(fits),
                    "{} {name} {bytes}: {view:?}",
                    purpose.purpose
                );
                checked += 1;
            }
        }
    }
    assert!(checked > 0, "{} states no limit", shop.name);
    assert!(shop.upstream.requests().is_empty());
}

#[tokio::test]
async fn of_every_vendor() {
    for shop in [
        Shop::kimi().await,
        Shop::zai().await,
        Shop::bigmodel().await,
        Shop::openai().await,
        Shop::anthropic().await,
        Shop::gemini().await,
        Shop::azure().await,
        Shop::xai().await,
    ] {
        every_limit(shop).await;
    }
}

#[tokio::test]
async fn of_every_dialect() {
    for dialect in ["compatible", "mistral", "openrouter", "qwen", "deepseek"] {
        every_limit(Shop::openai().await.settings(&format!("dialect = \"{dialect}\""))).await;
    }
}
