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
    #[error("{used} of {max} bytes are used and {size} more are needed; delete some files, or raise the limit")]
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
            return Err(QuotaExceeded::Count { used: used.count, max });
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

/// Room that is held for one file. Hand it to [`UnderWay::end`] or [`UnderWay::exchange`]; it is neither `Clone` nor
/// `Copy`, so it cannot be settled twice.
#[derive(Debug, PartialEq, Eq, Hash)]
#[must_use = "room that is not given back is lost until a restart"]
pub struct Reservation {
    size: u64,
}

impl Reservation {
    /// Bytes held.
    pub const fn size(&self) -> u64 {
        self.size
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

/// Uploads of one owner under way, for limits whose other half is in a ledger that others change too.
///
/// What is stored is read from the ledger each time, so that restarts, expiry and deletes need no bookkeeping here.
/// Between reading the ledger and deciding, an upload may come to its end: its file may or may not be in what was read.
/// Whatever ended since the reading began therefore still counts. That may count a file twice for a moment, never not
/// at all.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct UnderWay {
    held: Usage,
    /// What ended, with the moment, while a reading was under way.
    ended: Vec<(u64, u64)>,
    /// Moments at which readings began that are not done.
    readings: Vec<u64>,
    now: u64,
}

/// A reading of the ledger under way. Hand it to [`UnderWay::reserve`] or [`UnderWay::abandon`].
#[derive(Debug, PartialEq, Eq, Hash)]
#[must_use = "a reading that is neither used nor abandoned keeps everything that ends from being forgotten"]
pub struct QuotaReading(u64);

/// Why there is no room.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Error, Serialize, Deserialize)]
#[error("{why}")]
pub struct OverQuota {
    /// The limit.
    pub why: QuotaExceeded,
    /// What is stored alone would leave room: ask again when an upload has ended.
    pub under_way: bool,
}

impl UnderWay {
    /// Before the ledger is asked.
    pub fn read(&mut self) -> QuotaReading {
        self.now += 1;
        self.readings.push(self.now);
        QuotaReading(self.now)
    }

    /// The ledger gave no answer.
    pub fn abandon(&mut self, reading: QuotaReading) {
        self.done(&reading);
    }

    /// Holds room for a file of `size` bytes beside what the ledger said after `reading` began.
    ///
    /// # Errors
    /// [`OverQuota`].
    ///
    /// ```
    /// use loadlock_policy::quota::{Limits, UnderWay, Usage};
    /// let limits = Limits { max_count: Some(2), max_bytes: None };
    /// let mut uploads = UnderWay::default();
    /// let stored = Usage { count: 1, bytes: 10 };
    /// let reading = uploads.read();
    /// let held = uploads.reserve(reading, stored, 10, &limits)?;
    /// let reading = uploads.read();
    /// assert!(uploads.reserve(reading, stored, 10, &limits).is_err_and(|refused| refused.under_way));
    /// uploads.end(held);
    /// # Ok::<(), loadlock_policy::quota::OverQuota>(())
    /// ```
    pub fn reserve(
        &mut self,
        reading: QuotaReading,
        stored: Usage,
        size: u64,
        limits: &Limits,
    ) -> Result<Reservation, OverQuota> {
        let mut used = stored;
        used.count = used.count.saturating_add(self.held.count);
        used.bytes = used.bytes.saturating_add(self.held.bytes);
        for (_, bytes) in self.ended.iter().filter(|(at, _)| *at >= reading.0) {
            used.add(*bytes);
        }
        self.done(&reading);
        if let Err(why) = limits.admit(used, size) {
            return Err(OverQuota {
                why,
                under_way: limits.admit(stored, size).is_ok(),
            });
        }
        self.held.add(size);
        Ok(Reservation { size })
    }

    /// Holds room where nothing is limited, for limits that may come.
    pub fn hold(&mut self, size: u64) -> Reservation {
        self.held.add(size);
        Reservation { size }
    }

    /// As [`UnderWay::reserve`], in place of room that is held already: between giving that back and holding this
    /// nobody else comes.
    ///
    /// # Errors
    /// [`OverQuota`]; nothing is held then.
    pub fn exchange(
        &mut self,
        reading: QuotaReading,
        stored: Usage,
        held: Reservation,
        size: u64,
        limits: &Limits,
    ) -> Result<Reservation, OverQuota> {
        self.held.sub(held.size);
        self.reserve(reading, stored, size, limits)
    }

    /// The upload came to its end: its file is in the ledger, or there is none.
    pub fn end(&mut self, held: Reservation) {
        self.held.sub(held.size);
        if !self.readings.is_empty() {
            self.ended.push((self.now, held.size));
        }
    }

    /// What is held.
    pub const fn held(&self) -> Usage {
        self.held
    }

    /// Whether nothing is under way, so that it can be forgotten.
    pub fn is_idle(&self) -> bool {
        self.held == Usage::default() && self.readings.is_empty()
    }

    fn done(&mut self, reading: &QuotaReading) {
        self.readings.retain(|other| *other != reading.0);
        let oldest = self.readings.iter().min().copied().unwrap_or(u64::MAX);
        self.ended.retain(|(at, _)| *at >= oldest);
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
        let used = Usage { count: 2, bytes: 60 };
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
        assert_eq!(LIMITS.admit(full, 0), Err(QuotaExceeded::Count { used: 3, max: 3 }));
        assert!(LIMITS.admit(used, u64::MAX).is_err());
        assert_eq!(Limits::default().admit(full, u64::MAX), Ok(()));
    }

    #[test]
    fn room_is_exchanged_for_more_or_given_back() {
        let mut uploads = UnderWay::default();
        // Held while there was no limit.
        let other = uploads.hold(50);
        let reading = uploads.read();
        let early = uploads.reserve(reading, Usage::default(), 10, &LIMITS).unwrap();
        let reading = uploads.read();
        let exact = uploads.exchange(reading, Usage::default(), early, 50, &LIMITS).unwrap();
        assert_eq!(uploads.held(), Usage { count: 2, bytes: 100 });
        let reading = uploads.read();
        let refused = uploads.exchange(reading, Usage::default(), exact, 51, &LIMITS);
        assert!(refused.is_err());
        assert_eq!(uploads.held(), Usage { count: 1, bytes: 50 });
        uploads.end(other);
        assert!(uploads.is_idle());
    }

    /// Where one upload is: it reads the ledger in two steps, because the answer takes time, and its file is in the
    /// ledger before it ends.
    #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
    enum At {
        Start,
        Asked(u64),
        Answered(u64, u64),
        Sending,
        Recorded,
        Failed,
        Done,
        Refused,
    }

    /// Every interleaving of uploads with a ledger: the ledger never holds more than the limit, and nobody is refused
    /// for good while what is stored leaves room.
    #[test]
    fn no_interleaving_with_the_ledger_passes_a_limit() {
        const MAX: u64 = 2;
        const LIMITS: Limits = Limits {
            max_count: Some(MAX),
            max_bytes: Some(MAX * 10),
        };
        type World = (UnderWay, [At; 3], u64);
        fn steps(world: &World, i: usize) -> Vec<World> {
            let (uploads, at, ledger) = world.clone();
            let mut next = Vec::new();
            let mut go = |uploads: UnderWay, to: At, ledger: u64| {
                let mut at = at;
                at[i] = to;
                next.push((uploads, at, ledger));
            };
            let mut uploads = uploads;
            match at[i] {
                At::Start => {
                    let reading = uploads.read();
                    go(uploads, At::Asked(reading.0), ledger);
                }
                At::Asked(reading) => go(uploads, At::Answered(reading, ledger), ledger),
                At::Answered(reading, count) => {
                    let stored = Usage {
                        count,
                        bytes: count * 10,
                    };
                    match uploads.reserve(QuotaReading(reading), stored, 10, &LIMITS) {
                        Ok(_held) => go(uploads, At::Sending, ledger),
                        // Asking again would be a cycle of the search; that it may is what counts.
                        Err(refused) => {
                            assert_eq!(refused.under_way, count < MAX);
                            go(uploads, At::Refused, ledger);
                        }
                    }
                }
                At::Sending => {
                    go(uploads.clone(), At::Recorded, ledger + 1);
                    go(uploads, At::Failed, ledger);
                }
                At::Recorded | At::Failed => {
                    uploads.end(Reservation { size: 10 });
                    go(uploads, At::Done, ledger);
                }
                At::Done | At::Refused => {}
            }
            next
        }
        let mut seen = std::collections::HashSet::new();
        let mut open: Vec<World> = (0..=MAX)
            .map(|ledger| (UnderWay::default(), [At::Start; 3], ledger))
            .collect();
        while let Some(world) = open.pop() {
            if !seen.insert(world.clone()) {
                continue;
            }
            assert!(world.2 <= MAX, "{world:?}");
            let next: Vec<World> = (0..3).flat_map(|i| steps(&world, i)).collect();
            if next.is_empty() {
                assert!(world.0.is_idle() && world.0.ended.is_empty(), "{world:?}");
            }
            open.extend(next);
        }
        assert!(seen.len() > 1_000, "{}", seen.len());
    }

    #[test]
    fn a_delete_makes_room() {
        let mut uploads = UnderWay::default();
        let stored = |count, bytes| Usage { count, bytes };
        let reading = uploads.read();
        let refused = uploads.reserve(reading, stored(3, 90), 1, &LIMITS);
        assert!(refused.is_err_and(|refused| !refused.under_way));
        let reading = uploads.read();
        let held = uploads.reserve(reading, stored(2, 60), 40, &LIMITS).unwrap();
        uploads.end(held);
        let reading = uploads.read();
        assert!(uploads.reserve(reading, stored(3, 95), 1, &LIMITS).is_err());
        assert!(uploads.is_idle());
    }
}
