//! The ledger's file: one call of the host for each page.
//!
//! The standard library would do the same by way of C's: a stream for every page, which is made, asked how much it
//! takes, written to and dropped, and at every commit a sync of the file's times besides its bytes.

#[cfg(target_family = "wasm")]
pub(crate) use sandboxed::open;

#[cfg(target_family = "wasm")]
mod sandboxed {
    use crate::error::LedgerError;
    use redb::StorageBackend;
    use std::io;
    use std::path::Path;
    use wasip2::filesystem::preopens::get_directories;
    use wasip2::filesystem::types::{Descriptor, DescriptorFlags, ErrorCode, OpenFlags, PathFlags};

    /// Opens a file in a preopen, making it if there is none.
    ///
    /// WASI has no file locks, and the host holds one on the whole home already.
    pub(crate) fn open(path: &Path) -> Result<impl StorageBackend, LedgerError> {
        let (directory, name) = get_directories()
            .into_iter()
            .find_map(|(directory, root)| {
                let name = path.strip_prefix(root).ok()?.to_str()?;
                Some((directory, name))
            })
            .ok_or_else(|| LedgerError::Io(io::ErrorKind::NotFound.into()))?;
        let flags = DescriptorFlags::READ | DescriptorFlags::WRITE;
        directory
            .open_at(PathFlags::empty(), name, OpenFlags::CREATE, flags)
            .map(Storage)
            .map_err(|code| LedgerError::Io(failed(code)))
    }

    #[derive(Debug)]
    struct Storage(Descriptor);

    impl StorageBackend for Storage {
        fn len(&self) -> io::Result<u64> {
            Ok(self.0.stat().map_err(failed)?.size)
        }

        fn read(&self, mut offset: u64, mut out: &mut [u8]) -> io::Result<()> {
            while !out.is_empty() {
                let (bytes, _) = self.0.read(out.len() as u64, offset).map_err(failed)?;
                let (into, rest) = out
                    .split_at_mut_checked(bytes.len())
                    .filter(|(into, _)| !into.is_empty())
                    .ok_or(io::ErrorKind::UnexpectedEof)?;
                into.copy_from_slice(&bytes);
                offset += bytes.len() as u64;
                out = rest;
            }
            Ok(())
        }

        fn set_len(&self, length: u64) -> io::Result<()> {
            self.0.set_size(length).map_err(failed)
        }

        fn sync_data(&self) -> io::Result<()> {
            self.0.sync_data().map_err(failed)
        }

        fn write(&self, mut offset: u64, mut data: &[u8]) -> io::Result<()> {
            while !data.is_empty() {
                let written = self.0.write(data, offset).map_err(failed)?;
                data = usize::try_from(written)
                    .ok()
                    .filter(|written| *written > 0)
                    .and_then(|written| data.get(written..))
                    .ok_or(io::ErrorKind::WriteZero)?;
                offset += written;
            }
            Ok(())
        }
    }

    fn failed(code: ErrorCode) -> io::Error {
        let kind = match code {
            ErrorCode::InsufficientSpace => io::ErrorKind::StorageFull,
            ErrorCode::Quota => io::ErrorKind::QuotaExceeded,
            ErrorCode::FileTooLarge => io::ErrorKind::FileTooLarge,
            ErrorCode::ReadOnly => io::ErrorKind::ReadOnlyFilesystem,
            ErrorCode::Access | ErrorCode::NotPermitted => io::ErrorKind::PermissionDenied,
            ErrorCode::NoEntry => io::ErrorKind::NotFound,
            _ => io::ErrorKind::Other,
        };
        io::Error::new(kind, code.name())
    }
}

/// Outside of a sandbox, where the tests run, a file is redb's business.
#[cfg(not(target_family = "wasm"))]
pub(crate) fn open(path: &std::path::Path) -> Result<impl redb::StorageBackend, crate::error::LedgerError> {
    let file = std::fs::OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .open(path)
        .map_err(crate::error::LedgerError::Io)?;
    Ok(redb::backends::FileBackend::new(file)?)
}
