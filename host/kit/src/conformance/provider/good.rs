//! What a provider does while nothing goes wrong.

use loadlock_policy::model::{
    ContentKind, DeleteSemantics, Deletion, FailureKind, RemoteFile, RemoteRef, VerifyMethod,
};

use super::bench::{Ended, ProviderBench, Stored};
use super::case::cases;
use crate::conformance::report::{Finding, Found, KEPT};

/// Names that a client may give, and what is hard about each.
const NAMES: [&str; 11] = [
    "plain.bin",
    "no extension",
    "naïve résumé.pdf",
    "名前のファイル.txt",
    "quote\"and'apostrophe.txt",
    "a&b=c?d#e%20f+g;h.txt",
    "%0d%0aX-Injected: yes.txt",
    ".hidden",
    "\u{202e}fdp.exe",
    "👩\u{200d}👩\u{200d}👧.png",
    "{\"id\":\"file-1\"}.json",
];
/// Longest name, in bytes, that leaves room for a mark.
const LONG_NAME: usize = 200;
/// The largest file of a test.
const LARGE: u64 = 64 << 20;
/// Pages that a walk over the account is given up after.
const PAGES: usize = 10_000;

cases! {
    "profile-is-stable", "`profile` answers the same twice",
        "it may depend on the settings alone: no time, no chance, no files, no network" => profile_is_stable;
    "probe-answers", "`probe` answers while the vendor is well",
        "ask the vendor for something cheap, such as a list of one file" => probe_answers;
    "upload-gives-a-receipt", "`upload` reads the whole file and answers the id that the vendor gave, and its size",
        "read the file to its end, and answer the id exactly as it stands in the body of the vendor's 2xx answer: not \
         decoded, shortened, or taken from a header" => upload_gives_a_receipt;
    "stat-finds-it", "`stat` answers the id and size of a file that was uploaded",
        "look the file up by the id, or set `can-stat` to false" => stat_finds_it;
    "list-finds-a-lost-upload", "`list` shows what `verify` promises: the mark in a name, or the digest",
        "give the remote file `upload-options.remote-name` and answer it in `list`, or choose another `verify`" =>
        list_finds_a_lost_upload;
    "locate-finds-a-lost-upload", "`locate` finds an upload by the id that was chosen for it",
        "make the id of the mark, and look it up by what `lost-upload` says" => locate_finds_a_lost_upload;
    "list-pages", "`list` by pages of one file ends and shows every file once",
        "answer at most `limit` files, and `next` as long as there are more" => list_pages;
    "content-is-equal", "`content` writes the very bytes that were uploaded",
        "pass the bytes on as they come, and answer how many were written" => content_is_equal;
    "delete-then-gone", "`delete` answers `deleted`, then `already-gone`; `stat` then answers `not-found`",
        "a vendor's 404 is `already-gone` of `delete`, and `not-found` of `stat`" => delete_then_gone;
    "unknown-file", "`stat` of a file that never was answers `not-found`, and `delete` `already-gone`",
        "a vendor's 404 is `already-gone` of `delete`, and `not-found` of `stat`" => unknown_file;
    "empty-file", "a file of 0 bytes is taken where the profile says so, and comes back",
        "set `takes-empty` to false if the vendor refuses empty files" => empty_file;
    "large-file", "64 MiB are taken and come back within the memory that the sandbox gives",
        "stream: pieces of a megabyte, host to host by `blocking-splice`, never the file as one value" => large_file;
    "odd-names", "names with quotes, spaces, `%`, other scripts and 200 bytes are taken",
        "encode names for where they stand: percent-encoding in a path or query, JSON's escapes, a form's quotes" =>
        odd_names;
    "at-once", "four uploads at once give four files",
        "calls share nothing but the directory of the component: name what is written there by the mark or by \
         `LOADLOCK_CALL`" => at_once;
}

async fn profile_is_stable(bench: &ProviderBench) -> Found {
    for _ in 0..2 {
        if bench.profile().await.done("profile")? != bench.profile {
            return Err("the profile changed from call to call".to_owned());
        }
    }
    KEPT
}

async fn probe_answers(bench: &ProviderBench) -> Found {
    Ok(Finding::Kept(Some(bench.probe().await.done("probe")?)))
}

async fn upload_gives_a_receipt(bench: &ProviderBench) -> Found {
    let stored = bench.stored("receipt.bin", 300_000).await?;
    let remark = format!("id `{}`", stored.remote.id);
    bench.clean(&stored).await;
    Ok(Finding::Kept(Some(remark)))
}

async fn stat_finds_it(bench: &ProviderBench) -> Found {
    if !bench.profile.can_stat {
        return Ok(Finding::NotPromised("the profile says that it has no `stat`"));
    }
    let stored = bench.stored("stat.bin", 1_000).await?;
    let found = bench.stat(&stored.reference(&bench.purpose)).await.done("stat")?;
    bench.clean(&stored).await;
    if (&found.id, found.bytes) != (&stored.remote.id, stored.file.size) {
        return Err(format!("`stat` answers `{}` of {} bytes", found.id, found.bytes));
    }
    KEPT
}

/// Every file of the account, by pages of `limit`.
async fn walk(bench: &ProviderBench, limit: u32) -> Result<Vec<RemoteFile>, String> {
    let (mut files, mut cursor) = (Vec::new(), None);
    for _ in 0..PAGES {
        let page = bench.list(cursor.take(), limit).await.done("list")?;
        files.extend(page.files);
        match page.next {
            Some(next) => cursor = Some(next),
            None => return Ok(files),
        }
    }
    Err(format!("the list has no end: {PAGES} pages were read"))
}

async fn list_finds_a_lost_upload(bench: &ProviderBench) -> Found {
    if !bench.profile.can_list {
        return Ok(Finding::NotPromised("the profile says that it has no `list`"));
    }
    let stored = bench.stored("list.bin", 1_000).await?;
    let files = walk(bench, 100).await?;
    let found = files.iter().find(|file| file.id == stored.remote.id);
    let shown = match (bench.profile.verify, found) {
        (_, None) => Err(format!("`list` does not show `{}`", stored.remote.id)),
        (VerifyMethod::Mark, Some(file)) => {
            let named = file.name.as_ref().is_some_and(|name| name.contains(&stored.file.mark));
            named
                .then_some(())
                .ok_or(format!("`list` shows it as {:?}, without the mark", file.name))
        }
        (VerifyMethod::Digest, Some(file)) => {
            let equal = file.sha256.as_ref() == Some(&stored.file.sha256);
            equal
                .then_some(())
                .ok_or(format!("`list` shows the digest {:?}", file.sha256))
        }
        (VerifyMethod::IdempotencyKey | VerifyMethod::ChosenId | VerifyMethod::None, Some(_)) => Ok(()),
    };
    bench.clean(&stored).await;
    shown.and(KEPT)
}

async fn locate_finds_a_lost_upload(bench: &ProviderBench) -> Found {
    if bench.profile.verify != VerifyMethod::ChosenId {
        return Ok(Finding::NotPromised(
            "the profile says that a lost upload is found in another way",
        ));
    }
    let stored = bench.stored("locate.bin", 1_000).await?;
    let found = bench.locate(&stored.file).await.done("locate")?;
    bench.clean(&stored).await;
    if found.id != stored.remote.id {
        return Err(format!("`locate` answers `{}`, not `{}`", found.id, stored.remote.id));
    }
    KEPT
}

async fn list_pages(bench: &ProviderBench) -> Found {
    if !bench.profile.can_list {
        return Ok(Finding::NotPromised("the profile says that it has no `list`"));
    }
    let mut stored = Vec::new();
    for name in ["page-1.bin", "page-2.bin", "page-3.bin"] {
        stored.push(bench.stored(name, 100).await?);
    }
    let files = walk(bench, 1).await?;
    let times = |one: &Stored| files.iter().filter(|file| file.id == one.remote.id).count();
    let wrong = stored.iter().find(|one| times(one) != 1);
    let wrong = wrong.map(|one| format!("`{}` is listed {} times", one.remote.id, times(one)));
    for one in &stored {
        bench.clean(one).await;
    }
    wrong.map_or(KEPT, Err)
}

/// Whether the bytes come back, where they do.
async fn compare(bench: &ProviderBench, stored: &Stored) -> Result<(), String> {
    let raw = bench
        .profile
        .purposes
        .first()
        .is_some_and(|purpose| purpose.content == ContentKind::Raw);
    if !raw {
        return Ok(());
    }
    let (info, digest) = bench.content(&stored.reference(&bench.purpose)).await.done("content")?;
    if info.bytes != stored.file.size || digest != stored.file.sha256 {
        return Err(format!(
            "{} other bytes came back than the {} that were sent",
            info.bytes, stored.file.size
        ));
    }
    Ok(())
}

async fn content_is_equal(bench: &ProviderBench) -> Found {
    if bench
        .profile
        .purposes
        .first()
        .is_none_or(|purpose| purpose.content != ContentKind::Raw)
    {
        return Ok(Finding::NotPromised(
            "the profile says that its content is not what was uploaded",
        ));
    }
    let stored = bench.stored("content.bin", 300_000).await?;
    let equal = compare(bench, &stored).await;
    bench.clean(&stored).await;
    equal.and(KEPT)
}

async fn delete_then_gone(bench: &ProviderBench) -> Found {
    if bench.profile.delete == DeleteSemantics::Never {
        return Ok(Finding::NotPromised("the profile says that it has no `delete`"));
    }
    let stored = bench.stored("delete.bin", 1_000).await?;
    let remote = stored.reference(&bench.purpose);
    for expected in [Deletion::Deleted, Deletion::AlreadyGone] {
        let answered = bench.delete(&remote).await.done("delete")?;
        if answered != expected {
            return Err(format!("`delete` answers {answered:?}, not {expected:?}"));
        }
    }
    not_found(bench, &remote).await
}

async fn not_found(bench: &ProviderBench, remote: &RemoteRef) -> Found {
    if !bench.profile.can_stat {
        return KEPT;
    }
    match bench.stat(remote).await {
        Ended::Failed(failure) if failure.kind == FailureKind::NotFound => KEPT,
        Ended::Failed(failure) => Err(format!("`stat` answers {}: {}", failure.kind, failure.message)),
        Ended::Done(file) => Err(format!("`stat` finds `{}`", file.id)),
        Ended::Refused(why) | Ended::Died(why) => Err(why),
    }
}

async fn unknown_file(bench: &ProviderBench) -> Found {
    let remote = RemoteRef {
        id: "never-was-0123456789".to_owned(),
        purpose: bench.purpose.clone(),
    };
    if bench.profile.delete != DeleteSemantics::Never {
        let answered = bench.delete(&remote).await.done("delete")?;
        if answered != Deletion::AlreadyGone {
            return Err(format!("`delete` answers {answered:?}"));
        }
    }
    not_found(bench, &remote).await
}

/// A file of this size, there and back.
async fn round(bench: &ProviderBench, name: &str, size: u64) -> Result<(), String> {
    let stored = bench.stored(name, size).await?;
    let equal = compare(bench, &stored).await;
    bench.clean(&stored).await;
    equal
}

async fn empty_file(bench: &ProviderBench) -> Found {
    if !bench.profile.takes_empty {
        return Ok(Finding::NotPromised("the profile says that it takes no empty file"));
    }
    round(bench, "empty.bin", 0).await.and(KEPT)
}

async fn large_file(bench: &ProviderBench) -> Found {
    let most = bench.profile.purposes.first().and_then(|purpose| purpose.max_bytes);
    let size = LARGE.min(most.unwrap_or(LARGE));
    round(bench, "large.bin", size).await?;
    let memory = bench.memory_peak().div_ceil(1 << 20);
    Ok(Finding::Kept(Some(format!("{size} bytes in {memory} MiB of memory"))))
}

async fn odd_names(bench: &ProviderBench) -> Found {
    let long = format!("{}.txt", "long".repeat((LONG_NAME - 4) / 4));
    for name in NAMES.into_iter().chain([long.as_str()]) {
        round(bench, name, 10).await.map_err(|why| format!("`{name}`: {why}"))?;
    }
    KEPT
}

async fn at_once(bench: &ProviderBench) -> Found {
    let names = ["at-once-1.bin", "at-once-2.bin", "at-once-3.bin", "at-once-4.bin"];
    let stored = futures::future::join_all(names.map(|name| bench.stored(name, 100_000))).await;
    let stored = stored.into_iter().collect::<Result<Vec<_>, _>>()?;
    let mut ids: Vec<&str> = stored.iter().map(|one| one.remote.id.as_str()).collect();
    ids.sort_unstable();
    ids.dedup();
    let distinct = ids.len() == stored.len() || bench.profile.delete == DeleteSemantics::Shared;
    let mut equal = Ok(());
    for one in &stored {
        equal = equal.and(compare(bench, one).await);
    }
    for one in &stored {
        bench.clean(one).await;
    }
    equal?;
    if distinct {
        KEPT
    } else {
        Err("two uploads have one id".to_owned())
    }
}
