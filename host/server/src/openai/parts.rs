//! Putting parts together.

use std::collections::{BTreeMap, HashSet};

use bytes::Bytes;
use loadlock_gateway::{Error, ErrorCode, Session};
use md5::Md5;
use sha2::{Digest, Sha256};
use tokio::io::AsyncReadExt;

use super::failure::Failure;

/// The data file that holds all parts in order.
pub(super) const WHOLE: &str = "whole";
/// Bytes read at once.
const BLOCK: usize = 1 << 20;

/// Whether these parts are there, each once, and have the announced size together.
pub(super) fn check(part_ids: &[String], data: &BTreeMap<String, u64>, bytes: u64) -> Result<(), Failure> {
    let mut seen = HashSet::new();
    let mut sum = 0_u64;
    for id in part_ids {
        let len = data.get(id).filter(|_| id.starts_with("part_"));
        let Some(len) = len else {
            let id = id.escape_debug();
            return Err(Failure::param("part_ids", format!("the upload has no part `{id}`")));
        };
        if !seen.insert(id) {
            return Err(Failure::param(
                "part_ids",
                format!("the part `{id}` stands there twice"),
            ));
        }
        sum += len;
    }
    if sum == bytes {
        return Ok(());
    }
    Err(Failure::param(
        "part_ids",
        format!("the parts have {sum} bytes together, but {bytes} were announced"),
    ))
}

/// Writes the parts into one file, hashing on the way; answers its SHA-256. Until it returns the parts are what counts.
pub(super) async fn assemble(
    session: &Session,
    part_ids: &[String],
    bytes: u64,
    md5: Option<&str>,
) -> Result<String, Failure> {
    // Left by a crash before the state said so.
    session.remove(WHOLE)?;
    let mut whole = session.create(WHOLE, bytes).await?;
    let (mut sha256, mut md5_of) = (Sha256::new(), md5.map(|_| Md5::new()));
    for id in part_ids {
        let mut part = tokio::fs::File::from_std(session.open(id)?);
        part.set_max_buf_size(BLOCK);
        let mut block = vec![0; BLOCK];
        loop {
            let read = part.read(&mut block).await.map_err(unreadable)?;
            if read == 0 {
                break;
            }
            sha256.update(&block[..read]);
            if let Some(md5) = &mut md5_of {
                md5.update(&block[..read]);
            }
            whole.write(&Bytes::copy_from_slice(&block[..read])).await?;
        }
    }
    if let (Some(wanted), Some(md5)) = (md5, md5_of) {
        let found = hex::encode(md5.finalize());
        if !found.eq_ignore_ascii_case(wanted) {
            return Err(Failure::param(
                "md5",
                format!("the MD5 of the parts is {found}, not the one that was given"),
            ));
        }
    }
    whole.finish().await?;
    Ok(hex::encode(sha256.finalize()))
}

/// Removes every part, those included that nobody named.
pub(super) fn remove_all(session: &Session) -> Result<(), Error> {
    let data = session.data();
    let mut parts = data.keys().filter(|name| *name != WHOLE);
    parts.try_for_each(|part| session.remove(part))
}

fn unreadable(error: std::io::Error) -> Error {
    Error::new(ErrorCode::StateUnavailable, format!("a part cannot be read: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_checked_before_they_are_put_together() {
        let data = [("part_a", 3), ("part_b", 4), (WHOLE, 7)];
        let data = data.map(|(name, len)| (name.to_owned(), len)).into();
        let check = |ids: &[&str], bytes| {
            let ids: Vec<String> = ids.iter().map(|id| (*id).to_owned()).collect();
            super::check(&ids, &data, bytes).is_ok()
        };
        assert!(check(&["part_b", "part_a"], 7));
        assert!(check(&[], 0));
        for (ids, bytes) in [
            (&["part_a"][..], 7),
            (&["part_a", "part_a"], 6),
            (&["part_a", "part_c"], 7),
            (&[WHOLE], 7),
            (&["../part_a"], 3),
        ] {
            assert!(!check(ids, bytes), "{ids:?}");
        }
    }
}
