//! Files that are being written: a random name, then a sync, then a rename. One that is not kept is removed.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use loadlock_sdk::log_warn;
use loadlock_sdk::random;
use loadlock_sdk::types::Failure;
use loadlock_sdk::wasip2::filesystem::types::Descriptor;

use crate::directory::Directory;
use crate::fault;

/// Age after which a leftover was left by a crash. A file that is being written is younger: each write renews it.
const LEFTOVER: Duration = Duration::from_secs(3_600);

/// A file under a temporary name.
pub(crate) struct Incoming<'a> {
    directory: &'a Directory,
    name: String,
    file: Descriptor,
    bytes: u64,
    kept: bool,
}

impl<'a> Incoming<'a> {
    pub(crate) fn create(directory: &'a Directory) -> Result<Self, Failure> {
        let name = format!("{}.part", random::token());
        let file = directory.create(&name)?;
        Ok(Self {
            directory,
            name,
            file,
            bytes: 0,
            kept: false,
        })
    }

    /// Appends all of `chunk`.
    pub(crate) fn write(&mut self, mut chunk: &[u8]) -> Result<(), Failure> {
        while !chunk.is_empty() {
            let written = self
                .file
                .write(chunk, self.bytes)
                .map_err(|code| fault::of(code, "write a file"))?;
            let rest = usize::try_from(written).ok().filter(|count| *count > 0);
            chunk = rest
                .and_then(|count| chunk.get(count..))
                .ok_or_else(|| Failure::internal("the host wrote nothing"))?;
            self.bytes += written;
        }
        Ok(())
    }

    pub(crate) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Makes the content durable, then gives it its name. The name is durable once `target` has been synced.
    pub(crate) fn keep_as(mut self, target: &Directory, name: &str) -> Result<(), Failure> {
        self.sync()?;
        self.directory.rename(&self.name, target, name)?;
        self.kept = true;
        Ok(())
    }

    pub(crate) fn sync(&self) -> Result<(), Failure> {
        self.file
            .sync()
            .map_err(|code| fault::of(code, "sync a file"))
    }
}

impl Drop for Incoming<'_> {
    fn drop(&mut self) {
        if !self.kept {
            // A failure leaves it to the next upload's cleaning.
            let _ = self.directory.remove(&self.name);
        }
    }
}

/// Removes what a crashed upload left behind. Never fails: an upload must not depend on it.
pub(crate) fn remove_leftovers(directory: &Directory) {
    let Ok(names) = directory.names() else {
        return;
    };
    for name in names {
        let Ok(Some(stat)) = directory.stat(&name) else {
            continue;
        };
        let written = stat
            .data_modification_timestamp
            .map(|at| UNIX_EPOCH + Duration::new(at.seconds, at.nanoseconds.min(999_999_999)));
        if written.is_some_and(|at| is_leftover(at, SystemTime::now())) {
            match directory.remove(&name) {
                Ok(_) => log_warn!("removed {name}, left behind by a crash"),
                Err(failure) => log_warn!("{name} stays: {}", failure.message),
            }
        }
    }
}

/// A file from the future is none: the clock may have been set back.
fn is_leftover(written: SystemTime, now: SystemTime) -> bool {
    now.duration_since(written).is_ok_and(|age| age > LEFTOVER)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_older_than_an_hour_is_a_leftover() {
        let now = UNIX_EPOCH + Duration::from_secs(10_000);
        assert!(is_leftover(now - Duration::from_secs(3_601), now));
        assert!(!is_leftover(now - Duration::from_secs(3_600), now));
        assert!(!is_leftover(now + Duration::from_secs(9_999), now));
    }
}
