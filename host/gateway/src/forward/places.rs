//! How many requests are on at vendors, and how much memory their bodies hold.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::error::{Error, ErrorCode, Result};
use crate::metrics;

/// Requests that are on at vendors at once, over all tenants: each holds two connections and a few buffers.
const MOST: usize = 512;
/// Of these for one tenant, where the operator says nothing of it.
const MOST_OF_ONE: usize = 128;
/// Largest body: what vendors take of JSON that carries images.
pub(crate) const LARGEST_BODY: usize = 32 << 20;
/// Bytes of bodies in memory, over all requests. A body is there twice while its ids are replaced.
const BODIES: usize = 128 << 20;
/// Longest wait for room for a body.
const PATIENCE: Duration = Duration::from_secs(10);

/// Places for requests that go on to vendors.
pub(crate) struct ForwardPlaces {
    taken: Arc<Mutex<HashMap<String, usize>>>,
    bodies: Arc<Semaphore>,
}

/// A place, given back when it is dropped.
#[derive(Debug)]
pub(crate) struct ForwardPlace {
    taken: Arc<Mutex<HashMap<String, usize>>>,
    tenant: String,
}

fn lock(taken: &Mutex<HashMap<String, usize>>) -> MutexGuard<'_, HashMap<String, usize>> {
    taken.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Default for ForwardPlaces {
    fn default() -> Self {
        Self {
            taken: Arc::default(),
            bodies: Arc::new(Semaphore::new(BODIES)),
        }
    }
}

impl ForwardPlaces {
    /// A place for one request of this tenant, which has at most `own` of them if the operator says so.
    ///
    /// # Errors
    /// [`ErrorCode::RateLimited`] if it has as many as it may, [`ErrorCode::Overloaded`] if there is none.
    pub(crate) fn place(&self, tenant: &str, own: Option<u32>) -> Result<ForwardPlace> {
        let most = own.map_or(MOST_OF_ONE, |own| own as usize);
        let mut taken = lock(&self.taken);
        let of_all: usize = taken.values().sum();
        let of_one = taken.get(tenant).copied().unwrap_or_default();
        if of_one >= most {
            let message = format!("{of_one} requests of the tenant are on at vendors; it may have {most} at once");
            return Err(Error::new(ErrorCode::RateLimited, message).retry_after(Some(1_000)));
        }
        if of_all >= MOST {
            let message = format!("{of_all} requests are on at vendors");
            return Err(Error::new(ErrorCode::Overloaded, message).retry_after(Some(1_000)));
        }
        taken.insert(tenant.to_owned(), of_one + 1);
        metrics::forwarding(of_all + 1);
        Ok(ForwardPlace {
            taken: Arc::clone(&self.taken),
            tenant: tenant.to_owned(),
        })
    }

    /// Room for a body of so many bytes, at most [`LARGEST_BODY`].
    ///
    /// # Errors
    /// [`ErrorCode::FileTooLarge`] for more; [`ErrorCode::Overloaded`] if there is none in time.
    pub(crate) async fn room(&self, bytes: u64) -> Result<OwnedSemaphorePermit> {
        let fits = u32::try_from(bytes)
            .ok()
            .filter(|bytes| *bytes as usize <= LARGEST_BODY);
        let bytes = fits.ok_or_else(too_large)?;
        let room = Arc::clone(&self.bodies).acquire_many_owned(bytes);
        match tokio::time::timeout(PATIENCE, room).await {
            Ok(Ok(room)) => Ok(room),
            Ok(Err(_)) | Err(_) => {
                let message = "the bodies of other requests take the memory that there is for them";
                Err(Error::new(ErrorCode::Overloaded, message).retry_after(Some(1_000)))
            }
        }
    }
}

/// A body that is larger than may be.
pub(crate) fn too_large() -> Error {
    let message = format!("the body has more than {} MiB", LARGEST_BODY >> 20);
    Error::new(ErrorCode::FileTooLarge, message).hint("upload what is large at `/v1/files` and name it by its id")
}

impl Drop for ForwardPlace {
    fn drop(&mut self) {
        let mut taken = lock(&self.taken);
        if let Some(count) = taken.get_mut(&self.tenant) {
            *count -= 1;
            if *count == 0 {
                taken.remove(&self.tenant);
            }
        }
        metrics::forwarding(taken.values().sum());
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn one_tenant_leaves_places_for_the_others() {
        let places = ForwardPlaces::default();
        let two: Vec<_> = (0..2).map(|_| places.place("a", Some(2)).unwrap()).collect();
        assert_eq!(places.place("a", Some(2)).unwrap_err().code, ErrorCode::RateLimited);
        assert!(places.place("b", Some(2)).is_ok());
        drop(two);
        assert!(places.place("a", Some(2)).is_ok());
        assert!(lock(&places.taken).is_empty());
        let mut all = Vec::new();
        for tenant in 0..MOST / MOST_OF_ONE {
            all.extend((0..MOST_OF_ONE).map(|_| places.place(&tenant.to_string(), None).unwrap()));
        }
        assert_eq!(places.place("a", None).unwrap_err().code, ErrorCode::Overloaded);
    }

    #[tokio::test(start_paused = true)]
    async fn bodies_wait_for_memory_and_not_for_ever() {
        let places = ForwardPlaces::default();
        let largest = LARGEST_BODY as u64;
        assert_eq!(
            places.room(largest + 1).await.unwrap_err().code,
            ErrorCode::FileTooLarge
        );
        let mut held = Vec::new();
        for _ in 0..BODIES / LARGEST_BODY {
            held.push(places.room(largest).await.unwrap());
        }
        assert_eq!(places.room(1).await.unwrap_err().code, ErrorCode::Overloaded);
        held.pop();
        assert!(places.room(largest).await.is_ok());
    }
}
