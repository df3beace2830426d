//! Names arrive as they are.

use loadlock_tests::{Shop, World};

#[tokio::test]
async fn odd_names_arrive_intact() {
    let names = [
        "ünï cödé 文件 🚀",
        "quo\"te's",
        "semi;colon=a, b",
        "per%22cent %0d%0a",
        "two  spaces",
        "a.b.c",
        "naïve (1) [2] {3}",
    ];
    for shop in [
        Shop::kimi().await,
        Shop::openai().await,
        Shop::zai().await,
        Shop::bigmodel().await,
        Shop::gemini().await,
    ] {
        let world = shop.join(World::new());
        let paths: Vec<_> = names
            .iter()
            .map(|stem| (stem, world.file(&format!("{stem}.txt"), stem)))
            .collect();
        let gateway = world.open().await;
        for (stem, path) in paths {
            let file = gateway.upload_pinned(shop.name, &path).await.unwrap();
            assert_eq!(file.filename, format!("{stem}.txt"));
            let remote = shop.upstream.files().get(&file.remote_id).unwrap().filename;
            // Vendors that can list get the upload's mark before the extension.
            // A quote in a form is `%22`, as browsers and the vendors' own clients write it; JSON needs no such thing.
            let rest = remote
                .strip_prefix(&stem.replace('"', if shop.name == "gemini" { "\"" } else { "%22" }))
                .and_then(|rest| rest.strip_suffix(".txt"));
            let rest = rest.unwrap_or_else(|| panic!("{}: {remote:?}", shop.name));
            assert!(
                rest.is_ascii() && rest.len() < 40 && rest.is_empty() == matches!(shop.name, "zai" | "gemini"),
                "{remote:?}"
            );
        }
    }
}

#[tokio::test]
async fn a_name_of_255_bytes_arrives() {
    let name = format!("{}.txt", "é".repeat(125));
    let name = format!("a{name}");
    assert_eq!(name.len(), 255);
    for shop in [
        Shop::kimi().await,
        Shop::openai().await,
        Shop::zai().await,
        Shop::anthropic().await,
        Shop::gemini().await,
    ] {
        let world = shop.join(World::new());
        let path = world.file(&name, "content");
        let gateway = world.open().await;
        let file = gateway.upload_pinned(shop.name, &path).await.unwrap();
        assert_eq!(file.filename, name);
        let remote = shop.upstream.files().get(&file.remote_id).unwrap().filename;
        assert!(remote.len() <= 255 && remote.ends_with(".txt"), "{remote}");
        let start: String = name.chars().take(90).collect();
        assert!(remote.starts_with(&start), "{remote}");
        assert!(!matches!(shop.name, "zai" | "gemini") || remote == name, "{remote}");
    }
}
