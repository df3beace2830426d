//! `Upload-Checksum`: the digest of one request's bytes.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use md5::Md5;
use sha1::Sha1;
use sha2::{Digest, Sha256};

use super::problem::Problem;

/// A digest that clients may choose. MD5, SHA-1 and CRC-32 find accidents, not forgeries; the file itself is identified
/// by its SHA-256.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Algorithm {
    Sha256,
    Sha1,
    Md5,
    Crc32,
}

/// As `Tus-Checksum-Algorithm` lists them, best first.
pub(crate) const ALGORITHMS: &str = "sha256,sha1,md5,crc32";

/// What a request's bytes must hash to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Checksum {
    pub(crate) algorithm: Algorithm,
    digest: Vec<u8>,
}

impl Checksum {
    /// Reads `ALGORITHM BASE64`.
    ///
    /// # Errors
    /// Another algorithm, or a digest of another length.
    pub(crate) fn parse(header: &str) -> Result<Self, Problem> {
        let wrong = || {
            Problem::invalid(format!(
                "`Upload-Checksum` is not one of {ALGORITHMS} and a digest in Base64"
            ))
        };
        let (name, digest) = header.split_once(' ').ok_or_else(wrong)?;
        let algorithm = Algorithm::named(name).ok_or_else(wrong)?;
        let digest = STANDARD.decode(digest).map_err(|_| wrong())?;
        if digest.len() != algorithm.digest_bytes() {
            return Err(wrong());
        }
        Ok(Self { algorithm, digest })
    }

    /// Whether the bytes that went through are the client's.
    pub(crate) fn matches(&self, hasher: Hasher) -> bool {
        hasher.finish() == self.digest
    }
}

impl Algorithm {
    fn named(name: &str) -> Option<Self> {
        Some(match name {
            "sha256" => Self::Sha256,
            "sha1" => Self::Sha1,
            "md5" => Self::Md5,
            "crc32" => Self::Crc32,
            _ => return None,
        })
    }

    fn digest_bytes(self) -> usize {
        match self {
            Self::Sha256 => 32,
            Self::Sha1 => 20,
            Self::Md5 => 16,
            Self::Crc32 => 4,
        }
    }
}

/// A digest in the making.
pub(crate) enum Hasher {
    Sha256(Sha256),
    Sha1(Sha1),
    Md5(Md5),
    Crc32(crc32fast::Hasher),
}

impl Hasher {
    pub(crate) fn new(algorithm: Algorithm) -> Self {
        match algorithm {
            Algorithm::Sha256 => Self::Sha256(Sha256::new()),
            Algorithm::Sha1 => Self::Sha1(Sha1::new()),
            Algorithm::Md5 => Self::Md5(Md5::new()),
            Algorithm::Crc32 => Self::Crc32(crc32fast::Hasher::new()),
        }
    }

    pub(crate) fn update(&mut self, bytes: &[u8]) {
        match self {
            Self::Sha256(hasher) => hasher.update(bytes),
            Self::Sha1(hasher) => hasher.update(bytes),
            Self::Md5(hasher) => hasher.update(bytes),
            Self::Crc32(hasher) => hasher.update(bytes),
        }
    }

    fn finish(self) -> Vec<u8> {
        match self {
            Self::Sha256(hasher) => hasher.finalize().to_vec(),
            Self::Sha1(hasher) => hasher.finalize().to_vec(),
            Self::Md5(hasher) => hasher.finalize().to_vec(),
            // In network order.
            Self::Crc32(hasher) => hasher.finalize().to_be_bytes().to_vec(),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use proptest::prelude::*;

    fn holds(header: &str, content: &[u8]) -> bool {
        let checksum = Checksum::parse(header).unwrap();
        let mut hasher = Hasher::new(checksum.algorithm);
        hasher.update(content);
        checksum.matches(hasher)
    }

    #[test]
    fn digests_of_known_bytes() {
        // The first is the protocol's own example.
        for header in [
            "sha1 Kq5sNclPz7QV2+lfQIuc6R7oRu0=",
            "md5 XrY7u+Ae7tCTyyK7j1rNww==",
            "sha256 uU0nuZNNPgilLlLX2n2r+sSE7+N6U4DukIj3rOLvzek=",
            "crc32 DUoRhQ==",
        ] {
            assert!(holds(header, b"hello world"), "{header}");
            assert!(!holds(header, b"hello worlds"), "{header}");
        }
    }

    #[test]
    fn what_is_refused() {
        for header in [
            "",
            "sha1",
            "sha1 ",
            "sha1 !!!!",
            "sha1 YQ==",
            "SHA1 Kq5sNclPz7QV2+lfQIuc6R7oRu0=",
            "sha512 YQ==",
            "crc32 DUoRhQ",
            "crc32  DUoRhQ==",
        ] {
            assert!(Checksum::parse(header).is_err(), "{header:?}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused(header in any::<String>()) {
            let _ = Checksum::parse(&header);
        }

        #[test]
        fn what_a_client_writes_is_read(content in any::<Vec<u8>>(), name in prop_oneof!["sha256", "sha1", "md5", "crc32"]) {
            let mut hasher = Hasher::new(Algorithm::named(&name).unwrap());
            hasher.update(&content);
            let header = format!("{name} {}", STANDARD.encode(hasher.finish()));
            prop_assert!(holds(&header, &content));
        }
    }
}
