//! One file, stored at several providers: its own record in the ledger, and one for each copy.
//!
//! A copy is recorded, counted, expired and deleted as any file is. What makes it one is its id, which continues that
//! of its file; nobody but the gateway names it. Its file goes last, so that no copy is ever left without one: a copy
//! expires with its file at the latest, is deleted before it, and is taken back if its file went while it was made.

use std::sync::Arc;

use loadlock_policy::model::{ContentKind, RemoteStatus};
use loadlock_sandbox::tracker::FileRecord;

use crate::error::{Error, ErrorCode, Result, answered};
use crate::id;
use crate::state::gateway::GatewayState;
use crate::state::provider::ProviderUnit;
use crate::view::{CopyStatus, File, FileCopy};

/// A file and its copies.
#[derive(Debug)]
pub(crate) struct FileCopies {
    pub(crate) file: FileRecord,
    /// Oldest first, those that expired included.
    pub(crate) copies: Vec<FileRecord>,
}

impl FileCopies {
    /// Everywhere that it is stored, the file's own record first.
    pub(crate) fn all(&self) -> impl Iterator<Item = &FileRecord> {
        std::iter::once(&self.file).chain(&self.copies)
    }

    /// What is stored at a provider and has not expired; of several the newest.
    pub(crate) fn at(&self, provider: &str, now_ms: u64) -> Option<&FileRecord> {
        self.all()
            .filter(|record| record.provider == provider && !is_over(record, now_ms))
            .last()
    }

    /// What the file is shown and read as. One that an operator keeps is for whom it was copied to.
    pub(crate) fn facing(&self, keeper: Option<&str>, now_ms: u64) -> &FileRecord {
        let kept = keeper == Some(self.file.provider.as_str());
        let copy = self.copies.iter().find(|copy| kept && !is_over(copy, now_ms));
        copy.unwrap_or(&self.file)
    }
}

/// Whether its time is over.
fn is_over(record: &FileRecord, now_ms: u64) -> bool {
    record.expires_at_ms.is_some_and(|instant| instant < now_ms)
}

impl GatewayState {
    /// Records of the copies of these files, oldest first, those that expired included. `None` if the tracker finds no
    /// copies, so that there are none.
    pub(crate) async fn copies_of(&self, tenant: &str, files: Vec<String>) -> Result<Option<Vec<FileRecord>>> {
        // With one provider there is nowhere to copy to.
        let providers = self.providers.now();
        if files.is_empty() || providers.units.len() + providers.out_of_service.len() < 2 {
            return Ok(Some(Vec::new()));
        }
        let is_one = |id: &str| id::is_of_copy(id) && files.iter().any(|file| file == id::file_of(id));
        self.flush_for(|id, _| is_one(id)).await;
        let tracker = &self.ledger.tracker;
        let Some(ids) = answered(tracker.copies_of(tenant.to_owned(), files.clone()).await)? else {
            return Ok(None);
        };
        let mut copies = Vec::new();
        for id in ids.into_iter().filter(|id| is_one(id)) {
            // At no time: what has expired is told apart here.
            copies.extend(answered(tracker.get(tenant.to_owned(), id, 0).await)?);
        }
        copies.sort_by(|one, other| (one.created_at_ms, &one.id).cmp(&(other.created_at_ms, &other.id)));
        Ok(Some(copies))
    }

    /// The copies as far as the ledger can be asked: whoever looks at a file sees it without.
    pub(crate) async fn known_copies(&self, tenant: &str, files: Vec<String>) -> Vec<FileRecord> {
        match self.copies_of(tenant, files).await {
            Ok(copies) => copies.unwrap_or_default(),
            Err(error) => {
                tracing::warn!(%error, "the tracker is away; copies of files are not shown");
                Vec::new()
            }
        }
    }

    /// A file as its tenant sees it.
    pub(crate) fn seen(&self, file: FileCopies) -> File {
        let now = self.clock.wall_ms();
        let live = self.live();
        let facing = file.facing(live.config.keep.as_deref(), now).clone();
        let tenant = file.file.key.tenant.clone();
        let copies = self.all_copies(&file);
        let shown = FileRecord {
            id: file.file.id,
            filename: file.file.filename,
            created_at_ms: file.file.created_at_ms,
            expires_at_ms: file.file.expires_at_ms,
            ..facing
        };
        self.shown(&tenant, File { copies, ..shown.into() })
    }

    /// A file as it is at one provider: with the id there, and as long as it stays there.
    pub(crate) fn seen_at(&self, file: &FileCopies, record: &FileRecord) -> File {
        let copies = self.all_copies(file);
        let shown = FileRecord {
            id: file.file.id.clone(),
            ..record.clone()
        };
        self.shown(&file.file.key.tenant, File { copies, ..shown.into() })
    }

    fn all_copies(&self, file: &FileCopies) -> Vec<FileCopy> {
        if file.copies.is_empty() {
            return Vec::new();
        }
        let now = self.clock.wall_ms();
        let status = |record: &FileRecord| match self.providers.statuses.of(&record.provider, &record.remote_id).0 {
            _ if is_over(record, now) => CopyStatus::Expired,
            RemoteStatus::Ready => CopyStatus::Ready,
            RemoteStatus::Processing => CopyStatus::Processing,
            RemoteStatus::Failed => CopyStatus::Failed,
        };
        file.all().map(|record| FileCopy::of(record, status(record))).collect()
    }

    /// The provider that gives the content of this record back, and whether as the file's own bytes.
    ///
    /// # Errors
    /// [`ErrorCode::ContentUnavailable`], [`ErrorCode::ProviderOutOfService`].
    pub(crate) fn reader_of(&self, record: &FileRecord) -> Result<(Arc<ProviderUnit>, bool)> {
        let account = &record.key.account;
        let unit = self.providers.at_account(&record.provider, account);
        let unit = unit.ok_or_else(|| {
            if let Some(out) = self.providers.out_of_service(&record.provider) {
                return out.refusal();
            }
            Error::new(
                ErrorCode::ContentUnavailable,
                format!("it is stored in the account `{account}`, which no provider has any more"),
            )
            .hint("`account` in a provider's section names it")
        })?;
        let kind = unit.profile.purpose(&record.key.purpose).map(|purpose| purpose.content);
        if kind == Some(ContentKind::Never) {
            return Err(Error::new(
                ErrorCode::ContentUnavailable,
                format!(
                    "`{}` does not return the content of `{}` files",
                    record.provider, record.key.purpose
                ),
            ));
        }
        Ok((unit, kind == Some(ContentKind::Raw)))
    }

    /// The record that a file's content is read from: the one that it is shown as, or else the first that gives it
    /// back.
    ///
    /// # Errors
    /// Why the first does not.
    pub(crate) fn readable<'a>(&self, file: &'a FileCopies) -> Result<(&'a FileRecord, Arc<ProviderUnit>, bool)> {
        let now = self.clock.wall_ms();
        let facing = file.facing(self.live().config.keep.as_deref(), now);
        let refused = match self.reader_of(facing) {
            Ok((unit, raw)) => return Ok((facing, unit, raw)),
            Err(refused) => refused,
        };
        let mut others = file.all().filter(|record| !is_over(record, now));
        let found = others.find_map(|record| Some((record, self.reader_of(record).ok()?)));
        let (record, (unit, raw)) = found.ok_or(refused)?;
        Ok((record, unit, raw))
    }

    /// Those of the records that give the file's own bytes back, and why the others do not.
    pub(crate) fn sources<'a>(&self, file: &'a FileCopies, except: Option<&str>) -> (Vec<&'a FileRecord>, Vec<String>) {
        let now = self.clock.wall_ms();
        let (mut sources, mut why) = (Vec::new(), Vec::new());
        for record in file.all().filter(|record| except != Some(record.provider.as_str())) {
            let name = &record.provider;
            match self.reader_of(record) {
                _ if is_over(record, now) => why.push(format!("what `{name}` had has expired")),
                Ok((_, true)) => sources.push(record),
                Ok((_, false)) => why.push(format!("`{name}` gives back the text that it extracted, not the bytes")),
                Err(refused) => why.push(refused.message),
            }
        }
        (sources, why)
    }
}
