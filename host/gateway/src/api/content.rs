//! Reading one file's content: from its vendor, through the check of its digest, to whoever reads.

use bytes::Bytes;
use loadlock_policy::Millis;
use loadlock_policy::counted;
use loadlock_policy::model::{ContentInfo, ContentKind, Failure, FailureKind, RemoteRef};
use loadlock_policy::upkeep::AfterStat;
use loadlock_sandbox::provider::Provider;
use loadlock_sandbox::tracker::FileRecord;
use tokio::sync::mpsc::Sender;

use super::files::Content;
use crate::audit::PendingAudit;
use crate::error::{Error, ErrorCode, Result, call_error};
use crate::state::gateway::Gateway;
use crate::state::provider::ProviderUnit;
use crate::state::read_pool::ReadPlace;
use crate::upload::content_check::{Followed, Onward, follow};
use crate::view::File;

/// What is to be read.
struct WantedContent {
    remote: RemoteRef,
    account: String,
    sha256: String,
    bytes: u64,
    /// Whether the vendor promises the file's own bytes.
    raw: bool,
    /// Whether there is room to keep it in memory until it is taken.
    kept: bool,
}

impl Gateway {
    /// Reads what the record says of the file in a task of its own, which also records how that ended.
    pub(super) fn read(
        &self,
        file: File,
        record: FileRecord,
        name: String,
        raw: bool,
        place: ReadPlace,
        mut pending: PendingAudit,
    ) -> Content {
        pending.what().provider = Some(name.clone());
        let (sink, chunks) = Provider::content_channel();
        let gateway = self.clone();
        // Of an extracted text nobody knows the length before.
        let room = raw.then(|| self.0.callers.readers.keep(record.bytes)).flatten();
        let wanted = WantedContent {
            remote: RemoteRef {
                id: record.remote_id.clone(),
                purpose: record.key.purpose.clone(),
            },
            account: record.key.account.clone(),
            sha256: record.key.sha256.clone(),
            bytes: record.bytes,
            raw,
            kept: room.is_some(),
        };
        let end = tokio::spawn(async move {
            let end = gateway.read_into(&sink, &name, &wanted, place).await;
            pending.what().bytes = end.as_ref().ok().map(|info: &ContentInfo| info.bytes);
            pending.ended(&end).await;
            end
        });
        Content {
            file,
            raw,
            chunks,
            end,
            _room: room,
        }
    }

    /// The call, as long as the reader keeps its place; the last of it only once all is known to be right.
    async fn read_into(
        &self,
        sink: &Sender<Bytes>,
        name: &str,
        wanted: &WantedContent,
        place: ReadPlace,
    ) -> Result<ContentInfo> {
        let unit = self.0.providers.named(name)?;
        let (through, arriving) = Provider::content_channel();
        let mut kept = Vec::new();
        let onward = match wanted.kept {
            true => Onward::Memory(&mut kept, wanted.bytes),
            false => Onward::Client(sink, &place),
        };
        let reading = async {
            tokio::join!(
                unit.component.content(&wanted.remote, through),
                follow(arriving, onward)
            )
        };
        let (report, followed) = tokio::select! {
            read = reading => read,
            // The call ends with it, and its place is free.
            error = place.gave_way() => return Err(error),
        };
        // What follows needs no call any more.
        drop(place);
        unit.called(&report);
        let info = match report.outcome {
            Ok(Ok(info)) => info,
            Ok(Err(failure)) if failure.kind == FailureKind::NotFound => {
                return Err(self.not_there(&unit, wanted).await);
            }
            Ok(Err(failure)) => return Err(content_failure(name, &failure)),
            Err(error) => return Err(call_error(name, &error)),
        };
        self.judge_content(&unit, wanted, &info, &followed).await?;
        if !kept.is_empty() {
            // Whoever has gone has no use for it.
            let _ = sink.send(kept.into()).await;
        }
        followed.finish(sink).await;
        Ok(info)
    }

    /// A vendor that does not find a content may give it back in no form, or may have lost the file; the latter is not
    /// given out again.
    async fn not_there(&self, unit: &ProviderUnit, wanted: &WantedContent) -> Error {
        let name = &unit.name;
        if self.0.ask(unit, &wanted.remote, wanted.bytes).await != AfterStat::Lost {
            return Error::new(
                ErrorCode::ContentUnavailable,
                format!("`{name}` does not give its content back"),
            );
        }
        self.0.damaged(name, &wanted.account, &wanted.remote.id).await;
        Error::new(
            ErrorCode::ContentUnavailable,
            format!("`{name}` does not have the file any more"),
        )
        .hint("upload the content again, which stores it anew")
    }

    /// Whether what came is what was promised.
    async fn judge_content(
        &self,
        unit: &ProviderUnit,
        wanted: &WantedContent,
        info: &ContentInfo,
        followed: &Followed,
    ) -> Result<()> {
        let (name, bytes) = (&unit.name, wanted.bytes);
        let failed = |message: String| Err(Error::new(ErrorCode::ProviderFailed, message));
        match info.kind {
            // An empty success would let a model make the file's content up.
            _ if info.bytes == 0 && bytes > 0 => Err(Error::new(
                ErrorCode::ContentUnavailable,
                format!(
                    "`{name}` answered with no content for a file of {}",
                    counted(bytes, "byte")
                ),
            )),
            ContentKind::Raw if info.bytes != bytes => failed(format!(
                "`{name}` answered with {} for a file of {bytes}",
                counted(info.bytes, "byte")
            )),
            ContentKind::Raw if !followed.agrees(&wanted.sha256) => {
                self.0.damaged(name, &wanted.account, &wanted.remote.id).await;
                Err(Error::new(
                    ErrorCode::ProviderFailed,
                    format!("what `{name}` has stored is not what was uploaded: its digest is another one"),
                )
                .hint("upload the content again, which stores it anew"))
            }
            ContentKind::Raw => Ok(()),
            _ if wanted.raw => failed(format!(
                "`{name}` promised the file's bytes and answered with something else"
            )),
            _ => Ok(()),
        }
    }
}

fn content_failure(name: &str, failure: &Failure) -> Error {
    let code = match failure.kind {
        _ if failure.is_unreachable() => ErrorCode::ProviderUnreachable,
        FailureKind::NotFound | FailureKind::Unsupported => ErrorCode::ContentUnavailable,
        FailureKind::Unauthorized => ErrorCode::ProviderUnauthorized,
        FailureKind::RateLimited => ErrorCode::ProviderRateLimited,
        _ => ErrorCode::ProviderFailed,
    };
    Error::new(code, format!("`{name}`: {failure}")).retry_after(failure.retry_after.map(Millis::get))
}
