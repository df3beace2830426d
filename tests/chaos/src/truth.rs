//! What the gateway said against what is really there: at the fakes, in the ledger, on the disk.

use std::collections::{BTreeMap, BTreeSet};

use loadlock::{File, Gateway, ListRequest, Principal};
use loadlock_gateway::ErrorCode;
use serde::Serialize;

use crate::drive::{Done, Driven};
use crate::plan::sha256;
use crate::vendor::{Stored, Vendor};

/// The comparison.
#[derive(Debug, Default, Serialize)]
pub(crate) struct Truth {
    /// Files that were uploaded and not deleted.
    pub(crate) live_files: usize,
    /// Remote files that they share.
    pub(crate) live_remotes: usize,
    /// Files whose upload ended as `outcome_unknown`, and that settling found at the vendor and recorded.
    pub(crate) found_later: usize,
    /// Remote files of such uploads that are recorded nowhere: allowed, and counted.
    pub(crate) unknown_remotes: usize,
    /// Everything that does not agree; empty in a good run.
    pub(crate) lies: Vec<String>,
}

/// What identifies a remote file: provider, extension (how the vendor treats it) and digest.
type Key = (String, String, String);

/// Compares everything. `calm` are the files that were uploaded before the weather; each vendor comes with the
/// providers that store there.
pub(crate) async fn compare(
    gateway: &Gateway,
    who: &Principal,
    driven: &Driven,
    calm: &[File],
    vendors: &[(&Vendor, &[&str])],
) -> Result<Truth, String> {
    let mut truth = Truth::default();
    let deleted: BTreeSet<&str> = driven.deleted.iter().map(String::as_str).collect();
    let mut live = live_files(&driven.done, &deleted, &mut truth);
    live.extend(calm.iter().map(|file| (file.id.as_str(), file)));
    truth.live_files = live.len();
    for problem in &driven.undeleted {
        truth.lies.push(format!("not deleted: {problem}"));
    }
    let mut unknown: BTreeMap<String, usize> = BTreeMap::new();
    for done in &driven.done {
        if matches!(done.end, Err((ErrorCode::OutcomeUnknown, _))) {
            let digest = sha256(&done.planned.content.generate());
            *unknown.entry(digest).or_default() += 1;
        }
    }
    let found_later = findable(gateway, who, &live, &deleted, &mut unknown, &mut truth).await?;
    truth.found_later = found_later.len();
    live.extend(found_later.iter().map(|file| (file.id.as_str(), file)));

    // One remote file for each content that lives, at each provider.
    let mut remotes: BTreeMap<Key, BTreeSet<&str>> = BTreeMap::new();
    for file in live.values() {
        let remote = remotes.entry(key(file)).or_default();
        remote.insert(&file.remote_id);
    }
    for (key, ids) in remotes.iter().filter(|(_, ids)| ids.len() > 1) {
        let lie = format!("{key:?} has {} remote files: {ids:?}", ids.len());
        truth.lies.push(lie);
    }
    truth.live_remotes = remotes.values().map(BTreeSet::len).sum();
    for (vendor, providers) in vendors {
        let stored = vendor.files().await?;
        at_vendor(providers, &stored, &remotes, &mut unknown, &mut truth);
        for key in vendor.unfinished().await? {
            let lie = format!("{} holds an upload in parts that nobody ended: {key}", vendor.name);
            truth.lies.push(lie);
        }
    }
    Ok(truth)
}

fn key(file: &File) -> Key {
    let extension = match file.provider.as_str() {
        // They store content and nothing else.
        "local" | "s3" => "",
        _ => file.filename.rsplit('.').next().unwrap_or_default(),
    };
    (file.provider.clone(), extension.to_owned(), file.sha256.clone())
}

/// Successes that were not deleted, by id; each must be about the bytes that were sent.
fn live_files<'a>(done: &'a [Done], deleted: &BTreeSet<&str>, truth: &mut Truth) -> BTreeMap<&'a str, &'a File> {
    let mut live = BTreeMap::new();
    for done in done {
        let Ok(file) = &done.end else { continue };
        if file.sha256 != sha256(&done.planned.content.generate()) {
            let lie = format!("upload {}: another digest", done.planned.index);
            truth.lies.push(lie);
        }
        if !deleted.contains(file.id.as_str()) && live.insert(file.id.as_str(), file).is_some() {
            truth.lies.push(format!("two uploads have the id {}", file.id));
        }
    }
    live
}

/// Every live file is in the listing once, nothing else is, and a deleted one is not found. Answers the files of
/// `unknown` outcomes, which settling found and recorded: each of those excuses one.
async fn findable(
    gateway: &Gateway,
    who: &Principal,
    live: &BTreeMap<&str, &File>,
    deleted: &BTreeSet<&str>,
    unknown: &mut BTreeMap<String, usize>,
    truth: &mut Truth,
) -> Result<Vec<File>, String> {
    let mut listed: BTreeMap<String, File> = BTreeMap::new();
    let mut cursor = None;
    loop {
        let request = ListRequest {
            cursor: cursor.take(),
            limit: 1_000,
            ..ListRequest::default()
        };
        let page = gateway.list(who, request).await.map_err(|error| error.to_string())?;
        for file in page.files {
            let id = file.id.clone();
            if listed.insert(id.clone(), file).is_some() {
                truth.lies.push(format!("{id} is listed twice"));
            }
        }
        match page.next {
            Some(next) => cursor = Some(next),
            None => break,
        }
    }
    for (id, file) in live {
        match listed.remove(*id) {
            None => truth.lies.push(format!("{id} succeeded and is not found")),
            Some(found) if found.remote_id != file.remote_id || found.sha256 != file.sha256 => {
                let lie = format!("{id} is found as another file: {found:?} instead of {file:?}");
                truth.lies.push(lie);
            }
            Some(_) => {}
        }
    }
    let mut found_later = Vec::new();
    for (id, file) in listed {
        let was_deleted = deleted.contains(id.as_str());
        let excused = unknown.get_mut(&file.sha256).filter(|left| **left > 0);
        match excused {
            Some(left) if !was_deleted => {
                *left -= 1;
                found_later.push(file);
            }
            _ => {
                let what = if was_deleted { "was deleted" } else { "never succeeded" };
                truth.lies.push(format!("{id} {what} and is listed"));
            }
        }
    }
    for id in deleted.iter().step_by(50) {
        if gateway.get(who, id).await.is_ok() {
            truth.lies.push(format!("{id} was deleted and is found"));
        }
    }
    Ok(found_later)
}

/// The vendor holds what lives, once, and nothing else but what nobody can tell about.
fn at_vendor(
    providers: &[&str],
    stored: &[Stored],
    remotes: &BTreeMap<Key, BTreeSet<&str>>,
    unknown: &mut BTreeMap<String, usize>,
    truth: &mut Truth,
) {
    let name = providers.join(" and ");
    let mut expected: BTreeMap<&str, &Key> = remotes
        .iter()
        .filter(|(key, _)| providers.contains(&key.0.as_str()))
        .flat_map(|(key, ids)| ids.iter().map(move |id| (*id, key)))
        .collect();
    for file in stored {
        // Each unknown outcome excuses one file at the most.
        let excused = unknown.get_mut(&file.sha256).filter(|left| **left > 0);
        match expected.remove(file.id.as_str()) {
            Some(key) if key.2 == file.sha256 => {}
            Some(_) => {
                let lie = format!("{name} holds other bytes as {}", file.id);
                truth.lies.push(lie);
            }
            None => match excused {
                Some(left) => {
                    *left -= 1;
                    truth.unknown_remotes += 1;
                }
                None => {
                    let lie = format!(
                        "{name} holds {} ({}, {} bytes), which belongs to no live file",
                        file.id, file.filename, file.bytes
                    );
                    truth.lies.push(lie);
                }
            },
        }
    }
    for (id, key) in expected {
        let lie = format!("{name} does not hold {id}, the remote file of {key:?}");
        truth.lies.push(lie);
    }
}
