//! Looking at other files of the grant.

use guests::report::Attempts;

use super::{grant_of, grants, open, sibling_name, taste};
use crate::filesystem::types::{DescriptorFlags, OpenFlags, PathFlags};

/// Tries to see anything in the grant besides the admitted file at `path`.
pub(crate) fn read_sibling(path: &str, attempts: &mut Attempts) {
    let Some((root, below)) = grant_of(path) else {
        attempts.allowed("no-grant-holds-the-file", path);
        return;
    };
    let secret = sibling_name();
    let (folder, own) = match below.rsplit_once('/') {
        Some((folder, own)) => (format!("{folder}/"), own),
        None => (String::new(), below.as_str()),
    };
    let names = [
        ("plain", format!("{folder}{secret}")),
        ("dot", format!("./{folder}{secret}")),
        ("back", format!("{folder}x/../{secret}")),
        ("under", format!("{below}/../{secret}")),
        ("slash", format!("{folder}{secret}/")),
        ("twice", format!("{folder}/{secret}")),
    ];
    for (form, name) in &names {
        for (follow, flags) in [("", PathFlags::empty()), ("+", PathFlags::SYMLINK_FOLLOW)] {
            match open(&root.directory, flags, name) {
                Ok(file) => attempts.allowed(&format!("open{follow}.{form}"), &taste(&file)),
                Err(code) => attempts.refused(&format!("open{follow}.{form}"), code),
            }
        }
        // Sizes, times and digests of a name tell that it exists.
        let stat = root.directory.stat_at(PathFlags::empty(), name);
        attempts.note(&format!("stat.{form}"), stat);
    }
    let name = &names[0].1;
    let flags = PathFlags::empty();
    attempts.note("stat+", { root.directory.stat_at(PathFlags::SYMLINK_FOLLOW, name) });
    attempts.note("readlink", root.directory.readlink_at(name));
    attempts.note("hash", root.directory.metadata_hash_at(flags, name));
    // Opening the folder again must not give a directory without the rule.
    let again = root.directory.open_at(
        flags,
        if folder.is_empty() { "." } else { &folder },
        OpenFlags::DIRECTORY,
        DescriptorFlags::READ,
    );
    match again {
        Ok(directory) => {
            match open(&directory, flags, &secret) {
                Ok(file) => attempts.allowed("reopened", &taste(&file)),
                Err(code) => attempts.refused("reopened", code),
            }
            list(&directory, "list.reopened", own, attempts);
        }
        Err(code) => attempts.refused("reopened", code),
    }
    list(&root.directory, "list", &below, attempts);
    // The same name through every other grant.
    for other in grants() {
        if other.path != root.path {
            match open(&other.directory, flags, &secret) {
                Ok(file) => attempts.allowed(&format!("open.{}", other.path), &taste(&file)),
                Err(code) => attempts.refused(&format!("open.{}", other.path), code),
            }
        }
    }
}

/// Lists a directory: each name that is not the admitted file's is an allowed attempt.
fn list(directory: &super::Descriptor, label: &str, own: &str, attempts: &mut Attempts) {
    let first = own.split('/').next().unwrap_or(own);
    let entries = match directory.read_directory() {
        Ok(entries) => entries,
        Err(code) => return attempts.refused(label, code),
    };
    let mut others = 0;
    loop {
        match entries.read_directory_entry() {
            Ok(Some(entry)) if entry.name == first => {}
            Ok(Some(entry)) => {
                others += 1;
                attempts.allowed(label, &entry.name);
            }
            Ok(None) => break,
            Err(code) => return attempts.refused(label, code),
        }
    }
    if others == 0 {
        attempts.refused(label, "nothing-else");
    }
}
