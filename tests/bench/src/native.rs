//! The same upload without Loadlock: hyper and SHA-256, as somebody would write it who wants it fast.

use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use futures::StreamExt;
use sha2::{Digest, Sha256};
use tokio::sync::mpsc;

use crate::client::{Client, form};
use crate::{Result, failed};

/// Bytes of one read, as in the data plane.
const CHUNK: usize = 256 << 10;

/// Chunks that are read ahead.
const DEPTH: usize = 2;

/// Uploads a file and answers its digest. One thread reads and hashes while the connection sends.
pub(crate) async fn upload(client: &mut Client, path: &Path, bytes: u64) -> Result<String> {
    let file = Arc::new(std::fs::File::open(path).map_err(failed("open"))?);
    let (sink, chunks) = mpsc::channel(DEPTH);
    let reading = tokio::task::spawn_blocking(move || -> std::io::Result<String> {
        let mut hasher = Sha256::new();
        let mut offset = 0;
        while offset < bytes {
            let want = usize::try_from(bytes - offset).unwrap_or(CHUNK).min(CHUNK);
            let mut buffer = BytesMut::zeroed(want);
            file.read_exact_at(&mut buffer, offset)?;
            hasher.update(&buffer);
            offset += want as u64;
            if sink.blocking_send(Ok(buffer.freeze())).is_err() {
                break;
            }
        }
        Ok(hex::encode(hasher.finalize()))
    });
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let (before, after) = form(&name);
    let length = before.len() as u64 + bytes + after.len() as u64;
    let chunks = futures::stream::unfold(chunks, |mut chunks| async { Some((chunks.recv().await?, chunks)) });
    let one = |text: String| futures::stream::iter([std::io::Result::Ok(Bytes::from(text))]);
    let pieces = one(before).chain(chunks).chain(one(after)).boxed();
    let answer = client.upload_stream(length, pieces).await?;
    if answer["bytes"].as_u64() != Some(bytes) {
        return Err(format!("the vendor has {}, not {bytes} bytes", answer["bytes"]));
    }
    reading.await.map_err(failed("reader"))?.map_err(failed("reader"))
}
