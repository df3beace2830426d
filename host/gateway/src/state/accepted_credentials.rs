//! Credentials that were accepted before, so that nobody's failures keep their owners out, after a restart neither.
//!
//! What is kept is a digest with a salt of this installation, in memory and in a file: the salt, then one digest after
//! the other. A digest that a crash tears, or that somebody changes, is that of no credential. The file is never
//! synced: what a power loss takes is one more credential that has to wait like a new one.

use std::collections::HashMap;
use std::fs::{File, OpenOptions};
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use crate::cache_file;

/// Credentials that are remembered; beyond them those go that were not used for longest. Some 1 MiB of memory.
pub(crate) const CAPACITY: usize = 10_000;
const SALT: usize = 16;
const DIGEST: usize = 32;

type Known = [u8; DIGEST];

/// See the module.
pub(crate) struct AcceptedCredentials {
    salt: [u8; SALT],
    used: HashMap<Known, Used>,
    uses: u64,
    /// Digests that were written to the file, those of earlier processes included.
    written: u64,
    file: Option<DigestFile>,
}

/// When one was used last, and written last, each counted in all of them.
struct Used {
    used: u64,
    written: u64,
}

struct DigestFile {
    path: PathBuf,
    /// Open once something was added.
    open: Option<File>,
    /// Digests in it.
    count: usize,
}

impl AcceptedCredentials {
    /// Until this process ends.
    #[cfg(test)]
    pub(crate) fn in_memory() -> Self {
        Self {
            salt: rand::random(),
            used: HashMap::new(),
            uses: 0,
            written: 0,
            file: None,
        }
    }

    /// With what an earlier process kept at `path`.
    pub(crate) fn open(path: &Path) -> Self {
        let bytes = std::fs::read(path).unwrap_or_else(|error| {
            if error.kind() != std::io::ErrorKind::NotFound {
                tracing::warn!(path = %path.display(), %error, "who was let in before is not known");
            }
            Vec::new()
        });
        let (salt, digests) = match bytes.split_at_checked(SALT) {
            Some((salt, digests)) => (salt.try_into().unwrap_or_default(), digests),
            None => (rand::random(), &[][..]),
        };
        let mut accepted = Self {
            salt,
            used: HashMap::new(),
            uses: 0,
            written: 0,
            file: Some(DigestFile {
                path: path.to_owned(),
                open: None,
                count: digests.len() / DIGEST,
            }),
        };
        for digest in digests.chunks_exact(DIGEST) {
            accepted.note(digest.try_into().unwrap_or_default());
        }
        accepted
    }

    fn digest(&self, credential: &str) -> Known {
        let hash = Sha256::new().chain_update(self.salt).chain_update(credential);
        hash.finalize().into()
    }

    /// Whether it was accepted and not refused since.
    pub(crate) fn holds(&self, credential: &str) -> bool {
        self.used.contains_key(&self.digest(credential))
    }

    /// It was accepted.
    pub(crate) fn insert(&mut self, credential: &str) {
        let digest = self.digest(credential);
        if !self.note(digest) {
            return;
        }
        if let Err(error) = self.keep(&digest) {
            tracing::warn!(%error, "a credential that was accepted is only known until this process ends");
        }
    }

    /// It was refused. A restart gives it one more try.
    pub(crate) fn remove(&mut self, credential: &str) {
        self.used.remove(&self.digest(credential));
    }

    /// How many there are.
    #[cfg(test)]
    pub(crate) fn len(&self) -> usize {
        self.used.len()
    }

    /// Notes a use; true if it is to be written. What is in use is written again before so many others follow that a
    /// restart would take it for the oldest.
    fn note(&mut self, digest: Known) -> bool {
        self.uses += 1;
        let known = self.used.get(&digest).map(|known| known.written);
        let due = known.is_none_or(|written| self.written - written >= CAPACITY as u64 / 2);
        self.written += u64::from(due);
        let written = if due { self.written } else { known.unwrap_or_default() };
        let used = self.uses;
        self.used.insert(digest, Used { used, written });
        if self.used.len() > CAPACITY {
            let oldest = self.oldest_first();
            for digest in oldest.iter().take(CAPACITY / 10) {
                self.used.remove(digest);
            }
        }
        due
    }

    fn oldest_first(&self) -> Vec<Known> {
        let mut all: Vec<_> = self.used.iter().map(|(digest, known)| (known.used, *digest)).collect();
        all.sort_unstable();
        all.into_iter().map(|(_, digest)| digest).collect()
    }

    fn keep(&mut self, digest: &Known) -> std::io::Result<()> {
        let all = self.oldest_first_if_due();
        let Some(kept) = &mut self.file else {
            return Ok(());
        };
        if let Some(all) = all {
            return kept.rewrite(&self.salt, &all);
        }
        kept.append(&self.salt, digest)
    }

    /// What the file is written anew with, once half of it is forgotten.
    fn oldest_first_if_due(&self) -> Option<Vec<Known>> {
        let due = self.file.as_ref().is_some_and(|kept| kept.count >= 2 * CAPACITY);
        due.then(|| self.oldest_first())
    }
}

impl DigestFile {
    fn append(&mut self, salt: &[u8; SALT], digest: &Known) -> std::io::Result<()> {
        let file = match &mut self.open {
            Some(file) => file,
            None => {
                let mut options = OpenOptions::new();
                let mut file = options.append(true).create(true).mode(0o600).open(&self.path)?;
                if file.metadata()?.len() < SALT as u64 {
                    file.set_len(0)?;
                    file.write_all(salt)?;
                } else {
                    // A torn end would put everything after it out of step.
                    file.set_len((SALT + self.count * DIGEST) as u64)?;
                }
                self.open.insert(file)
            }
        };
        let written = file.write_all(digest);
        match &written {
            Ok(()) => self.count += 1,
            // Opened again, it loses what was written by half.
            Err(_) => self.open = None,
        }
        written
    }

    fn rewrite(&mut self, salt: &[u8; SALT], digests: &[Known]) -> std::io::Result<()> {
        let bytes = [salt.as_slice(), digests.concat().as_slice()].concat();
        cache_file::replace(&self.path, &bytes)?;
        self.open = None;
        self.count = digests.len();
        Ok(())
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn who_was_let_in_is_known_after_a_restart() {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("accepted");
        let mut accepted = AcceptedCredentials::open(&path);
        accepted.insert("one");
        accepted.insert("two");
        accepted.insert("one");
        let again = AcceptedCredentials::open(&path);
        assert!(again.holds("one") && again.holds("two") && !again.holds("three"));
        let kept = std::fs::read(&path).unwrap();
        assert_eq!(kept.len(), SALT + 2 * DIGEST);
        assert!(!kept.windows(3).any(|bytes| bytes == b"one"));
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    }

    #[test]
    fn a_torn_file_harms_no_other_record() {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("accepted");
        let mut accepted = AcceptedCredentials::open(&path);
        accepted.insert("one");
        accepted.insert("two");
        let kept = std::fs::read(&path).unwrap();
        for length in [kept.len() - 1, SALT + 1, SALT, SALT - 1, 0] {
            std::fs::write(&path, &kept[..length]).unwrap();
            let mut torn = AcceptedCredentials::open(&path);
            assert_eq!(torn.holds("one"), length >= SALT + DIGEST, "{length}");
            torn.insert("three");
            let again = AcceptedCredentials::open(&path);
            assert!(again.holds("three"), "{length}");
            assert_eq!(again.holds("one"), length >= SALT + DIGEST, "{length}");
        }
    }

    #[test]
    fn what_is_used_is_not_forgotten_and_the_file_stays_small() {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("accepted");
        let mut accepted = AcceptedCredentials::open(&path);
        for number in 0..(3 * CAPACITY) {
            accepted.insert("in use");
            accepted.insert(&format!("once {number}"));
        }
        assert!(accepted.holds("in use") && !accepted.holds("once 0"));
        assert!(accepted.len() <= CAPACITY);
        let bytes = std::fs::metadata(&path).unwrap().len();
        assert!(bytes <= (SALT + (2 * CAPACITY + 1) * DIGEST) as u64, "{bytes}");
        let again = AcceptedCredentials::open(&path);
        assert!(again.holds("in use") && again.len() <= CAPACITY);
    }
}
