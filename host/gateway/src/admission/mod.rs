//! From a path or a body to an admitted file.
//!
//! [`AdmittedFile`] has no public constructor: whatever holds one knows that the file was opened beneath a granted root
//! (or spooled by us), is a regular file that Loadlock may read, and has passed the validator.

mod digests;
mod grants;
mod head;
mod path;
mod room;
mod space;
mod spool;
mod taking;

use std::path::PathBuf;
use std::sync::Arc;

use loadlock_sandbox::files::{AdmittedInput, GrantRoot, OpenedFile, Watch};
use loadlock_sandbox::provider;
use loadlock_sandbox::validator::{FileCandidate, ValidationRules, Validator};

use crate::error::{Error, ErrorCode, Result};

pub(crate) use digests::Digests;
pub(crate) use grants::{Grants, spool_root};
pub(crate) use path::open_path;
pub use room::Room;
pub(crate) use space::Space;
pub(crate) use spool::{BYTES, Spool, SpoolEntry, Spooled, too_large, unavailable};
pub use spool::{Body, ended_early};

/// One root that shows the file.
#[derive(Debug, Clone)]
pub(crate) struct Cover {
    pub(crate) root: Arc<GrantRoot>,
    pub(crate) relative: PathBuf,
    /// Providers that may read beneath it; `None` is all.
    pub(crate) providers: Option<Vec<String>>,
}

/// A file that was opened but not yet judged.
#[derive(Debug)]
pub(crate) struct Opened {
    pub(crate) file: OpenedFile,
    /// At least one; the most specific first.
    pub(crate) covers: Vec<Cover>,
    pub(crate) name: Vec<u8>,
    pub(crate) folder: Vec<u8>,
    pub(crate) declared_type: Option<String>,
    /// Known for spooled bodies.
    pub(crate) sha256: Option<String>,
    /// Keeps the spool entry until the upload is over.
    pub(crate) spooled: Option<Spooled>,
}

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
        validator: &Validator,
        rules: &ValidationRules,
        rename: Option<&str>,
    ) -> Result<Self> {
        let size = opened.file.identity.size;
        let head = head::read(&opened.file)
            .await
            .map_err(|error| Error::new(ErrorCode::PathNotReadable, format!("cannot read the file: {error}")))?;
        let candidate = |name: Vec<u8>| FileCandidate {
            name,
            folder: opened.folder.clone(),
            size,
            head: head.clone(),
            declared_type: opened.declared_type.clone(),
        };
        // The name on disk is judged as well as the one that the caller gives: renaming must not smuggle a `.env` out.
        let mut accepted = verdict(validator, candidate(opened.name.clone()), rules).await?;
        if let Some(rename) = rename {
            accepted = verdict(validator, candidate(rename.as_bytes().to_vec()), rules).await?;
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
        let now = loadlock_sandbox::files::Identity::of(&self.opened.file.file).map_err(|error| {
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

async fn verdict(
    validator: &Validator,
    candidate: FileCandidate,
    rules: &ValidationRules,
) -> Result<loadlock_sandbox::validator::ValidatedFile> {
    match validator.inspect(candidate, rules).await {
        Ok(Ok(accepted)) => Ok(accepted),
        Ok(Err(refusal)) => {
            let code = match refusal.code.as_str() {
                "too_large" => ErrorCode::FileTooLarge,
                _ => ErrorCode::FileRejected,
            };
            Err(Error::new(code, format!("{} ({})", refusal.reason, refusal.code)).hint(refusal.hint))
        }
        Err(error) => Err(Error::new(
            ErrorCode::FileRejected,
            format!("the validator gave no verdict, so the file is refused: {error}"),
        )),
    }
}
