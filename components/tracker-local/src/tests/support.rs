//! Ledgers, files and storages for the tests.

use crate::bindings::exports::loadlock::upload::tracker::{
    DedupKey, FileRecord, ListQuery, Recorded, RemoteAddress, RemoteRow, RemoteState, RemotesQuery,
};
use crate::ledger::Ledger;
use redb::StorageBackend;
use redb::backends::InMemoryBackend;
use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

pub(crate) fn ledger() -> Ledger {
    Ledger::open(InMemoryBackend::new()).unwrap()
}

/// A file of tenant `acme` in account `main`, created at 1,000, that is not a dedup hit. Its digest is named after the
/// remote id.
pub(crate) fn file(id: &str, remote_id: &str) -> FileRecord {
    FileRecord {
        id: id.into(),
        key: key("acme", &format!("sha-{remote_id}")),
        filename: format!("{id}.pdf"),
        bytes: 100,
        media_type: "application/pdf".into(),
        provider: "local".into(),
        remote_id: remote_id.into(),
        address: RemoteAddress {
            uri: None,
            media_type: None,
        },
        deduplicated: false,
        attempts: 1,
        created_at_ms: 1_000,
        expires_at_ms: None,
    }
}

pub(crate) fn key(tenant: &str, sha256: &str) -> DedupKey {
    DedupKey {
        tenant: tenant.into(),
        account: "main".into(),
        purpose: "assistants".into(),
        treatment: "pdf".into(),
        sha256: sha256.into(),
    }
}

/// The file with some fields changed.
pub(crate) fn with(mut file: FileRecord, change: impl FnOnce(&mut FileRecord)) -> FileRecord {
    change(&mut file);
    file
}

/// The file for another tenant.
pub(crate) fn of(tenant: &str, file: FileRecord) -> FileRecord {
    with(file, |file| file.key.tenant = tenant.into())
}

/// Records files that must all be new.
pub(crate) fn insert(ledger: &Ledger, files: &[FileRecord]) {
    let outcome = ledger.record_many(files).unwrap();
    assert!(outcome.iter().all(|one| matches!(one, Recorded::Inserted)));
}

pub(crate) fn find(ledger: &Ledger, file: &FileRecord) -> Option<RemoteRow> {
    ledger.find(&file.key, 2_000).unwrap()
}

pub(crate) fn query(tenant: &str, limit: u32) -> ListQuery {
    ListQuery {
        tenant: tenant.into(),
        cursor: None,
        limit,
        purpose: None,
        ascending: false,
        now_ms: 2_000,
    }
}

pub(crate) fn remotes_query(limit: u32) -> RemotesQuery {
    RemotesQuery {
        account: None,
        state: None,
        expired_before_ms: None,
        cursor: None,
        limit,
    }
}

/// Ids of all pages of a list.
pub(crate) fn walk(ledger: &Ledger, mut query: ListQuery) -> Vec<String> {
    let mut ids = Vec::new();
    loop {
        let page = ledger.list(&query).unwrap();
        assert!(page.files.len() <= query.limit as usize);
        assert!(page.next.is_none() || page.files.len() == query.limit as usize);
        ids.extend(page.files.into_iter().map(|file| file.id));
        match page.next {
            Some(next) => query.cursor = Some(next),
            None => return ids,
        }
    }
}

pub(crate) fn remote(ledger: &Ledger, remote_id: &str) -> Option<RemoteRow> {
    let page = ledger.remotes(&remotes_query(10_000)).unwrap();
    page.remotes.into_iter().find(|row| row.remote_id == remote_id)
}

pub(crate) fn state(ledger: &Ledger, remote_id: &str) -> Option<RemoteState> {
    remote(ledger, remote_id).map(|row| row.state)
}

/// A storage that knows what has been synced, and counts what is read.
#[derive(Debug, Clone, Default)]
pub(crate) struct Disk {
    bytes: Arc<Mutex<Bytes>>,
    read_bytes: Arc<AtomicU64>,
    writes: Arc<Mutex<Vec<(u64, usize)>>>,
}

#[derive(Debug, Default)]
struct Bytes {
    now: Vec<u8>,
    synced: Vec<u8>,
}

impl Disk {
    /// The storage after a power failure now: what was not synced is gone.
    pub(crate) fn after_power_failure(&self) -> Self {
        let synced = self.bytes.lock().unwrap().synced.clone();
        Self::holding(synced)
    }

    /// The storage after the process was killed now: everything written is there.
    pub(crate) fn after_kill(&self) -> Self {
        let now = self.bytes.lock().unwrap().now.clone();
        Self::holding(now)
    }

    fn holding(bytes: Vec<u8>) -> Self {
        Self {
            bytes: Arc::new(Mutex::new(Bytes {
                now: bytes.clone(),
                synced: bytes,
            })),
            read_bytes: Arc::default(),
            writes: Arc::default(),
        }
    }

    /// Offsets and lengths of writes since this was asked last.
    pub(crate) fn take_writes(&self) -> Vec<(u64, usize)> {
        std::mem::take(&mut self.writes.lock().unwrap())
    }

    /// Bytes read since this was asked last.
    pub(crate) fn take_read_bytes(&self) -> u64 {
        self.read_bytes.swap(0, Ordering::Relaxed)
    }
}

impl StorageBackend for Disk {
    fn len(&self) -> io::Result<u64> {
        Ok(self.bytes.lock().unwrap().now.len() as u64)
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        let bytes = self.bytes.lock().unwrap();
        let start = usize::try_from(offset).unwrap();
        out.copy_from_slice(&bytes.now[start..start + out.len()]);
        self.read_bytes.fetch_add(out.len() as u64, Ordering::Relaxed);
        Ok(())
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        let length = usize::try_from(len).unwrap();
        self.bytes.lock().unwrap().now.resize(length, 0);
        Ok(())
    }

    fn sync_data(&self) -> io::Result<()> {
        let mut bytes = self.bytes.lock().unwrap();
        bytes.synced = bytes.now.clone();
        Ok(())
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        let start = usize::try_from(offset).unwrap();
        self.writes.lock().unwrap().push((offset, data.len()));
        self.bytes.lock().unwrap().now[start..start + data.len()].copy_from_slice(data);
        Ok(())
    }
}
