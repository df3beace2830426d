//! A file that holds a secret.

use std::fs::OpenOptions;
use std::io::Read as _;
use std::path::Path;

use zeroize::Zeroizing;

use crate::Secret;

/// A credential is a line or a small document; 64 KiB is more than any is long.
const LARGEST: u64 = 64 * 1024;

/// Reads the whole file, without the line break at its end.
///
/// # Errors
/// What is wrong with it, without its content.
pub(super) fn read_file(path: &Path) -> Result<Secret, String> {
    let mut options = OpenOptions::new();
    options.read(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt as _;
        // A FIFO in place of the file must not block the open for ever. Links are followed: orchestrators swap secrets
        // by one.
        options.custom_flags(rustix::fs::OFlags::NONBLOCK.bits().cast_signed());
    }
    let file = options.open(path).map_err(|error| error.to_string())?;
    let metadata = file.metadata().map_err(|error| error.to_string())?;
    if !metadata.is_file() {
        return Err("it is not a regular file".to_owned());
    }
    if metadata.len() > LARGEST {
        return Err(format!("it is larger than {LARGEST} bytes"));
    }
    // One byte of room more than is read, so that the buffer never moves and leaves a copy behind.
    let mut text = Zeroizing::new(Vec::with_capacity(LARGEST as usize + 2));
    file.take(LARGEST + 1)
        .read_to_end(&mut text)
        .map_err(|error| error.to_string())?;
    if text.len() as u64 > LARGEST {
        return Err(format!("it is larger than {LARGEST} bytes"));
    }
    let text = std::str::from_utf8(&text).map_err(|_| "it is not UTF-8 text".to_owned())?;
    let value = trimmed(&Secret::new(text.to_owned()));
    if value.expose().is_empty() {
        return Err("it is empty".to_owned());
    }
    Ok(value)
}

/// Without the line break at the end that editors and `echo` leave.
pub(super) fn trimmed(value: &Secret) -> Secret {
    Secret::new(value.expose().trim_end_matches(['\n', '\r']).to_owned())
}
