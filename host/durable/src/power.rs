//! A model of a power loss: of everything that was not synced, the disk keeps nothing.
//!
//! [`image`] writes what is left of a directory to another one. Names may also be there earlier than they were promised
//! to be ([`Names::Current`]): file systems write the names and the contents of files in any order that no sync
//! forbids.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::ffi::OsString;
use std::fs::{File, Metadata};
use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, UNIX_EPOCH};

/// Which names are left.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Names {
    /// Those that were synced.
    Synced,
    /// All that there are.
    Current,
}

/// Inode and time of birth: numbers come again.
type Node = (u64, Duration);

#[derive(Debug, Clone)]
enum DiskEntry {
    File(Node),
    Directory(Node),
    Link(PathBuf),
}

/// What a sync made last.
#[derive(Debug, Clone)]
enum KeptContent {
    Content(Arc<Vec<u8>>),
    Names(BTreeMap<OsString, DiskEntry>),
}

#[derive(Debug, Default)]
struct Disk {
    kept: HashMap<Node, KeptContent>,
    passed: BTreeSet<String>,
    skipped: Option<String>,
}

static DISK: Mutex<Option<Disk>> = Mutex::new(None);

fn disk() -> MutexGuard<'static, Option<Disk>> {
    DISK.lock().unwrap_or_else(PoisonError::into_inner)
}

fn with<T>(work: impl FnOnce(&mut Disk) -> T) -> T {
    work(disk().get_or_insert_default())
}

/// A sync that is about to be made.
#[derive(Debug)]
pub(crate) struct PendingName {
    seen: io::Result<(Node, KeptContent)>,
    site: String,
}

impl PendingName {
    pub(crate) fn of(file: &File, mut site: String) -> Self {
        let seen = look(file);
        if let Ok((_, KeptContent::Content(content))) = &seen
            // Text, because one key in 256 begins with the same byte.
            && std::str::from_utf8(content).is_ok_and(|text| text.starts_with('{'))
        {
            site.push_str(" (JSON)");
        }
        Self { seen, site }
    }

    pub(crate) fn made(self) {
        with(|disk| {
            let skipped = disk.skipped.as_ref() == Some(&self.site);
            disk.passed.insert(self.site);
            if let (false, Ok((node, kept))) = (skipped, self.seen) {
                disk.kept.insert(node, kept);
            }
        });
    }
}

/// The places at which anything was synced since [`forget`].
pub fn sites() -> BTreeSet<String> {
    with(|disk| disk.passed.clone())
}

/// From now on the syncs at this place are as if they were not there.
pub fn skip(site: Option<String>) {
    with(|disk| disk.skipped = site);
}

/// Forgets what was synced, and where.
pub fn forget() {
    with(|disk| {
        disk.kept.clear();
        disk.passed.clear();
    });
}

/// Takes everything beneath a directory for synced.
///
/// # Errors
/// The system's.
pub fn adopt(root: &Path) -> io::Result<()> {
    let (node, kept) = look(&File::open(root)?)?;
    if let KeptContent::Names(names) = &kept {
        for (name, entry) in names {
            if !matches!(entry, DiskEntry::Link(_)) {
                adopt(&root.join(name))?;
            }
        }
    }
    with(|disk| disk.kept.insert(node, kept));
    Ok(())
}

/// Writes what a power loss leaves of the directory `root` to the new directory `target`, and goes on with `then`
/// before anything more is synced. What `left_out` names in it is left out: it has a model of its own.
///
/// # Errors
/// The system's.
pub fn image<T>(
    root: &Path,
    target: &Path,
    names: Names,
    left_out: &[&str],
    then: impl FnOnce() -> T,
) -> io::Result<T> {
    let mut disk = disk();
    let disk = disk.get_or_insert_default();
    let known = node(&std::fs::metadata(root)?)?;
    disk.write(known, root, target, names, left_out)?;
    Ok(then())
}

impl Disk {
    fn write(&self, directory: Node, from: &Path, to: &Path, names: Names, left_out: &[&str]) -> io::Result<()> {
        std::fs::DirBuilder::new().mode(0o700).create(to)?;
        let entries = match (names, self.kept.get(&directory)) {
            (Names::Current, _) => list(from)?,
            (Names::Synced, Some(KeptContent::Names(names))) => names.clone(),
            (Names::Synced, _) => BTreeMap::new(),
        };
        for (name, entry) in entries {
            if left_out.iter().any(|other| name == *other) {
                continue;
            }
            let to = to.join(&name);
            match entry {
                DiskEntry::Link(target) => std::os::unix::fs::symlink(target, to)?,
                DiskEntry::Directory(node) => {
                    self.write(node, &from.join(&name), &to, names, &[])?;
                }
                DiskEntry::File(node) => match self.kept.get(&node) {
                    Some(KeptContent::Content(content)) => std::fs::write(to, &**content)?,
                    _ => std::fs::write(to, b"")?,
                },
            }
        }
        Ok(())
    }
}

/// The place of a component's sync: the end of the path, with what is another at every call left out.
pub(crate) fn path_of(file: &File) -> String {
    let path = std::fs::read_link(format!("/proc/self/fd/{}", file.as_raw_fd()));
    let path = path.unwrap_or_default();
    let plain = |name: &std::ffi::OsStr| {
        let name = name.to_string_lossy();
        let name = name.trim_end_matches(" (deleted)");
        match name.rsplit_once('.') {
            Some((_, suffix)) if name.contains('-') => format!("*.{suffix}"),
            _ if name.bytes().all(|byte| byte.is_ascii_hexdigit()) => "*".to_owned(),
            _ => name.to_owned(),
        }
    };
    let mut end: Vec<_> = path.iter().rev().take(2).map(plain).collect();
    end.reverse();
    format!("component: {}", end.join("/"))
}

fn look(file: &File) -> io::Result<(Node, KeptContent)> {
    let metadata = file.metadata()?;
    // The handle may be write-only.
    let path = PathBuf::from(format!("/proc/self/fd/{}", file.as_raw_fd()));
    let kept = if metadata.is_dir() {
        KeptContent::Names(list(&path)?)
    } else {
        KeptContent::Content(Arc::new(std::fs::read(&path)?))
    };
    Ok((node(&metadata)?, kept))
}

fn node(metadata: &Metadata) -> io::Result<Node> {
    let born = metadata.created().unwrap_or(UNIX_EPOCH);
    let born = born.duration_since(UNIX_EPOCH).unwrap_or_default();
    Ok((metadata.ino(), born))
}

fn list(directory: &Path) -> io::Result<BTreeMap<OsString, DiskEntry>> {
    let mut entries = BTreeMap::new();
    for entry in std::fs::read_dir(directory)? {
        let entry = entry?;
        let metadata = match entry.metadata() {
            Ok(metadata) => metadata,
            // Gone meanwhile.
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            Err(error) => return Err(error),
        };
        let found = if metadata.is_symlink() {
            DiskEntry::Link(std::fs::read_link(entry.path())?)
        } else if metadata.is_dir() {
            DiskEntry::Directory(node(&metadata)?)
        } else {
            DiskEntry::File(node(&metadata)?)
        };
        entries.insert(entry.file_name(), found);
    }
    Ok(entries)
}
