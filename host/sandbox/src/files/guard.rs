//! The `wasi:filesystem` of a sandbox.
//!
//! Three kinds of things have a descriptor: the grant root and the admitted file, which are [`Visible`] and read-only,
//! and whatever lies in the component's own directory, which is wasmtime-wasi's business. Links cannot be made
//! anywhere, so none can be planted for the host or for a later call to follow.

use std::sync::Arc;

use types::{
    Advice, DescriptorFlags, DescriptorStat, DescriptorType, DirectoryEntry, DirectoryEntryStream, ErrorCode, Filesize,
    Host, HostDescriptor, HostDirectoryEntryStream, MetadataHashValue, NewTimestamp, OpenFlags, PathFlags,
};
use wasmtime::component::Resource;
use wasmtime_wasi::filesystem::{Descriptor, Dir};
use wasmtime_wasi::p2::bindings::filesystem::{preopens, types};
use wasmtime_wasi::p2::{DynInputStream, DynOutputStream, FsError, FsResult};
use wasmtime_wasi::{FsPerms, OpenMode};

use super::stream::{AdmittedStream, CHUNK, read_at};
use super::visible::{
    FILES, FilesView, Leads, RootListing, STATE, Visible, directory_stat, file_hash, file_stat, leads,
};

impl preopens::Host for FilesView<'_> {
    fn get_directories(&mut self) -> wasmtime::Result<Vec<(Resource<Descriptor>, String)>> {
        let mut preopens = Vec::new();
        if let Some(admitted) = &self.ctx.admitted {
            let root = Visible::Root(Arc::new(admitted.clone()));
            preopens.push((Resource::new_own(self.table.push(root)?.rep()), FILES.to_owned()));
        }
        if let Some(state) = &self.ctx.state {
            let mode = OpenMode::READ | OpenMode::WRITE;
            let dir = Dir::new(state.try_clone()?, FsPerms::ReadWrite, mode, self.ctx.blocking);
            preopens.push((self.table.push(Descriptor::Dir(dir))?, STATE.to_owned()));
        }
        Ok(preopens)
    }
}

impl Host for FilesView<'_> {
    fn convert_error_code(&mut self, error: FsError) -> wasmtime::Result<ErrorCode> {
        error.downcast()
    }

    fn filesystem_error_code(&mut self, error: Resource<wasmtime::Error>) -> wasmtime::Result<Option<ErrorCode>> {
        self.own().filesystem_error_code(error)
    }
}

impl HostDescriptor for FilesView<'_> {
    async fn advise(
        &mut self,
        fd: Resource<Descriptor>,
        offset: Filesize,
        len: Filesize,
        advice: Advice,
    ) -> FsResult<()> {
        match self.visible(&fd) {
            Some(Visible::File(_)) => Ok(()),
            Some(Visible::Root(_)) => Err(ErrorCode::BadDescriptor.into()),
            None => self.own().advise(fd, offset, len, advice).await,
        }
    }

    async fn sync_data(&mut self, fd: Resource<Descriptor>) -> FsResult<()> {
        match self.visible(&fd) {
            Some(_) => Ok(()),
            None => {
                let pending = self.pending(&fd);
                self.own().sync_data(fd).await?;
                if let Some(pending) = pending {
                    pending.made();
                }
                Ok(())
            }
        }
    }

    async fn get_flags(&mut self, fd: Resource<Descriptor>) -> FsResult<DescriptorFlags> {
        match self.visible(&fd) {
            Some(_) => Ok(DescriptorFlags::READ),
            None => self.own().get_flags(fd).await,
        }
    }

    async fn get_type(&mut self, fd: Resource<Descriptor>) -> FsResult<DescriptorType> {
        match self.visible(&fd) {
            Some(Visible::Root(_)) => Ok(DescriptorType::Directory),
            Some(Visible::File(_)) => Ok(DescriptorType::RegularFile),
            None => self.own().get_type(fd).await,
        }
    }

    async fn set_size(&mut self, fd: Resource<Descriptor>, size: Filesize) -> FsResult<()> {
        self.writable(&fd)?;
        let freed = self.cut(&fd, size);
        self.spend(&fd, 0, size)?;
        self.own().set_size(fd, size).await?;
        self.ctx.spending.freed(freed, 0);
        Ok(())
    }

    async fn set_times(
        &mut self,
        fd: Resource<Descriptor>,
        accessed: NewTimestamp,
        modified: NewTimestamp,
    ) -> FsResult<()> {
        self.writable(&fd)?;
        self.own().set_times(fd, accessed, modified).await
    }

    async fn read(&mut self, fd: Resource<Descriptor>, len: Filesize, offset: Filesize) -> FsResult<(Vec<u8>, bool)> {
        let admitted = match self.visible(&fd) {
            Some(Visible::File(admitted)) => admitted,
            Some(Visible::Root(_)) => return Err(ErrorCode::IsDirectory.into()),
            None => return self.own().read(fd, len, offset).await,
        };
        let input = admitted.0.clone();
        let mut left = input.identity.size.saturating_sub(offset);
        if let Some(arriving) = input.file.arriving() {
            arriving.answers(offset).await;
            left = left.min(arriving.readable()?.saturating_sub(offset));
        }
        let want = usize::try_from(len.min(left)).unwrap_or(CHUNK).min(CHUNK);
        let chunk = tokio::task::spawn_blocking(move || {
            let chunk = read_at(&input.file, offset, want)?;
            input.watch.saw(offset, &chunk);
            Ok::<_, std::io::Error>(chunk)
        })
        .await
        .map_err(FsError::trap)??;
        let end = chunk.is_empty() && len > 0;
        Ok((chunk.into(), end))
    }

    async fn write(&mut self, fd: Resource<Descriptor>, bytes: Vec<u8>, offset: Filesize) -> FsResult<Filesize> {
        self.writable(&fd)?;
        let length = bytes.len() as u64;
        self.spend(&fd, length, offset.saturating_add(length))?;
        self.own().write(fd, bytes, offset).await
    }

    async fn read_directory(&mut self, fd: Resource<Descriptor>) -> FsResult<Resource<DirectoryEntryStream>> {
        match self.visible(&fd) {
            Some(Visible::Root(admitted)) => {
                let (first, below) = match admitted.1.split_once('/') {
                    Some((first, _)) => (first, true),
                    None => (admitted.1.as_str(), false),
                };
                let entry = DirectoryEntry {
                    type_: if below {
                        DescriptorType::Directory
                    } else {
                        DescriptorType::RegularFile
                    },
                    name: first.to_owned(),
                };
                Ok(Resource::new_own(self.table.push(RootListing(Some(entry)))?.rep()))
            }
            Some(Visible::File(_)) => Err(ErrorCode::NotDirectory.into()),
            None => self.own().read_directory(fd).await,
        }
    }

    async fn sync(&mut self, fd: Resource<Descriptor>) -> FsResult<()> {
        match self.visible(&fd) {
            Some(_) => Ok(()),
            None => {
                let pending = self.pending(&fd);
                self.own().sync(fd).await?;
                if let Some(pending) = pending {
                    pending.made();
                }
                Ok(())
            }
        }
    }

    async fn create_directory_at(&mut self, fd: Resource<Descriptor>, path: String) -> FsResult<()> {
        self.writable(&fd)?;
        self.ctx.spending.name()?;
        let made = self.own().create_directory_at(fd, path).await;
        if made.is_err() {
            self.ctx.spending.no_name();
        }
        made
    }

    async fn stat(&mut self, fd: Resource<Descriptor>) -> FsResult<DescriptorStat> {
        match self.visible(&fd) {
            Some(Visible::Root(_)) => Ok(directory_stat()),
            Some(Visible::File(admitted)) => Ok(file_stat(&admitted.0)),
            None => self.own().stat(fd).await,
        }
    }

    async fn stat_at(&mut self, fd: Resource<Descriptor>, flags: PathFlags, path: String) -> FsResult<DescriptorStat> {
        match self.visible(&fd) {
            Some(Visible::Root(admitted)) => match leads(&path, &admitted.1) {
                Leads::Root | Leads::Above => Ok(directory_stat()),
                Leads::File => Ok(file_stat(&admitted.0)),
                Leads::Nowhere => Err(ErrorCode::NoEntry.into()),
            },
            Some(Visible::File(_)) => Err(ErrorCode::NotDirectory.into()),
            None => self.own().stat_at(fd, flags, path).await,
        }
    }

    async fn set_times_at(
        &mut self,
        fd: Resource<Descriptor>,
        flags: PathFlags,
        path: String,
        accessed: NewTimestamp,
        modified: NewTimestamp,
    ) -> FsResult<()> {
        self.writable(&fd)?;
        self.own().set_times_at(fd, flags, path, accessed, modified).await
    }

    async fn link_at(
        &mut self,
        _fd: Resource<Descriptor>,
        _flags: PathFlags,
        _path: String,
        _new_fd: Resource<Descriptor>,
        _new_path: String,
    ) -> FsResult<()> {
        Err(ErrorCode::NotPermitted.into())
    }

    async fn open_at(
        &mut self,
        fd: Resource<Descriptor>,
        path_flags: PathFlags,
        path: String,
        open_flags: OpenFlags,
        flags: DescriptorFlags,
    ) -> FsResult<Resource<Descriptor>> {
        let admitted = match self.visible(&fd) {
            Some(Visible::Root(admitted)) => admitted,
            Some(Visible::File(_)) => return Err(ErrorCode::NotDirectory.into()),
            None => return self.open_own(fd, path_flags, path, open_flags, flags).await,
        };
        let changes = OpenFlags::CREATE | OpenFlags::EXCLUSIVE | OpenFlags::TRUNCATE;
        let writes = DescriptorFlags::WRITE | DescriptorFlags::MUTATE_DIRECTORY;
        match leads(&path, &admitted.1) {
            Leads::Nowhere => Err(ErrorCode::NoEntry.into()),
            _ if open_flags.intersects(changes) || flags.intersects(writes) => Err(ErrorCode::NotPermitted.into()),
            Leads::Root => self.show(Visible::Root(admitted)),
            Leads::File if open_flags.contains(OpenFlags::DIRECTORY) => Err(ErrorCode::NotDirectory.into()),
            Leads::File => self.show(Visible::File(admitted)),
            // The whole path opens at once; a directory on the way has nothing of its own to show.
            Leads::Above => Err(ErrorCode::Access.into()),
        }
    }

    fn drop(&mut self, fd: Resource<Descriptor>) -> wasmtime::Result<()> {
        if self.visible(&fd).is_some() {
            self.table.delete(Resource::<Visible>::new_own(fd.rep()))?;
            return Ok(());
        }
        HostDescriptor::drop(&mut self.own(), fd)
    }

    async fn readlink_at(&mut self, fd: Resource<Descriptor>, path: String) -> FsResult<String> {
        match self.visible(&fd) {
            Some(Visible::Root(admitted)) => match leads(&path, &admitted.1) {
                Leads::Nowhere => Err(ErrorCode::NoEntry.into()),
                Leads::Root | Leads::Above | Leads::File => Err(ErrorCode::Invalid.into()),
            },
            Some(Visible::File(_)) => Err(ErrorCode::NotDirectory.into()),
            None => self.own().readlink_at(fd, path).await,
        }
    }

    async fn remove_directory_at(&mut self, fd: Resource<Descriptor>, path: String) -> FsResult<()> {
        self.writable(&fd)?;
        self.own().remove_directory_at(fd, path).await?;
        self.ctx.spending.freed(0, 1);
        Ok(())
    }

    async fn rename_at(
        &mut self,
        fd: Resource<Descriptor>,
        path: String,
        new_fd: Resource<Descriptor>,
        new_path: String,
    ) -> FsResult<()> {
        self.writable(&fd)?;
        self.writable(&new_fd)?;
        let (is_there, length) = self.look_up(&new_fd, &new_path).await;
        let replaces = is_there && !self.is_same(&fd, &path, &new_fd, &new_path).await;
        self.own().rename_at(fd, path, new_fd, new_path).await?;
        if replaces {
            self.ctx.spending.removed(length.unwrap_or_default());
        }
        Ok(())
    }

    async fn symlink_at(&mut self, _fd: Resource<Descriptor>, _target: String, _path: String) -> FsResult<()> {
        Err(ErrorCode::NotPermitted.into())
    }

    async fn unlink_file_at(&mut self, fd: Resource<Descriptor>, path: String) -> FsResult<()> {
        self.writable(&fd)?;
        let (_, length) = self.look_up(&fd, &path).await;
        self.own().unlink_file_at(fd, path).await?;
        self.ctx.spending.removed(length.unwrap_or_default());
        Ok(())
    }

    fn read_via_stream(&mut self, fd: Resource<Descriptor>, offset: Filesize) -> FsResult<Resource<DynInputStream>> {
        match self.visible(&fd) {
            Some(Visible::File(admitted)) => {
                let input = &admitted.0;
                let stream = AdmittedStream::new(
                    input.file.clone(),
                    input.watch.clone(),
                    offset,
                    input.identity.size,
                    input.resident,
                );
                let stream: DynInputStream = Box::new(stream);
                Ok(self.table.push(stream)?)
            }
            Some(Visible::Root(_)) => Err(ErrorCode::IsDirectory.into()),
            None => self.own().read_via_stream(fd, offset),
        }
    }

    fn write_via_stream(&mut self, fd: Resource<Descriptor>, offset: Filesize) -> FsResult<Resource<DynOutputStream>> {
        self.writable(&fd)?;
        let file = Resource::new_borrow(fd.rep());
        let stream = self.own().write_via_stream(fd, offset)?;
        self.metered(&file, stream, Some(offset))
    }

    fn append_via_stream(&mut self, fd: Resource<Descriptor>) -> FsResult<Resource<DynOutputStream>> {
        self.writable(&fd)?;
        let file = Resource::new_borrow(fd.rep());
        let stream = self.own().append_via_stream(fd)?;
        self.metered(&file, stream, None)
    }

    async fn is_same_object(&mut self, a: Resource<Descriptor>, b: Resource<Descriptor>) -> wasmtime::Result<bool> {
        match (self.visible(&a), self.visible(&b)) {
            (Some(Visible::Root(_)), Some(Visible::Root(_))) | (Some(Visible::File(_)), Some(Visible::File(_))) => {
                Ok(true)
            }
            (None, None) => self.own().is_same_object(a, b).await,
            _ => Ok(false),
        }
    }

    async fn metadata_hash(&mut self, fd: Resource<Descriptor>) -> FsResult<MetadataHashValue> {
        match self.visible(&fd) {
            Some(Visible::Root(_)) => Ok(MetadataHashValue { lower: 0, upper: 0 }),
            Some(Visible::File(admitted)) => Ok(file_hash(&admitted.0)),
            None => self.own().metadata_hash(fd).await,
        }
    }

    async fn metadata_hash_at(
        &mut self,
        fd: Resource<Descriptor>,
        flags: PathFlags,
        path: String,
    ) -> FsResult<MetadataHashValue> {
        match self.visible(&fd) {
            Some(Visible::Root(admitted)) => match leads(&path, &admitted.1) {
                Leads::Root | Leads::Above => Ok(MetadataHashValue { lower: 0, upper: 0 }),
                Leads::File => Ok(file_hash(&admitted.0)),
                Leads::Nowhere => Err(ErrorCode::NoEntry.into()),
            },
            Some(Visible::File(_)) => Err(ErrorCode::NotDirectory.into()),
            None => self.own().metadata_hash_at(fd, flags, path).await,
        }
    }
}

impl HostDirectoryEntryStream for FilesView<'_> {
    async fn read_directory_entry(
        &mut self,
        stream: Resource<DirectoryEntryStream>,
    ) -> FsResult<Option<DirectoryEntry>> {
        let listing = Resource::<RootListing>::new_borrow(stream.rep());
        if let Ok(listing) = self.table.get_mut(&listing) {
            return Ok(listing.0.take());
        }
        self.own().read_directory_entry(stream).await
    }

    fn drop(&mut self, stream: Resource<DirectoryEntryStream>) -> wasmtime::Result<()> {
        if self
            .table
            .get(&Resource::<RootListing>::new_borrow(stream.rep()))
            .is_ok()
        {
            self.table.delete(Resource::<RootListing>::new_own(stream.rep()))?;
            return Ok(());
        }
        HostDirectoryEntryStream::drop(&mut self.own(), stream)
    }
}
