//! What happens to files after they are stored: list, look up, read, delete.

use bytes::Bytes;
use loadlock_audit::Event;
use loadlock_policy::model::{ContentInfo, ContentKind};
use loadlock_sandbox::tracker::{FileRecord, FilesQuery, LedgerStats, Release};
use tokio::sync::{OwnedSemaphorePermit, mpsc};
use tokio::task::JoinHandle;

use crate::error::{Error, ErrorCode, Result, answered};
use crate::principal::{Principal, Scope};
use crate::records::record_of;
use crate::state::gateway::Gateway;
use crate::view::{File, FilePage};

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
        let query = FilesQuery {
            tenant: who.tenant().to_owned(),
            cursor: request.cursor,
            limit: request.limit.clamp(1, 10_000),
            purpose: request.purpose,
            ascending: request.ascending,
            now_ms: self.0.clock.wall_ms(),
        };
        self.0.flush_for(|_, waiting| waiting.tenant == who.tenant()).await;
        let page = answered(self.0.ledger.tracker.list(query).await)?;
        Ok(FilePage {
            files: page
                .items
                .into_iter()
                .map(|record| self.0.shown(who.tenant(), record.into()))
                .collect(),
            next: page.next,
        })
    }

    /// One of the caller's files.
    ///
    /// # Errors
    /// [`ErrorCode::FileNotFound`], also for another tenant's file.
    pub async fn get(&self, who: &Principal, id: &str) -> Result<File> {
        who.require(Scope::Read)?;
        let record = self.record_of(who, id).await?;
        Ok(self.0.shown(who.tenant(), record.into()))
    }

    async fn record_of(&self, who: &Principal, id: &str) -> Result<FileRecord> {
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
            Ok(((record, provider, raw), place)) => Ok(self.read(record, provider, raw, place, pending)),
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
        let (record, _, raw) = self.readable(who, id).await?;
        Ok((self.0.shown(who.tenant(), record.into()), raw))
    }

    /// A file whose content its vendor gives back, the provider that is asked, and whether it gives the bytes back.
    async fn readable(&self, who: &Principal, id: &str) -> Result<(FileRecord, String, bool)> {
        who.require(Scope::Read)?;
        let record = self.record_of(who, id).await?;
        let account = &record.key.account;
        let unit = self.0.providers.at_account(&record.provider, account);
        let unit = unit.ok_or_else(|| {
            if let Some(out) = self.0.providers.out_of_service(&record.provider) {
                return out.refusal();
            }
            Error::new(
                ErrorCode::ContentUnavailable,
                format!("it is stored in the account `{account}`, which no provider has any more"),
            )
            .hint("`account` in a provider's section names it")
        })?;
        let purpose = unit.profile.purpose(&record.key.purpose);
        if purpose.is_some_and(|purpose| purpose.content == ContentKind::Never) {
            return Err(Error::new(
                ErrorCode::ContentUnavailable,
                format!(
                    "`{}` does not return the content of `{}` files",
                    record.provider, record.key.purpose
                ),
            ));
        }
        let raw = purpose.is_some_and(|purpose| purpose.content == ContentKind::Raw);
        Ok((record, unit.name.clone(), raw))
    }

    /// Deletes one of the caller's files; the remote file too, if no other file refers to it.
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
        match self.0.let_go(who.tenant(), id).await? {
            Release::NotFound => Err(not_found(id)),
            Release::Released(_) | Release::Last(_) => Ok(()),
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

fn not_found(id: &str) -> Error {
    Error::new(ErrorCode::FileNotFound, format!("there is no file `{id}`"))
}
