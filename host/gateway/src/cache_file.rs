//! Files of what can be had again.

use std::fs::OpenOptions;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

/// Puts these bytes in the place of a file, which only its owner reads. A process that dies leaves the old or the new
/// one. Not synced: nobody was promised that it outlives a failure of the power.
///
/// # Errors
/// The system's.
pub(crate) fn replace(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let temporary = path.with_extension("new");
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(true).mode(0o600);
    options.open(&temporary)?.write_all(bytes)?;
    std::fs::rename(&temporary, path)
}
