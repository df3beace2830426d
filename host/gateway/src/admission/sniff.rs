//! The first bytes of a file, which the validator sees, and behind them the table of contents of a container.

use std::io::{ErrorKind, Result};

use loadlock_policy::container::{Search, Step};
use loadlock_sandbox::files::{FileBytes, OpenedFile};
use loadlock_sandbox::validator::HEAD_BYTES;

/// Reads them, without waiting for another thread if they are in memory.
pub(super) async fn read(opened: &OpenedFile) -> Result<Vec<u8>> {
    let size = opened.identity.size;
    if opened.resident {
        return read_with(size, |into, offset| opened.file.read_at(into, offset));
    }
    if let Ok(head) = read_with(size, |into, offset| read_cached(&opened.file, into, offset)) {
        return Ok(head);
    }
    let file = opened.file.clone();
    let read = move || read_with(size, |into, offset| file.read_at(into, offset));
    tokio::task::spawn_blocking(read).await.map_err(std::io::Error::other)?
}

fn read_with(size: u64, mut read_at: impl FnMut(&mut [u8], u64) -> Result<usize>) -> Result<Vec<u8>> {
    let length = HEAD_BYTES.min(usize::try_from(size).unwrap_or(HEAD_BYTES));
    let mut head = read_range(0, length, &mut read_at)?;
    let mut step = Search::begin(&head, size);
    loop {
        match step {
            Step::Read(range, search) => {
                let length = usize::try_from(range.end - range.start).unwrap_or_default();
                step = search.found(&read_range(range.start, length, &mut read_at)?);
            }
            Step::Done(contents) => {
                head.extend(contents);
                return Ok(head);
            }
        }
    }
}

fn read_range(start: u64, length: usize, read_at: &mut impl FnMut(&mut [u8], u64) -> Result<usize>) -> Result<Vec<u8>> {
    let mut bytes = vec![0; length];
    let mut filled = 0;
    while filled < bytes.len() {
        match read_at(&mut bytes[filled..], start + filled as u64) {
            Ok(0) => break,
            Ok(read) => filled += read,
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    bytes.truncate(filled);
    Ok(bytes)
}

/// Fails instead of waiting for a disk.
#[cfg(target_os = "linux")]
fn read_cached(file: &FileBytes, into: &mut [u8], offset: u64) -> Result<usize> {
    use rustix::io::{ReadWriteFlags, preadv2};
    let Some(place) = file.locate(offset)? else {
        return Ok(0);
    };
    let most = usize::try_from(place.left).unwrap_or(usize::MAX).min(into.len());
    let mut into = [std::io::IoSliceMut::new(&mut into[..most])];
    Ok(preadv2(&*place.file, &mut into, place.offset, ReadWriteFlags::NOWAIT)?)
}

#[cfg(not(target_os = "linux"))]
fn read_cached(_: &FileBytes, _: &mut [u8], _: u64) -> Result<usize> {
    Err(ErrorKind::WouldBlock.into())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::path::Path;

    use loadlock_sandbox::files::{GrantRoot, Protected};

    use super::*;

    #[tokio::test]
    async fn it_is_the_same_from_memory_and_from_the_disk() {
        let directory = tempfile::tempdir().unwrap();
        let root = GrantRoot::open(directory.path(), Protected::default()).unwrap();
        for bytes in [0, 5, HEAD_BYTES, HEAD_BYTES + 1] {
            let content: Vec<u8> = (0..bytes).map(|at| (at % 251) as u8).collect();
            std::fs::write(directory.path().join("file"), &content).unwrap();
            let opened = root.open_file(Path::new("file")).unwrap();
            let expected = &content[..bytes.min(HEAD_BYTES)];
            assert!(read(&opened).await.unwrap() == expected);
            let size = opened.identity.size;
            let waiting = read_with(size, |into, offset| opened.file.read_at(into, offset));
            assert!(waiting.unwrap() == expected);
        }
    }
}
