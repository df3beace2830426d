//! The file in the component's own preopen.

use crate::error::LedgerError;
use crate::gather::Gathered;
use crate::ledger::Ledger;
use crate::storage;
use std::fs::{self, File};
use std::io;
use std::path::Path;

/// The component's writable preopen.
const STATE: &str = "/state";

/// Opens `/state/ledger.redb`, making it if there is none.
pub(crate) fn open() -> Result<Ledger, LedgerError> {
    open_in(Path::new(STATE))
}

/// Opens the ledger of a directory.
///
/// A new one is made under another name, synced and then renamed: whoever finds `ledger.redb` finds a whole one.
pub(crate) fn open_in(directory: &Path) -> Result<Ledger, LedgerError> {
    let path = directory.join("ledger.redb");
    let draft = directory.join("ledger.redb.new");
    match fs::metadata(&path) {
        Ok(_) => {}
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            match fs::remove_file(&draft) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => {
                    return Err(LedgerError::Io(error));
                }
                _ => {}
            }
            drop(open_file(&draft)?);
            fs::rename(&draft, &path).map_err(LedgerError::Io)?;
            sync_directory(directory).map_err(LedgerError::Io)?;
        }
        Err(error) => return Err(LedgerError::Io(error)),
    }
    open_file(&path)
}

fn open_file(path: &Path) -> Result<Ledger, LedgerError> {
    Ledger::open(Gathered::over(storage::open(path)?))
}

/// Makes the new name last. Where a directory cannot be synced (Windows), the file system does it on its own.
fn sync_directory(directory: &Path) -> io::Result<()> {
    match File::open(directory).and_then(|directory| directory.sync_all()) {
        Err(error)
            if matches!(
                error.kind(),
                io::ErrorKind::Unsupported
                    | io::ErrorKind::PermissionDenied
                    | io::ErrorKind::InvalidInput
                    | io::ErrorKind::IsADirectory
            ) =>
        {
            Ok(())
        }
        other => other,
    }
}
