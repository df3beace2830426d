//! Which parts an upload consists of.

use std::collections::{BTreeMap, HashSet};

use loadlock_gateway::{Error, Session};
use md5::Md5;
use sha2::{Digest, Sha256};

use super::failure::Failure;

/// The data file in which versions before this one put all parts together.
pub(super) const WHOLE: &str = "whole";

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
            return Err(Failure::param("part_ids", format!("the part `{id}` is listed twice")));
        }
        sum += len;
    }
    if sum == bytes {
        return Ok(());
    }
    Err(Failure::param(
        "part_ids",
        format!("the parts have {sum} bytes in total, but {bytes} were announced"),
    ))
}

/// The SHA-256 of the parts one after the other, if they have the MD5 that the client gave. They are read once, and
/// nothing is written.
pub(super) async fn digest(session: &Session, part_ids: &[String], md5: Option<&str>) -> Result<String, Failure> {
    let digests = (Sha256::new(), md5.map(|_| Md5::new()));
    let (sha256, md5_of) = session
        .read(part_ids, digests, |(sha256, md5), block| {
            sha256.update(block);
            if let Some(md5) = md5 {
                md5.update(block);
            }
        })
        .await?;
    if let (Some(wanted), Some(md5)) = (md5, md5_of) {
        let found = hex::encode(md5.finalize());
        if !found.eq_ignore_ascii_case(wanted) {
            return Err(Failure::param(
                "md5",
                format!("the MD5 of the parts is {found}, not the one that was given"),
            ));
        }
    }
    Ok(hex::encode(sha256.finalize()))
}

/// The data files that the upload consists of, in order. Parts that nobody named are removed, and give their room back.
pub(super) fn body(session: &Session, part_ids: &[String]) -> Result<Vec<String>, Error> {
    let data = session.data();
    if data.contains_key(WHOLE) {
        return Ok(vec![WHOLE.to_owned()]);
    }
    let named: HashSet<_> = part_ids.iter().collect();
    let mut unnamed = data.keys().filter(|part| !named.contains(part));
    unnamed.try_for_each(|part| session.remove(part))?;
    Ok(part_ids.to_vec())
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
