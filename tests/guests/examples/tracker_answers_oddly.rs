//! A small honest tracker in memory, but for what its settings say: `LATE_MS`, it answers `reference` only after so
//! long, and makes `asked` in its own directory when it begins to wait; `MODE=lossy`, the answer to `reference` is lost
//! after it was carried out, as by a broken connection; `MODE=strict`, it refuses a call with a file named
//! `refused.txt` in it.

use std::sync::Mutex;
use std::time::Duration;

use guests::bindings::tracker::exports::loadlock::upload::tracker::*;
use guests::bindings::tracker::loadlock::upload::types::FailureKind;
use guests::settings::{number, setting};

static FILES: Mutex<Vec<FileRecord>> = Mutex::new(Vec::new());

fn files() -> std::sync::MutexGuard<'static, Vec<FileRecord>> {
    FILES.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
}

fn row(file: &FileRecord) -> RemoteRow {
    RemoteRow {
        account: file.key.account.clone(),
        provider: file.provider.clone(),
        remote_id: file.remote_id.clone(),
        address: RemoteAddress {
            uri: None,
            media_type: None,
        },
        key: file.key.clone(),
        bytes: file.bytes,
        media_type: file.media_type.clone(),
        state: RemoteState::Live,
        references: 1,
        created_at_ms: file.created_at_ms,
        verified_at_ms: file.created_at_ms,
        expires_at_ms: file.expires_at_ms,
    }
}

/// As every tracker does it: an id that is there is left as it is.
fn put(file: FileRecord) -> Recorded {
    let mut files = files();
    if files.iter().any(|known| known.id == file.id) {
        return Recorded::Existing;
    }
    files.push(file);
    Recorded::Inserted
}

fn failure(kind: FailureKind, message: &str) -> Failure {
    Failure {
        outcome_unknown: matches!(kind, FailureKind::Transport),
        kind,
        status: None,
        code: None,
        message: message.to_owned(),
        retry_after_ms: None,
    }
}

struct Odd;

impl Guest for Odd {
    fn open() -> Result<u32, Failure> {
        Ok(1)
    }
    fn find(key: DedupKey, _now_ms: u64) -> Result<Option<RemoteRow>, Failure> {
        Ok(files()
            .iter()
            .find(|file| file.key.sha256 == key.sha256 && file.key.account == key.account)
            .map(row))
    }
    fn has_size(_tenant: String, _account: String, bytes: u64) -> Result<bool, Failure> {
        Ok(files().iter().any(|file| file.bytes == bytes))
    }
    fn record_many(records: Vec<FileRecord>) -> Result<Vec<Recorded>, Failure> {
        let refused = |file: &FileRecord| file.filename == "refused.txt";
        if setting("MODE").as_deref() == Some("strict") && records.iter().any(refused) {
            return Err(failure(FailureKind::Rejected, "it does not take this name"));
        }
        Ok(records.into_iter().map(put).collect())
    }
    fn reference(file: FileRecord) -> Result<Recorded, Failure> {
        let recorded = put(file);
        let late = number("LATE_MS", 0);
        if late > 0 {
            let _ = std::fs::write("/state/asked", "");
            std::thread::sleep(Duration::from_millis(late));
        }
        if setting("MODE").as_deref() == Some("lossy") {
            return Err(failure(FailureKind::Transport, "the answer was lost"));
        }
        Ok(recorded)
    }
    fn get(_tenant: String, id: String, _now_ms: u64) -> Result<Option<FileRecord>, Failure> {
        Ok(files().iter().find(|file| file.id == id).cloned())
    }
    fn list(_query: ListQuery) -> Result<Page, Failure> {
        Ok(Page {
            files: files().clone(),
            next: None,
        })
    }
    fn tombstone(_tenant: String, id: String) -> Result<Release, Failure> {
        let before = files().len();
        files().retain(|file| file.id != id);
        Ok(match files().len() == before {
            true => Release::NotFound,
            false => Release::Released(1),
        })
    }
    fn expire(_now_ms: u64, _limit: u32) -> Result<Vec<RemoteRow>, Failure> {
        Ok(Vec::new())
    }
    fn forget(_account: String, _remote_id: String) -> Result<bool, Failure> {
        Ok(false)
    }
    fn observe(_account: String, _remote_id: String, _state: RemoteState, _now_ms: u64) -> Result<bool, Failure> {
        Ok(true)
    }
    fn remote(account: String, remote_id: String) -> Result<Option<RemoteRow>, Failure> {
        Ok(files()
            .iter()
            .find(|file| file.key.account == account && file.remote_id == remote_id)
            .map(row))
    }
    fn remotes(_query: RemotesQuery) -> Result<RemotesPage, Failure> {
        Ok(RemotesPage {
            remotes: Vec::new(),
            next: None,
        })
    }
    fn stats(_tenant: Option<String>) -> Result<Totals, Failure> {
        Ok(Totals {
            files: files().len() as u64,
            bytes: 0,
            remotes: 1,
            remote_bytes: 0,
            dying: 0,
            missing: 0,
            schema_version: 1,
        })
    }
    fn usage() -> Result<Vec<UsageRow>, Failure> {
        Ok(Vec::new())
    }
}

guests::bindings::tracker::export_tracker!(Odd with_types_in guests::bindings::tracker);
