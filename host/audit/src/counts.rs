//! How many records of each kind were written, day by day: for a summary that somebody keeps elsewhere.

use std::collections::{BTreeMap, HashMap};

use crate::record::{Entry, Event, Outcome, escaped};

/// Rows with a tenant's name. 20,000, of some 150 bytes, are 3 MB; past them a record counts without its tenant.
const MOST: usize = 20_000;

const DAY_MS: u64 = 24 * 60 * 60 * 1_000;

/// Records of one kind that this process wrote of one day and tenant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Count {
    /// Days since 1970-01-01 in UTC, by the records' times.
    pub day: u64,
    /// Time of the first record that was counted of this day, milliseconds since 1970. Another process, or this one
    /// after it has forgotten the day, counts from zero with another time: what has the same one may be kept as the
    /// greatest that was said.
    pub since_ms: u64,
    /// As in the log; empty where there is none, and for tenants past the first 20,000 rows.
    pub tenant: String,
    /// What happened.
    pub event: Event,
    /// How it ended.
    pub outcome: Outcome,
    /// So many since then.
    pub records: u64,
}

/// What has one count.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct CountedKind {
    tenant: String,
    event: Event,
    outcome: Outcome,
}

#[derive(Debug, Default)]
struct Row {
    records: u64,
    /// How many of them were told.
    told: u64,
}

#[derive(Debug)]
struct Day {
    since_ms: u64,
    rows: HashMap<CountedKind, Row>,
}

/// A record that will count once it is written.
#[derive(Debug)]
pub(crate) struct Counted {
    time_ms: u64,
    kind: CountedKind,
}

impl From<&Entry> for Counted {
    fn from(entry: &Entry) -> Self {
        Self {
            time_ms: entry.time_ms,
            kind: CountedKind {
                tenant: entry.who.tenant.as_deref().map(escaped).unwrap_or_default(),
                event: entry.event,
                outcome: entry.outcome,
            },
        }
    }
}

/// The counts of one process.
#[derive(Debug, Default)]
pub(crate) struct Counts {
    days: BTreeMap<u64, Day>,
}

impl Counts {
    pub(crate) fn add(&mut self, counted: Counted) {
        let named: usize = self.days.values().map(|day| day.rows.len()).sum();
        let Counted { time_ms, mut kind } = counted;
        let day = self.days.entry(time_ms / DAY_MS).or_insert_with(|| Day {
            since_ms: time_ms,
            rows: HashMap::new(),
        });
        if named >= MOST && !day.rows.contains_key(&kind) {
            kind.tenant.clear();
        }
        day.rows.entry(kind).or_default().records += 1;
    }

    /// At most so many counts that grew since they were told.
    pub(crate) fn untold(&self, most: usize) -> Vec<Count> {
        let rows = self.days.iter().flat_map(|(day, of_day)| {
            let since_ms = of_day.since_ms;
            of_day.rows.iter().map(move |(kind, row)| (*day, since_ms, kind, row))
        });
        rows.filter(|(.., row)| row.told < row.records)
            .take(most)
            .map(|(day, since_ms, kind, row)| Count {
                day,
                since_ms,
                tenant: kind.tenant.clone(),
                event: kind.event,
                outcome: kind.outcome,
                records: row.records,
            })
            .collect()
    }

    /// Notes what was told. Days before that of `now_ms` of which all was told are forgotten.
    pub(crate) fn told(&mut self, counts: &[Count], now_ms: u64) {
        for count in counts {
            let day = self.days.get_mut(&count.day);
            let Some(day) = day.filter(|day| day.since_ms == count.since_ms) else {
                continue;
            };
            let kind = CountedKind {
                tenant: count.tenant.clone(),
                event: count.event,
                outcome: count.outcome,
            };
            if let Some(row) = day.rows.get_mut(&kind) {
                row.told = row.told.max(count.records);
            }
        }
        let today = now_ms / DAY_MS;
        self.days
            .retain(|day, of_day| *day >= today || of_day.rows.values().any(|row| row.told < row.records));
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    const MONDAY: u64 = 20_000 * DAY_MS;

    fn record(counts: &mut Counts, time_ms: u64, tenant: &str, outcome: Outcome) {
        let mut entry = Entry::new(time_ms, Event::Upload, outcome);
        entry.who.tenant = (!tenant.is_empty()).then(|| tenant.to_owned());
        counts.add(Counted::from(&entry));
    }

    fn told_all(counts: &mut Counts, now_ms: u64) -> Vec<(u64, String, u64)> {
        let mut untold = counts.untold(usize::MAX);
        counts.told(&untold, now_ms);
        untold.sort_by(|a, b| (a.day, &a.tenant).cmp(&(b.day, &b.tenant)));
        untold
            .into_iter()
            .map(|count| (count.day, count.tenant, count.records))
            .collect()
    }

    #[test]
    fn what_was_told_is_told_again_when_it_has_grown_and_as_a_whole() {
        let mut counts = Counts::default();
        record(&mut counts, MONDAY, "acme", Outcome::Ok);
        record(&mut counts, MONDAY + 5, "acme", Outcome::Ok);
        record(&mut counts, MONDAY + 6, "", Outcome::Denied);
        let expected = [(20_000, String::new(), 1), (20_000, "acme".to_owned(), 2)];
        assert_eq!(told_all(&mut counts, MONDAY), expected);
        assert!(counts.untold(10).is_empty());
        record(&mut counts, MONDAY + 7, "acme", Outcome::Ok);
        let untold = counts.untold(10);
        // One more while the answer is on its way.
        record(&mut counts, MONDAY + 8, "acme", Outcome::Ok);
        counts.told(&untold, MONDAY);
        assert_eq!(untold[0].records, 3);
        assert_eq!(counts.untold(10)[0].records, 4);
    }

    #[test]
    fn a_day_is_forgotten_when_it_is_over_and_told_and_then_counts_anew() {
        let mut counts = Counts::default();
        record(&mut counts, MONDAY, "acme", Outcome::Ok);
        record(&mut counts, MONDAY + DAY_MS, "acme", Outcome::Ok);
        let untold = counts.untold(10);
        // Not while something of it is still to be told.
        record(&mut counts, MONDAY + 1, "acme", Outcome::Ok);
        counts.told(&untold, MONDAY + DAY_MS);
        assert_eq!(counts.days.len(), 2);
        assert_eq!(told_all(&mut counts, MONDAY + DAY_MS), [(20_000, "acme".to_owned(), 2)]);
        assert_eq!(counts.days.len(), 1);
        // A record that waited long for the disk does not continue a count that is not known any more.
        record(&mut counts, MONDAY + 2, "acme", Outcome::Ok);
        let late = &counts.untold(10)[0];
        assert_eq!((late.since_ms, late.records), (MONDAY + 2, 1));
    }

    #[test]
    fn tenants_without_number_take_no_memory_without_end_and_no_record_is_left_out() {
        let mut counts = Counts::default();
        for tenant in 0..MOST + 10 {
            record(&mut counts, MONDAY, &tenant.to_string(), Outcome::Ok);
        }
        record(&mut counts, MONDAY, "0", Outcome::Ok);
        let untold = counts.untold(usize::MAX);
        assert_eq!(untold.len(), MOST + 1);
        let of = |tenant: &str| {
            let row = untold.iter().find(|count| count.tenant == tenant);
            row.unwrap().records
        };
        assert_eq!((of(""), of("0")), (10, 2));
    }
}
