//! The objects: put, get, list, delete.

use std::time::{SystemTime, UNIX_EPOCH};

use loadlock_sdk::file::AdmittedReader;
use loadlock_sdk::types::{Deletion, Failure, FailureKind, RemoteFile, RemotePage, UploadOptions};
use loadlock_sdk::wasip2::filesystem::types::Descriptor;
use loadlock_sdk::wasip2::io::streams::{InputStream, StreamError};
use sha2::{Digest as _, Sha256};

use crate::directory::Directory;
use crate::fault;
use crate::id::{Digest, SHARD_CHARS};
use crate::incoming::{self, Incoming};
use crate::record::{self, Record};

/// Bytes of one read: what the host hands over at a time.
const READ_BYTES: u64 = 256 << 10;

pub(crate) struct Store {
    incoming: Directory,
    objects: Directory,
}

impl Store {
    pub(crate) fn open() -> Result<Self, Failure> {
        let root = Directory::root()?;
        Ok(Self {
            incoming: root.scratch("incoming")?,
            objects: root.child_or_new("objects")?,
        })
    }

    pub(crate) fn clean_up(&self) {
        incoming::remove_leftovers(&self.incoming);
    }

    /// As [`Store::clean_up`], where there is a store already; makes none.
    pub(crate) fn clean_up_if_there() {
        if let Ok(Some(incoming)) = Directory::root().and_then(|root| root.child("incoming")) {
            incoming::remove_leftovers(&incoming);
        }
    }

    /// Stores a file: the bytes first, then the record that makes them an object.
    pub(crate) fn put(
        &self,
        reader: &AdmittedReader,
        media_type: &str,
        options: &UploadOptions,
    ) -> Result<RemoteFile, Failure> {
        let mut object = Incoming::create(&self.incoming)?;
        let digest = copy(reader, &mut object)?;
        let bytes = object.bytes();
        let shard = self.objects.child_or_new(digest.shard())?;
        object.keep_as(&shard, digest.object())?;

        let record = match read_record(&shard, &digest)? {
            Some(known) if known.bytes == bytes => known,
            _ => Record::new(&digest, bytes, media_type, now()),
        }
        .with_upload(options);
        let mut beside = Incoming::create(&self.incoming)?;
        beside.write(&record.to_json())?;
        beside.keep_as(&shard, &digest.record())?;
        shard.sync().map_err(|failure| failure.with_outcome_unknown(true))?;

        // A deletion that ran at the same time may have taken the bytes: then this upload has not happened.
        if shard.file_bytes(digest.object())? != Some(bytes) {
            return Err(Failure::new(
                FailureKind::Unavailable,
                "the object was deleted while it was being stored",
            ));
        }
        Ok(record.remote_file(Some(&options.purpose)))
    }

    /// The record of an object that is complete.
    ///
    /// # Errors
    /// `not-found` if there is none.
    pub(crate) fn get(&self, id: &str) -> Result<Record, Failure> {
        let digest = Digest::of_id(id)?;
        let shard = self.objects.child(digest.shard())?;
        let found = shard.map_or(Ok(None), |shard| complete(&shard, &digest))?;
        found.ok_or_else(absent)
    }

    /// An object's record and its bytes.
    ///
    /// # Errors
    /// `not-found` if there is none.
    pub(crate) fn open_content(&self, id: &str) -> Result<(Record, InputStream), Failure> {
        let digest = Digest::of_id(id)?;
        let shard = self.objects.child(digest.shard())?.ok_or_else(absent)?;
        let record = complete(&shard, &digest)?.ok_or_else(absent)?;
        let file = shard.open(digest.object())?.ok_or_else(absent)?;
        let stream = file
            .read_via_stream(0)
            .map_err(|code| fault::of(code, "read an object"))?;
        Ok((record, stream))
    }

    /// Objects in the order of their digests, after `cursor`.
    pub(crate) fn page(&self, purpose: Option<&str>, cursor: Option<&str>, limit: u32) -> Result<RemotePage, Failure> {
        let after = cursor
            .map(Digest::of_id)
            .transpose()
            .map_err(|_| Failure::new(FailureKind::Rejected, "the cursor was not issued by this provider"))?;
        let limit = limit.max(1) as usize;
        let mut files: Vec<RemoteFile> = Vec::new();
        for shard_name in self.objects.names()? {
            let passed = after.as_ref().is_some_and(|after| shard_name.as_str() < after.shard());
            if shard_name.len() != SHARD_CHARS || passed {
                continue;
            }
            let Some(shard) = self.objects.child(&shard_name)? else {
                continue;
            };
            for name in shard.names()? {
                let digest = Digest::of_record(&shard_name, &name);
                let Some(digest) = digest.filter(|digest| Some(digest) > after.as_ref()) else {
                    continue;
                };
                let record = complete(&shard, &digest)?;
                let wanted = |record: &Record| purpose.is_none_or(|purpose| record.has_purpose(purpose));
                let Some(record) = record.filter(wanted) else {
                    continue;
                };
                if files.len() == limit {
                    let next = files.last().map(|last| last.id.clone());
                    return Ok(RemotePage { files, next });
                }
                files.push(record.remote_file(purpose));
            }
        }
        Ok(RemotePage { files, next: None })
    }

    /// Removes an object: the record first, so that it is never listed without its bytes.
    pub(crate) fn delete(&self, id: &str) -> Result<Deletion, Failure> {
        let Ok(digest) = Digest::of_id(id) else {
            return Ok(Deletion::AlreadyGone);
        };
        let Some(shard) = self.objects.child(digest.shard())? else {
            return Ok(Deletion::AlreadyGone);
        };
        let listed = shard.remove(&digest.record())?;
        let stored = shard.remove(digest.object())?;
        if !(listed || stored) {
            return Ok(Deletion::AlreadyGone);
        }
        shard.sync()?;
        Ok(Deletion::Deleted)
    }

    /// Writes, syncs and removes a small file.
    pub(crate) fn probe(&self) -> Result<(), Failure> {
        let mut file = Incoming::create(&self.incoming)?;
        file.write(b"probe")?;
        file.sync()
    }
}

/// Copies a file in, hashing on the way; exactly as many bytes as were admitted.
fn copy(reader: &AdmittedReader, object: &mut Incoming<'_>) -> Result<Digest, Failure> {
    let input = reader.stream(0)?;
    let mut hash = Sha256::new();
    loop {
        let chunk = match input.blocking_read(READ_BYTES) {
            Ok(chunk) => chunk,
            Err(StreamError::Closed) => break,
            Err(StreamError::LastOperationFailed(error)) => {
                return Err(Failure::internal(format!(
                    "cannot read the admitted file: {}",
                    error.to_debug_string().lines().next().unwrap_or_default()
                )));
            }
        };
        hash.update(&chunk);
        object.write(&chunk)?;
        if object.bytes() > reader.size() {
            break;
        }
    }
    if object.bytes() != reader.size() {
        return Err(Failure::internal(format!(
            "the admitted file had {} bytes and now has another size; it changed while it was read",
            reader.size()
        ))
        .with_code("file-changed"));
    }
    Digest::of_text(&hex::encode(hash.finalize()))
        .ok_or_else(|| Failure::internal("a digest is 64 hexadecimal characters"))
}

/// The record of an object whose bytes are there, in the size that the record says.
fn complete(shard: &Directory, digest: &Digest) -> Result<Option<Record>, Failure> {
    let Some(record) = read_record(shard, digest)? else {
        return Ok(None);
    };
    let bytes = shard.file_bytes(digest.object())?;
    Ok((bytes == Some(record.bytes)).then_some(record))
}

fn read_record(shard: &Directory, digest: &Digest) -> Result<Option<Record>, Failure> {
    let Some(file) = shard.open(&digest.record())? else {
        return Ok(None);
    };
    Ok(Record::parse(digest, &read_small(&file)?))
}

/// All of a small file; at most what a record may have.
fn read_small(file: &Descriptor) -> Result<Vec<u8>, Failure> {
    let mut bytes = Vec::new();
    loop {
        let left = record::MAX_BYTES.saturating_sub(bytes.len() as u64);
        let (chunk, ended) = file
            .read(left, bytes.len() as u64)
            .map_err(|code| fault::of(code, "read a record"))?;
        let nothing = chunk.is_empty();
        bytes.extend(chunk);
        if ended || nothing {
            return Ok(bytes);
        }
    }
}

fn absent() -> Failure {
    Failure::not_found("there is no such file here")
}

fn now() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.as_secs())
}
