//! The shape of S3 and its kin: objects by key, uploads in parts, errors in XML. With the feature `s3`.
//!
//! A remote id is what follows the prefix in a key. Requests are signed by the host.

mod error;
mod object;
mod upload;

pub use error::succeeded;
pub use object::{delete, list, look};
pub use upload::{abort_sessions, put, put_in_parts};

use crate::http::{Base, Request, segment};
use crate::types::Failure;

/// A bucket, and where in it the objects of a provider are.
#[derive(Debug)]
pub struct Bucket {
    /// The endpoint, or the bucket's own host.
    pub base: Base,
    /// Its name.
    pub name: String,
    /// Its path below the base: `/` where the host names it.
    pub path: String,
    /// What every key begins with, without the slash that follows.
    pub prefix: String,
    /// Whether what is deleted is to be kept as a version.
    pub keeps_versions: bool,
    /// Whether the store knows SHA-256 of what is sent.
    pub has_checksums: bool,
}

impl Bucket {
    /// The remote id of an upload: its mark, and the extension for whoever looks at the bucket.
    pub fn id_of(&self, mark: &str, name: &str) -> String {
        let extension = name.rsplit_once('.').map(|(_, extension)| extension);
        let plain =
            |text: &&str| (1..=16).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_alphanumeric());
        extension
            .filter(plain)
            .map_or_else(|| mark.to_owned(), |extension| format!("{mark}.{extension}"))
    }

    /// The key of a remote id.
    pub fn key_of(&self, id: &str) -> String {
        format!("{}/{id}", self.prefix)
    }

    /// The remote id of a key, if it is one of ours.
    pub fn id_at<'k>(&self, key: &'k str) -> Option<&'k str> {
        let id = key.strip_prefix(&self.prefix)?.strip_prefix('/')?;
        let fits = (1..=512).contains(&id.len()) && !id.ends_with('/') && !id.chars().any(char::is_control);
        fits.then_some(id)
    }

    /// The path of a remote id, below the base.
    ///
    /// # Errors
    /// `not_found` for what cannot be a part of a path.
    pub fn path_of(&self, id: &str) -> Result<String, Failure> {
        let segments = id.split('/').map(segment).collect::<Result<Vec<_>, _>>()?;
        Ok(format!("{}/{}", self.below(&self.prefix), segments.join("/")))
    }

    /// A request for a list of what is in the bucket.
    pub fn list_request(&self) -> Request<'_> {
        Request::get(&self.base, &self.path)
    }

    /// The path of a key, below the base.
    pub fn below(&self, key: &str) -> String {
        format!("{}/{key}", self.path.trim_end_matches('/'))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    pub(super) fn bucket(path: &str) -> Bucket {
        Bucket {
            base: Base::parse("https://s3.example").unwrap(),
            name: "files".to_owned(),
            path: path.to_owned(),
            prefix: "loadlock".to_owned(),
            keeps_versions: false,
            has_checksums: true,
        }
    }

    #[test]
    fn an_id_is_the_mark_and_an_extension_that_is_one() {
        let bucket = bucket("/files");
        for (name, id) in [
            ("a.pdf", "m.pdf"),
            ("a", "m"),
            ("a.tar.gz", "m.gz"),
            ("a.p/../x", "m"),
            ("a.", "m"),
        ] {
            assert_eq!(bucket.id_of("m", name), id);
        }
        assert_eq!(bucket.path_of("m.pdf").unwrap(), "/files/loadlock/m.pdf");
        assert_eq!(bucket.id_at("loadlock/x/m.pdf"), Some("x/m.pdf"));
        for key in [
            "loadlock",
            "loadlock/",
            "loadlock/a/",
            "other/m.pdf",
            "loadlocked/m.pdf",
        ] {
            assert_eq!(bucket.id_at(key), None, "{key}");
        }
        assert!(bucket.path_of("../x").is_err());
    }

    #[test]
    fn keys_lie_below_the_bucket() {
        assert_eq!(bucket("/files").below("a"), "/files/a");
        assert_eq!(bucket("/").below("a"), "/a");
    }
}
