//! One upload's folder: `data`, and `info.json` beside it. Folders are 0700, files 0600. Everything here blocks.

use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use super::concat::is_id;
use super::info::Info;

const DATA: &str = "data";
const INFO: &str = "info.json";
const NEW_INFO: &str = "info.json.new";

/// Makes the folder of all uploads. It is there after a power loss when this returns.
pub(crate) fn open(root: &Path) -> io::Result<()> {
    loadlock_durable::make_directory(root)
}

/// Makes an upload without bytes. It is there after a power loss when this returns.
pub(crate) fn create(root: &Path, id: &str, info: &Info) -> io::Result<PathBuf> {
    let folder = root.join(id);
    DirBuilder::new().mode(0o700).create(&folder)?;
    let make = || {
        file(&folder.join(DATA))?;
        write_info(&folder, info)?;
        loadlock_durable::names(root)
    };
    make().inspect_err(|_| {
        let _ = std::fs::remove_dir_all(&folder);
    })?;
    Ok(folder)
}

/// Replaces what is known of an upload: after a power loss it is the old or the new, whole.
pub(crate) fn write_info(folder: &Path, info: &Info) -> io::Result<()> {
    let new = folder.join(NEW_INFO);
    let mut written = file(&new)?;
    written.write_all(&serde_json::to_vec(info)?)?;
    loadlock_durable::content(&written)?;
    std::fs::rename(&new, folder.join(INFO))?;
    loadlock_durable::names(folder)
}

/// The bytes.
pub(crate) fn data(folder: &Path) -> io::Result<File> {
    OpenOptions::new().read(true).write(true).open(folder.join(DATA))
}

/// Removes the bytes; what is known stays.
pub(crate) fn remove_data(folder: &Path) -> io::Result<()> {
    match std::fs::remove_file(folder.join(DATA)) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// Removes an upload.
pub(crate) fn remove(folder: &Path) -> io::Result<()> {
    match std::fs::remove_dir_all(folder) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
        _ => match folder.parent() {
            Some(root) => loadlock_durable::names(root),
            None => Ok(()),
        },
    }
}

/// Every upload that an earlier process left, cut to the bytes that were synced. What cannot be read is removed: it was
/// never acknowledged.
pub(crate) fn recover(root: &Path) -> io::Result<Vec<(String, Info)>> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(root)? {
        let path = entry?.path();
        let id = path.file_name().and_then(|name| name.to_str());
        match id.filter(|id| is_id(id)).map(|id| (id, restore(&path))) {
            Some((id, Ok(info))) => found.push((id.to_owned(), info)),
            Some((id, Err(error))) => {
                tracing::warn!(id, %error, "an upload cannot be restored and is removed");
                remove(&path)?;
            }
            None => tracing::warn!(path = %path.display(), "this is no upload; it is left alone"),
        }
    }
    Ok(found)
}

fn restore(folder: &Path) -> io::Result<Info> {
    let _ = std::fs::remove_file(folder.join(NEW_INFO));
    let info: Info = serde_json::from_slice(&std::fs::read(folder.join(INFO))?)?;
    if info.done() {
        remove_data(folder)?;
        return Ok(info);
    }
    let data = data(folder)?;
    if data.metadata()?.len() < info.offset {
        return Err(io::Error::new(
            ErrorKind::UnexpectedEof,
            "bytes that were synced are missing",
        ));
    }
    data.set_len(info.offset)?;
    Ok(info)
}

fn file(path: &Path) -> io::Result<File> {
    OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(path)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::super::concat::Kind;
    use super::super::info::State;
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    fn info(offset: u64) -> Info {
        Info {
            tenant: "t".into(),
            kind: Kind::Whole,
            length: Some(10),
            metadata: Some("filename YQ==".into()),
            offset,
            expires_ms: 7,
            state: State::Open,
        }
    }

    #[test]
    fn what_was_synced_is_restored_and_the_rest_is_cut() {
        let root = tempfile::tempdir().unwrap();
        let id = "0".repeat(32);
        let folder = create(root.path(), &id, &info(0)).unwrap();
        data(&folder).unwrap().write_all(b"12345678").unwrap();
        write_info(&folder, &info(5)).unwrap();
        std::fs::write(folder.join(NEW_INFO), "{").unwrap();
        assert_eq!(recover(root.path()).unwrap(), [(id, info(5))]);
        assert_eq!(std::fs::read(folder.join(DATA)).unwrap(), b"12345");
        assert_eq!(std::fs::read_dir(&folder).unwrap().count(), 2);
        for (path, mode) in [
            (&folder, 0o700),
            (&folder.join(DATA), 0o600),
            (&folder.join(INFO), 0o600),
        ] {
            assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, mode);
        }
    }

    #[test]
    fn damage_is_removed_and_strangers_are_left_alone() {
        let root = tempfile::tempdir().unwrap();
        let (torn, short) = ("1".repeat(32), "2".repeat(32));
        let folder = create(root.path(), &torn, &info(0)).unwrap();
        std::fs::write(folder.join(INFO), "{").unwrap();
        let folder = create(root.path(), &short, &info(0)).unwrap();
        write_info(&folder, &info(9)).unwrap();
        std::fs::write(root.path().join("README"), "mine").unwrap();
        assert_eq!(recover(root.path()).unwrap(), []);
        let left: Vec<_> = std::fs::read_dir(root.path())
            .unwrap()
            .map(|entry| entry.unwrap().file_name())
            .collect();
        assert_eq!(left, ["README"]);
    }
}
