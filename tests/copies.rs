//! One file at several providers: copied, shown, healed, deleted; and kept by the operator.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::collections::BTreeSet;
use std::sync::Arc;

use loadlock_gateway::{
    CancellationToken, Clock, CopyMade, CopyRequest, CopyStatus, Door, Error, ErrorCode, File, ListRequest, Principal,
    Reconcile, Silent, Target, UploadRequest,
};
use loadlock_tests::{Opened, Shop, World, sha256, token};
use loadlock_upstream::{Answer, Fault, Operation};

const KEPT: &str = "keep = \"local\"\n[providers.local]\ncomponent = \"builtin:local\"";
const BESIDE: &str = "[providers.local]\ncomponent = \"builtin:local\"";
const MONTH_MS: i64 = 31 * 86_400_000;

async fn copy_as(gateway: &Opened, who: &Principal, id: &str, to: &str) -> Result<CopyMade, Error> {
    let request = CopyRequest {
        to: to.into(),
        purpose: None,
        cancel: CancellationToken::new(),
    };
    gateway.gateway.copy(who, id, request, &Silent).await
}

async fn copy(gateway: &Opened, id: &str, to: &str) -> Result<CopyMade, Error> {
    copy_as(gateway, &gateway.who, id, to).await
}

async fn show(gateway: &Opened, id: &str) -> File {
    gateway.gateway.get(&gateway.who, id).await.unwrap()
}

fn places(file: &File) -> Vec<(&str, CopyStatus)> {
    file.copies
        .iter()
        .map(|copy| (copy.provider.as_str(), copy.status))
        .collect()
}

/// The digest of what a vendor has of a file.
fn stored(shop: &Shop, file: &File) -> String {
    shop.upstream.files().get(&file.remote_id).unwrap().sha256
}

/// The books agree, and nobody's list shows what no file refers to.
async fn balanced(gateway: &Opened) {
    let sheet = gateway.gateway.fsck(&gateway.who).await.unwrap();
    assert!(sheet.balanced, "{sheet:?}");
    let request = Reconcile {
        provider: None,
        dry_run: true,
        allow_mass: false,
    };
    let reconciled = gateway.gateway.reconcile(&gateway.who, request).await.unwrap();
    for provider in reconciled.providers {
        assert!(provider.steps.is_empty(), "{provider:?}");
    }
}

/// `local` and these vendors, in no order: every upload here is pinned.
async fn beside(shops: &[&Shop]) -> World {
    let world = World::new().config(BESIDE);
    shops.iter().fold(world, |world, shop| shop.join(world))
}

#[tokio::test]
async fn a_file_is_copied_shown_everywhere_and_deleted_everywhere() {
    let (openai, kimi) = (Shop::openai().await, Shop::kimi().await);
    let world = beside(&[&openai, &kimi]).await;
    let path = world.file("a.txt", "content");
    let gateway = world.open().await;
    let file = gateway.upload_pinned("local", &path).await.unwrap();
    assert!(file.copies.is_empty());
    let made = copy(&gateway, &file.id, "openai").await.unwrap();
    assert!(made.is_new);
    assert_eq!((&*made.file.id, &*made.file.provider), (&*file.id, "openai"));
    assert_eq!(stored(&openai, &made.file), sha256(b"content"));
    let there = copy(&gateway, &file.id, "kimi").await.unwrap();

    let ready = |name| (name, CopyStatus::Ready);
    let shown = show(&gateway, &file.id).await;
    assert_eq!(places(&shown), [ready("local"), ready("openai"), ready("kimi")]);
    assert_eq!((&*shown.provider, &shown.remote_id), ("local", &file.remote_id));
    let listed = gateway.list().await.unwrap();
    assert_eq!(listed.files, std::slice::from_ref(&shown));
    let at = |provider: &'static str| gateway.gateway.get_at(&gateway.who, &file.id, provider);
    assert_eq!(at("kimi").await.unwrap().remote_id, there.file.remote_id);
    assert_eq!(at("local").await.unwrap().remote_id, file.remote_id);
    assert_eq!(gateway.content(&file.id).await.unwrap(), b"content");
    balanced(&gateway).await;

    // Of itself nothing more is made, and nobody but the gateway names the copy.
    let again = copy(&gateway, &file.id, "openai").await.unwrap();
    assert_eq!((again.is_new, &again.file.remote_id), (false, &made.file.remote_id));
    let itself = copy(&gateway, &file.id, "local").await.unwrap();
    assert_eq!((itself.is_new, &itself.file.remote_id), (false, &file.remote_id));
    assert_eq!(openai.posts().len(), 1);

    gateway.gateway.delete(&gateway.who, &file.id).await.unwrap();
    assert!(openai.upstream.files().is_empty() && kimi.upstream.files().is_empty());
    let stats = gateway.gateway.stats(&gateway.who).await.unwrap();
    assert_eq!((stats.files, stats.remotes, stats.dying), (0, 0, 0));
    balanced(&gateway).await;
}

#[tokio::test]
async fn a_copy_alone_is_deleted_and_the_file_stays() {
    let openai = Shop::openai().await;
    let world = beside(&[&openai]).await;
    let path = world.file("a.txt", "content");
    let gateway = world.open().await;
    let file = gateway.upload_pinned("local", &path).await.unwrap();
    copy(&gateway, &file.id, "openai").await.unwrap();
    let delete = |provider: &'static str| gateway.gateway.delete_copy(&gateway.who, &file.id, provider);
    delete("openai").await.unwrap();
    assert!(openai.upstream.files().is_empty());
    assert_eq!(show(&gateway, &file.id).await, file);
    let nothing = delete("openai").await.unwrap_err();
    assert_eq!(nothing.code, ErrorCode::NotAvailableThere);
    let itself = delete("local").await.unwrap_err();
    assert_eq!(itself.code, ErrorCode::RequestInvalid);
    assert_eq!(gateway.content(&file.id).await.unwrap(), b"content");
    balanced(&gateway).await;
}

/// The bytes are at a vendor that gives back text that it extracted, at one that gives nothing back.
#[tokio::test]
async fn what_nobody_gives_back_cannot_be_copied_and_says_why() {
    let (openai, kimi) = (Shop::openai().await, Shop::kimi().await);
    let world = beside(&[&openai, &kimi]).await;
    let path = world.file("a.txt", "content");
    let gateway = world.open().await;
    for (from, to, why) in [("kimi", "openai", "extracted"), ("openai", "kimi", "does not return")] {
        let file = gateway.upload_pinned(from, &path).await.unwrap();
        let refused = copy(&gateway, &file.id, to).await.unwrap_err();
        assert_eq!(refused.code, ErrorCode::NotAvailableThere);
        assert!(
            refused.message.contains(why) && refused.hint.contains("keep"),
            "{refused:?}"
        );
        let absent = gateway.gateway.get_at(&gateway.who, &file.id, to).await.unwrap_err();
        assert_eq!(absent.code, ErrorCode::NotAvailableThere);
        assert!(
            absent.hint.contains(&format!("files copy {} --to {to}", file.id)),
            "{absent:?}"
        );
    }
    let unknown = gateway.gateway.get_at(&gateway.who, "file-unknown", "kimi").await;
    assert_eq!(unknown.unwrap_err().code, ErrorCode::FileNotFound);
    let nobody = copy(&gateway, &gateway.list().await.unwrap().files[0].id, "nobody").await;
    assert_eq!(nobody.unwrap_err().code, ErrorCode::ProviderUnknown);
    balanced(&gateway).await;
}

/// A purpose that a vendor gives back is a source, also without a provider of the operator's.
#[tokio::test]
async fn a_vendor_that_gives_the_bytes_back_is_a_source() {
    let (openai, bigmodel) = (Shop::openai().await, Shop::bigmodel().await);
    let world = openai.join(bigmodel.join(World::new()));
    let path = world.file("a.jsonl", "{\"a\":1}\n");
    let gateway = world.open().await;
    let request = UploadRequest {
        target: Target::Pinned("openai".into()),
        purpose: Some("fine-tune".into()),
        ..gateway.request(&path)
    };
    let file = gateway.gateway.upload(&gateway.who, request, &Silent).await.unwrap();
    let request = CopyRequest {
        to: "bigmodel".into(),
        purpose: Some("batch".into()),
        cancel: CancellationToken::new(),
    };
    let made = gateway
        .gateway
        .copy(&gateway.who, &file.id, request, &Silent)
        .await
        .unwrap();
    assert_eq!(made.file.purpose, "batch");
    assert_eq!(stored(&bigmodel, &made.file), sha256(b"{\"a\":1}\n"));
    assert_eq!(show(&gateway, &file.id).await.copies[1].purpose, "batch");
}

#[tokio::test]
async fn two_copies_to_one_provider_at_once_are_one() {
    let openai = Shop::openai().await;
    let world = beside(&[&openai]).await;
    let path = world.file("a.txt", "content");
    let gateway = Arc::new(world.open().await);
    let file = gateway.upload_pinned("local", &path).await.unwrap();
    openai.upstream.faults().push(Operation::Create, Fault::Hold);
    let both = [(); 2].map(|()| {
        let (gateway, id) = (gateway.clone(), file.id.clone());
        tokio::spawn(async move { copy(&gateway, &id, "openai").await })
    });
    openai.upstream.requests().wait(|all| !all.is_empty()).await;
    openai.upstream.faults().release(1);
    let mut made = Vec::new();
    for one in both {
        made.push(one.await.unwrap().unwrap());
    }
    assert_eq!(made.iter().filter(|one| one.is_new).count(), 1);
    assert_eq!(made[0].file.remote_id, made[1].file.remote_id);
    assert_eq!(
        (openai.posts().len(), show(&gateway, &file.id).await.copies.len()),
        (1, 2)
    );
}

#[tokio::test]
async fn a_file_that_is_deleted_while_it_is_copied_leaves_nothing_there() {
    let openai = Shop::openai().await;
    let world = beside(&[&openai]).await;
    let path = world.file("a.txt", "content");
    let gateway = Arc::new(world.open().await);
    let file = gateway.upload_pinned("local", &path).await.unwrap();
    openai.upstream.faults().push(Operation::Create, Fault::Hold);
    let copying = {
        let (gateway, id) = (gateway.clone(), file.id.clone());
        tokio::spawn(async move { copy(&gateway, &id, "openai").await })
    };
    openai.upstream.requests().wait(|all| !all.is_empty()).await;
    gateway.gateway.delete(&gateway.who, &file.id).await.unwrap();
    openai.upstream.faults().release(1);
    let gone = copying.await.unwrap().unwrap_err();
    assert_eq!(gone.code, ErrorCode::FileNotFound);
    assert!(openai.upstream.files().is_empty());
    assert!(gateway.list().await.unwrap().files.is_empty());
    balanced(&gateway).await;
}

/// Its caller has gone, the vendor has it, and its file is deleted before anybody looks.
#[tokio::test]
async fn a_copy_that_nobody_waits_for_goes_with_its_file() {
    let openai = Shop::openai().await;
    let world = beside(&[&openai]).await;
    let path = world.file("a.txt", "content");
    let gateway = Arc::new(world.open().await);
    let file = gateway.upload_pinned("local", &path).await.unwrap();
    openai.upstream.faults().push(Operation::Create, Fault::HoldAnswer);
    let copying = {
        let (gateway, id) = (gateway.clone(), file.id.clone());
        tokio::spawn(async move { copy(&gateway, &id, "openai").await })
    };
    let requests = openai.upstream.requests();
    requests.wait(|all| all.iter().any(|one| one.status.is_some())).await;
    copying.abort();
    assert!(copying.await.unwrap_err().is_cancelled());
    assert_eq!(openai.upstream.files().len(), 1);
    gateway.gateway.delete(&gateway.who, &file.id).await.unwrap();
    gateway.gateway.settle().await.unwrap();
    assert!(openai.upstream.files().is_empty());
    assert_eq!(gateway.gateway.stats(&gateway.who).await.unwrap().files, 0);
    balanced(&gateway).await;
}

/// A copy is one file more over a remote file that is there, and takes it along only if it was the last.
#[tokio::test]
async fn a_copy_shares_what_is_stored_there_already() {
    let openai = Shop::openai().await;
    let world = beside(&[&openai]).await;
    let path = world.file("a.txt", "content");
    let gateway = world.open().await;
    let first = gateway.upload_pinned("openai", &path).await.unwrap();
    let file = gateway.upload_pinned("local", &path).await.unwrap();
    let made = copy(&gateway, &file.id, "openai").await.unwrap();
    assert!(made.is_new && made.file.deduplicated);
    assert_eq!(made.file.remote_id, first.remote_id);
    let third = gateway
        .upload_pinned("openai", world.file("b.txt", "content"))
        .await
        .unwrap();
    assert_eq!((openai.posts().len(), &third.remote_id), (1, &first.remote_id));
    for id in [&first.id, &file.id] {
        gateway.gateway.delete(&gateway.who, id).await.unwrap();
        assert_eq!(openai.upstream.files().len(), 1);
    }
    balanced(&gateway).await;
    gateway.gateway.delete(&gateway.who, &third.id).await.unwrap();
    assert!(openai.upstream.files().is_empty());
}

/// Whatever lies where it is copied from, what is sent is what was uploaded.
#[tokio::test]
async fn other_bytes_than_were_uploaded_are_not_copied() {
    let openai = Shop::openai().await;
    let world = beside(&[&openai]).await;
    let path = world.file("a.txt", "content");
    let gateway = world.open().await;
    let file = gateway.upload_pinned("local", &path).await.unwrap();
    let mut changed = 0;
    let mut folders = vec![world.path("home/providers/local/objects")];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
            match std::fs::read(&entry) {
                Err(_) => folders.push(entry),
                Ok(bytes) if bytes == b"content" => {
                    std::fs::remove_file(&entry).unwrap();
                    std::fs::write(&entry, "CONTENT").unwrap();
                    changed += 1;
                }
                Ok(_) => {}
            }
        }
    }
    assert_eq!(changed, 1);
    let refused = copy(&gateway, &file.id, "openai").await.unwrap_err();
    assert_eq!(refused.code, ErrorCode::ProviderFailed, "{refused:?}");
    assert!(openai.posts().is_empty());
    assert_eq!(gateway.gateway.stats(&gateway.who).await.unwrap().files, 1);
}

/// What the vendor lost, though its time is not over, is found out and made again.
#[tokio::test]
async fn a_lost_copy_is_made_again() {
    let openai = Shop::openai().await;
    let world = beside(&[&openai]).await.config("[dedup]\nverify_after = \"0s\"");
    let path = world.file("a.txt", "content");
    let gateway = world.open().await;
    let file = gateway.upload_pinned("local", &path).await.unwrap();
    let made = copy(&gateway, &file.id, "openai").await.unwrap();
    assert!(openai.upstream.files().lose(&made.file.remote_id));
    let again = copy(&gateway, &file.id, "openai").await.unwrap();
    assert!(again.is_new);
    assert_ne!(again.file.remote_id, made.file.remote_id);
    assert_eq!(show(&gateway, &file.id).await.copies.len(), 2);
    balanced(&gateway).await;
}

/// OpenAI drops files for batches after thirty days, whatever was asked.
#[tokio::test]
async fn an_expired_copy_is_shown_as_such_and_made_again() {
    let openai = Shop::openai().await;
    let world = openai.join(World::new().config(KEPT));
    let path = world.file("a.jsonl", "{\"a\":1}\n");
    let world = world.clock(Clock::default().off_by(-MONTH_MS));
    let (file, first) = {
        let gateway = world.open().await;
        let request = UploadRequest {
            purpose: Some("batch".into()),
            ..gateway.request(&path)
        };
        let file = gateway.gateway.upload(&gateway.who, request, &Silent).await.unwrap();
        assert_eq!((&*file.provider, file.expires_at.as_ref()), ("openai", None));
        assert!(file.copies[1].expires_at.is_some());
        let first = file.remote_id.clone();
        (file, first)
    };
    let world = world.clock(Clock::default());
    {
        // Before it is cleaned up.
        let mut setup = world.setup();
        setup.look_only = true;
        let gateway = world.open_with(setup).await;
        let shown = show(&gateway, &file.id).await;
        assert_eq!(
            places(&shown),
            [("local", CopyStatus::Ready), ("openai", CopyStatus::Expired)]
        );
        assert_eq!(shown.provider, "local");
    }
    let gateway = world.open().await;
    let absent = gateway
        .gateway
        .get_at(&gateway.who, &file.id, "openai")
        .await
        .unwrap_err();
    assert_eq!(absent.code, ErrorCode::NotAvailableThere);
    let made = copy(&gateway, &file.id, "openai").await.unwrap();
    assert!(made.is_new && made.file.remote_id != first);
    let healed = show(&gateway, &file.id).await;
    assert_eq!(
        places(&healed),
        [("local", CopyStatus::Ready), ("openai", CopyStatus::Ready)]
    );
    assert_eq!(healed.remote_id, made.file.remote_id);
    gateway.gateway.delete(&gateway.who, &file.id).await.unwrap();
    assert!(openai.upstream.files().get(&made.file.remote_id).is_none());
    balanced(&gateway).await;
}

/// Kept first, so that a vendor that gives nothing back is no dead end.
#[tokio::test]
async fn what_is_kept_goes_to_a_further_vendor() {
    let (zai, kimi) = (Shop::zai().await, Shop::kimi().await);
    let world = kimi.join(zai.join(World::new().config(KEPT)));
    let path = world.file("a.txt", "content");
    let gateway = world.open().await;
    let file = gateway.upload_pinned("zai", &path).await.unwrap();
    assert_eq!(&*file.provider, "zai");
    assert_eq!(
        places(&file),
        [("local", CopyStatus::Ready), ("zai", CopyStatus::Ready)]
    );
    assert_eq!(show(&gateway, &file.id).await, file);
    let made = copy(&gateway, &file.id, "kimi").await.unwrap();
    assert_eq!(stored(&kimi, &made.file), sha256(b"content"));
    assert_eq!(gateway.list().await.unwrap().files.len(), 1);
    balanced(&gateway).await;
    // Whoever uploaded to a vendor for its text gets that, and not the bytes that are kept.
    let text = gateway
        .upload_pinned("kimi", world.file("b.txt", "words"))
        .await
        .unwrap();
    let mut content = gateway.gateway.content(&gateway.who, &text.id).await.unwrap();
    assert!(!content.raw);
    while content.chunks.recv().await.is_some() {}
    content.end.await.unwrap().unwrap();
    // What is for the keeper itself is there once.
    let own = gateway
        .upload_pinned("local", world.file("c.txt", "own"))
        .await
        .unwrap();
    assert!(own.copies.is_empty());
}

/// An upload that fails leaves nothing behind, not even what was kept of it; its key stands for nothing then.
#[tokio::test]
async fn what_is_kept_of_an_upload_that_fails_is_deleted() {
    let kimi = Shop::kimi().await;
    let world = kimi.join(World::new().config(KEPT));
    let path = world.file("a.txt", "content");
    let gateway = world.open().await;
    let refusal = Fault::Answer(Answer::status(400).message("no"));
    kimi.upstream.faults().push(Operation::Create, refusal);
    let keyed = || UploadRequest {
        idempotency_key: Some("once".into()),
        ..gateway.request(&path)
    };
    let upload = |request| gateway.gateway.upload(&gateway.who, request, &Silent);
    let refused = upload(keyed()).await.unwrap_err();
    assert_eq!(refused.code, ErrorCode::ProviderRejected);
    assert!(gateway.list().await.unwrap().files.is_empty());
    let stats = gateway.gateway.stats(&gateway.who).await.unwrap();
    assert_eq!((stats.files, stats.remotes, stats.dying), (0, 0, 0));

    let first = upload(keyed()).await.unwrap();
    let again = upload(keyed()).await.unwrap();
    assert_eq!((&first.id, &first.remote_id), (&again.id, &again.remote_id));
    let stats = gateway.gateway.stats(&gateway.who).await.unwrap();
    assert_eq!((stats.files, stats.remotes), (2, 2));
    assert_eq!(gateway.list().await.unwrap().files.len(), 1);
    balanced(&gateway).await;
}

#[tokio::test]
async fn a_copy_counts_against_its_tenants_limits() {
    let openai = Shop::openai().await;
    let world = beside(&[&openai])
        .await
        .config("[[tenants]]\nname = \"*\"\nmax_bytes = \"10 B\"");
    let path = world.file("a.txt", "content");
    let gateway = world.open().await;
    let file = gateway.upload_pinned("local", &path).await.unwrap();
    let full = copy(&gateway, &file.id, "openai").await.unwrap_err();
    assert_eq!(full.code, ErrorCode::QuotaExceeded);
    assert!(openai.posts().is_empty());
    assert!(show(&gateway, &file.id).await.copies.is_empty());
}

#[tokio::test]
async fn a_file_is_copied_by_its_tenant_alone_and_by_whoever_may_read_and_write() {
    let openai = Shop::openai().await;
    let world = beside(&[&openai]).await;
    let path = world.file("a.txt", "content");
    let gateway = world.open().await;
    let file = gateway.upload_pinned("local", &path).await.unwrap();
    copy(&gateway, &file.id, "openai").await.unwrap();
    let other = gateway.network("umbrella").await;
    let open = &gateway.gateway;
    let code = |error: Error| error.code;
    let copied = copy_as(&gateway, &other, &file.id, "openai").await;
    assert_eq!(copied.map_err(code).unwrap_err(), ErrorCode::FileNotFound);
    let looked = open.get_at(&other, &file.id, "openai").await;
    assert_eq!(looked.map_err(code).unwrap_err(), ErrorCode::FileNotFound);
    let deleted = open.delete_copy(&other, &file.id, "openai").await;
    assert_eq!(deleted.map_err(code).unwrap_err(), ErrorCode::FileNotFound);
    for scope in ["read", "write"] {
        let token = token(open.home(), "local", "somebody", scope);
        let who = open.authenticate(Door::Network, Some(&token)).await.unwrap();
        let refused = copy_as(&gateway, &who, &file.id, "openai").await;
        assert_eq!(refused.map_err(code).unwrap_err(), ErrorCode::Forbidden);
        let refused = open.delete_copy(&who, &file.id, "openai").await;
        assert_eq!(refused.map_err(code).unwrap_err(), ErrorCode::Forbidden);
    }
    assert_eq!(openai.upstream.files().len(), 1);
}

/// Copies lie between the files in the ledger's own pages.
#[tokio::test]
async fn pages_have_as_many_files_as_were_asked_for() {
    let openai = Shop::openai().await;
    let world = beside(&[&openai]).await;
    let gateway = world.open().await;
    let mut ids = BTreeSet::new();
    for number in 0..7 {
        let path = world.file(&format!("{number}.txt"), format!("content {number}"));
        ids.insert(gateway.upload_pinned("local", path).await.unwrap().id);
    }
    // All at the end of what is listed newest first at the beginning.
    for id in ids.iter().take(5) {
        copy(&gateway, id, "openai").await.unwrap();
    }
    for ascending in [false, true] {
        for limit in [1, 2, 3, 7, 100] {
            let mut request = ListRequest {
                limit,
                ascending,
                ..ListRequest::default()
            };
            let mut seen = Vec::new();
            loop {
                let page = gateway.gateway.list(&gateway.who, request.clone()).await.unwrap();
                assert!(
                    page.next.is_none() || page.files.len() == limit as usize,
                    "{limit} {page:?}"
                );
                seen.extend(page.files);
                request.cursor = page.next;
                if request.cursor.is_none() {
                    break;
                }
            }
            let copied = seen.iter().filter(|file| file.copies.len() == 2).count();
            assert_eq!((seen.len(), copied), (7, 5));
            assert_eq!(seen.into_iter().map(|file| file.id).collect::<BTreeSet<_>>(), ids);
        }
    }
}

/// A copy stays no longer than its file.
#[tokio::test]
async fn a_copy_expires_with_its_file() {
    let openai = Shop::openai().await;
    let world = beside(&[&openai]).await;
    let path = world.file("a.txt", "content");
    let gateway = world.open().await;
    let request = UploadRequest {
        target: Target::Pinned("local".into()),
        expires_in_s: Some(7_200),
        ..gateway.request(&path)
    };
    let file = gateway.gateway.upload(&gateway.who, request, &Silent).await.unwrap();
    let made = copy(&gateway, &file.id, "openai").await.unwrap();
    assert!(made.file.expires_at.unwrap() <= file.expires_at.unwrap());
}
