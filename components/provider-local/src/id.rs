//! Ids, and where their objects lie.

use loadlock_sdk::types::Failure;

/// What every id begins with.
const PREFIX: &str = "loc_";
/// What a record's name ends with.
const RECORD: &str = ".json";
/// Characters of the digest that name the shard: 256 directories.
pub(crate) const SHARD_CHARS: usize = 2;
/// Characters of a whole digest.
const DIGEST_CHARS: usize = 64;

/// The SHA-256 of an object, as 64 lower-case hexadecimal characters. Only such a text ever becomes part of a path.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Digest(String);

impl Digest {
    pub(crate) fn of_text(text: &str) -> Option<Self> {
        (text.len() == DIGEST_CHARS && text.bytes().all(is_hex)).then(|| Self(text.to_owned()))
    }

    /// The digest that an id names.
    ///
    /// # Errors
    /// `not-found`: an id of another form is no file of ours.
    pub(crate) fn of_id(id: &str) -> Result<Self, Failure> {
        id.strip_prefix(PREFIX)
            .and_then(Self::of_text)
            .ok_or_else(|| Failure::not_found("there is no such file here"))
    }

    /// The digest of the object whose record has this name in this shard.
    pub(crate) fn of_record(shard: &str, name: &str) -> Option<Self> {
        let rest = name.strip_suffix(RECORD)?;
        (shard.len() == SHARD_CHARS)
            .then(|| Self::of_text(&format!("{shard}{rest}")))
            .flatten()
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    /// The directory's name.
    pub(crate) fn shard(&self) -> &str {
        self.0.split_at(SHARD_CHARS).0
    }

    /// The object's name in its shard.
    pub(crate) fn object(&self) -> &str {
        self.0.split_at(SHARD_CHARS).1
    }

    /// The record's name in its shard.
    pub(crate) fn record(&self) -> String {
        format!("{}{RECORD}", self.object())
    }
}

/// The id of the object with this digest.
pub(crate) fn id_of(digest: &str) -> String {
    format!("{PREFIX}{digest}")
}

fn is_hex(byte: u8) -> bool {
    byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn only_a_digest_becomes_a_path() {
        let digest = "ab".repeat(32);
        let id = Digest::of_id(&format!("loc_{digest}")).unwrap();
        assert_eq!((id.shard(), id.object()), ("ab", &digest[2..]));
        assert_eq!(Digest::of_record("ab", &id.record()), Some(id.clone()));
        assert_eq!(id_of(id.as_str()), format!("loc_{digest}"));
        for odd in [
            digest.clone(),
            format!("loc_{}", digest.to_uppercase()),
            format!("loc_{}", &digest[1..]),
            format!("loc_../{}", &digest[3..]),
            format!("loc_{}é", &digest[2..]),
            String::new(),
        ] {
            assert!(Digest::of_id(&odd).is_err(), "{odd}");
        }
        assert_eq!(Digest::of_record("ab", &digest[2..]), None);
        assert_eq!(Digest::of_record("abc", &format!("{}.json", &digest[3..])), None);
    }
}
