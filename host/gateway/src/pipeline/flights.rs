//! Uploads in flight, so that equal ones at the same time make one remote file.
//!
//! An upload's digest is not known before its bytes have gone out. Where another upload of the same tenant, account,
//! purpose, treatment and size is under way, both files are hashed first: equal ones wait for the leader and then find
//! its remote file by dedup, different ones go on side by side.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use loadlock_policy::model::ContentKey;
use tokio::sync::{OnceCell, watch};
use tokio_util::sync::CancellationToken;

/// What must agree before digests are compared.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct FlightKey {
    /// Without a digest.
    pub(crate) content: ContentKey,
    pub(crate) bytes: u64,
}

/// One upload under way.
#[derive(Debug)]
pub(crate) struct Flight {
    file: Arc<std::fs::File>,
    bytes: u64,
    digest: OnceCell<Option<String>>,
    landed: watch::Receiver<bool>,
}

/// All of them.
#[derive(Debug, Default, Clone)]
pub(crate) struct Flights(Arc<Mutex<HashMap<FlightKey, Vec<Arc<Flight>>>>>);

/// Ends the flight when it is dropped.
pub(crate) struct Landing {
    flights: Flights,
    key: FlightKey,
    flight: Arc<Flight>,
    landed: watch::Sender<bool>,
}

impl Landing {
    /// Whether it is under way at this account, for this purpose.
    pub(crate) fn is_at(&self, account: &str, purpose: &str) -> bool {
        self.key.content.account == account && self.key.content.purpose == purpose
    }
}

impl Drop for Landing {
    fn drop(&mut self) {
        let mut flights = self.flights.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(under_way) = flights.get_mut(&self.key) {
            under_way.retain(|flight| !Arc::ptr_eq(flight, &self.flight));
            if under_way.is_empty() {
                flights.remove(&self.key);
            }
        }
        let _ = self.landed.send(true);
    }
}

impl Flights {
    /// Takes off, unless an equal upload is under way: then waits until it has landed and answers `None` (look again).
    /// `digest` is filled if it had to be computed.
    pub(crate) async fn take_off(
        &self,
        key: FlightKey,
        file: &Arc<std::fs::File>,
        digest: &mut Option<String>,
    ) -> std::io::Result<Option<Landing>> {
        let mut different: Vec<Arc<Flight>> = Vec::new();
        loop {
            let other = {
                let mut flights = self.0.lock().unwrap_or_else(PoisonError::into_inner);
                let under_way = flights.entry(key.clone()).or_default();
                match under_way
                    .iter()
                    .find(|flight| !different.iter().any(|seen| Arc::ptr_eq(seen, flight)))
                {
                    None => {
                        let (landed, receiver) = watch::channel(false);
                        let flight = Arc::new(Flight {
                            file: file.clone(),
                            bytes: key.bytes,
                            digest: OnceCell::new_with(digest.clone().map(Some)),
                            landed: receiver,
                        });
                        under_way.push(flight.clone());
                        return Ok(Some(Landing {
                            flights: self.clone(),
                            key: key.clone(),
                            flight,
                            landed,
                        }));
                    }
                    Some(other) => other.clone(),
                }
            };
            if digest.is_none() {
                *digest = Some(hash(file.clone(), key.bytes).await?);
            }
            if other.digest().await == *digest {
                let mut landed = other.landed.clone();
                let _ = landed.wait_for(|landed| *landed).await;
                return Ok(None);
            }
            different.push(other);
        }
    }
}

impl Flight {
    async fn digest(&self) -> Option<String> {
        self.digest
            .get_or_init(|| async { hash(self.file.clone(), self.bytes).await.ok() })
            .await
            .clone()
    }
}

/// SHA-256 of the first `bytes` of a file, on a blocking thread. Dropping the future stops the thread.
pub(crate) async fn hash(file: Arc<std::fs::File>, bytes: u64) -> std::io::Result<String> {
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
            let read = std::os::unix::fs::FileExt::read_at(&*file, &mut buffer[..want], offset)?;
            if read == 0 {
                return Err(std::io::Error::new(
                    std::io::ErrorKind::UnexpectedEof,
                    "the file became shorter",
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

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::io::Write;

    use super::*;

    fn file(content: &[u8]) -> Arc<std::fs::File> {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(content).unwrap();
        Arc::new(file)
    }

    fn key() -> FlightKey {
        FlightKey {
            content: ContentKey {
                tenant: "t".into(),
                account: "a".into(),
                purpose: "p".into(),
                treatment: String::new(),
                sha256: None,
            },
            bytes: 5,
        }
    }

    #[tokio::test]
    async fn equal_uploads_wait_and_different_ones_do_not() {
        let flights = Flights::default();
        let leader = flights
            .take_off(key(), &file(b"hello"), &mut None)
            .await
            .unwrap()
            .unwrap();
        let mut digest = None;
        assert!(
            flights
                .take_off(key(), &file(b"other"), &mut digest)
                .await
                .unwrap()
                .is_some()
        );
        assert!(digest.is_some());
        let follower = tokio::spawn({
            let flights = flights.clone();
            async move {
                flights
                    .take_off(key(), &file(b"hello"), &mut None)
                    .await
                    .unwrap()
                    .is_none()
            }
        });
        tokio::task::yield_now().await;
        drop(leader);
        assert!(follower.await.unwrap());
    }
}
