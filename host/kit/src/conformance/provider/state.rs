//! What a call that was cut off leaves behind.

use std::path::Path;

use super::bench::ProviderBench;
use crate::conformance::proxy::ProxyFault;
use crate::conformance::report::{CaseFacts, Found, KEPT};

pub(super) const CUT_OFF: CaseFacts = CaseFacts {
    name: "cut-off-leaves-nothing",
    promise: "a call that is cut off leaves nothing in `/state` once the next call has ended",
    advice: "put `LOADLOCK_CALL` into the names of temporary files, and remove those of calls older than \
             `LOADLOCK_OLDEST_CALL`",
};

/// Bytes of the upload that is cut off: enough to be cut off within.
const SIZE: u64 = 32 << 20;

pub(super) async fn cut_off_leaves_nothing(bench: &ProviderBench) -> Found {
    let before = bench.stored("before.bin", 1_000).await?;
    bench.clean(&before).await;
    let usual = names(bench.state());
    let file = bench.file("cut-off.bin", SIZE)?;
    match bench.proxy() {
        Some(proxy) => {
            proxy.clear();
            proxy.always(ProxyFault::Hang);
            bench.cut_off(&file, || proxy.begun() > 0).await?;
            proxy.clear();
        }
        None => bench.cut_off(&file, || true).await?,
    }
    let after = bench.stored("after.bin", 1_000).await?;
    bench.clean(&after).await;
    let left: Vec<_> = names(bench.state())
        .into_iter()
        .filter(|name| !usual.contains(name))
        .collect();
    match left.first() {
        None => KEPT,
        Some(first) => Err(format!("{} files are left, among them `{first}`", left.len())),
    }
}

/// Everything beneath a folder.
fn names(folder: &Path) -> Vec<String> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(next) = folders.pop() {
        for entry in std::fs::read_dir(&next).into_iter().flatten().flatten() {
            let is_folder = entry.file_type().is_ok_and(|kind| kind.is_dir());
            if is_folder {
                folders.push(entry.path());
            } else {
                let path = entry.path();
                found.push(path.strip_prefix(folder).unwrap_or(&path).display().to_string());
            }
        }
    }
    found
}
