//! What a component writes into its own directory, under its quota.

use std::fs::File;
use std::sync::Arc;

use bytes::Bytes;
use types::{DescriptorFlags, DescriptorType, ErrorCode, Filesize, HostDescriptor, OpenFlags, PathFlags};
use wasmtime::component::Resource;
use wasmtime_wasi::filesystem::Descriptor;
use wasmtime_wasi::p2::bindings::filesystem::types;
use wasmtime_wasi::p2::{DynOutputStream, FsResult, OutputStream, Pollable, StreamError, StreamResult};

use super::quota::{Spending, full};
use super::visible::FilesView;

impl FilesView<'_> {
    fn file(&self, fd: &Resource<Descriptor>) -> Option<Arc<File>> {
        match self.table.get(fd).ok()? {
            Descriptor::File(file) => Some(file.file.clone()),
            Descriptor::Dir(_) => None,
        }
    }

    /// Takes room for a write of `length` bytes after which the file has at least `end`.
    pub(super) fn spend(&self, fd: &Resource<Descriptor>, length: u64, end: u64) -> FsResult<()> {
        let spending = &self.ctx.spending;
        if let Some(file) = self.file(fd).filter(|_| spending.is_limited()) {
            spending.write(&file, length, end, length_of(&file)?)?;
        }
        Ok(())
    }

    /// Gives back what a file that was cut to `size` does not need any more.
    pub(super) fn cut(&self, fd: &Resource<Descriptor>, size: u64) -> u64 {
        let length = self.file(fd).and_then(|file| length_of(&file).ok());
        length.unwrap_or_default().saturating_sub(size)
    }

    /// The length of a regular file at a path, if there is one; whether anything is there.
    pub(super) async fn look_up(&mut self, fd: &Resource<Descriptor>, path: &str) -> (bool, Option<u64>) {
        if !self.ctx.spending.is_limited() {
            return (false, None);
        }
        let fd = Resource::new_borrow(fd.rep());
        match self.own().stat_at(fd, PathFlags::empty(), path.to_owned()).await {
            Ok(stat) => (true, (stat.type_ == DescriptorType::RegularFile).then_some(stat.size)),
            Err(_) => (false, None),
        }
    }

    /// Whether two paths are one file: a rename of it onto itself removes nothing.
    pub(super) async fn is_same(
        &mut self,
        fd: &Resource<Descriptor>,
        path: &str,
        other_fd: &Resource<Descriptor>,
        other_path: &str,
    ) -> bool {
        let (fd, other_fd) = (Resource::new_borrow(fd.rep()), Resource::new_borrow(other_fd.rep()));
        let one = self
            .own()
            .metadata_hash_at(fd, PathFlags::empty(), path.to_owned())
            .await;
        let other = self
            .own()
            .metadata_hash_at(other_fd, PathFlags::empty(), other_path.to_owned())
            .await;
        matches!((one, other), (Ok(one), Ok(other)) if (one.lower, one.upper) == (other.lower, other.upper))
    }

    /// Opens what is in the component's directory, with room for a name that is made by it.
    pub(super) async fn open_own(
        &mut self,
        fd: Resource<Descriptor>,
        path_flags: PathFlags,
        path: String,
        open_flags: OpenFlags,
        flags: DescriptorFlags,
    ) -> FsResult<Resource<Descriptor>> {
        let changes = open_flags.intersects(OpenFlags::CREATE | OpenFlags::TRUNCATE);
        let (is_there, length) = match changes {
            true => self.look_up(&fd, &path).await,
            false => (true, None),
        };
        let is_new = open_flags.contains(OpenFlags::CREATE) && !is_there;
        if is_new {
            self.ctx.spending.name()?;
        }
        let opened = self.own().open_at(fd, path_flags, path, open_flags, flags).await;
        match &opened {
            Err(_) if is_new => self.ctx.spending.no_name(),
            Ok(_) if open_flags.contains(OpenFlags::TRUNCATE) => {
                self.ctx.spending.freed(length.unwrap_or_default(), 0);
            }
            _ => {}
        }
        opened
    }

    /// A stream into a file of the component's own, from an offset, or at its end.
    pub(super) fn metered(
        &mut self,
        fd: &Resource<Descriptor>,
        stream: Resource<DynOutputStream>,
        offset: Option<Filesize>,
    ) -> FsResult<Resource<DynOutputStream>> {
        let spending = self.ctx.spending.clone();
        let Some(file) = self.file(fd).filter(|_| spending.is_limited()) else {
            return Ok(stream);
        };
        let length = length_of(&file)?;
        let inner = self.table.delete(stream)?;
        let metered: DynOutputStream = Box::new(Metered {
            inner,
            file,
            spending,
            position: offset.unwrap_or(length),
            length,
        });
        Ok(self.table.push(metered)?)
    }
}

fn length_of(file: &File) -> Result<u64, ErrorCode> {
    file.metadata()
        .map(|metadata| metadata.len())
        .map_err(|_| ErrorCode::Io)
}

/// A stream whose bytes are paid for before they are written.
struct Metered {
    inner: DynOutputStream,
    file: Arc<File>,
    spending: Spending,
    position: u64,
    /// How long the file is, once all that was taken is written.
    length: u64,
}

#[async_trait::async_trait]
impl Pollable for Metered {
    async fn ready(&mut self) {
        self.inner.ready().await;
    }
}

#[async_trait::async_trait]
impl OutputStream for Metered {
    fn write(&mut self, bytes: Bytes) -> StreamResult<()> {
        let length = bytes.len() as u64;
        let end = self.position.saturating_add(length);
        if self.spending.write(&self.file, length, end, self.length).is_err() {
            return Err(StreamError::LastOperationFailed(full().into()));
        }
        self.position = end;
        self.length = self.length.max(end);
        self.inner.write(bytes)
    }

    fn flush(&mut self) -> StreamResult<()> {
        self.inner.flush()
    }

    fn check_write(&mut self) -> StreamResult<usize> {
        self.inner.check_write()
    }

    async fn cancel(&mut self) {
        self.inner.cancel().await;
    }
}
