//! Which calls of one provider are under way, so that the component can tell its live temporary files from those of a
//! call that was cut off.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};

/// The id of this call, `<run>-<number>`: 16 hexadecimal digits that no other run of the host has, and a number that
/// grows.
const THIS: &str = "LOADLOCK_CALL";
/// The id of the oldest call that is under way. What a call of a smaller number or of another run left behind belongs
/// to nobody.
const OLDEST: &str = "LOADLOCK_OLDEST_CALL";

/// The calls under way. Clones are of the same run: generations of one component that are called at the same time.
#[derive(Clone)]
pub(super) struct RunningCalls {
    run: u64,
    calls: Arc<Mutex<Calls>>,
}

#[derive(Default)]
struct Calls {
    last: u64,
    numbers: BTreeSet<u64>,
}

/// One call, until it is dropped.
pub(super) struct RunningCall {
    run: u64,
    number: u64,
    oldest: u64,
    calls: Arc<Mutex<Calls>>,
}

impl Default for RunningCalls {
    fn default() -> Self {
        Self {
            run: rand::random(),
            calls: Arc::default(),
        }
    }
}

impl RunningCalls {
    /// Begins a call. Numbers grow in the order in which the oldest call is determined, so no call takes a later one's
    /// files for leftovers.
    pub(super) fn begin(&self) -> RunningCall {
        let mut calls = self.calls.lock().unwrap_or_else(PoisonError::into_inner);
        calls.last += 1;
        let number = calls.last;
        calls.numbers.insert(number);
        RunningCall {
            run: self.run,
            number,
            oldest: calls.numbers.first().copied().unwrap_or(number),
            calls: self.calls.clone(),
        }
    }
}

impl RunningCall {
    /// What the component is told.
    pub(super) fn environment(&self) -> [(String, String); 2] {
        let id = |number: u64| format!("{:016x}-{number}", self.run);
        [(THIS.to_owned(), id(self.number)), (OLDEST.to_owned(), id(self.oldest))]
    }
}

impl Drop for RunningCall {
    fn drop(&mut self) {
        self.calls
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .numbers
            .remove(&self.number);
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_is_the_smallest_that_is_under_way() {
        let running = RunningCalls::default();
        let (first, second) = (running.begin(), running.begin());
        assert_eq!((first.number, first.oldest), (1, 1));
        assert_eq!((second.number, second.oldest), (2, 1));
        drop(first);
        let third = running.begin();
        assert_eq!((third.number, third.oldest), (3, 2));
        let told = third.environment();
        assert_eq!(told[0].1, format!("{:016x}-3", running.run));
        assert_eq!(told[1].1, format!("{:016x}-2", running.run));
    }
}
