//! Digests of files that were read before, so that a file that nobody touched is not read again.
//!
//! A file counts as untouched while device, inode, size and both its times are what they were. Times have a
//! granularity, and a write can fall into the same tick as the reading before it: so a digest is only kept when both
//! times were [`SETTLED`] old before the reading began.
//!
//! The file on the disk is a list of records, each with a check of its own. It is never synced: what a power loss takes
//! is computed again, and what it tears is not believed.

use std::collections::{HashMap, VecDeque};
use std::fs::{File, OpenOptions};
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use loadlock_sandbox::files::Identity;
use sha2::{Digest, Sha256};

use crate::cache_file;

/// Age of a file's times from which a change cannot hide behind them. Two seconds are the coarsest granularity of a
/// file system that is in use (FAT).
const SETTLED: Duration = Duration::from_secs(2);

/// Files that are remembered: some 4 MB of memory, 1.5 MB on the disk. Beyond it the oldest goes.
const CAPACITY: usize = 16_384;

/// Bytes of the identity in a record: device, inode, size, both times.
const IDENTITY: usize = 56;
const DIGEST: usize = 32;
/// Bytes of SHA-256 over the rest of the record.
const CHECK: usize = 8;
const RECORD: usize = IDENTITY + DIGEST + CHECK;

type IdentityKey = [u8; IDENTITY];

/// What is remembered. One gateway owns it.
#[derive(Debug)]
pub(crate) struct Digests {
    path: PathBuf,
    state: Mutex<DigestTable>,
}

#[derive(Debug, Default)]
struct DigestTable {
    known: HashMap<IdentityKey, [u8; DIGEST]>,
    /// Oldest first.
    order: VecDeque<IdentityKey>,
    /// Open once something was added.
    file: Option<File>,
    /// Records in the file.
    written: usize,
}

fn key(identity: &Identity) -> IdentityKey {
    let mut key = [0; IDENTITY];
    let parts: [&[u8]; 5] = [
        &identity.device.to_le_bytes(),
        &identity.inode.to_le_bytes(),
        &identity.size.to_le_bytes(),
        &identity.modified_ns.to_le_bytes(),
        &identity.changed_ns.to_le_bytes(),
    ];
    let mut at = 0;
    for part in parts {
        key[at..at + part.len()].copy_from_slice(part);
        at += part.len();
    }
    key
}

fn record(key: &IdentityKey, digest: &[u8; DIGEST]) -> [u8; RECORD] {
    let mut record = [0; RECORD];
    record[..IDENTITY].copy_from_slice(key);
    record[IDENTITY..IDENTITY + DIGEST].copy_from_slice(digest);
    let check = Sha256::digest(&record[..IDENTITY + DIGEST]);
    record[IDENTITY + DIGEST..].copy_from_slice(&check[..CHECK]);
    record
}

/// What a record says, if it is whole.
fn read_record(bytes: &[u8]) -> Option<(IdentityKey, [u8; DIGEST])> {
    let key: IdentityKey = bytes.get(..IDENTITY)?.try_into().ok()?;
    let digest = bytes.get(IDENTITY..IDENTITY + DIGEST)?.try_into().ok()?;
    (record(&key, &digest) == bytes).then_some((key, digest))
}

impl Digests {
    /// Reads what an earlier process left at `path`. What cannot be read is computed again.
    pub(crate) fn open(path: &Path) -> Self {
        let mut state = DigestTable::default();
        match std::fs::read(path) {
            Ok(bytes) => {
                for (key, digest) in bytes.chunks(RECORD).filter_map(read_record) {
                    state.put(key, digest);
                }
                state.written = bytes.len().div_ceil(RECORD);
            }
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            Err(error) => {
                tracing::warn!(path = %path.display(), %error, "known digests cannot be read; files are hashed again");
            }
        }
        Self {
            path: path.to_owned(),
            state: Mutex::new(state),
        }
    }

    fn lock(&self) -> MutexGuard<'_, DigestTable> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// SHA-256 of a file that is as it was when it was read, lower-case hexadecimal.
    pub(crate) fn known(&self, identity: &Identity) -> Option<String> {
        self.lock().known.get(&key(identity)).map(hex::encode)
    }

    /// Remembers the digest of a file that was read after `began` and is still as `identity` says, if its times can be
    /// relied on.
    pub(crate) fn remember(&self, identity: &Identity, began: SystemTime, sha256: &str) {
        let mut digest = [0; DIGEST];
        if !settled(identity, began) || hex::decode_to_slice(sha256, &mut digest).is_err() {
            return;
        }
        let key = key(identity);
        let mut state = self.lock();
        if state.known.get(&key) == Some(&digest) {
            return;
        }
        state.put(key, digest);
        if let Err(error) = state.append(&self.path, &record(&key, &digest)) {
            state.file = None;
            tracing::warn!(path = %self.path.display(), %error, "a digest is only known until this process ends");
        }
    }

    /// Forgets a digest that turned out to be another than that of the bytes.
    pub(crate) fn forget(&self, identity: &Identity) {
        let mut state = self.lock();
        let key = key(identity);
        if state.known.remove(&key).is_some() {
            state.order.retain(|other| *other != key);
            if let Err(error) = state.rewrite(&self.path) {
                tracing::warn!(path = %self.path.display(), %error, "a wrong digest is forgotten only until this \
                     process ends");
            }
        }
    }
}

/// Whether both times were old enough when reading began.
fn settled(identity: &Identity, began: SystemTime) -> bool {
    let Some(limit) = began
        .checked_sub(SETTLED)
        .and_then(|limit| limit.duration_since(UNIX_EPOCH).ok())
    else {
        return false;
    };
    let limit = i128::try_from(limit.as_nanos()).unwrap_or(i128::MIN);
    identity.modified_ns <= limit && identity.changed_ns <= limit
}

impl DigestTable {
    fn put(&mut self, key: IdentityKey, digest: [u8; DIGEST]) {
        if self.known.insert(key, digest).is_none() {
            self.order.push_back(key);
        }
        while self.order.len() > CAPACITY {
            if let Some(oldest) = self.order.pop_front() {
                self.known.remove(&oldest);
            }
        }
    }

    fn append(&mut self, path: &Path, record: &[u8; RECORD]) -> std::io::Result<()> {
        // Half of the file is of files that are forgotten, or torn.
        if self.written >= 2 * CAPACITY {
            return self.rewrite(path);
        }
        let file = match &mut self.file {
            Some(file) => file,
            None => {
                let mut options = OpenOptions::new();
                let file = options.append(true).create(true).mode(0o600).open(path)?;
                // A torn end would put everything after it out of step.
                file.set_len((self.written * RECORD) as u64)?;
                self.file.insert(file)
            }
        };
        file.write_all(record)?;
        self.written += 1;
        Ok(())
    }

    /// Writes what is known into a new file.
    fn rewrite(&mut self, path: &Path) -> std::io::Result<()> {
        let known = self.order.iter().filter_map(|key| {
            let digest = self.known.get(key)?;
            Some(record(key, digest))
        });
        let bytes: Vec<u8> = known.flatten().collect();
        cache_file::replace(path, &bytes)?;
        self.written = self.order.len();
        self.file = None;
        Ok(())
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    const SHA256: &str = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08";

    /// A file whose times are `age` before now.
    fn identity(inode: u64, age: Duration) -> Identity {
        let time = (SystemTime::now() - age).duration_since(UNIX_EPOCH).unwrap();
        let time = i128::try_from(time.as_nanos()).unwrap();
        Identity {
            device: 1,
            inode,
            size: 4,
            modified_ns: time,
            changed_ns: time,
        }
    }

    fn old(inode: u64) -> Identity {
        identity(inode, Duration::from_secs(60))
    }

    #[test]
    fn a_digest_is_known_after_a_restart_and_only_for_the_same_identity() {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("digests");
        let digests = Digests::open(&path);
        let file = old(7);
        digests.remember(&file, SystemTime::now(), SHA256);
        let again = Digests::open(&path);
        assert_eq!(again.known(&file).as_deref(), Some(SHA256));
        let others = [
            Identity { device: 2, ..file },
            Identity { inode: 8, ..file },
            Identity { size: 5, ..file },
            Identity {
                modified_ns: file.modified_ns + 1,
                ..file
            },
            Identity {
                changed_ns: file.changed_ns + 1,
                ..file
            },
        ];
        for other in others {
            assert_eq!(again.known(&other), None, "{other:?}");
        }
    }

    #[test]
    fn a_file_that_was_touched_a_moment_ago_is_not_relied_on() {
        let place = tempfile::tempdir().unwrap();
        let digests = Digests::open(&place.path().join("digests"));
        let now = SystemTime::now();
        let young = identity(1, Duration::from_millis(1_500));
        let changed = Identity {
            modified_ns: 0,
            ..young
        };
        let modified = Identity { changed_ns: 0, ..young };
        for file in [young, changed, modified] {
            digests.remember(&file, now, SHA256);
            assert_eq!(digests.known(&file), None, "{file:?}");
        }
        // It counts when reading began, however long that took.
        digests.remember(&young, now + Duration::from_secs(1), SHA256);
        assert!(digests.known(&young).is_some());
    }

    #[test]
    fn a_damaged_record_is_not_believed_and_a_torn_one_harms_no_other() {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("digests");
        let remember = |inode| {
            let file = old(inode);
            Digests::open(&path).remember(&file, SystemTime::now(), SHA256);
            file
        };
        let (first, second) = (remember(1), remember(2));
        let mut bytes = std::fs::read(&path).unwrap();
        bytes[IDENTITY] ^= 1;
        bytes.truncate(bytes.len() - 1);
        std::fs::write(&path, &bytes).unwrap();
        let third = remember(3);
        let digests = Digests::open(&path);
        assert_eq!(digests.known(&first), None);
        assert_eq!(digests.known(&second), None);
        assert!(digests.known(&third).is_some());
    }

    #[test]
    fn a_digest_that_was_wrong_is_forgotten_for_good() {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("digests");
        let digests = Digests::open(&path);
        for inode in [1, 2] {
            digests.remember(&old(9), SystemTime::now(), SHA256);
            digests.remember(&old(inode), SystemTime::now(), SHA256);
        }
        let file = Identity { inode: 4, ..old(4) };
        digests.remember(&file, SystemTime::now(), SHA256);
        digests.forget(&file);
        assert_eq!(digests.known(&file), None);
        assert_eq!(Digests::open(&path).known(&file), None);
    }

    #[test]
    fn no_more_than_the_capacity_is_kept() {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("digests");
        let digests = Digests::open(&path);
        let file = old(0);
        let count = 2 * CAPACITY as u64 + 10;
        for inode in 0..count {
            let file = Identity { inode, ..file };
            digests.remember(&file, SystemTime::now(), SHA256);
        }
        let again = Digests::open(&path);
        for digests in [&digests, &again] {
            assert_eq!(digests.lock().order.len(), CAPACITY);
            assert!(
                digests
                    .known(&Identity {
                        inode: count - 1,
                        ..file
                    })
                    .is_some()
            );
            assert!(digests.known(&Identity { inode: 0, ..file }).is_none());
        }
        let bytes = std::fs::metadata(&path).unwrap().len();
        assert!(bytes <= (2 * CAPACITY * RECORD) as u64, "{bytes}");
    }
}
