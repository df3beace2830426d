//! A tracker that says that it recorded everything and then knows nothing; with the setting `MODE=fail` every call but
//! `open` fails: the host must keep its own journal and claim no dedup or record that it cannot show.

use guests::bindings::tracker::exports::loadlock::upload::tracker::*;
use guests::bindings::tracker::loadlock::upload::types::FailureKind;
use guests::settings::setting;

struct Forgetful;

/// `value`, or a failure in the failing mode.
fn say<T>(value: T) -> Result<T, Failure> {
    if setting("MODE").as_deref() == Some("fail") {
        return Err(Failure {
            kind: FailureKind::Unavailable,
            status: None,
            code: None,
            message: "this tracker fails".to_owned(),
            retry_after_ms: None,
            outcome_unknown: false,
        });
    }
    Ok(value)
}

impl Guest for Forgetful {
    fn open() -> Result<u32, Failure> {
        Ok(1)
    }
    fn find(_key: DedupKey, _now_ms: u64) -> Result<Option<RemoteRow>, Failure> {
        say(None)
    }
    fn has_size(_tenant: String, _account: String, _bytes: u64) -> Result<bool, Failure> {
        say(false)
    }
    fn record_many(files: Vec<FileRecord>) -> Result<Vec<Recorded>, Failure> {
        say(vec![Recorded::Inserted; files.len()])
    }
    fn reference(_file: FileRecord) -> Result<Recorded, Failure> {
        say(Recorded::RemoteNotLive)
    }
    fn get(_tenant: String, _id: String, _now_ms: u64) -> Result<Option<FileRecord>, Failure> {
        say(None)
    }
    fn list(_query: ListQuery) -> Result<Page, Failure> {
        say(Page {
            files: Vec::new(),
            next: None,
        })
    }
    fn tombstone(_tenant: String, _id: String) -> Result<Release, Failure> {
        say(Release::NotFound)
    }
    fn expire(_now_ms: u64, _limit: u32) -> Result<Vec<RemoteRow>, Failure> {
        say(Vec::new())
    }
    fn forget(_account: String, _remote_id: String) -> Result<bool, Failure> {
        say(false)
    }
    fn observe(_account: String, _remote_id: String, _state: RemoteState, _now_ms: u64) -> Result<bool, Failure> {
        say(false)
    }
    fn remote(_account: String, _remote_id: String) -> Result<Option<RemoteRow>, Failure> {
        say(None)
    }
    fn remotes(_query: RemotesQuery) -> Result<RemotesPage, Failure> {
        say(RemotesPage {
            remotes: Vec::new(),
            next: None,
        })
    }
    fn stats(_tenant: Option<String>) -> Result<Totals, Failure> {
        say(Totals {
            files: 0,
            bytes: 0,
            remotes: 0,
            remote_bytes: 0,
            dying: 0,
            missing: 0,
            schema_version: 1,
        })
    }
    fn usage() -> Result<Vec<UsageRow>, Failure> {
        say(Vec::new())
    }
}

guests::bindings::tracker::export_tracker!(Forgetful with_types_in guests::bindings::tracker);
