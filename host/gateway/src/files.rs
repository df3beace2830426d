//! What happens to files after they are stored: list, look up, read, delete.

use bytes::Bytes;
use loadlock_audit::{Event, What};
use loadlock_policy::model::{ContentInfo, ContentKind, Failure, FailureKind, RemoteRef};
use loadlock_sandbox::CallError;
use loadlock_sandbox::provider::Provider;
use loadlock_sandbox::tracker::{Answer, FileRecord, FilesQuery, Release, Stats};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use crate::audit::Pending;
use crate::error::{Error, ErrorCode, Result};
use crate::gateway::Gateway;
use crate::pipeline::{journal_error, record_of};
use crate::principal::{Principal, Scope};
use crate::setup::ProviderUnit;
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
    /// Chunks in order. The end is not success: await `end`.
    pub chunks: mpsc::Receiver<Bytes>,
    /// Whether what came was whole, and what it was.
    pub end: JoinHandle<Result<ContentInfo>>,
}

/// The tracker's answer, as a user reads its failures.
pub(crate) fn answered<T>(answer: Answer<T>) -> Result<T> {
    match answer {
        Ok(Ok(value)) => Ok(value),
        // The caller's own mistake: a cursor or a limit that the tracker cannot read.
        Ok(Err(failure)) if failure.kind == FailureKind::Rejected => {
            Err(Error::new(ErrorCode::RequestInvalid, failure.message).hint("start again without a cursor"))
        }
        Ok(Err(failure)) => Err(Error::new(ErrorCode::TrackerFailed, failure.to_string())
            .retry_after(failure.retry_after.map(loadlock_policy::Millis::get))),
        Err(error) => Err(Error::new(
            ErrorCode::TrackerFailed,
            format!("the tracker gave no answer: {error}"),
        )),
    }
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
        self.0.caught_up(|_, waiting| waiting.tenant == who.tenant()).await;
        let page = answered(self.0.tracker.list(query).await)?;
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
        self.0.caught_up(|waiting, _| waiting == id).await;
        match answered(self.0.tracker.get(who.tenant().to_owned(), id.to_owned(), now).await) {
            Ok(Some(found)) => return Ok(found),
            Ok(None) => {}
            Err(error) => tracing::warn!(%error, "the tracker is away; asking the journal"),
        }
        // Accepted and not recorded yet: the file is there all the same.
        let row = self.0.journal.entry(id).map_err(|error| journal_error(&error))?;
        row.filter(|row| {
            row.intent.tenant == who.tenant() && matches!(row.state, loadlock_journal::State::Accepted { .. })
        })
        .and_then(|row| record_of(&row))
        .ok_or_else(|| not_found(id))
    }

    /// Streams a file's content: the bytes, or the text that the vendor extracted from them.
    ///
    /// # Errors
    /// [`ErrorCode::ContentUnavailable`] if the vendor gives this purpose back in no form.
    pub async fn content(&self, who: &Principal, id: &str) -> Result<Content> {
        let mut pending = self.0.audit.begin_for(who, Event::Content).await?;
        pending.what().file_id = Some(id.to_owned());
        match self.readable(who, id).await {
            Ok((record, provider)) => Ok(self.read(record, provider, pending)),
            Err(error) => {
                let refused = Err(error);
                pending.ended(&refused).await;
                refused
            }
        }
    }

    /// A file whose content its vendor gives back, and the provider that is asked.
    async fn readable(&self, who: &Principal, id: &str) -> Result<(FileRecord, String)> {
        who.require(Scope::Read)?;
        let record = self.record_of(who, id).await?;
        let account = &record.key.account;
        let unit = self.0.provider_of(&record.provider, account);
        let unit = unit.ok_or_else(|| {
            Error::new(
                ErrorCode::ContentUnavailable,
                format!("no provider has the account `{account}` any more, where it is stored"),
            )
            .hint("`account` in a provider's section names it")
        })?;
        let purpose = unit.profile.purpose(&record.key.purpose);
        if purpose.is_some_and(|purpose| purpose.content == ContentKind::Never) {
            return Err(Error::new(
                ErrorCode::ContentUnavailable,
                format!(
                    "`{}` does not give the content of `{}` files back",
                    record.provider, record.key.purpose
                ),
            ));
        }
        Ok((record, unit.name.clone()))
    }

    /// Reads it in a task of its own, which also records how that ended.
    fn read(&self, record: FileRecord, name: String, mut pending: Pending) -> Content {
        pending.what().provider = Some(name.clone());
        let (sink, chunks) = Provider::content_channel();
        let gateway = self.clone();
        let remote = RemoteRef {
            id: record.remote_id.clone(),
            purpose: record.key.purpose.clone(),
        };
        let bytes = record.bytes;
        let read = async move {
            let unit = gateway.0.provider(&name)?;
            let report = unit.component.content(&remote, sink).await;
            crate::pipeline::log_component(&name, &report);
            match report.outcome {
                // An empty success would let a model make the file's content up.
                Ok(Ok(info)) if info.bytes == 0 && bytes > 0 => Err(Error::new(
                    ErrorCode::ContentUnavailable,
                    format!("`{name}` answered with no content for a file of {bytes} bytes"),
                )),
                Ok(Ok(info)) if info.kind == ContentKind::Raw && info.bytes != bytes => Err(Error::new(
                    ErrorCode::ProviderFailed,
                    format!("`{name}` answered with {} bytes for a file of {bytes}", info.bytes),
                )),
                Ok(Ok(info)) => Ok(info),
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
    pub async fn stats(&self, who: &Principal) -> Result<Stats> {
        who.require(Scope::Read)?;
        self.0.caught_up(|_, waiting| waiting.tenant == who.tenant()).await;
        answered(self.0.tracker.stats(Some(who.tenant().to_owned())).await)
    }
}

impl crate::gateway::Inner {
    /// Every remote file that the gateway asks a vendor to delete is in the audit log.
    pub(crate) async fn remote_delete_recorded(
        &self,
        unit: &ProviderUnit,
        remote_id: &str,
        tenant: Option<&str>,
        gone: bool,
    ) {
        crate::metrics::remote_delete(&unit.name, gone);
        let what = What {
            provider: Some(unit.name.clone()),
            remote_id: Some(remote_id.to_owned()),
            detail: Some("at the vendor".into()),
            ..What::default()
        };
        let end = if gone {
            Ok(())
        } else {
            Err(ErrorCode::ProviderFailed.as_str())
        };
        self.audit
            .note(Event::Delete, tenant.map(str::to_owned), what, end)
            .await;
    }
}

fn not_found(id: &str) -> Error {
    Error::new(ErrorCode::FileNotFound, format!("there is no file `{id}`"))
}

fn content_failure(name: &str, failure: &Failure) -> Error {
    let code = match failure.kind {
        FailureKind::NotFound | FailureKind::Unsupported => ErrorCode::ContentUnavailable,
        FailureKind::Unauthorized => ErrorCode::ProviderUnauthorized,
        FailureKind::RateLimited => ErrorCode::ProviderRateLimited,
        _ => ErrorCode::ProviderFailed,
    };
    Error::new(code, format!("`{name}`: {failure}")).retry_after(failure.retry_after.map(loadlock_policy::Millis::get))
}

pub(crate) fn call_error(name: &str, error: &CallError) -> Error {
    Error::new(ErrorCode::ComponentFailed, format!("`{name}`: {error}"))
}
