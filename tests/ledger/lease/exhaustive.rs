//! Every course of events of three gateways that upload equal content, with two leases that lapse at any moment,
//! breadth first.
//!
//! Gateway `g` uploads file `g`; what it stores is remote file `g`. A gateway that takes no further step is one that
//! was killed; one whose lease lapsed and that goes on was cut off. An answer may be lost after the ledger did what was
//! asked: the gateway goes on as if it had not been asked, or asks again. Fences are left out of what makes two states equal,
//! or there would be no end of them.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::collections::{BTreeSet, HashSet, VecDeque};

use super::{Acquired, FileId, GatewayId, Lease, Recorded};

const GATEWAYS: [GatewayId; 3] = [0, 1, 2];

/// Leases that lapse in one course of events.
const LAPSES: u8 = 2;

/// Of so many states one is brought to its end: that takes longer than all else.
const SAMPLE: usize = 16;

/// How far an upload is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Step {
    Idle,
    /// It has the lease, or goes without because the ledger does not answer.
    Begun,
    /// It looked, and nothing was recorded.
    Cleared,
    /// The vendor has it, and the client was told so.
    Accepted,
    Done,
}

#[derive(Clone, PartialEq, Eq, Hash)]
struct World {
    lease: Lease,
    steps: [Step; 3],
    /// What the vendor holds.
    stored: BTreeSet<FileId>,
    /// What each is to settle for another.
    duties: BTreeSet<(GatewayId, FileId)>,
    lapses: u8,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Event {
    Acquire(GatewayId),
    /// As [`Event::Acquire`], and the lease of one that is gone is taken away.
    Seize(GatewayId),
    /// As [`Event::Acquire`], and the answer is lost: it goes without.
    AcquireUnheard(GatewayId),
    GoWithout(GatewayId),
    Look(GatewayId),
    /// As [`Event::Look`], and the answer is lost: it goes on as if nothing was found.
    LookUnheard(GatewayId),
    Store(GatewayId),
    Record(GatewayId),
    /// As [`Event::Record`], and the answer is lost: it is asked again.
    RecordUnheard(GatewayId),
    Lapse(GatewayId),
    TakeOver(GatewayId),
    Settle(GatewayId, FileId),
}

impl World {
    fn events(&self) -> Vec<Event> {
        let mut events = Vec::new();
        for gateway in GATEWAYS {
            events.extend(match self.steps[usize::from(gateway)] {
                Step::Idle => vec![
                    Event::Acquire(gateway),
                    Event::Seize(gateway),
                    Event::AcquireUnheard(gateway),
                    Event::GoWithout(gateway),
                ],
                Step::Begun => vec![Event::Look(gateway), Event::LookUnheard(gateway)],
                Step::Cleared => vec![Event::Store(gateway)],
                Step::Accepted => vec![Event::Record(gateway), Event::RecordUnheard(gateway)],
                Step::Done => vec![],
            });
            if self.lapses < LAPSES && self.lease.alive.contains(&gateway) {
                events.push(Event::Lapse(gateway));
            }
            // Taking over says that one lives, as a beat does.
            events.push(Event::TakeOver(gateway));
        }
        events.extend(self.duties.iter().map(|(who, id)| Event::Settle(*who, *id)));
        events
    }

    fn on(&mut self, event: Event) {
        match event {
            Event::Acquire(gateway) => self.begin(gateway, None),
            Event::Seize(gateway) => {
                let leader = self.lease.leader().map(|(id, _)| id);
                self.begin(gateway, leader);
            }
            Event::AcquireUnheard(gateway) => {
                self.lease.acquire(gateway, gateway, None);
                self.step(gateway, Step::Begun);
            }
            Event::GoWithout(gateway) => self.step(gateway, Step::Begun),
            Event::LookUnheard(gateway) => {
                self.lease.reference(gateway);
                self.step(gateway, Step::Cleared);
            }
            Event::RecordUnheard(gateway) => {
                self.lease.record(gateway, gateway, gateway);
            }
            Event::Look(gateway) => match self.lease.reference(gateway) {
                Some(_) => {
                    self.lease.ended(gateway, gateway, false);
                    self.step(gateway, Step::Done);
                }
                None => self.step(gateway, Step::Cleared),
            },
            Event::Store(gateway) => {
                self.stored.insert(gateway);
                self.step(gateway, Step::Accepted);
            }
            Event::Record(gateway) => {
                if self.hand_over(gateway, gateway) {
                    self.step(gateway, Step::Done);
                }
            }
            Event::Lapse(gateway) => {
                self.lapses += 1;
                self.lease.expire(gateway);
            }
            Event::TakeOver(gateway) => {
                let taken = self.lease.take_over(gateway);
                self.duties.extend(taken.into_iter().map(|id| (gateway, id)));
            }
            Event::Settle(gateway, id) => {
                let over = if self.lease.is_lost(gateway, id) {
                    true
                } else if self.stored.contains(&id) {
                    self.hand_over(gateway, id)
                } else {
                    self.lease.ended(gateway, id, false);
                    true
                };
                if over {
                    self.duties.remove(&(gateway, id));
                }
            }
        }
    }

    fn begin(&mut self, gateway: GatewayId, instead: Option<FileId>) {
        let before = self.lease.fences;
        let leader = self.lease.leader();
        match self.lease.acquire(gateway, gateway, instead) {
            Acquired::Granted(fence) => {
                assert!(fence > before, "a fence was given out again");
                let alive = |id: GatewayId| self.lease.alive.contains(&id);
                // The lease of one that lives is its own.
                assert!(leader.is_none_or(|(_, it)| it.gateway == gateway || !alive(it.gateway)));
                self.step(gateway, Step::Begun);
            }
            Acquired::Held { .. } => {}
        }
    }

    /// Records, or gives way to what is recorded. False while neither can be.
    fn hand_over(&mut self, gateway: GatewayId, id: FileId) -> bool {
        match self.lease.record(gateway, id, id) {
            Recorded::Inserted | Recorded::Existing => true,
            Recorded::Fenced => match self.lease.reference(id) {
                Some(kept) => {
                    if kept != id {
                        self.stored.remove(&id);
                    }
                    self.lease.ended(gateway, id, false);
                    true
                }
                None => false,
            },
        }
    }

    fn step(&mut self, gateway: GatewayId, step: Step) {
        self.steps[usize::from(gateway)] = step;
    }

    fn check(&self) {
        let leaders = self.lease.attempts().values().filter(|one| one.leads);
        assert!(leaders.count() <= 1, "two lead");
        let fences: BTreeSet<_> = self.lease.attempts().values().map(|one| one.fence).collect();
        assert_eq!(fences.len(), self.lease.attempts().len(), "two have one fence");
        let remotes: BTreeSet<_> = self.lease.files().values().collect();
        assert!(remotes.len() <= 1, "one content has two remote files in the ledger");
        for remote in remotes {
            assert!(self.stored.contains(remote), "a recorded remote file is gone");
        }
        for gateway in GATEWAYS {
            let done = self.steps[usize::from(gateway)] == Step::Done;
            assert!(!done || self.lease.files().contains_key(&gateway), "a file is lost");
        }
    }

    /// What everybody does when all are heard of and nothing lapses any more: the books have to agree then.
    fn quiet(mut self) {
        for _ in 0..6 {
            for gateway in GATEWAYS {
                self.lease.beat(gateway);
                for event in self.events() {
                    let still = self.events().contains(&event);
                    let settles = matches!(
                        event,
                        Event::Acquire(_) | Event::Look(_) | Event::Store(_) | Event::Record(_) | Event::Settle(..)
                    );
                    if still && settles {
                        self.on(event);
                        self.check();
                    }
                }
            }
        }
        assert_eq!(self.steps, [Step::Done; 3], "{:?} {:?}", self.lease, self.duties);
        assert!(self.duties.is_empty() && self.lease.attempts().is_empty());
        let remotes: BTreeSet<_> = self.lease.files().values().copied().collect();
        assert_eq!(self.stored, remotes, "the vendor holds what nobody refers to");
    }

    fn without_fences(&self) -> Self {
        let mut same = self.clone();
        same.lease.fences = 0;
        for attempt in same.lease.attempts.values_mut() {
            attempt.fence = 0;
        }
        same
    }
}

#[test]
fn one_content_has_one_remote_file_whatever_happens() {
    let start = World {
        lease: Lease::default(),
        steps: [Step::Idle; 3],
        stored: BTreeSet::new(),
        duties: BTreeSet::new(),
        lapses: 0,
    };
    let mut seen = HashSet::from([start.without_fences()]);
    let mut queue = VecDeque::from([start]);
    let mut looked = 0;
    while let Some(world) = queue.pop_front() {
        looked += 1;
        if looked % SAMPLE == 0 {
            world.clone().quiet();
        }
        for event in world.events() {
            let mut next = world.clone();
            next.on(event);
            next.check();
            if seen.insert(next.without_fences()) {
                queue.push_back(next);
            }
        }
    }
    assert!(seen.len() > 10_000, "only {} states", seen.len());
}
