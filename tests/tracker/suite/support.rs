//! A ledger under test, files and questions.

use std::collections::BTreeSet;

use loadlock_policy::model::Failure;
pub use loadlock_sandbox::tracker::{
    AccountUsage, DedupKey, FileRecord, FilesQuery, LedgerPage, LedgerStats, Recorded, Release, RemoteRow, RemoteState,
    RemotesQuery, Tracker,
};

/// An empty ledger behind a tracker component; the call itself must always succeed.
pub struct Ledger {
    pub tracker: Tracker,
    /// What keeps its storage alive.
    pub _storage: Box<dyn std::any::Any + Send + Sync>,
    /// Random histories to try, and their longest. Fewer where a call is a request over a socket.
    pub histories: (u32, usize),
    /// Rows of the large lists.
    pub many: usize,
}

macro_rules! calls {
    ($($name:ident($($arg:ident: $type:ty => $pass:expr),*) -> $out:ty;)*) => {
        impl Ledger {
            $(pub async fn $name(&self, $($arg: $type),*) -> Result<$out, Failure> {
                self.tracker.$name($($pass),*).await.unwrap()
            })*
        }
    };
}

calls! {
    find(key: &DedupKey => key.clone(), now_ms: u64 => now_ms) -> Option<RemoteRow>;
    has_size(tenant: &str => tenant.into(), account: &str => account.into(), bytes: u64 => bytes) -> bool;
    record_many(files: &[FileRecord] => files.to_vec()) -> Vec<Recorded>;
    reference(file: &FileRecord => file.clone()) -> Recorded;
    get(tenant: &str => tenant.into(), id: &str => id.into(), now_ms: u64 => now_ms) -> Option<FileRecord>;
    list(query: &FilesQuery => query.clone()) -> LedgerPage<FileRecord>;
    tombstone(tenant: &str => tenant.into(), id: &str => id.into()) -> Release;
    expire(now_ms: u64 => now_ms, limit: u32 => limit) -> Vec<RemoteRow>;
    forget(account: &str => account.into(), remote_id: &str => remote_id.into()) -> bool;
    observe(account: &str => account.into(), remote_id: &str => remote_id.into(), state: RemoteState => state, now_ms: u64 => now_ms) -> bool;
    remote(account: &str => account.into(), remote_id: &str => remote_id.into()) -> Option<RemoteRow>;
    remotes(query: &RemotesQuery => query.clone()) -> LedgerPage<RemoteRow>;
    stats(tenant: Option<&str> => tenant.map(Into::into)) -> LedgerStats;
    usage() -> Vec<AccountUsage>;
}

/// A file of tenant `acme` in account `main`, created at 1,000, that is not a dedup hit. Its digest is named after the
/// remote id.
pub fn file(id: &str, remote_id: &str) -> FileRecord {
    FileRecord {
        id: id.into(),
        key: key("acme", &format!("sha-{remote_id}")),
        filename: format!("{id}.pdf"),
        bytes: 100,
        media_type: "application/pdf".into(),
        provider: "local".into(),
        remote_id: remote_id.into(),
        deduplicated: false,
        attempts: 1,
        created_at_ms: 1_000,
        expires_at_ms: None,
    }
}

pub fn key(tenant: &str, sha256: &str) -> DedupKey {
    DedupKey {
        tenant: tenant.into(),
        account: "main".into(),
        purpose: "assistants".into(),
        treatment: "pdf".into(),
        sha256: sha256.into(),
    }
}

/// The file with some fields changed.
pub fn with(mut file: FileRecord, change: impl FnOnce(&mut FileRecord)) -> FileRecord {
    change(&mut file);
    file
}

/// The file for another tenant.
pub fn of(tenant: &str, file: FileRecord) -> FileRecord {
    with(file, |file| file.key.tenant = tenant.into())
}

/// Records files that must all be new.
pub async fn insert(ledger: &Ledger, files: &[FileRecord]) {
    let outcome = ledger.record_many(files).await.unwrap();
    assert_eq!(outcome, vec![Recorded::Inserted; files.len()]);
}

pub async fn find(ledger: &Ledger, file: &FileRecord) -> Option<RemoteRow> {
    ledger.find(&file.key, 2_000).await.unwrap()
}

pub fn query(tenant: &str, limit: u32) -> FilesQuery {
    FilesQuery {
        tenant: tenant.into(),
        cursor: None,
        limit,
        purpose: None,
        ascending: false,
        now_ms: 2_000,
    }
}

pub fn remotes_query(limit: u32) -> RemotesQuery {
    RemotesQuery {
        limit,
        ..RemotesQuery::default()
    }
}

/// Ids of all pages of a list.
pub async fn walk(ledger: &Ledger, mut query: FilesQuery) -> Vec<String> {
    let mut ids = Vec::new();
    loop {
        let page = ledger.list(&query).await.unwrap();
        assert!(page.items.len() <= query.limit as usize);
        assert!(page.next.is_none() || page.items.len() == query.limit as usize);
        ids.extend(page.items.into_iter().map(|file| file.id));
        match page.next {
            Some(next) => query.cursor = Some(next),
            None => return ids,
        }
    }
}

/// Account and id of the remote rows of all pages.
pub async fn walk_remotes(ledger: &Ledger, mut query: RemotesQuery) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let mut cursors = BTreeSet::new();
    loop {
        let page = ledger.remotes(&query).await.unwrap();
        assert!(page.items.len() <= query.limit as usize);
        let rows = page.items.into_iter();
        found.extend(rows.map(|row| (row.account, row.remote_id)));
        match page.next {
            Some(next) => {
                assert!(cursors.insert(next.clone()), "the pages go round");
                query.cursor = Some(next);
            }
            None => return found,
        }
    }
}

pub async fn remote(ledger: &Ledger, remote_id: &str) -> Option<RemoteRow> {
    ledger.remote("main", remote_id).await.unwrap()
}

pub async fn state(ledger: &Ledger, remote_id: &str) -> Option<RemoteState> {
    remote(ledger, remote_id).await.map(|row| row.state)
}
