//! Tokens of this machine that were revoked: one id a line in `keys/revoked`, only ever added to.

use std::fs::{File, OpenOptions};
use std::io::{ErrorKind, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::Path;

use crate::error::{Error, ErrorCode, Result};

/// Its name in the folder of keys.
const REVOKED: &str = "revoked";
/// Longest list that is read: half a million ids.
const MOST_BYTES: u64 = 16 << 20;
/// Longest id.
const ID: usize = 256;

/// Which state of the list a policy was made from; another one is another list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct RevokedStamp {
    length: u64,
    node: u64,
    changed: (i64, i64),
}

/// The state of the list; `None` while there is none.
pub(crate) fn stamp(keys: &Path) -> Result<Option<RevokedStamp>> {
    match std::fs::metadata(keys.join(REVOKED)) {
        Ok(metadata) => Ok(Some(RevokedStamp {
            length: metadata.len(),
            node: metadata.ino(),
            changed: (metadata.mtime(), metadata.mtime_nsec()),
        })),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(unavailable(keys, &error)),
    }
}

/// The ids of tokens that were revoked on this machine.
///
/// # Errors
/// [`ErrorCode::StateUnavailable`] if the list cannot be read: nobody is let in by half of one.
pub fn revoked(keys: &Path) -> Result<Vec<String>> {
    let mut text = String::new();
    let read = File::open(keys.join(REVOKED)).and_then(|file| file.take(MOST_BYTES + 1).read_to_string(&mut text));
    match read {
        Ok(bytes) if bytes as u64 > MOST_BYTES => Err(unavailable(keys, &std::io::Error::other("it is too large"))),
        Ok(_) => Ok(text.lines().filter(|id| !id.is_empty()).map(str::to_owned).collect()),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(Vec::new()),
        Err(error) => Err(unavailable(keys, &error)),
    }
}

/// Adds an id, durably. Answers whether it was not there yet. Whoever lets callers in looks at the list each time.
///
/// # Errors
/// [`ErrorCode::RequestInvalid`] for what cannot be an id; [`ErrorCode::StateUnavailable`] if it cannot be written.
pub fn revoke(keys: &Path, id: &str) -> Result<bool> {
    if id.is_empty() || id.len() > ID || id.chars().any(|c| c.is_control() || c.is_whitespace()) {
        return Err(
            Error::new(ErrorCode::RequestInvalid, format!("{id:?} cannot be the id of a token"))
                .hint("name the `id` that `loadlock token issue --json` and `loadlock token ls` give"),
        );
    }
    if revoked(keys)?.iter().any(|one| one == id) {
        return Ok(false);
    }
    let write = || -> std::io::Result<()> {
        loadlock_durable::make_directory(keys)?;
        let mut file = OpenOptions::new()
            .read(true)
            .append(true)
            .create(true)
            .mode(0o600)
            .open(keys.join(REVOKED))?;
        // A crash may have left a part of a line, which is to stay one of its own.
        let begin = if ends_in_line(&mut file)? { "" } else { "\n" };
        file.write_all(format!("{begin}{id}\n").as_bytes())?;
        loadlock_durable::content(&file)?;
        loadlock_durable::names(keys)
    };
    write().map_err(|error| unavailable(keys, &error))?;
    Ok(true)
}

fn ends_in_line(file: &mut File) -> std::io::Result<bool> {
    if file.metadata()?.len() == 0 {
        return Ok(true);
    }
    let mut last = [0];
    file.seek(SeekFrom::End(-1))?;
    file.read_exact(&mut last)?;
    Ok(last == *b"\n")
}

fn unavailable(keys: &Path, error: &std::io::Error) -> Error {
    let path = keys.join(REVOKED);
    Error::new(
        ErrorCode::StateUnavailable,
        format!("the list of revoked tokens {}: {error}", path.display()),
    )
    .hint("make the file readable; without it nobody is let in")
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_added_once_and_a_torn_line_is_no_part_of_the_next() {
        let keys = tempfile::tempdir().unwrap();
        let before = stamp(keys.path()).unwrap();
        assert!(revoked(keys.path()).unwrap().is_empty());
        assert!(revoke(keys.path(), "one").unwrap());
        assert!(!revoke(keys.path(), "one").unwrap());
        assert_ne!(stamp(keys.path()).unwrap(), before);
        std::fs::write(keys.path().join(REVOKED), "one\ntw").unwrap();
        assert!(revoke(keys.path(), "three").unwrap());
        assert_eq!(revoked(keys.path()).unwrap(), ["one", "tw", "three"]);
    }

    #[test]
    fn what_cannot_be_an_id_is_refused_and_an_unreadable_list_is_no_empty_one() {
        let keys = tempfile::tempdir().unwrap();
        for id in ["", "two words", "line\nfeed", &"x".repeat(300)] {
            assert_eq!(revoke(keys.path(), id).unwrap_err().code, ErrorCode::RequestInvalid);
        }
        std::fs::create_dir(keys.path().join(REVOKED)).unwrap();
        assert_eq!(revoked(keys.path()).unwrap_err().code, ErrorCode::StateUnavailable);
    }
}
