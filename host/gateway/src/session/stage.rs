//! Data files as the source of an upload, where they lie.

use std::path::{Path, PathBuf};

use loadlock_sandbox::files::OpenedFile;
use sha2::Digest;

use super::{Session, blocking, check_name};
use crate::admission::{
    Arrival, ArrivalFacts, ArrivalFeed, Composed, KeptBody, Opened, Spooled, arrive_at, unavailable,
};
use crate::error::{Error, ErrorCode, Result};
use crate::hash::hash;
use crate::staged::Staged;

/// A session whose data is being uploaded.
#[derive(Debug)]
struct SessionBody {
    session: Session,
    /// While it lives, several data files are one.
    _composed: Option<Composed>,
}

impl KeptBody for SessionBody {
    fn directory(&self) -> &Path {
        self.session.directory()
    }
}

impl Session {
    /// Data files, in this order, as the source of one upload; they are read where they lie. Nothing may write to them
    /// any more, and the session stays open until the upload is over. Without a digest they are read once more, unless
    /// it is known from writing them.
    ///
    /// # Errors
    /// [`ErrorCode::StateUnavailable`]; [`ErrorCode::FileNotFound`] if the session was closed.
    pub async fn stage(
        &self,
        data: &[String],
        name: impl Into<String>,
        media_type: Option<String>,
        sha256: Option<String>,
    ) -> Result<Staged> {
        self.open_still()?;
        data.iter().try_for_each(|name| check_name(name))?;
        let relative = |name: &String| Path::new(self.id()).join(name);
        let (file, relative, composed) = match data {
            [one] => {
                let relative = relative(one);
                (self.0.spool.open(&relative)?, relative, None)
            }
            several => self.compose(several.iter().map(relative).collect()).await?,
        };
        let sha256 = match sha256.or_else(|| self.known_digest(data, &file)) {
            Some(known) => known,
            None => hash(file.file.clone(), file.identity.size)
                .await
                .map_err(|error| unavailable(&error))?,
        };
        Ok(Staged {
            tenant: self.owner().tenant().to_owned(),
            allotment: None,
            opened: Box::new(Opened {
                file,
                covers: vec![self.0.spool.cover(relative)],
                name: name.into().into_bytes(),
                typed: None,
                folder: Vec::new(),
                declared_type: media_type,
                sha256: Some(sha256),
                spooled: Some(Spooled::KeptBody(Box::new(SessionBody {
                    session: self.clone(),
                    _composed: composed,
                }))),
            }),
        })
    }

    /// One data file that grows, as the source of an upload that is sent while it does. Who writes it says how far it
    /// is, and cuts nothing off that was said to be there.
    ///
    /// # Errors
    /// [`ErrorCode::StateUnavailable`]; [`ErrorCode::FileNotFound`] if the session was closed.
    pub fn arrive(
        &self,
        data: &str,
        name: impl Into<String>,
        media_type: Option<String>,
        bytes: u64,
    ) -> Result<(Arrival, ArrivalFeed)> {
        self.open_still()?;
        check_name(data)?;
        let facts = ArrivalFacts {
            tenant: self.owner().tenant().to_owned(),
            name: name.into(),
            media_type,
            bytes,
        };
        let kept = SessionBody {
            session: self.clone(),
            _composed: None,
        };
        arrive_at(&self.0.spool, facts, Path::new(self.id()).join(data), Box::new(kept))
    }

    async fn compose(&self, paths: Vec<PathBuf>) -> Result<(OpenedFile, PathBuf, Option<Composed>)> {
        let spool = self.0.spool.clone();
        let composed = tokio::task::spawn_blocking(move || spool.compose(paths)).await;
        let (file, composed) =
            composed.map_err(|error| Error::new(ErrorCode::Internal, format!("composing a body: {error}")))??;
        let relative = composed.relative().to_owned();
        Ok((file, relative, Some(composed)))
    }

    /// The digest of a single file that this process wrote whole.
    fn known_digest(&self, data: &[String], file: &OpenedFile) -> Option<String> {
        let [name] = data else { return None };
        let sha256 = self.digest_of(name, file.identity.size)?;
        Some(hex::encode(sha256.finalize()))
    }

    /// Reads data files one after the other, on a thread for that: for digests besides the SHA-256.
    ///
    /// # Errors
    /// [`ErrorCode::StateUnavailable`].
    pub async fn read<T: Send + 'static>(
        &self,
        data: &[String],
        mut into: T,
        mut take: impl FnMut(&mut T, &[u8]) + Send + 'static,
    ) -> Result<T> {
        data.iter().try_for_each(|name| check_name(name))?;
        let paths: Vec<_> = data.iter().map(|name| self.directory().join(name)).collect();
        blocking(move || {
            let mut block = vec![0; 256 << 10];
            for path in paths {
                let mut file = std::fs::File::open(path)?;
                loop {
                    match std::io::Read::read(&mut file, &mut block)? {
                        0 => break,
                        read => take(&mut into, &block[..read]),
                    }
                }
            }
            Ok(into)
        })
        .await
    }
}
