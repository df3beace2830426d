//! What a guest can see through its one grant: a root with one file in it.

use std::sync::Arc;

use loadlock_durable::Pending;
use wasmtime::component::{HasData, Resource, ResourceTable};
use wasmtime_wasi::filesystem::{Descriptor, WasiFilesystemCtx, WasiFilesystemCtxView};
use wasmtime_wasi::p2::FsResult;
use wasmtime_wasi::p2::bindings::clocks::wall_clock::Datetime;
use wasmtime_wasi::p2::bindings::filesystem::types::{
    DescriptorStat, DescriptorType, DirectoryEntry, ErrorCode, MetadataHashValue,
};

use super::admitted::AdmittedInput;
use super::quota::Spending;

/// Guest path of the grant root that holds the admitted file.
pub(crate) const FILES: &str = "/files";
/// Guest path of the component's own directory.
pub(crate) const STATE: &str = "/state";

/// What one call may see.
#[derive(Default)]
pub(crate) struct FilesCtx {
    /// Used by wasmtime-wasi for descriptors of the component's own directory; has no preopens of its own.
    pub(crate) wasi: WasiFilesystemCtx,
    /// The admitted file and its path beneath [`FILES`].
    pub(crate) admitted: Option<(AdmittedInput, String)>,
    /// The component's own directory, writable.
    pub(crate) state: Option<Arc<std::fs::File>>,
    /// How much may be in it.
    pub(crate) spending: Spending,
    /// Run file operations on the calling thread: for an actor that has a thread of its own.
    pub(crate) blocking: bool,
}

/// A descriptor that wasmtime-wasi never sees.
#[derive(Debug, Clone)]
pub(crate) enum Visible {
    /// The grant root: shows the admitted file and nothing else.
    Root(Arc<(AdmittedInput, String)>),
    /// The admitted file.
    File(Arc<(AdmittedInput, String)>),
}

/// A directory listing of a grant root: what is left of its one entry.
pub(super) struct RootListing(pub(super) Option<DirectoryEntry>);

pub(crate) struct GuardedFiles;

impl HasData for GuardedFiles {
    type Data<'a> = FilesView<'a>;
}

pub(crate) struct FilesView<'a> {
    pub(crate) ctx: &'a mut FilesCtx,
    pub(crate) table: &'a mut ResourceTable,
}

impl FilesView<'_> {
    /// wasmtime-wasi's implementation, for everything that is not [`Visible`].
    pub(super) fn own(&mut self) -> WasiFilesystemCtxView<'_> {
        WasiFilesystemCtxView {
            ctx: &mut self.ctx.wasi,
            table: self.table,
        }
    }

    /// A sync of the component's own that is about to be made.
    pub(super) fn pending(&self, fd: &Resource<Descriptor>) -> Option<Pending> {
        let file = match self.table.get(fd).ok()? {
            Descriptor::File(file) => &file.file,
            Descriptor::Dir(directory) => &directory.dir,
        };
        Some(Pending::of_component(file))
    }

    pub(super) fn visible(&self, fd: &Resource<Descriptor>) -> Option<Visible> {
        self.table.get(&Resource::<Visible>::new_borrow(fd.rep())).ok().cloned()
    }

    /// Refuses to change anything through a grant.
    pub(super) fn writable(&self, fd: &Resource<Descriptor>) -> FsResult<()> {
        match self.visible(fd) {
            Some(_) => Err(ErrorCode::NotPermitted.into()),
            None => Ok(()),
        }
    }

    pub(super) fn show(&mut self, visible: Visible) -> FsResult<Resource<Descriptor>> {
        Ok(Resource::new_own(self.table.push(visible)?.rep()))
    }
}

/// Where a guest's path leads beneath a grant root.
pub(super) enum Leads {
    Root,
    /// A directory on the way to the admitted file.
    Above,
    File,
    Nowhere,
}

pub(super) fn leads(path: &str, admitted: &str) -> Leads {
    if path.starts_with('/') {
        return Leads::Nowhere;
    }
    let wanted: Vec<&str> = path
        .split('/')
        .filter(|part| !part.is_empty() && *part != ".")
        .collect();
    let there: Vec<&str> = admitted.split('/').collect();
    if wanted.is_empty() {
        Leads::Root
    } else if wanted == there {
        Leads::File
    } else if there.starts_with(&wanted) {
        Leads::Above
    } else {
        Leads::Nowhere
    }
}

pub(super) fn directory_stat() -> DescriptorStat {
    DescriptorStat {
        type_: DescriptorType::Directory,
        link_count: 1,
        size: 0,
        data_access_timestamp: None,
        data_modification_timestamp: None,
        status_change_timestamp: None,
    }
}

pub(super) fn file_stat(input: &AdmittedInput) -> DescriptorStat {
    let modified = input.identity.modified_ns;
    DescriptorStat {
        type_: DescriptorType::RegularFile,
        link_count: 1,
        size: input.identity.size,
        data_access_timestamp: None,
        data_modification_timestamp: u64::try_from(modified / 1_000_000_000).ok().map(|seconds| Datetime {
            seconds,
            nanoseconds: u32::try_from(modified % 1_000_000_000).unwrap_or_default(),
        }),
        status_change_timestamp: None,
    }
}

pub(super) fn file_hash(input: &AdmittedInput) -> MetadataHashValue {
    MetadataHashValue {
        lower: input.identity.inode,
        upper: input.identity.device,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_admitted_path_leads_to_the_file() {
        for path in ["a/b.txt", "./a/b.txt", "a//b.txt", "a/./b.txt"] {
            assert!(matches!(leads(path, "a/b.txt"), Leads::File), "{path}");
        }
        for path in ["a", "a/"] {
            assert!(matches!(leads(path, "a/b.txt"), Leads::Above), "{path}");
        }
        for path in ["", ".", "./"] {
            assert!(matches!(leads(path, "a/b.txt"), Leads::Root), "{path}");
        }
        for path in [
            "b.txt",
            "a/b.txt/",
            "../a/b.txt",
            "a/../a/b.txt",
            "/a/b.txt",
            "a/c",
            "A/B.TXT",
            "a/b.txt/..",
        ] {
            let nowhere = matches!(leads(path, "a/b.txt"), Leads::Nowhere);
            assert!(nowhere || path == "a/b.txt/", "{path}");
        }
    }
}
