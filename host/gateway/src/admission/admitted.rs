//! A file that has passed every check.

use loadlock_sandbox::files::{AdmittedInput, OpenedFile, Watch};
use loadlock_sandbox::provider;
use loadlock_sandbox::validator::{FileCandidate, FileRefusal, ValidationRules, Validator};

use super::grants::Cover;
use super::opened::Opened;
use super::sniff;
use super::spooled::Spooled;
use crate::error::{Error, ErrorCode, Result};
use crate::state::role_slot::RoleSlot;

/// A file that may be uploaded.
#[derive(Debug)]
pub struct AdmittedFile {
    opened: Opened,
    name: String,
    media_type: String,
    extension: String,
}

impl AdmittedFile {
    /// Asks the validator. Anything but a clear yes is a no.
    pub(crate) async fn judge(
        opened: Opened,
        validator: &RoleSlot<Validator>,
        rules: &ValidationRules,
        rename: Option<&str>,
    ) -> Result<Self> {
        let size = opened.file.identity.size;
        let head = sniff::read(&opened.file)
            .await
            .map_err(|error| Error::new(ErrorCode::PathNotReadable, format!("cannot read the file: {error}")))?;
        let candidate = |name: Vec<u8>| FileCandidate {
            name,
            folder: opened.folder.clone(),
            size,
            head: head.clone(),
            declared_type: opened.declared_type.clone(),
        };
        // The name on disk is judged as well as a link's and the one that the caller gives: renaming must not smuggle a
        // `.env` out.
        let mut accepted = verdict(validator, candidate(opened.name.clone()), rules).await?;
        let others = [opened.typed.clone(), rename.map(|rename| rename.as_bytes().to_vec())];
        for name in others.into_iter().flatten() {
            accepted = verdict(validator, candidate(name), rules).await?;
        }
        Ok(Self {
            name: accepted.name,
            media_type: accepted.media_type,
            extension: accepted.extension,
            opened,
        })
    }

    /// Display name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Bytes.
    pub fn size(&self) -> u64 {
        self.opened.file.identity.size
    }

    /// Media type by content and name.
    pub fn media_type(&self) -> &str {
        &self.media_type
    }

    /// Lower case, no dot.
    pub fn extension(&self) -> &str {
        &self.extension
    }

    /// Digest, if it is known before the bytes are sent.
    pub fn sha256(&self) -> Option<&str> {
        self.opened.sha256.as_deref()
    }

    pub(crate) fn opened(&self) -> &OpenedFile {
        &self.opened.file
    }

    /// Whether a provider may read it.
    pub(crate) fn granted_to(&self, provider: &str) -> bool {
        self.cover_for(provider).is_some()
    }

    fn cover_for(&self, provider: &str) -> Option<&Cover> {
        self.opened.covers.iter().find(|cover| {
            cover
                .providers
                .as_ref()
                .is_none_or(|providers| providers.iter().any(|name| name == provider))
        })
    }

    /// The most specific root that shows it.
    pub(crate) fn cover(&self) -> Option<&Cover> {
        self.opened.covers.first()
    }

    /// Whether it came as a body.
    pub(crate) fn spooled(&self) -> Option<&Spooled> {
        self.opened.spooled.as_ref()
    }

    /// What one attempt at one provider reads, with a count of its own.
    pub(crate) fn input_for(&self, provider: &str) -> Option<AdmittedInput> {
        let cover = self.cover_for(provider)?;
        Some(AdmittedInput {
            root: cover.root.clone(),
            relative: cover.relative.clone(),
            file: self.opened.file.file.clone(),
            identity: self.opened.file.identity,
            resident: self.opened.file.resident,
            watch: Watch::default(),
        })
    }

    /// What a provider is told beside the bytes.
    pub(crate) fn facts(&self, sha256: Option<&str>) -> provider::FileDescription {
        provider::FileDescription {
            name: self.name.clone(),
            size: self.size(),
            media_type: self.media_type.clone(),
            sha256: sha256.map(str::to_owned),
        }
    }

    /// Fails if the file is not what it was when it was admitted.
    pub(crate) fn unchanged(&self) -> Result<()> {
        let now = self.opened.file.file.identity().map_err(|error| {
            Error::new(
                ErrorCode::FileChanged,
                format!("the file cannot be examined any more: {error}"),
            )
        })?;
        if now == self.opened.file.identity {
            return Ok(());
        }
        Err(Error::new(
            ErrorCode::FileChanged,
            format!(
                "the file changed while it was being uploaded: {} bytes before, {} bytes now",
                self.opened.file.identity.size, now.size
            ),
        ))
    }
}

/// What the validator says against a file, as a user reads it.
pub(crate) fn refused(refusal: FileRefusal) -> Error {
    let code = match refusal.code.as_str() {
        "too_large" => ErrorCode::FileTooLarge,
        _ => ErrorCode::FileRejected,
    };
    Error::new(code, format!("{} ({})", refusal.reason, refusal.code)).hint(refusal.hint)
}

async fn verdict(
    validator: &RoleSlot<Validator>,
    candidate: FileCandidate,
    rules: &ValidationRules,
) -> Result<loadlock_sandbox::validator::ValidatedFile> {
    match validator.inspect(candidate, rules).await {
        Ok(Ok(accepted)) => Ok(accepted),
        Ok(Err(refusal)) => Err(refused(refusal)),
        Err(error) => Err(Error::new(
            ErrorCode::FileRejected,
            format!("the validator gave no verdict, so the file is refused: {error}"),
        )),
    }
}
