//! Paths as text, without loss: file names are bytes, and JSON holds only Unicode.

use std::ffi::OsString;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// UTF-8 as itself, anything else as its bytes.
#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum PathText {
    PathText(String),
    Bytes(Vec<u8>),
}

pub(crate) fn serialize<S: Serializer>(path: &Path, to: S) -> Result<S::Ok, S::Error> {
    match path.to_str() {
        Some(text) => PathText::PathText(text.to_owned()),
        None => PathText::Bytes(path.as_os_str().as_bytes().to_vec()),
    }
    .serialize(to)
}

pub(crate) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<PathBuf, D::Error> {
    Ok(match PathText::deserialize(from)? {
        PathText::PathText(text) => PathBuf::from(text),
        PathText::Bytes(bytes) => PathBuf::from(OsString::from_vec(bytes)),
    })
}
