//! What happens to files after they are stored: list, look up, read, delete.

use bytes::Bytes;
use loadlock_audit::Event;
use loadlock_policy::counted;
use loadlock_policy::model::{ContentInfo, ContentKind, Failure, FailureKind, RemoteRef};
use loadlock_sandbox::provider::Provider;
use loadlock_sandbox::tracker::{FileRecord, FilesQuery, LedgerStats, Release};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use crate::audit::PendingAudit;
use crate::error::{Error, ErrorCode, Result, answered, call_error};
use crate::principal::{Principal, Scope};
use crate::records::record_of;
use crate::state::gateway::Gateway;
use crate::upload::content_check::follow;
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
}

impl Gateway {
    /// A page of the caller's files.
    ///
    /// # Errors
    /// [`ErrorCode::Forbidden`], [`ErrorCode::TrackerFailed`].
    pub async fn list(&self, who: &Principal, request: ListRequest) -> Result<FilePage> {
        who.require(Scope::Read)?;
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
    /// [`ErrorCode::ContentUnavailable`] if the vendor gives this purpose back in no form.
    pub async fn content(&self, who: &Principal, id: &str) -> Result<Content> {
        let mut pending = self.0.audit.begin_for(who, Event::Content).await?;
        pending.what().file_id = Some(id.to_owned());
        match self.readable(who, id).await {
            Ok((record, provider, raw)) => Ok(self.read(record, provider, raw, pending)),
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

    /// Reads it in a task of its own, which also records how that ended.
    fn read(&self, record: FileRecord, name: String, raw: bool, mut pending: PendingAudit) -> Content {
        pending.what().provider = Some(name.clone());
        let (sink, chunks) = Provider::content_channel();
        let gateway = self.clone();
        let remote = RemoteRef {
            id: record.remote_id.clone(),
            purpose: record.key.purpose.clone(),
        };
        let bytes = record.bytes;
        let (account, sha256) = (record.key.account.clone(), record.key.sha256.clone());
        let read = async move {
            let unit = gateway.0.providers.named(&name)?;
            let (through, arriving) = Provider::content_channel();
            let (report, followed) =
                tokio::join!(unit.component.content(&remote, through), follow(arriving, Some(&sink)));
            crate::state::provider::log_call(&name, &report);
            match report.outcome {
                // An empty success would let a model make the file's content up.
                Ok(Ok(info)) if info.bytes == 0 && bytes > 0 => Err(Error::new(
                    ErrorCode::ContentUnavailable,
                    format!(
                        "`{name}` answered with no content for a file of {}",
                        counted(bytes, "byte")
                    ),
                )),
                Ok(Ok(info)) if info.kind == ContentKind::Raw && info.bytes != bytes => Err(Error::new(
                    ErrorCode::ProviderFailed,
                    format!(
                        "`{name}` answered with {} for a file of {bytes}",
                        counted(info.bytes, "byte")
                    ),
                )),
                Ok(Ok(info)) if raw && info.kind != ContentKind::Raw => Err(Error::new(
                    ErrorCode::ProviderFailed,
                    format!("`{name}` promised the file's bytes and answered with something else"),
                )),
                Ok(Ok(info)) if info.kind == ContentKind::Raw && !followed.agrees(&sha256) => {
                    gateway.0.damaged(&name, &account, &remote.id).await;
                    Err(Error::new(
                        ErrorCode::ProviderFailed,
                        format!("what `{name}` has stored is not what was uploaded: its digest differs"),
                    )
                    .hint("upload the content again to replace it"))
                }
                Ok(Ok(info)) => {
                    followed.finish(&sink).await;
                    Ok(info)
                }
                Ok(Err(failure)) => Err(content_failure(&name, &failure)),
                Err(error) => Err(call_error(&name, &error)),
            }
        };
        let end = tokio::spawn(async move {
            let end = read.await;
            pending.what().bytes = end.as_ref().ok().map(|info: &ContentInfo| info.bytes);
            pending.ended(&end).await;
            end
        });
        Content {
            file: self.0.shown(&record.key.tenant.clone(), record.into()),
            raw,
            chunks,
            end,
        }
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

fn content_failure(name: &str, failure: &Failure) -> Error {
    let code = match failure.kind {
        _ if failure.is_unreachable() => ErrorCode::ProviderUnreachable,
        FailureKind::NotFound | FailureKind::Unsupported => ErrorCode::ContentUnavailable,
        FailureKind::Unauthorized => ErrorCode::ProviderUnauthorized,
        FailureKind::RateLimited => ErrorCode::ProviderRateLimited,
        _ => ErrorCode::ProviderFailed,
    };
    Error::new(code, format!("`{name}`: {failure}")).retry_after(failure.retry_after.map(loadlock_policy::Millis::get))
}
