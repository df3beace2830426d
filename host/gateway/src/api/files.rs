//! What happens to files after they are stored: list, look up, read, delete.

use std::collections::HashMap;

use bytes::Bytes;
use loadlock_audit::Event;
use loadlock_policy::model::ContentInfo;
use loadlock_sandbox::tracker::{FileRecord, FilesQuery, LedgerStats, Release};
use tokio::sync::{OwnedSemaphorePermit, mpsc};
use tokio::task::JoinHandle;

use crate::copies::FileCopies;
use crate::error::{Error, ErrorCode, Result, answered};
use crate::id;
use crate::principal::{Principal, Scope};
use crate::records::record_of;
use crate::state::gateway::Gateway;
use crate::view::{File, FilePage};

/// Files of one page.
const MOST_LISTED: u32 = 10_000;

/// Which files to list.
#[derive(Debug, Clone, Default)]
pub struct ListRequest {
    /// Where the page before ended.
    pub cursor: Option<String>,
    /// 1 to 10,000.
    pub limit: u32,
    /// Only this purpose.
    pub purpose: Option<String>,
    /// Oldest first.
    pub ascending: bool,
}

/// A file's content on its way.
pub struct Content {
    /// The file.
    pub file: File,
    /// Whether these are the file's own bytes, all of them, or else an error at the end.
    pub raw: bool,
    /// Chunks in order. The end is not success: await `end`.
    pub chunks: mpsc::Receiver<Bytes>,
    /// Whether what came was whole, and what it was.
    pub end: JoinHandle<Result<ContentInfo>>,
    /// Room for what is kept in memory until it is taken.
    pub(super) _room: Option<OwnedSemaphorePermit>,
}

impl Content {
    /// Of a file that somebody else reads, such as another gateway.
    pub fn new(file: File, raw: bool, chunks: mpsc::Receiver<Bytes>, end: JoinHandle<Result<ContentInfo>>) -> Self {
        Self {
            file,
            raw,
            chunks,
            end,
            _room: None,
        }
    }
}

impl Gateway {
    /// A page of the caller's files.
    ///
    /// # Errors
    /// [`ErrorCode::Forbidden`], [`ErrorCode::RequestInvalid`] for an empty purpose, [`ErrorCode::TrackerFailed`].
    pub async fn list(&self, who: &Principal, request: ListRequest) -> Result<FilePage> {
        who.require(Scope::Read)?;
        // It is no wish for files without a purpose: there are none.
        if request.purpose.as_deref() == Some("") {
            return Err(Error::new(ErrorCode::RequestInvalid, "`purpose` is empty").hint("leave it out for all files"));
        }
        let tenant = who.tenant();
        self.0.flush_for(|_, waiting| waiting.tenant == tenant).await;
        let (records, next) = self.page(tenant, request).await?;
        let ids = records.iter().map(|record| record.id.clone()).collect();
        let mut copies: HashMap<String, Vec<FileRecord>> = HashMap::new();
        for copy in self.0.known_copies(tenant, ids).await {
            copies.entry(id::file_of(&copy.id).to_owned()).or_default().push(copy);
        }
        let seen = records.into_iter().map(|file| {
            let copies = copies.remove(&file.id).unwrap_or_default();
            self.0.seen(FileCopies { file, copies })
        });
        Ok(FilePage {
            files: seen.collect(),
            next,
        })
    }

    /// So many records of files as were asked for, and the place behind them. The ledger's own pages have copies among
    /// them.
    async fn page(&self, tenant: &str, request: ListRequest) -> Result<(Vec<FileRecord>, Option<String>)> {
        let limit = request.limit.clamp(1, MOST_LISTED) as usize;
        let (mut files, mut cursor) = (Vec::new(), request.cursor);
        let mut count = limit;
        loop {
            let query = FilesQuery {
                tenant: tenant.to_owned(),
                cursor: cursor.clone(),
                limit: u32::try_from(count).unwrap_or(MOST_LISTED),
                purpose: request.purpose.clone(),
                ascending: request.ascending,
                now_ms: self.0.clock.wall_ms(),
            };
            let page = answered(self.0.ledger.tracker.list(query).await)?;
            let left = limit - files.len();
            let is_file = |record: &FileRecord| !id::is_of_copy(&record.id);
            let mut places = page.items.iter().enumerate().filter(|(_, record)| is_file(record));
            if let Some((last, _)) = places.nth(left - 1)
                && places.next().is_some()
            {
                // More than fit: the place is behind the last that does.
                count = last + 1;
                continue;
            }
            let before = files.len();
            files.extend(page.items.into_iter().filter(is_file));
            if page.next.is_none() || files.len() >= limit {
                return Ok((files, page.next));
            }
            cursor = page.next;
            count = match files.len() {
                // Nothing but copies, and there may be more of them.
                found if found == before => (count * 2).min(MOST_LISTED as usize),
                found => limit - found,
            };
        }
    }

    /// One of the caller's files.
    ///
    /// # Errors
    /// [`ErrorCode::FileNotFound`], also for another tenant's file.
    pub async fn get(&self, who: &Principal, id: &str) -> Result<File> {
        who.require(Scope::Read)?;
        let file = self.record_of(who, id).await?;
        let copies = self.0.known_copies(who.tenant(), vec![id.to_owned()]).await;
        Ok(self.0.seen(FileCopies { file, copies }))
    }

    /// A file's own record.
    ///
    /// # Errors
    /// [`ErrorCode::FileNotFound`], also for another tenant's file; [`ErrorCode::TrackerFailed`].
    pub(crate) async fn record_of(&self, who: &Principal, id: &str) -> Result<FileRecord> {
        if id::is_of_copy(id) {
            return Err(not_found(id));
        }
        let now = self.0.clock.wall_ms();
        self.0.flush_for(|waiting, _| waiting == id).await;
        let tracker = &self.0.ledger.tracker;
        let away = match answered(tracker.get(who.tenant().to_owned(), id.to_owned(), now).await) {
            Ok(Some(found)) => return Ok(found),
            Ok(None) => not_found(id),
            // Nobody can say then that there is no such file.
            Err(error) => {
                tracing::warn!(%error, "the tracker is away; asking the journal");
                error
            }
        };
        // Accepted and not recorded yet: the file is there all the same.
        let row = self.0.journal.entry(id)?;
        row.filter(|row| {
            row.intent.tenant == who.tenant() && matches!(row.state, loadlock_journal::State::Accepted { .. })
        })
        .and_then(|row| record_of(&row))
        .ok_or(away)
    }

    /// Streams a file's content: the bytes, or the text that the vendor extracted from them.
    ///
    /// # Errors
    /// [`ErrorCode::ContentUnavailable`] if the vendor gives this purpose back in no form;
    /// [`ErrorCode::RateLimited`] or [`ErrorCode::Overloaded`] if there is no place for one more reader in time.
    pub async fn content(&self, who: &Principal, id: &str) -> Result<Content> {
        let mut pending = self.0.audit.begin_for(who, Event::Content).await?;
        pending.what().file_id = Some(id.to_owned());
        let ready = async {
            let readable = self.readable(who, id).await?;
            // The place last, so that nobody holds one while the ledger is asked.
            Ok((readable, self.0.callers.readers.place(who.tenant()).await?))
        };
        match ready.await {
            Ok(((file, record, provider, raw), place)) => {
                Ok(self.read(self.0.seen(file), record, provider, raw, place, pending))
            }
            Err(error) => {
                let refused = Err(error);
                pending.ended(&refused).await;
                refused
            }
        }
    }

    /// What [`Self::content`] would read, without asking the vendor: the file, and whether it would be its own bytes.
    ///
    /// # Errors
    /// Those of [`Self::content`] that are known before.
    pub async fn describe_content(&self, who: &Principal, id: &str) -> Result<(File, bool)> {
        let (file, _, _, raw) = self.readable(who, id).await?;
        Ok((self.0.seen(file), raw))
    }

    /// A file whose content some vendor gives back, the record of what is read, the provider that is asked, and whether
    /// it gives the bytes back.
    async fn readable(&self, who: &Principal, id: &str) -> Result<(FileCopies, FileRecord, String, bool)> {
        who.require(Scope::Read)?;
        let file = self.record_of(who, id).await?;
        let mut file = FileCopies {
            file,
            copies: Vec::new(),
        };
        let kept = self.0.live().config.keep.as_ref() == Some(&file.file.provider);
        if kept || self.0.reader_of(&file.file).is_err() {
            file.copies = self.0.known_copies(who.tenant(), vec![id.to_owned()]).await;
        }
        let (record, unit, raw) = self.0.readable(&file)?;
        let (record, name) = (record.clone(), unit.name.clone());
        Ok((file, record, name, raw))
    }

    /// Deletes one of the caller's files with its copies; each remote file too, if no other file refers to it.
    ///
    /// # Errors
    /// [`ErrorCode::FileNotFound`]. A vendor that does not answer is no error: the remote file is dying and is deleted
    /// later.
    pub async fn delete(&self, who: &Principal, id: &str) -> Result<()> {
        let mut pending = self.0.audit.begin_for(who, Event::Delete).await?;
        pending.what().file_id = Some(id.to_owned());
        let outcome = self.release(who, id).await;
        pending.ended(&outcome).await;
        outcome
    }

    async fn release(&self, who: &Principal, id: &str) -> Result<()> {
        who.require(Scope::Delete)?;
        if id::is_of_copy(id) {
            return Err(not_found(id));
        }
        let deletion = self.note_deletion(who, id).await?;
        // Order: its copies first. Should this break off, the file is still there, and so is the way to them.
        for copy in self
            .0
            .copies_of(who.tenant(), vec![id.to_owned()])
            .await?
            .unwrap_or_default()
        {
            self.0.let_go(who.tenant(), &copy.id).await?;
        }
        match self.0.let_go(who.tenant(), id).await? {
            Release::NotFound => Err(not_found(id)),
            Release::Released(_) | Release::Last(_) => {
                if let Some(deletion) = deletion {
                    deletion.done().await;
                }
                Ok(())
            }
        }
    }

    /// Totals over the caller's files.
    ///
    /// # Errors
    /// [`ErrorCode::TrackerFailed`].
    pub async fn stats(&self, who: &Principal) -> Result<LedgerStats> {
        who.require(Scope::Read)?;
        self.0.flush_for(|_, waiting| waiting.tenant == who.tenant()).await;
        answered(self.0.ledger.tracker.stats(Some(who.tenant().to_owned())).await)
    }
}

pub(super) fn not_found(id: &str) -> Error {
    Error::new(ErrorCode::FileNotFound, format!("there is no file `{id}`"))
}
