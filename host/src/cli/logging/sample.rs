//! Which of many lines of a log are written. A decision without a clock: who asks passes the time.
//!
//! A scan or a vendor that is down makes the same line a thousand times a second, and a disk that is full of them keeps
//! nothing that anybody needs. Of equal lines the first few of a window are written, and of lines that one place in the
//! code makes, whatever they say, some more. The rest is counted, and the counts are told.

use std::collections::HashMap;
use std::time::{Duration, Instant};

/// What is counted together.
pub(super) const WINDOW: Duration = Duration::from_secs(10);
/// Equal lines that are written in a window.
const EQUAL: u64 = 5;
/// Lines of one place in the code that are written in a window, equal or not.
const OF_ONE_PLACE: u64 = 100;
/// Different lines that are told apart in a window. Each place writes at most [`OF_ONE_PLACE`], so there are more only
/// where many places write at once.
const MOST_KEPT: usize = 10_000;

/// A line, as far as the decision goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Line {
    /// Where in the code it is made.
    pub(super) place: u64,
    /// What it says, as a hash.
    pub(super) text: u64,
}

/// Lines that were not written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct LeftOut {
    /// The first line of the kind in the window.
    pub(super) like: String,
    /// How many.
    pub(super) count: u64,
}

/// Counts of the current window.
#[derive(Debug)]
pub(super) struct Sampler {
    since: Instant,
    places: HashMap<u64, Place>,
    equal: HashMap<Line, u64>,
}

#[derive(Debug, Default)]
struct Place {
    written: u64,
    left_out: u64,
    like: String,
}

impl Sampler {
    pub(super) fn new(now: Instant) -> Self {
        Self {
            since: now,
            places: HashMap::new(),
            equal: HashMap::new(),
        }
    }

    /// Whether a line is written. `says` is asked for its text once for each place and window.
    pub(super) fn writes(&mut self, line: Line, says: impl FnOnce() -> String) -> bool {
        let place = self.places.entry(line.place).or_insert_with(|| Place {
            like: says(),
            ..Place::default()
        });
        let room = place.written < OF_ONE_PLACE && self.equal.len() < MOST_KEPT;
        let writes = room && {
            let seen = self.equal.entry(line).or_default();
            *seen += 1;
            *seen <= EQUAL
        };
        match writes {
            true => place.written += 1,
            false => place.left_out += 1,
        }
        writes
    }

    /// Begins a new window if the current one is over; what was left out of it. `at_the_end`: it is over now.
    pub(super) fn turn(&mut self, now: Instant, at_the_end: bool) -> Vec<LeftOut> {
        if !at_the_end && now.duration_since(self.since) < WINDOW {
            return Vec::new();
        }
        self.since = now;
        self.equal.clear();
        let mut left_out: Vec<LeftOut> = self
            .places
            .drain()
            .filter(|(_, place)| place.left_out > 0)
            .map(|(_, place)| LeftOut {
                like: place.like,
                count: place.left_out,
            })
            .collect();
        left_out.sort_by(|a, b| b.count.cmp(&a.count).then_with(|| a.like.cmp(&b.like)));
        left_out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn say(sampler: &mut Sampler, place: u64, text: u64) -> bool {
        sampler.writes(Line { place, text }, || format!("place {place} says {text}"))
    }

    #[test]
    fn equal_lines_are_written_a_few_times_in_a_window_and_the_rest_is_told() {
        let start = Instant::now();
        let mut sampler = Sampler::new(start);
        let written = (0..1_000).filter(|_| say(&mut sampler, 1, 7)).count();
        assert_eq!(written, 5);
        assert_eq!(sampler.turn(start + WINDOW / 2, false), []);
        let told = sampler.turn(start + WINDOW, false);
        let expected = LeftOut {
            like: "place 1 says 7".into(),
            count: 995,
        };
        assert_eq!(told, [expected]);
        assert!(say(&mut sampler, 1, 7), "a new window begins anew");
        assert_eq!(sampler.turn(start + WINDOW * 2, false), []);
    }

    #[test]
    fn a_scan_that_never_says_the_same_twice_is_bounded_too() {
        let start = Instant::now();
        let mut sampler = Sampler::new(start);
        let written = (0..50_000).filter(|text| say(&mut sampler, 1, *text)).count();
        assert_eq!(written, 100);
        assert!(say(&mut sampler, 2, 0), "another place is not kept from writing");
        assert_eq!(sampler.turn(start, true)[0].count, 49_900);
        assert!(sampler.equal.is_empty() && sampler.places.is_empty());
    }

    #[test]
    fn what_is_remembered_is_bounded() {
        let mut sampler = Sampler::new(Instant::now());
        for place in 0..1_000 {
            for text in 0..100 {
                say(&mut sampler, place, text);
            }
        }
        assert!(sampler.equal.len() <= MOST_KEPT);
    }
}
