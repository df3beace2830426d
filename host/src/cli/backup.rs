//! `loadlock backup` and `loadlock restore`: a copy of the home, and the way back.

use std::path::{Path, PathBuf};

use loadlock::gateway::{BackupSummary, restore, restore_ledger};
use serde_json::json;

use super::args::{Globals, Restore};
use super::asked::Asked;
use super::context::{configuration, patiently};
use super::failure::{Failure, Status};
use super::output::Output;
use super::text::{counted, size};
use super::turn::Wish;

pub(crate) async fn run(globals: &Globals, output: &Output, folder: &Path) -> Result<Status, Failure> {
    let gateway = Asked::take(configuration(globals)?, Wish::Change, globals, output).await?;
    let folder = std::path::absolute(folder)?;
    let summary = patiently(output, "copying", gateway.backup(&folder)).await?;
    said(output, &summary, "backed up to", &folder, None)?;
    if !summary.ledger {
        output.note("the ledger is not in it: several gateways share it, so back up its database");
    }
    Ok(Status::Done)
}

pub(crate) fn put_back(globals: &Globals, output: &Output, command: &Restore) -> Result<Status, Failure> {
    let home = configuration(globals)?.home;
    match command.ledger {
        false => {
            let summary = restore(&command.folder, &home)?;
            said(output, &summary, "restored to", &home, None)?;
            output.note("next: `loadlock reconcile --dry-run` shows what changed at vendors since then");
        }
        true => {
            let (summary, kept) = restore_ledger(&command.folder, &home)?;
            said(output, &summary, "restored the ledger of", &home, Some(&kept))?;
            output.note(format_args!(
                "what was there is in {}. Next: `loadlock reconcile` lists what the vendors have and the ledger does not",
                kept.display()
            ));
        }
    }
    Ok(Status::Done)
}

fn said(
    output: &Output,
    summary: &BackupSummary,
    what: &str,
    place: &Path,
    kept: Option<&PathBuf>,
) -> Result<(), Failure> {
    if output.json {
        let (place, kept) = (place.display().to_string(), kept.map(|kept| kept.display().to_string()));
        output.object(&json!({
            "files": summary.files, "bytes": summary.bytes, "ledger": summary.ledger, "place": place, "kept": kept,
        }))?;
    } else if !output.quiet {
        let (files, bytes) = (counted(summary.files, "file"), size(summary.bytes));
        output.line(format_args!(
            "{what} {}: {files}, {bytes}, each read again and compared",
            place.display()
        ))?;
    }
    Ok(())
}
