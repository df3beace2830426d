//! What an honest provider does, for guests that are hostile in one place only.

use std::fs::File;
use std::io::{self, Read};

use sha2::{Digest, Sha256};

use crate::words::*;

/// Reads the whole file; the remote id is its digest.
///
/// # Errors
/// `internal` if the file cannot be opened or read.
pub fn upload(file: &AdmittedFile, options: &UploadOptions) -> Result<RemoteFile, Failure> {
    let (bytes, digest) = digest(&file.path)
        .map_err(|error| crate::failure(FailureKind::Internal, format!("cannot read {}: {error}", file.path)))?;
    Ok(remote_file(digest, bytes, options))
}

/// Size and SHA-256 (hexadecimal) of what is at `path`.
///
/// # Errors
/// What opening or reading answers.
pub fn digest(path: &str) -> io::Result<(u64, String)> {
    let mut input = File::open(path)?;
    let mut hash = Sha256::new();
    let mut bytes = 0u64;
    let mut chunk = vec![0u8; 64 * 1024];
    loop {
        let count = input.read(&mut chunk)?;
        let Some(read) = chunk.get(..count).filter(|read| !read.is_empty()) else {
            break;
        };
        hash.update(read);
        bytes += read.len() as u64;
    }
    Ok((bytes, hex(&hash.finalize())))
}

/// A stored file with this id and size, for an upload with these options.
pub fn remote_file(id: String, bytes: u64, options: &UploadOptions) -> RemoteFile {
    RemoteFile {
        id,
        bytes,
        name: Some(options.remote_name.clone()),
        purpose: Some(options.purpose.clone()),
        sha256: None,
        created_at: None,
        expires_at: None,
        status: RemoteStatus::Ready,
        failure: None,
        uri: None,
        media_type: None,
    }
}

/// Lower-case hexadecimal.
pub fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}
