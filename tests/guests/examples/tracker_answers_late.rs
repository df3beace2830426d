//! A tracker that holds every content once, takes a reference to it, and answers that only after `LATE_MS`: whoever has gone
//! meanwhile has a file all the same. It makes `asked` in its own directory when it begins to wait.

use std::sync::Mutex;
use std::time::Duration;

use guests::bindings::tracker::exports::loadlock::upload::tracker::*;
use guests::settings::number;

/// The files over what it holds.
static FILES: Mutex<Vec<FileRecord>> = Mutex::new(Vec::new());

struct Late;

fn files() -> std::sync::MutexGuard<'static, Vec<FileRecord>> {
    FILES
        .lock()
        .unwrap_or_else(|poisoned| poisoned.into_inner())
}

impl Guest for Late {
    fn open() -> Result<u32, Failure> {
        Ok(1)
    }
    fn find(key: DedupKey, now_ms: u64) -> Result<Option<RemoteRow>, Failure> {
        Ok(Some(RemoteRow {
            account: key.account.clone(),
            provider: "local".to_owned(),
            remote_id: key.sha256.clone(),
            key,
            bytes: 4,
            media_type: "text/plain".to_owned(),
            state: RemoteState::Live,
            references: 1,
            created_at_ms: now_ms,
            verified_at_ms: now_ms,
            expires_at_ms: None,
        }))
    }
    fn has_size(_tenant: String, _account: String, _bytes: u64) -> Result<bool, Failure> {
        Ok(true)
    }
    fn record_many(records: Vec<FileRecord>) -> Result<Vec<Recorded>, Failure> {
        Ok(vec![Recorded::Existing; records.len()])
    }
    fn reference(file: FileRecord) -> Result<Recorded, Failure> {
        files().push(file);
        let _ = std::fs::write("/state/asked", "");
        std::thread::sleep(Duration::from_millis(number("LATE_MS", 0)));
        Ok(Recorded::Inserted)
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
    fn observe(
        _account: String,
        _remote_id: String,
        _state: RemoteState,
        _now_ms: u64,
    ) -> Result<bool, Failure> {
        Ok(true)
    }
    fn remote(_account: String, _remote_id: String) -> Result<Option<RemoteRow>, Failure> {
        Ok(None)
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

guests::bindings::tracker::export_tracker!(Late with_types_in guests::bindings::tracker);
