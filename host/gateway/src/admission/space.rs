//! Room for bodies on the disk, with a ceiling over everything that is there at once.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::error::{Error, ErrorCode, Result};

/// How many bytes of bodies lie on the disk. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Space {
    ceiling: u64,
    used: Arc<AtomicU64>,
}

impl Space {
    pub(crate) fn new(ceiling: u64) -> Self {
        Self {
            ceiling,
            used: Arc::default(),
        }
    }

    /// Takes room before it is written to.
    ///
    /// # Errors
    /// [`ErrorCode::SpoolFull`]; nothing is taken then.
    pub(crate) fn take(&self, bytes: u64) -> Result<()> {
        if self.used.fetch_add(bytes, Ordering::Relaxed) + bytes <= self.ceiling {
            return Ok(());
        }
        self.give_back(bytes);
        Err(Error::new(
            ErrorCode::SpoolFull,
            format!("the spool is full: its limit is {} bytes", self.ceiling),
        ))
    }

    /// Counts what is there already, whatever the ceiling.
    pub(crate) fn count(&self, bytes: u64) {
        self.used.fetch_add(bytes, Ordering::Relaxed);
    }

    pub(crate) fn give_back(&self, bytes: u64) {
        self.used.fetch_sub(bytes, Ordering::Relaxed);
    }

    /// Bytes taken and counted.
    pub(crate) fn used(&self) -> u64 {
        self.used.load(Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn what_does_not_fit_takes_nothing() {
        let space = Space::new(10);
        space.take(8).unwrap();
        assert_eq!(space.take(3).unwrap_err().code, ErrorCode::SpoolFull);
        assert_eq!(space.used(), 8);
        space.give_back(8);
        space.take(10).unwrap();
    }
}
