//! Copies of a file at other providers.
//!
//! A copy is an upload through the one pipeline. Its source is the content of the file where it is stored already,
//! taken into the spool and compared with the digest of what was uploaded before anything is sent.

use futures::StreamExt;
use futures::stream::BoxStream;
use loadlock_audit::Event;
use loadlock_policy::counted;
use loadlock_sandbox::tracker::FileRecord;
use tokio_util::sync::CancellationToken;

use super::files::{Content, not_found};
use super::progress::Progress;
use super::request::{Source, Target, UploadRequest, check_purpose};
use super::stage::Announced;
use crate::admission::Body;
use crate::copies::FileCopies;
use crate::error::{Error, ErrorCode, Result, answered};
use crate::principal::{Principal, Scope};
use crate::staged::Staged;
use crate::state::gateway::Gateway;
use crate::state::provider::ProviderUnit;
use crate::upload::revalidate::DedupHit;
use crate::view::File;

/// Where a file is to be copied.
#[derive(Debug, Clone)]
pub struct CopyRequest {
    /// The provider's name.
    pub to: String,
    /// What for, in the provider's word or one that the configuration maps; the file's own purpose if that provider
    /// has it, or else the provider's first.
    pub purpose: Option<String>,
    /// Ends it early, as it does an upload.
    pub cancel: CancellationToken,
}

/// A file, as it is where it was to be copied.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CopyMade {
    /// The file with the id and the expiry that it has there.
    pub file: File,
    /// Whether it was not there before.
    pub is_new: bool,
}

impl Gateway {
    /// Copies a file to another provider, from one that gives its bytes back. A copy that is there is answered as it
    /// is, unless it has expired or the vendor has lost it: then it is made again. Two at once are one.
    ///
    /// # Errors
    /// [`ErrorCode::FileNotFound`], [`ErrorCode::NotAvailableThere`] if nobody gives the bytes back; those of an
    /// upload.
    pub async fn copy(
        &self,
        who: &Principal,
        id: &str,
        request: CopyRequest,
        progress: &dyn Progress,
    ) -> Result<CopyMade> {
        who.require(Scope::Read)?;
        who.require(Scope::Write)?;
        request.purpose.as_deref().map_or(Ok(()), check_purpose)?;
        let unit = self.0.providers.named(&request.to)?;
        let turn = self.0.intake.copy_turns.turn(who.tenant(), id, &unit.name);
        let turn = request.cancel.run_until_cancelled(turn).await;
        let _turn =
            turn.ok_or_else(|| Error::new(ErrorCode::Cancelled, "cancelled while it was copied there already"))?;
        let file = self.with_copies(who, id).await?;
        self.must_find_copies(who).await?;
        if let Some(there) = self.usable_at(&unit, &file).await? {
            let file = self.0.seen_at(&file, there);
            return Ok(CopyMade { file, is_new: false });
        }
        let purpose = request.purpose.or_else(|| {
            let own = &file.file.key.purpose;
            unit.profile.purpose(own).map(|_| own.clone())
        });
        let target = Target::Pinned(unit.name.clone());
        self.foresee(who, announced(&file.file, &target, purpose.as_deref()))
            .await?;
        let room = self.allot(who, file.file.bytes, None).await?;
        let staged = self.bytes_of(who, &file, Some(&unit.name), &request.cancel).await?;
        let upload = UploadRequest {
            target,
            purpose,
            expires_in_s: self.time_left(&file.file)?,
            cancel: request.cancel,
            ..UploadRequest::from(Source::Staged(staged.allotted(room)))
        };
        let copy = self.upload_once(who, upload, Some(&file.file.id), progress).await?;
        self.stays(who, &file.file.id, &copy).await?;
        let file = self.with_copies(who, id).await?;
        let there = file.all().find(|record| record.id == copy.id);
        let there = there.or_else(|| file.at(&unit.name, self.0.clock.wall_ms()));
        let file = match there {
            Some(there) => self.0.seen_at(&file, there),
            // The ledger is away, and the journal has it.
            None => File {
                id: id.to_owned(),
                ..copy
            },
        };
        Ok(CopyMade { file, is_new: true })
    }

    /// One of the caller's files as it is at a provider: with the id by which that vendor's API knows it.
    ///
    /// # Errors
    /// [`ErrorCode::FileNotFound`], [`ErrorCode::NotAvailableThere`] with the reason. Nothing is copied for it.
    pub async fn get_at(&self, who: &Principal, id: &str, provider: &str) -> Result<File> {
        who.require(Scope::Read)?;
        let file = self.with_copies(who, id).await?;
        self.0.providers.named(provider)?;
        if let Some(there) = file.at(provider, self.0.clock.wall_ms()) {
            return Ok(self.0.seen_at(&file, there));
        }
        let expired = file.copies.iter().any(|copy| copy.provider == provider);
        let why = match expired {
            true => format!("the copy of the file `{id}` at `{provider}` has expired"),
            false => format!("the file `{id}` has no copy at `{provider}`"),
        };
        let hint = format!("`loadlock files copy {id} --to {provider}` makes one");
        Err(Error::new(ErrorCode::NotAvailableThere, why).hint(hint))
    }

    /// Deletes the copies of a file at one provider. The file stays, and so does what it is a copy of.
    ///
    /// # Errors
    /// [`ErrorCode::FileNotFound`], [`ErrorCode::NotAvailableThere`] if there is no copy, [`ErrorCode::RequestInvalid`]
    /// for the provider that the file was uploaded to.
    pub async fn delete_copy(&self, who: &Principal, id: &str, provider: &str) -> Result<()> {
        let mut pending = self.0.audit.begin_for(who, Event::Delete).await?;
        pending.what().file_id = Some(id.to_owned());
        pending.what().provider = Some(provider.to_owned());
        pending.what().detail = Some("a copy".into());
        let outcome = self.release_copy(who, id, provider).await;
        pending.ended(&outcome).await;
        outcome
    }

    async fn release_copy(&self, who: &Principal, id: &str, provider: &str) -> Result<()> {
        who.require(Scope::Delete)?;
        let file = self.with_copies(who, id).await?;
        let there: Vec<&FileRecord> = file.copies.iter().filter(|copy| copy.provider == provider).collect();
        if there.is_empty() && file.file.provider == provider {
            let message = format!("`{provider}` is where the file `{id}` itself is stored");
            return Err(Error::new(ErrorCode::RequestInvalid, message).hint("delete the file, with all of its copies"));
        }
        if there.is_empty() {
            let message = format!("the file `{id}` has no copy at `{provider}`");
            return Err(Error::new(ErrorCode::NotAvailableThere, message).hint("`loadlock files show ID` lists them"));
        }
        for copy in there {
            self.0.let_go(who.tenant(), &copy.id).await?;
        }
        Ok(())
    }

    /// A file and its copies.
    ///
    /// # Errors
    /// [`ErrorCode::FileNotFound`], [`ErrorCode::TrackerFailed`].
    pub(super) async fn with_copies(&self, who: &Principal, id: &str) -> Result<FileCopies> {
        let file = self.record_of(who, id).await?;
        let copies = self.0.copies_of(who.tenant(), vec![id.to_owned()]).await?;
        Ok(FileCopies {
            file,
            copies: copies.unwrap_or_default(),
        })
    }

    /// No copy is made that nobody would find again.
    ///
    /// # Errors
    /// [`ErrorCode::NotAvailableThere`] if the tracker is one that finds none.
    pub(super) async fn must_find_copies(&self, who: &Principal) -> Result<()> {
        let none = self.0.ledger.tracker.copies_of(who.tenant().to_owned(), Vec::new());
        if answered(none.await)?.is_some() {
            return Ok(());
        }
        let message = "the configured tracker finds no copies of files";
        Err(Error::new(ErrorCode::NotAvailableThere, message)
            .hint("use a tracker that exports `loadlock:upload/copies`, as the built-in ones do"))
    }

    /// What is stored there already, if its vendor still holds it. What is of no use any more is let go.
    async fn usable_at<'a>(&self, unit: &ProviderUnit, file: &'a FileCopies) -> Result<Option<&'a FileRecord>> {
        let now = self.0.clock.wall_ms();
        let usable = match file.at(&unit.name, now) {
            None => None,
            Some(there) => match self.0.find_live(unit, &there.key).await? {
                DedupHit::Usable(row) if row.remote_id != there.remote_id => None,
                // One of which nobody can tell is not stored twice for it.
                DedupHit::Usable(_) | DedupHit::Undecided => Some(there),
                DedupHit::Nothing => None,
            },
        };
        if usable.is_none() {
            for copy in file.copies.iter().filter(|copy| copy.provider == unit.name) {
                self.0.let_go(&copy.key.tenant, &copy.id).await?;
            }
        }
        Ok(usable)
    }

    /// The file's own bytes, in the spool: from the first provider that gives back what was uploaded.
    ///
    /// # Errors
    /// [`ErrorCode::NotAvailableThere`] if none does, or what the last of those that should have failed with.
    pub(super) async fn bytes_of(
        &self,
        who: &Principal,
        file: &FileCopies,
        to: Option<&str>,
        cancel: &CancellationToken,
    ) -> Result<Staged> {
        let (sources, why) = self.0.sources(file, to);
        let mut failed = None;
        for source in sources {
            let read = cancel
                .run_until_cancelled(self.read_back(who, &file.file.id, source))
                .await;
            match read {
                Some(Ok(staged)) => return Ok(staged),
                Some(Err(error)) => {
                    tracing::warn!(provider = %source.provider, %error, "a file could not be read for a copy");
                    failed = Some(error);
                }
                None => return Err(Error::new(ErrorCode::Cancelled, "cancelled while its bytes were read")),
            }
        }
        Err(failed.unwrap_or_else(|| {
            let (id, to) = (&file.file.id, to.unwrap_or_default());
            let why = match why.is_empty() {
                true => format!("`{to}` has lost it, and no other provider has it"),
                false => why.join("; "),
            };
            let message = format!("the file `{id}` cannot be copied to `{to}`: {why}");
            Error::new(ErrorCode::NotAvailableThere, message).hint(
                "upload the file again; with `keep` in the configuration a provider of the operator's keeps the bytes \
                 of each upload",
            )
        }))
    }

    /// What one provider has, if it is what was uploaded.
    async fn read_back(&self, who: &Principal, id: &str, source: &FileRecord) -> Result<Staged> {
        let (unit, raw) = self.0.reader_of(source)?;
        let mut pending = self.0.audit.begin_for(who, Event::Content).await?;
        pending.what().file_id = Some(id.to_owned());
        pending.what().detail = Some("for a copy".into());
        let place = match self.0.callers.readers.place(who.tenant()).await {
            Ok(place) => place,
            Err(error) => {
                let refused = Err(error);
                pending.ended(&refused).await;
                return refused;
            }
        };
        let name = unit.name.clone();
        let content = self.read(source.clone().into(), source.clone(), name, raw, place, pending);
        let body = Body {
            stream: checked(content),
            name: source.filename.clone(),
            media_type: Some(source.media_type.clone()),
        };
        let staged = self.stage(who, body).await?;
        if staged.sha256() == source.key.sha256 {
            return Ok(staged);
        }
        Err(Error::new(
            ErrorCode::ProviderFailed,
            format!(
                "`{}` gave back {} that are not what was uploaded",
                source.provider,
                counted(staged.bytes(), "byte")
            ),
        ))
    }

    /// Seconds until a file expires: none of its copies stays longer.
    pub(super) fn time_left(&self, file: &FileRecord) -> Result<Option<u64>> {
        let Some(expires) = file.expires_at_ms else {
            return Ok(None);
        };
        match expires.saturating_sub(self.0.clock.wall_ms()) / 1_000 {
            0 => Err(not_found(&file.id)),
            seconds => Ok(Some(seconds)),
        }
    }

    /// Takes a copy back whose file was deleted while it was made, and those that another gateway made meanwhile.
    async fn stays(&self, who: &Principal, id: &str, copy: &File) -> Result<()> {
        match self.record_of(who, id).await {
            Err(error) if error.code == ErrorCode::FileNotFound => {
                self.0.let_go(who.tenant(), &copy.id).await?;
                return Err(error);
            }
            _ if self.0.peers.is_alone() => return Ok(()),
            _ => {}
        }
        let now = self.0.clock.wall_ms();
        let file = self.with_copies(who, id).await?;
        let mut there: Vec<&FileRecord> = file
            .copies
            .iter()
            .filter(|other| other.provider == copy.provider)
            .collect();
        there.retain(|other| other.expires_at_ms.is_none_or(|instant| instant >= now));
        // Whoever looks comes to the same end: the oldest stays.
        for other in there.into_iter().skip(1) {
            self.0.let_go(who.tenant(), &other.id).await?;
        }
        Ok(())
    }
}

/// What an upload of it would announce.
fn announced<'a>(file: &'a FileRecord, target: &'a Target, purpose: Option<&'a str>) -> Announced<'a> {
    Announced {
        name: &file.filename,
        media_type: Some(&file.media_type),
        bytes: Some(file.bytes),
        target,
        purpose,
        idempotency_key: None,
    }
}

/// The chunks of a content, which end well only if all of it was what it should be.
fn checked(content: Content) -> BoxStream<'static, std::io::Result<bytes::Bytes>> {
    let next = |content: Option<Content>| async {
        let mut content = content?;
        if let Some(chunk) = content.chunks.recv().await {
            return Some((Ok(chunk), Some(content)));
        }
        let error = match content.end.await {
            Ok(Ok(_)) => return None,
            Ok(Err(error)) => error,
            Err(error) => Error::new(ErrorCode::Internal, format!("reading ended: {error}")),
        };
        Some((Err(std::io::Error::other(error)), None))
    };
    futures::stream::unfold(Some(content), next).boxed()
}
