//! The newest events of all tenants. Each has two numbers: one among all, which an operator's stream goes by, and one
//! among its tenant's own, so that a tenant learns nothing about what others do from the gaps.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use serde::Serialize;

use crate::notice::{Notice, What};

/// Events that are kept, over all tenants: some minutes of a busy gateway, and a few megabytes.
const KEPT: usize = 4_096;

/// An event with its places.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Recorded {
    #[serde(skip)]
    all: u64,
    #[serde(skip)]
    own: u64,
    pub(crate) tenant: Arc<str>,
    /// Milliseconds since 1970.
    pub(crate) at_ms: u64,
    #[serde(flatten)]
    pub(crate) notice: Arc<Notice>,
}

/// Whose events a stream has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Whose {
    /// Every tenant's.
    All,
    /// One tenant's.
    Tenant(Arc<str>),
}

/// How far a stream has read.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct FeedPosition {
    /// Of the events of all tenants.
    all: u64,
    /// The number of its own last event.
    number: u64,
    /// Of the counts of bytes.
    bytes: u64,
}

/// What came since a position.
#[derive(Debug, Default)]
pub(crate) struct Since {
    /// Events that are gone.
    pub(crate) missed: u64,
    /// In order; the last ones may be counts of bytes, which have no place.
    pub(crate) events: Vec<Recorded>,
}

/// See the module.
#[derive(Debug, Default)]
pub(super) struct History {
    kept: VecDeque<Recorded>,
    last: u64,
    last_of: HashMap<Arc<str>, u64>,
    /// The newest count of bytes of each upload under way, with the order in which they came.
    bytes: HashMap<String, (u64, Recorded)>,
    last_bytes: u64,
}

impl Recorded {
    /// Its number in such a stream; none for another tenant's, and for a count of bytes, which is never sent again.
    pub(crate) fn number_in(&self, whose: &Whose) -> Option<u64> {
        let number = match whose {
            Whose::All => self.all,
            Whose::Tenant(_) => self.own,
        };
        (number > 0 && self.is_of(whose)).then_some(number)
    }

    fn is_of(&self, whose: &Whose) -> bool {
        match whose {
            Whose::All => true,
            Whose::Tenant(tenant) => self.tenant == *tenant,
        }
    }
}

impl History {
    pub(super) fn record(&mut self, tenant: &str, at_ms: u64, notice: Arc<Notice>) {
        let mut recorded = Recorded {
            all: 0,
            own: 0,
            tenant: tenant.into(),
            at_ms,
            notice,
        };
        let upload = &recorded.notice.upload;
        if matches!(recorded.notice.what, What::Bytes { .. }) {
            self.last_bytes += 1;
            self.bytes.insert(upload.clone(), (self.last_bytes, recorded));
            return;
        }
        // What was sent of an attempt says nothing once something else happened.
        self.bytes.remove(upload);
        let own = self.last_of.entry(recorded.tenant.clone()).or_default();
        *own += 1;
        self.last += 1;
        (recorded.all, recorded.own) = (self.last, *own);
        if self.kept.len() == KEPT {
            self.kept.pop_front();
        }
        self.kept.push_back(recorded);
    }

    /// The position of a stream that begins with what happens next.
    pub(super) fn end(&self, whose: &Whose) -> FeedPosition {
        self.at(self.last, self.number(whose))
    }

    /// The position of a stream that begins with the oldest event that is kept.
    pub(super) fn begin(&self, whose: &Whose) -> FeedPosition {
        let oldest = self.kept.iter().find_map(|event| event.number_in(whose));
        let before = oldest.map_or(self.number(whose), |oldest| oldest - 1);
        self.at(0, before)
    }

    fn at(&self, all: u64, number: u64) -> FeedPosition {
        let bytes = 0;
        FeedPosition { all, number, bytes }
    }

    /// The number of the newest event of such a stream.
    pub(super) fn number(&self, whose: &Whose) -> u64 {
        match whose {
            Whose::All => self.last,
            Whose::Tenant(tenant) => self.last_of.get(tenant).copied().unwrap_or(0),
        }
    }

    /// The position behind the event of this number; `None` for a number that no event has had.
    pub(super) fn behind(&self, whose: &Whose, number: u64) -> Option<FeedPosition> {
        (number <= self.number(whose)).then(|| self.at(0, number))
    }

    /// At most `most` events since a position, which moves behind them.
    pub(super) fn since(&self, whose: &Whose, position: &mut FeedPosition, most: usize) -> Since {
        let mut since = Since::default();
        let first = self.kept.front().map_or(self.last + 1, |event| event.all);
        let skip = (position.all + 1).saturating_sub(first);
        for event in self.kept.iter().skip(usize::try_from(skip).unwrap_or(usize::MAX)) {
            if since.events.len() == most {
                return since;
            }
            position.all = event.all;
            let Some(number) = event.number_in(whose).filter(|number| *number > position.number) else {
                continue;
            };
            since.missed += number - position.number - 1;
            position.number = number;
            since.events.push(event.clone());
        }
        // Those of its events that are gone while nothing followed them.
        since.missed += self.number(whose) - position.number;
        position.number = self.number(whose);
        let mut bytes: Vec<_> = self
            .bytes
            .values()
            .filter(|(order, event)| *order > position.bytes && event.is_of(whose))
            .collect();
        bytes.sort_unstable_by_key(|(order, _)| *order);
        since.events.extend(bytes.into_iter().map(|(_, event)| event.clone()));
        position.bytes = self.last_bytes;
        since
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn notice(upload: &str, what: What) -> Arc<Notice> {
        Arc::new(Notice {
            upload: upload.to_owned(),
            what,
        })
    }

    fn attempt(history: &mut History, tenant: &str, attempt: u32) {
        let provider = "p".to_owned();
        history.record(tenant, 0, notice("u", What::Attempt { provider, attempt }));
    }

    fn numbers(history: &History, whose: &Whose, position: &mut FeedPosition) -> Vec<Option<u64>> {
        let since = history.since(whose, position, usize::MAX);
        since.events.iter().map(|event| event.number_in(whose)).collect()
    }

    #[test]
    fn a_tenant_counts_its_own_events_and_an_operator_all() {
        let (acme, all) = (Whose::Tenant("acme".into()), Whose::All);
        let mut history = History::default();
        for (tenant, number) in [("acme", 1), ("umbrella", 1), ("umbrella", 2), ("acme", 2)] {
            attempt(&mut history, tenant, number);
        }
        let (mut of_acme, mut of_all) = (FeedPosition::default(), FeedPosition::default());
        assert_eq!(numbers(&history, &acme, &mut of_acme), [Some(1), Some(2)]);
        assert_eq!(
            numbers(&history, &all, &mut of_all),
            [Some(1), Some(2), Some(3), Some(4)]
        );
        assert_eq!(numbers(&history, &acme, &mut of_acme), []);
        let mut behind = history.behind(&acme, 1).unwrap();
        assert_eq!(numbers(&history, &acme, &mut behind), [Some(2)]);
        assert!(history.behind(&acme, 3).is_none());
        assert!(history.behind(&Whose::Tenant("nobody".into()), 1).is_none());
    }

    #[test]
    fn what_is_gone_is_counted() {
        let (acme, all) = (Whose::Tenant("acme".into()), Whose::All);
        let mut history = History::default();
        attempt(&mut history, "acme", 1);
        let mut slow = history.end(&all);
        attempt(&mut history, "acme", 2);
        for number in 0..KEPT {
            attempt(&mut history, "umbrella", number as u32);
        }
        let missed = |whose: &Whose, mut from: FeedPosition| history.since(whose, &mut from, usize::MAX).missed;
        assert_eq!(missed(&acme, history.behind(&acme, 0).unwrap()), 2);
        assert_eq!(missed(&acme, history.behind(&acme, 2).unwrap()), 0);
        assert_eq!(missed(&all, history.behind(&all, 1).unwrap()), 1);
        // Who wants all that is kept has missed nothing of it.
        assert_eq!(missed(&all, history.begin(&all)), 0);
        assert_eq!(missed(&acme, history.begin(&acme)), 0);
        assert_eq!(history.since(&all, &mut slow, usize::MAX).missed, 1);
    }

    #[test]
    fn counts_of_bytes_overwrite_each_other_and_have_no_number() {
        let whose = Whose::All;
        let mut history = History::default();
        let mut position = history.end(&whose);
        for sent in 0..10 {
            history.record("acme", 0, notice("u", What::Bytes { sent }));
        }
        assert_eq!(numbers(&history, &whose, &mut position), [None]);
        assert_eq!(numbers(&history, &whose, &mut position), []);
        history.record("acme", 0, notice("u", What::Bytes { sent: 11 }));
        attempt(&mut history, "acme", 2);
        assert_eq!(numbers(&history, &whose, &mut position), [Some(1)]);
    }

    #[test]
    fn a_long_history_comes_in_pieces() {
        let whose = Whose::Tenant("acme".into());
        let mut history = History::default();
        for number in 0..5 {
            attempt(&mut history, "acme", number);
        }
        let mut position = FeedPosition::default();
        let sizes: Vec<_> = (0..4)
            .map(|_| history.since(&whose, &mut position, 2).events.len())
            .collect();
        assert_eq!(sizes, [2, 2, 1, 0]);
    }
}
