//! Digests of open files.

use loadlock_sandbox::files::FileBytes;
use tokio_util::sync::CancellationToken;

/// SHA-256 of the first `bytes` of a file, on a blocking thread. Dropping the future stops the thread.
pub(crate) async fn hash(file: FileBytes, bytes: u64) -> std::io::Result<String> {
    let stop = CancellationToken::new();
    let _stop_when_dropped = stop.clone().drop_guard();
    tokio::task::spawn_blocking(move || {
        use sha2::{Digest, Sha256};
        let mut hasher = Sha256::new();
        let mut buffer = vec![0; 256 << 10];
        let mut offset = 0;
        while offset < bytes {
            if stop.is_cancelled() {
                return Err(std::io::ErrorKind::Interrupted.into());
            }
            let want = usize::try_from(bytes - offset)
                .unwrap_or(buffer.len())
                .min(buffer.len());
            let read = file.read_at(&mut buffer[..want], offset)?;
            if read == 0 {
                return Err(std::io::Error::new(
                    std::io::ErrorKind::UnexpectedEof,
                    "the file became shorter while it was read",
                ));
            }
            hasher.update(&buffer[..read]);
            offset += read as u64;
        }
        Ok(hex::encode(hasher.finalize()))
    })
    .await
    .map_err(std::io::Error::other)?
}
