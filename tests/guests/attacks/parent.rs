//! Leaving the grant.

use guests::report::Attempts;
use guests::settings::setting;

use super::{grants, open, state, taste};
use crate::filesystem::types::{DescriptorFlags, OpenFlags, PathFlags};

/// Tries to open what is above and beside every preopen, the writable one too.
///
/// The setting `OUTSIDE`, an absolute host path of a file outside of every grant, is tried as well.
pub(crate) fn open_parent(attempts: &mut Attempts) {
    let outside = setting("OUTSIDE").unwrap_or_else(|| "/etc/passwd".to_owned());
    let below_root = outside.trim_start_matches('/');
    let names = [
        ("up", "..".to_owned()),
        ("up-slash", "../".to_owned()),
        ("up-twice", "../..".to_owned()),
        ("dot-up", "./..".to_owned()),
        ("down-up", "x/../..".to_owned()),
        ("root", "/".to_owned()),
        ("absolute", outside.clone()),
        ("climb", format!("{}{below_root}", "../".repeat(16))),
        ("proc", "/proc/self/root".to_owned()),
        ("proc-relative", "proc/self/root".to_owned()),
        ("proc-file", format!("/proc/self/root{outside}")),
        ("environ", "/proc/self/environ".to_owned()),
        ("descriptors", "/proc/self/fd".to_owned()),
        ("working-directory", "/proc/self/cwd".to_owned()),
        ("nul", format!("x\0/../{below_root}")),
        ("backslash", format!("..\\..\\{below_root}")),
    ];
    for (at, root) in grants().into_iter().chain(state()).enumerate() {
        for (form, name) in &names {
            let label = format!("{at}.{form}");
            match open(&root.directory, PathFlags::SYMLINK_FOLLOW, name) {
                Ok(file) => attempts.allowed(&label, &taste(&file)),
                Err(code) => attempts.refused(&label, code),
            }
            let directory =
                root.directory
                    .open_at(PathFlags::empty(), name, OpenFlags::DIRECTORY, DescriptorFlags::READ);
            attempts.note(&format!("{label}.directory"), directory);
            let stat = root.directory.stat_at(PathFlags::SYMLINK_FOLLOW, name);
            attempts.note(&format!("{label}.stat"), stat);
        }
    }
}
