//! Uploads in flight, so that equal ones at the same time make one remote file.
//!
//! An upload's digest is not known before its bytes have gone out. Where another upload of the same tenant, account,
//! purpose, treatment and size is under way, both files are hashed first: equal ones wait for the leader and then find
//! its remote file by dedup, different ones go on side by side. One whose body still arrives leads only where none of
//! its size is under way; others are compared with it byte by byte as it comes.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::{Arc, Mutex, PoisonError};

use loadlock_policy::model::ContentKey;
use loadlock_sandbox::files::{ArrivingFile, FileBytes};
use tokio::sync::{OnceCell, watch};

use crate::hash::hash;

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
    file: FileBytes,
    bytes: u64,
    digest: OnceCell<Option<String>>,
    done: watch::Receiver<bool>,
}

/// All of them.
#[derive(Debug, Default, Clone)]
pub(crate) struct SingleFlight(Arc<Mutex<HashMap<FlightKey, Vec<Arc<Flight>>>>>);

/// Ends the flight when it is dropped.
pub(crate) struct Leader {
    flights: SingleFlight,
    key: FlightKey,
    flight: Arc<Flight>,
    done: watch::Sender<bool>,
}

impl Leader {
    /// Whether it is under way at this account, for this purpose.
    pub(crate) fn is_at(&self, account: &str, purpose: &str) -> bool {
        self.key.content.account == account && self.key.content.purpose == purpose
    }
}

impl Drop for Leader {
    fn drop(&mut self) {
        let mut flights = self.flights.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(under_way) = flights.get_mut(&self.key) {
            under_way.retain(|flight| !Arc::ptr_eq(flight, &self.flight));
            if under_way.is_empty() {
                flights.remove(&self.key);
            }
        }
        let _ = self.done.send(true);
    }
}

impl SingleFlight {
    /// Leads from now on, unless an upload that may be equal is under way.
    pub(crate) fn lead_alone(&self, key: FlightKey, file: &FileBytes) -> Option<Leader> {
        let mut flights = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match flights.get(&key) {
            Some(under_way) if !under_way.is_empty() => None,
            _ => Some(self.begin(&mut flights, key, file, None)),
        }
    }

    fn begin(
        &self,
        flights: &mut HashMap<FlightKey, Vec<Arc<Flight>>>,
        key: FlightKey,
        file: &FileBytes,
        digest: Option<String>,
    ) -> Leader {
        let (done, receiver) = watch::channel(false);
        let flight = Arc::new(Flight {
            file: file.clone(),
            bytes: key.bytes,
            digest: OnceCell::new_with(digest.map(Some)),
            done: receiver,
        });
        flights.entry(key.clone()).or_default().push(flight.clone());
        Leader {
            flights: self.clone(),
            key,
            flight,
            done,
        }
    }

    /// Leads from now on, unless an equal upload is under way: then waits until that is done and answers `None` (look
    /// again).
    /// `digest` is filled if it had to be computed.
    pub(crate) async fn join_or_lead(
        &self,
        key: FlightKey,
        file: &FileBytes,
        digest: &OnceCell<String>,
    ) -> std::io::Result<Option<Leader>> {
        let mut different: Vec<Arc<Flight>> = Vec::new();
        loop {
            let other = {
                let mut flights = self.0.lock().unwrap_or_else(PoisonError::into_inner);
                let under_way = flights.get(&key).map(Vec::as_slice).unwrap_or_default();
                let unseen = |flight: &&Arc<Flight>| !different.iter().any(|seen| Arc::ptr_eq(seen, flight));
                match under_way.iter().find(unseen).cloned() {
                    None => return Ok(Some(self.begin(&mut flights, key, file, digest.get().cloned()))),
                    Some(other) => other,
                }
            };
            if let Some(arriving) = other.file.arriving() {
                // It has no digest yet; most files differ from others of their size in their first bytes.
                let mut done = other.done.clone();
                let same = tokio::select! {
                    biased;
                    // It is over, whether or not its body still comes.
                    _ = done.wait_for(|done| *done) => return Ok(None),
                    same = same_content(file, arriving, &other.file, key.bytes) => same,
                };
                if !same {
                    different.push(other);
                    continue;
                }
                let _ = done.wait_for(|done| *done).await;
                return Ok(None);
            }
            let own = digest.get_or_try_init(|| hash(file.clone(), key.bytes)).await?;
            if other.digest().await.as_ref() == Some(own) {
                let mut done = other.done.clone();
                let _ = done.wait_for(|done| *done).await;
                return Ok(None);
            }
            different.push(other);
        }
    }
}

/// Whether a file has the same content as one that still arrives: compared as it comes, so that the first byte that
/// differs decides. One that breaks off is no equal.
async fn same_content(own: &FileBytes, arriving: &ArrivingFile, other: &FileBytes, bytes: u64) -> bool {
    let mut offset = 0;
    while offset < bytes {
        arriving.answers(offset).await;
        let Ok(end) = arriving.readable() else {
            return false;
        };
        let (own, other) = (own.clone(), other.clone());
        let range = offset..end.min(bytes);
        offset = range.end;
        let equal = tokio::task::spawn_blocking(move || equal_range(&own, &other, range));
        if !matches!(equal.await, Ok(Ok(true))) {
            return false;
        }
    }
    true
}

fn equal_range(own: &FileBytes, other: &FileBytes, range: Range<u64>) -> std::io::Result<bool> {
    const BLOCK: usize = 64 << 10;
    let (mut left, mut right) = (vec![0; BLOCK], vec![0; BLOCK]);
    let mut offset = range.start;
    while offset < range.end {
        let want = usize::try_from(range.end - offset).unwrap_or(BLOCK).min(BLOCK);
        let read = own.read_at(&mut left[..want], offset)?;
        let mut filled = 0;
        while filled < read {
            match other.read_at(&mut right[filled..read], offset + filled as u64)? {
                0 => return Ok(false),
                more => filled += more,
            }
        }
        if read == 0 || left[..read] != right[..read] {
            return Ok(false);
        }
        offset += read as u64;
    }
    Ok(true)
}

impl Flight {
    async fn digest(&self) -> Option<String> {
        self.digest
            .get_or_init(|| async { hash(self.file.clone(), self.bytes).await.ok() })
            .await
            .clone()
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::io::Write;

    use super::*;

    fn file(content: &[u8]) -> FileBytes {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(content).unwrap();
        file.into()
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
        let flights = SingleFlight::default();
        let leader = flights
            .join_or_lead(key(), &file(b"hello"), &OnceCell::new())
            .await
            .unwrap()
            .unwrap();
        let digest = OnceCell::new();
        assert!(
            flights
                .join_or_lead(key(), &file(b"other"), &digest)
                .await
                .unwrap()
                .is_some()
        );
        assert!(digest.get().is_some());
        let follower = tokio::spawn({
            let flights = flights.clone();
            async move {
                flights
                    .join_or_lead(key(), &file(b"hello"), &OnceCell::new())
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
