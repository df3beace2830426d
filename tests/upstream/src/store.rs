//! What the fake holds.

use std::collections::HashMap;
use std::fs::File;
use std::io::Write;
use std::os::unix::fs::FileExt;
use std::sync::{Arc, Mutex};
use std::time::{SystemTime, UNIX_EPOCH};

use bytes::{Bytes, BytesMut};
use rand::RngExt;
use serde::Serialize;
use sha2::{Digest, Sha256};

use crate::locked;
use crate::vendor::gemini::Session;

/// Contents are served in pieces of this size.
const PIECE: usize = 256 * 1024;

/// One stored file.
#[derive(Debug, Clone, Serialize)]
pub struct StoredFile {
    /// The vendor's id.
    pub id: String,
    /// The name in the form.
    pub filename: String,
    /// The vendor's word.
    pub purpose: String,
    /// Size of the content.
    pub bytes: u64,
    /// Digest of the content, hexadecimal.
    pub sha256: String,
    /// Media type of the form part, if it had one.
    pub content_type: Option<String>,
    /// Seconds since 1970.
    pub created_at: u64,
    /// Seconds since 1970.
    pub expires_at: Option<u64>,
    #[serde(skip)]
    pub(crate) kept: Kept,
}

/// What is left of a content.
#[derive(Debug, Clone)]
pub(crate) enum Kept {
    Memory(Bytes),
    Disk(Arc<File>, u64),
    Chain(Vec<Kept>),
    /// Too long to be kept.
    Dropped,
}

impl Kept {
    /// The content in pieces; `None` if it was not kept.
    pub(crate) fn pieces(&self) -> Option<Box<dyn Iterator<Item = std::io::Result<Bytes>> + Send>> {
        match self {
            Self::Memory(bytes) => Some(Box::new(std::iter::once(Ok(bytes.clone())))),
            Self::Disk(file, length) => {
                let (file, length) = (Arc::clone(file), *length);
                let starts = (0..length).step_by(PIECE);
                Some(Box::new(starts.map(move |at| {
                    let mut piece = vec![0; PIECE.min((length - at) as usize)];
                    file.read_exact_at(&mut piece, at)?;
                    Ok(Bytes::from(piece))
                })))
            }
            Self::Chain(parts) => {
                let parts: Option<Vec<_>> = parts.iter().map(Self::pieces).collect();
                Some(Box::new(parts?.into_iter().flatten()))
            }
            Self::Dropped => None,
        }
    }
}

/// Decides what to keep while the content passes.
pub(crate) struct Keeper {
    memory: BytesMut,
    limit: usize,
    spill: bool,
    file: Option<(File, u64)>,
    dropped: bool,
}

impl Keeper {
    /// Up to `limit` bytes in memory; more on disk or, without `spill`, nothing.
    pub(crate) fn new(limit: usize, spill: bool) -> Self {
        Self {
            memory: BytesMut::new(),
            limit,
            spill,
            file: None,
            dropped: false,
        }
    }

    pub(crate) fn take(&mut self, chunk: &[u8]) {
        if self.dropped {
            return;
        }
        if self.file.is_none() && self.memory.len() + chunk.len() <= self.limit {
            self.memory.extend_from_slice(chunk);
            return;
        }
        if self.spill_over(chunk).is_none() {
            self.dropped = true;
            self.file = None;
        }
        self.memory = BytesMut::new();
    }

    fn spill_over(&mut self, chunk: &[u8]) -> Option<()> {
        if !self.spill {
            return None;
        }
        if self.file.is_none() {
            let mut file = tempfile::tempfile().ok()?;
            file.write_all(&self.memory).ok()?;
            self.file = Some((file, self.memory.len() as u64));
        }
        let (file, length) = self.file.as_mut()?;
        file.write_all(chunk).ok()?;
        *length += chunk.len() as u64;
        Some(())
    }

    pub(crate) fn finish(self) -> Kept {
        match self.file {
            _ if self.dropped => Kept::Dropped,
            Some((file, length)) => Kept::Disk(Arc::new(file), length),
            None => Kept::Memory(self.memory.freeze()),
        }
    }
}

/// An upload in parts.
#[derive(Debug, Clone)]
pub(crate) struct PartedUpload {
    pub(crate) id: String,
    pub(crate) filename: String,
    pub(crate) purpose: String,
    pub(crate) bytes: u64,
    pub(crate) media_type: String,
    pub(crate) created_at: u64,
    pub(crate) expires_after: Option<u64>,
    pub(crate) status: &'static str,
    pub(crate) parts: HashMap<String, (u64, Kept)>,
    pub(crate) file: Option<String>,
}

#[derive(Default)]
pub(crate) struct Store {
    /// Resumable uploads by their secret.
    pub(crate) sessions: HashMap<String, Arc<tokio::sync::Mutex<Session>>>,
    /// By id, how often a file is looked at before it is processed.
    pub(crate) processing: HashMap<String, u32>,
    /// In order of arrival.
    pub(crate) files: Vec<StoredFile>,
    pub(crate) deleted: Vec<StoredFile>,
    pub(crate) uploads: HashMap<String, PartedUpload>,
}

impl Store {
    pub(crate) fn find(&self, id: &str) -> Option<&StoredFile> {
        self.files.iter().find(|file| file.id == id)
    }

    /// Somebody asked for a file that is processed.
    pub(crate) fn look(&mut self, id: &str) {
        if let Some(left) = self.processing.get_mut(id) {
            *left = left.saturating_sub(1);
        }
    }

    pub(crate) fn remove(&mut self, id: &str) -> bool {
        let Some(at) = self.files.iter().position(|file| file.id == id) else {
            return false;
        };
        let gone = self.files.remove(at);
        self.deleted.push(gone);
        true
    }
}

/// The files that a fake holds. Cheap to clone.
#[derive(Clone, Default)]
pub struct Files(pub(crate) Arc<Mutex<Store>>);

impl Files {
    /// All, oldest first.
    pub fn all(&self) -> Vec<StoredFile> {
        locked(&self.0).files.clone()
    }

    /// Those that a client deleted, or that [`Files::lose`] took away.
    pub fn deleted(&self) -> Vec<StoredFile> {
        locked(&self.0).deleted.clone()
    }

    /// One by id.
    pub fn get(&self, id: &str) -> Option<StoredFile> {
        locked(&self.0).find(id).cloned()
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        locked(&self.0).files.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Puts a file there that no client uploaded, as another program on the same account would.
    pub fn put(&self, filename: &str, purpose: &str, content: &[u8]) -> StoredFile {
        let file = StoredFile {
            id: random_id("file-", 24),
            filename: filename.to_owned(),
            purpose: purpose.to_owned(),
            bytes: content.len() as u64,
            sha256: hex::encode(Sha256::digest(content)),
            content_type: None,
            created_at: now(),
            expires_at: None,
            kept: Kept::Memory(Bytes::copy_from_slice(content)),
        };
        locked(&self.0).files.push(file.clone());
        file
    }

    /// Puts a file back that was taken away, under its id.
    pub fn restore(&self, file: StoredFile) {
        let mut store = locked(&self.0);
        store.deleted.retain(|gone| gone.id != file.id);
        store.files.push(file);
    }

    /// Takes a file away behind everyone's back, as an expiry would. False if there is none.
    pub fn lose(&self, id: &str) -> bool {
        locked(&self.0).remove(id)
    }
}

/// A prefix and so many random characters `[0-9a-v]`.
pub(crate) fn random_id(prefix: &str, length: usize) -> String {
    const ALPHABET: &[u8; 32] = b"0123456789abcdefghijklmnopqrstuv";
    let mut random = rand::rng();
    let letters = (0..length).map(|_| char::from(ALPHABET[random.random_range(0..32)]));
    prefix.chars().chain(letters).collect()
}

/// Seconds since 1970.
pub(crate) fn now() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |elapsed| elapsed.as_secs())
}
