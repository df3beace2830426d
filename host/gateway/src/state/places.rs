//! Places for uploads, of which a reload may make more or fewer.

use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Fair: who asks first gets the first place that is free.
pub(crate) struct Places {
    semaphore: Arc<Semaphore>,
    size: Mutex<usize>,
}

impl Places {
    pub(crate) fn new(size: u32) -> Self {
        let size = size as usize;
        Self {
            semaphore: Arc::new(Semaphore::new(size)),
            size: Mutex::new(size),
        }
    }

    /// Waits for one. Never absent: they are not closed.
    pub(crate) async fn acquire(&self) -> Option<OwnedSemaphorePermit> {
        self.semaphore.clone().acquire_owned().await.ok()
    }

    /// One that is free now.
    pub(crate) fn try_acquire(&self) -> Option<OwnedSemaphorePermit> {
        self.semaphore.clone().try_acquire_owned().ok()
    }

    /// From here on there are so many. What is held beyond that is given back by whoever holds it, and by nobody asked
    /// for: it goes before the next one gets a place. Within a runtime.
    pub(crate) fn resize(&self, size: u32) {
        let size = size as usize;
        let mut held = self.size.lock().unwrap_or_else(PoisonError::into_inner);
        let before = std::mem::replace(&mut *held, size);
        if size > before {
            self.semaphore.add_permits(size - before);
            return;
        }
        let surplus = before - size;
        let left = surplus - self.semaphore.forget_permits(surplus);
        let (semaphore, Ok(left)) = (self.semaphore.clone(), u32::try_from(left)) else {
            return;
        };
        if left > 0 {
            tokio::spawn(async move {
                if let Ok(permits) = semaphore.acquire_many_owned(left).await {
                    permits.forget();
                }
            });
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn fewer_places_hold_as_soon_as_the_surplus_is_given_back() {
        let places = Places::new(3);
        let held = [places.acquire().await, places.acquire().await];
        places.resize(1);
        assert!(places.try_acquire().is_none());
        drop(held);
        let one = places.acquire().await.unwrap();
        tokio::task::yield_now().await;
        assert!(places.try_acquire().is_none(), "there is one");
        drop(one);
        places.resize(2);
        let both = (places.acquire().await, places.acquire().await);
        assert!(places.try_acquire().is_none());
        drop(both);
        assert!(places.try_acquire().is_some());
    }
}
