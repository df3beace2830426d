//! Uploads of which an operator keeps a copy: stored there first, and copied from there to whom they are for. That is
//! how a file gets to a further provider, or back to one where it has expired, though its vendor gives nothing back.

use loadlock_sandbox::tracker::FileRecord;

use super::progress::{Progress, Silent};
use super::request::{Source, Target, UploadRequest};
use crate::copies::FileCopies;
use crate::error::Result;
use crate::id;
use crate::principal::Principal;
use crate::state::gateway::{Gateway, GatewayState};
use crate::view::File;

impl GatewayState {
    /// The provider that keeps a copy of an upload to this target, if one does.
    pub(crate) fn keeper(&self, target: &Target) -> Option<String> {
        let keeper = self.live().config.keep.clone()?;
        let is_for_it = matches!(target, Target::Pinned(name) if *name == keeper);
        (!is_for_it).then_some(keeper)
    }
}

impl Gateway {
    /// Stores an upload where it is kept, and copies it to whom it is for. If that fails, it is not kept either.
    pub(crate) async fn upload_kept(
        &self,
        who: &Principal,
        request: UploadRequest,
        keeper: String,
        progress: &dyn Progress,
    ) -> Result<File> {
        request.check()?;
        self.require_provider(&request.target)?;
        let unit = self.0.providers.named(&keeper)?;
        // By the client's word, where the provider has it too.
        let purpose = request.purpose.clone().filter(|asked| {
            let word = unit.purposes.get(asked).unwrap_or(asked);
            unit.profile.purpose(word).is_some()
        });
        let (target, asked_purpose, cancel) = (request.target, request.purpose, request.cancel.clone());
        let key = request.idempotency_key;
        let key_is_of_content = request.key_is_of_content;
        let expires_in_s = request.expires_in_s;
        // It is about the upload to whom it is for, too.
        let callback = request.callback.clone();
        let first = UploadRequest {
            target: Target::Pinned(keeper),
            purpose,
            // The key is of the upload to whom it is for: a failure there must not be its answer.
            idempotency_key: None,
            key_is_of_content: false,
            callback: None,
            ..request
        };
        self.must_find_copies(who).await?;
        // What the caller is told of is the upload that it asked for.
        let kept = self.upload_once(who, first, None, &Silent).await?;
        let copied = async {
            let file = FileCopies {
                file: self.record_of(who, &kept.id).await?,
                copies: Vec::new(),
            };
            let staged = self.bytes_of(who, &file, None, &cancel).await?;
            let upload = UploadRequest {
                target,
                purpose: asked_purpose,
                idempotency_key: key,
                key_is_of_content,
                expires_in_s,
                callback,
                cancel,
                ..UploadRequest::from(Source::Staged(staged))
            };
            let copy = self.upload_once(who, upload, Some(&kept.id), progress).await?;
            Ok((file.file, copy))
        };
        match copied.await {
            // The same upload was made before, under its key.
            Ok((_, copy)) if id::file_of(&copy.id) != kept.id => {
                self.not_kept(who, &kept.id).await;
                self.made_before(who, copy).await
            }
            Ok((file, copy)) => Ok(self.kept_with(file, &copy).await),
            Err(error) => {
                self.not_kept(who, &kept.id).await;
                Err(error)
            }
        }
    }

    /// An upload with what it is kept as.
    async fn kept_with(&self, file: FileRecord, copy: &File) -> File {
        let copies = self.0.known_copies(&file.key.tenant, vec![file.id.clone()]).await;
        let id = file.id.clone();
        if copies.is_empty() {
            // The ledger is away, and the journal has it.
            return File { id, ..copy.clone() };
        }
        let seen = self.0.seen(FileCopies { file, copies });
        File {
            deduplicated: copy.deduplicated,
            attempts: copy.attempts,
            ..seen
        }
    }

    /// What the same upload was answered before.
    async fn made_before(&self, who: &Principal, copy: File) -> Result<File> {
        let id = id::file_of(&copy.id).to_owned();
        let file = self.record_of(who, &id).await?;
        Ok(self.kept_with(file, &copy).await)
    }

    /// Lets go what was kept of an upload that failed.
    async fn not_kept(&self, who: &Principal, id: &str) {
        if let Err(error) = self.0.let_go(who.tenant(), id).await {
            tracing::warn!(%error, id, "what was kept of a failed upload could not be deleted; it is among the files");
        }
    }
}
