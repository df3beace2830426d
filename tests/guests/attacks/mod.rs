//! Attacks on the file system of the sandbox, for whichever version of `wasi:filesystem` the component imports.
//!
//! Included by path: the including component has a module `filesystem` with the generated `types` and `preopens`.
//! An attempt that the host lets through counts as allowed, whatever it gained.

mod parent;
mod sibling;
mod write;

pub(crate) use parent::open_parent;
pub(crate) use sibling::read_sibling;
pub(crate) use write::write_attacks;

use crate::filesystem::preopens::get_directories;
use crate::filesystem::types::{Descriptor, DescriptorFlags, OpenFlags, PathFlags};

use guests::settings::setting;

/// A preopened directory and where the guest sees it.
pub(crate) struct Root {
    pub(crate) directory: Descriptor,
    pub(crate) path: String,
}

/// Every preopen but the component's own writable directory.
pub(crate) fn grants() -> Vec<Root> {
    roots(|path| !path.starts_with("/state"))
}

/// The component's own writable directory, if it has one.
pub(crate) fn state() -> Option<Root> {
    roots(|path| path.starts_with("/state")).pop()
}

/// The grant that holds the admitted file, and the file's path below it.
pub(crate) fn grant_of(path: &str) -> Option<(Root, String)> {
    grants().into_iter().find_map(|root| {
        let below = path.strip_prefix(root.path.as_str())?;
        let below = below.trim_start_matches('/').to_owned();
        (!below.is_empty()).then_some((root, below))
    })
}

/// The name of the file that must not be seen: setting `SIBLING`, else `secret.txt`.
pub(crate) fn sibling_name() -> String {
    setting("SIBLING").unwrap_or_else(|| "secret.txt".to_owned())
}

/// Opens for reading.
pub(crate) fn open(
    directory: &Descriptor,
    flags: PathFlags,
    name: &str,
) -> Result<Descriptor, crate::filesystem::types::ErrorCode> {
    directory.open_at(flags, name, OpenFlags::empty(), DescriptorFlags::READ)
}

/// The start of a file's content, or why it cannot be read. For the report.
pub(crate) fn taste(file: &Descriptor) -> String {
    match file.read(64, 0) {
        Ok((bytes, _)) => String::from_utf8_lossy(&bytes).replace([' ', '\n'], "_"),
        Err(code) => format!("unreadable:{}", guests::report::kebab(&code)),
    }
}

fn roots(wanted: impl Fn(&str) -> bool) -> Vec<Root> {
    get_directories()
        .into_iter()
        .filter(|(_, path)| wanted(path))
        .map(|(directory, path)| Root { directory, path })
        .collect()
}
