//! Counters that are reserved before work and settled after it, so that uploads at the same time cannot together pass a
//! limit that each of them alone would keep.

use serde::{Deserialize, Serialize};
use thiserror::Error;

/// A number of files and of bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Usage {
    /// Files.
    pub count: u64,
    /// Bytes.
    pub bytes: u64,
}

/// The most that is allowed; absent where there is no limit. Inclusive.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Limits {
    /// Files.
    pub max_count: Option<u64>,
    /// Bytes.
    pub max_bytes: Option<u64>,
}

/// A limit that one more file would pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Error, Serialize, Deserialize)]
pub enum QuotaExceeded {
    /// Too many files.
    #[error("{used} of {max} files are used; delete some, or raise the limit")]
    Count {
        /// Files stored or reserved.
        used: u64,
        /// The limit.
        max: u64,
    },
    /// Too many bytes.
    #[error(
        "{used} of {max} bytes are used and {size} more are needed; delete some files, or raise the limit"
    )]
    Bytes {
        /// Bytes stored or reserved.
        used: u64,
        /// Bytes asked for.
        size: u64,
        /// The limit.
        max: u64,
    },
}

impl Limits {
    /// Whether one more file of `size` bytes fits beside `used`.
    ///
    /// # Errors
    /// [`QuotaExceeded`] names the limit that it would pass.
    pub fn admit(&self, used: Usage, size: u64) -> Result<(), QuotaExceeded> {
        if let Some(max) = self.max_count
            && used.count >= max
        {
            return Err(QuotaExceeded::Count {
                used: used.count,
                max,
            });
        }
        if let Some(max) = self.max_bytes
            && used.bytes.checked_add(size).is_none_or(|sum| sum > max)
        {
            return Err(QuotaExceeded::Bytes {
                used: used.bytes,
                size,
                max,
            });
        }
        Ok(())
    }
}

/// Room that is held for one file. Hand it to [`Quota::commit`] or [`Quota::release`]; it is neither `Clone` nor `Copy`,
/// so it cannot be settled twice.
#[derive(Debug, PartialEq, Eq, Hash)]
#[must_use = "room that is neither committed nor released is lost until a restart"]
pub struct Reservation {
    size: u64,
}

impl Reservation {
    /// Bytes held.
    pub const fn size(&self) -> u64 {
        self.size
    }
}

/// What is stored and what is reserved, of one tenant or one provider's purpose.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Quota {
    stored: Usage,
    reserved: Usage,
}

impl Quota {
    /// A counter that starts from what the ledger says is stored.
    pub const fn new(stored: Usage) -> Self {
        Self {
            stored,
            reserved: Usage { count: 0, bytes: 0 },
        }
    }

    /// Holds room for a file of `size` bytes.
    ///
    /// # Errors
    /// [`QuotaExceeded`] if stored and reserved together leave none.
    ///
    /// ```
    /// use loadlock_policy::quota::{Limits, Quota};
    /// let limits = Limits { max_count: Some(1), max_bytes: None };
    /// let mut quota = Quota::default();
    /// let held = quota.reserve(10, &limits)?;
    /// assert!(quota.reserve(10, &limits).is_err());
    /// quota.release(held);
    /// assert!(quota.reserve(10, &limits).is_ok());
    /// # Ok::<(), loadlock_policy::quota::QuotaExceeded>(())
    /// ```
    pub fn reserve(&mut self, size: u64, limits: &Limits) -> Result<Reservation, QuotaExceeded> {
        limits.admit(self.used(), size)?;
        self.reserved.add(size);
        Ok(Reservation { size })
    }

    /// The file is stored. `bytes` is its size now, which may differ from what was held for a body of unknown length.
    pub fn commit(&mut self, held: Reservation, bytes: u64) {
        self.reserved.sub(held.size);
        self.stored.add(bytes);
    }

    /// The file was not stored.
    pub fn release(&mut self, held: Reservation) {
        self.reserved.sub(held.size);
    }

    /// A stored file is gone.
    pub fn remove(&mut self, bytes: u64) {
        self.stored.sub(bytes);
    }

    /// Stored and reserved together: what limits are compared with.
    pub const fn used(&self) -> Usage {
        Usage {
            count: self.stored.count.saturating_add(self.reserved.count),
            bytes: self.stored.bytes.saturating_add(self.reserved.bytes),
        }
    }

    /// Stored alone: what gauges show.
    pub const fn stored(&self) -> Usage {
        self.stored
    }
}

impl Usage {
    fn add(&mut self, bytes: u64) {
        self.count = self.count.saturating_add(1);
        self.bytes = self.bytes.saturating_add(bytes);
    }

    fn sub(&mut self, bytes: u64) {
        self.count = self.count.saturating_sub(1);
        self.bytes = self.bytes.saturating_sub(bytes);
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use super::*;

    const LIMITS: Limits = Limits {
        max_count: Some(3),
        max_bytes: Some(100),
    };

    #[test]
    fn limits_are_inclusive() {
        let used = Usage {
            count: 2,
            bytes: 60,
        };
        assert_eq!(LIMITS.admit(used, 40), Ok(()));
        assert_eq!(
            LIMITS.admit(used, 41),
            Err(QuotaExceeded::Bytes {
                used: 60,
                size: 41,
                max: 100
            })
        );
        let full = Usage { count: 3, bytes: 0 };
        assert_eq!(
            LIMITS.admit(full, 0),
            Err(QuotaExceeded::Count { used: 3, max: 3 })
        );
        assert!(LIMITS.admit(used, u64::MAX).is_err());
        assert_eq!(Limits::default().admit(full, u64::MAX), Ok(()));
    }

    /// Three uploads at once, each reserving, then committing or releasing, in every order: the limits always hold and
    /// nothing is left over.
    #[test]
    fn no_order_of_uploads_passes_a_limit() {
        #[derive(Clone, Copy, PartialEq)]
        enum Step {
            Start,
            Held,
            Done,
        }
        fn explore(quota: Quota, steps: [Step; 3], stored: u64) -> usize {
            let limits = Limits {
                max_count: Some(2),
                max_bytes: Some(20),
            };
            assert!(quota.used().count <= 2 && quota.used().bytes <= 20);
            let mut ends = 0;
            for (i, step) in steps.iter().enumerate() {
                let next = |step| {
                    let mut next = steps;
                    next[i] = step;
                    next
                };
                match step {
                    Step::Start => {
                        let mut quota = quota;
                        let step = quota
                            .reserve(10, &limits)
                            .map_or(Step::Done, |_held| Step::Held);
                        ends += explore(quota, next(step), stored);
                    }
                    Step::Held => {
                        let mut committed = quota;
                        committed.commit(Reservation { size: 10 }, 10);
                        ends += explore(committed, next(Step::Done), stored + 1);
                        let mut released = quota;
                        released.release(Reservation { size: 10 });
                        ends += explore(released, next(Step::Done), stored);
                    }
                    Step::Done => {}
                }
            }
            if steps == [Step::Done; 3] {
                assert_eq!(quota.reserved, Usage::default());
                assert_eq!(
                    quota.stored(),
                    Usage {
                        count: stored,
                        bytes: stored * 10
                    }
                );
                ends += 1;
            }
            ends
        }
        assert!(explore(Quota::default(), [Step::Start; 3], 0) > 100);
    }

    #[test]
    fn a_delete_makes_room() {
        let mut quota = Quota::new(Usage {
            count: 3,
            bytes: 90,
        });
        assert!(quota.reserve(1, &LIMITS).is_err());
        quota.remove(30);
        let held = quota.reserve(40, &LIMITS).unwrap();
        quota.commit(held, 35);
        assert_eq!(
            quota.used(),
            Usage {
                count: 3,
                bytes: 95
            }
        );
    }
}
