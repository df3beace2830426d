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

/// Largest ledger that is checked whole at every opening, in bytes: some 50,000 files, and a tenth of a second. A
/// larger one is checked by `loadlock fsck`.
const SMALL: u64 = 32 << 20;

/// How much of a ledger is checked before it is used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Check {
    /// All of a small one.
    Small,
    /// All of it.
    Whole,
}

/// Opens `/state/ledger.redb`, making it if there is none.
pub(crate) fn open(check: Check) -> Result<Ledger, LedgerError> {
    open_in(Path::new(STATE), check)
}

/// Opens the ledger of a directory.
///
/// A new one is made under another name, synced and then renamed: whoever finds `ledger.redb` finds a whole one. Which
/// one it is stands in `ledger.id` beside it, so that one that went, was emptied or was exchanged for a new one is
/// missed: a new one in its place would say of every file that it does not exist.
pub(crate) fn open_in(directory: &Path, check: Check) -> Result<Ledger, LedgerError> {
    let path = directory.join("ledger.redb");
    let draft = directory.join("ledger.redb.new");
    let known = identity(directory)?;
    let size = match fs::metadata(&path) {
        Ok(found) if found.len() == 0 => return Err(LedgerError::Damaged("its file is empty".into())),
        Ok(found) => found.len(),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            if known != Known::Nothing {
                return Err(LedgerError::Damaged("its file is gone".into()));
            }
            match fs::remove_file(&draft) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => {
                    return Err(LedgerError::Io(error));
                }
                _ => {}
            }
            drop(open_file(&draft)?);
            fs::rename(&draft, &path).map_err(LedgerError::Io)?;
            sync_directory(directory).map_err(LedgerError::Io)?;
            0
        }
        Err(error) => return Err(LedgerError::Io(error)),
    };
    let mut ledger = open_file(&path)?;
    if check == Check::Whole || size <= SMALL {
        ledger.verify()?;
    }
    let found = ledger.identity()?;
    match known {
        Known::Ledger(known) if known == found => {}
        Known::Ledger(_) => return Err(LedgerError::Damaged("it is another one than was here before".into())),
        Known::Nothing | Known::Unreadable => remember(directory, found).map_err(LedgerError::Io)?,
    }
    Ok(ledger)
}

/// What is known of the ledger that was here before.
#[derive(Debug, PartialEq, Eq)]
enum Known {
    Nothing,
    Ledger(u64),
    /// There was one; which, a crash has lost.
    Unreadable,
}

fn identity(directory: &Path) -> Result<Known, LedgerError> {
    match fs::read_to_string(directory.join(IDENTITY)) {
        Ok(text) => Ok(u64::from_str_radix(text.trim(), 16).map_or(Known::Unreadable, Known::Ledger)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Known::Nothing),
        Err(error) if error.kind() == io::ErrorKind::InvalidData => Ok(Known::Unreadable),
        Err(error) => Err(LedgerError::Io(error)),
    }
}

/// Not synced: where a crash loses it, the ledger that is there is remembered again.
fn remember(directory: &Path, identity: u64) -> io::Result<()> {
    let draft = directory.join("ledger.id.new");
    fs::write(&draft, format!("{identity:016x}\n"))?;
    fs::rename(draft, directory.join(IDENTITY))
}

/// Which ledger is in the directory.
const IDENTITY: &str = "ledger.id";

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
