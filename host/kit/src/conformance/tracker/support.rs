//! A ledger under test, files and questions, and what a case finds.

use std::collections::BTreeSet;
use std::fmt::Debug;

pub use loadlock_policy::model::RemoteAddress;
use loadlock_policy::model::{Failure, FailureKind};
pub use loadlock_sandbox::tracker::{
    AccountUsage, DedupKey, FileRecord, FilesQuery, LedgerPage, LedgerStats, Recorded, Release, RemoteRow, RemoteState,
    RemotesQuery, Tracker,
};

/// What a case found wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BrokenCase(pub String);

/// What a case finds.
pub type CaseOutcome<T = ()> = Result<T, BrokenCase>;

impl From<Failure> for BrokenCase {
    fn from(failure: Failure) -> Self {
        Self(format!("it is refused: {failure}"))
    }
}

/// An empty ledger behind a tracker component. A call that ends without an answer is a failure of its own.
pub struct TestLedger {
    /// The component.
    pub tracker: Tracker,
    /// What keeps its storage alive.
    pub storage: Box<dyn std::any::Any + Send + Sync>,
    /// Rows of the large lists.
    pub many: usize,
}

macro_rules! calls {
    ($($name:ident($($arg:ident: $type:ty => $pass:expr),*) -> $out:ty;)*) => {
        impl TestLedger {
            $(
                #[doc = concat!("`", stringify!($name), "` of the contract.")]
                ///
                /// # Errors
                /// What it answers.
                pub async fn $name(&self, $($arg: $type),*) -> Result<$out, Failure> {
                    let answer = self.tracker.$name($($pass),*).await;
                    answer.unwrap_or_else(|died| Err(Failure::new(FailureKind::Internal, died.to_string())))
                }
            )*
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
    observe(
        account: &str => account.into(),
        remote_id: &str => remote_id.into(),
        state: RemoteState => state,
        now_ms: u64 => now_ms
    ) -> bool;
    remote(account: &str => account.into(), remote_id: &str => remote_id.into()) -> Option<RemoteRow>;
    remotes(query: &RemotesQuery => query.clone()) -> LedgerPage<RemoteRow>;
    copies_of(
        tenant: &str => tenant.into(),
        ids: &[&str] => ids.iter().map(ToString::to_string).collect()
    ) -> Option<Vec<String>>;
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
        address: Default::default(),
        deduplicated: false,
        attempts: 1,
        created_at_ms: 1_000,
        expires_at_ms: None,
    }
}

/// A key of that tenant in account `main`.
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
pub(crate) async fn insert(ledger: &TestLedger, files: &[FileRecord]) -> CaseOutcome {
    let outcome = ledger.record_many(files).await?;
    same!(outcome, vec![Recorded::Inserted; files.len()]);
    Ok(())
}

pub(crate) async fn find(ledger: &TestLedger, file: &FileRecord) -> CaseOutcome<Option<RemoteRow>> {
    Ok(ledger.find(&file.key, 2_000).await?)
}

/// The failure that a call must end with.
pub(crate) fn refusal<T: Debug>(answer: Result<T, Failure>) -> CaseOutcome<Failure> {
    match answer {
        Ok(answer) => Err(BrokenCase(format!("{answer:?} is answered, and it should be refused"))),
        Err(failure) => Ok(failure),
    }
}

/// What has to be there.
pub(crate) trait There<T> {
    fn there(self) -> CaseOutcome<T>;
}

impl<T> There<T> for Option<T> {
    fn there(self) -> CaseOutcome<T> {
        self.ok_or_else(|| BrokenCase(format!("there is no {}", std::any::type_name::<T>())))
    }
}

/// A tenant's files, so many a page, at the instant 2,000.
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

/// Remote files, so many a page.
pub fn remotes_query(limit: u32) -> RemotesQuery {
    RemotesQuery {
        limit,
        ..RemotesQuery::default()
    }
}

/// Ids of all pages of a list.
///
/// # Errors
/// [`BrokenCase`] if a page is not one.
pub async fn walk(ledger: &TestLedger, mut query: FilesQuery) -> CaseOutcome<Vec<String>> {
    let mut ids = Vec::new();
    loop {
        let page = ledger.list(&query).await?;
        holds!(page.items.len() <= query.limit as usize);
        holds!(page.next.is_none() || page.items.len() == query.limit as usize);
        ids.extend(page.items.into_iter().map(|file| file.id));
        match page.next {
            Some(next) => query.cursor = Some(next),
            None => return Ok(ids),
        }
    }
}

/// Account and id of the remote rows of all pages.
///
/// # Errors
/// [`BrokenCase`] if a page is not one, or they go round.
pub async fn walk_remotes(ledger: &TestLedger, mut query: RemotesQuery) -> CaseOutcome<Vec<(String, String)>> {
    let mut found = Vec::new();
    let mut cursors = BTreeSet::new();
    loop {
        let page = ledger.remotes(&query).await?;
        holds!(page.items.len() <= query.limit as usize);
        let rows = page.items.into_iter();
        found.extend(rows.map(|row| (row.account, row.remote_id)));
        match page.next {
            Some(next) => {
                holds!(cursors.insert(next.clone()), "the pages go round");
                query.cursor = Some(next);
            }
            None => return Ok(found),
        }
    }
}

pub(crate) async fn remote(ledger: &TestLedger, remote_id: &str) -> CaseOutcome<Option<RemoteRow>> {
    Ok(ledger.remote("main", remote_id).await?)
}

pub(crate) async fn state(ledger: &TestLedger, remote_id: &str) -> CaseOutcome<Option<RemoteState>> {
    Ok(remote(ledger, remote_id).await?.map(|row| row.state))
}
