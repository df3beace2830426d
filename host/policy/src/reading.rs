//! Who may read content when more want to than there are places. A reader holds a call of a component and its memory
//! for as long as its client takes, so places are few, and shares of them are fair by tenant:
//!
//! - Of `n` tenants that hold places or wait, each may hold one part in `n + 1`: one share is always left for a
//!   newcomer, who finds a place at once.
//! - Those who wait are few as well, since each holds a request: [`WAITING_OF_ONE`] of a tenant, [`WAITING`] of all.
//! - A place that comes free goes to whoever waits and holds least; among equals, to who has waited longest.
//! - While somebody waits who holds less than a fair share, whoever holds most is the one to give way; somebody who has
//!   as many as is allowed waits for one of their own.
//!
//! Who of a tenant's readers gives way, and whether one has stalled, is for whoever has a clock.

use std::collections::{BTreeMap, BTreeSet};

/// Most of one tenant who wait.
pub const WAITING_OF_ONE: usize = 32;
/// Most who wait.
pub const WAITING: usize = 256;

/// Somebody who waits.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Waiter {
    ticket: u64,
    tenant: String,
}

/// An answer to [`ReadShares::ask`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReadAnswer {
    /// There is a place.
    Granted,
    /// There is none yet; [`ReadShares::grant_next`] names the ticket when there is.
    Waits {
        /// Of whoever waits.
        ticket: u64,
    },
    /// There is none, and too many wait.
    Refused {
        /// Whether they are the same tenant's.
        own: bool,
    },
}

/// Places, who holds them and who waits.
///
/// ```
/// use loadlock_policy::reading::{ReadAnswer, ReadShares};
/// let mut shares = ReadShares::new(2);
/// assert_eq!(shares.ask("a"), ReadAnswer::Granted);
/// // Half of two is one.
/// let ReadAnswer::Waits { ticket } = shares.ask("a") else { panic!() };
/// assert_eq!(shares.ask("b"), ReadAnswer::Granted);
/// shares.give_back("a");
/// assert_eq!(shares.grant_next(), Some(ticket));
/// ```
#[derive(Clone, Debug)]
pub struct ReadShares {
    total: u32,
    held: BTreeMap<String, u32>,
    waiting: Vec<Waiter>,
    last: u64,
}

impl ReadShares {
    /// With so many places; at least one.
    pub fn new(total: u32) -> Self {
        Self {
            total: total.max(1),
            held: BTreeMap::new(),
            waiting: Vec::new(),
            last: 0,
        }
    }

    /// Most that this tenant may hold, if it holds or waits for one.
    fn share_of(&self, tenant: &str) -> u32 {
        let mut active: BTreeSet<&str> = self.held.keys().map(String::as_str).collect();
        active.extend(self.waiting.iter().map(|one| one.tenant.as_str()));
        active.insert(tenant);
        let others = u32::try_from(active.len()).unwrap_or(u32::MAX).saturating_add(1);
        (self.total / others).max(1)
    }

    /// Places that are held.
    pub fn in_use(&self) -> u32 {
        self.held.values().sum()
    }

    fn held_by(&self, tenant: &str) -> u32 {
        self.held.get(tenant).copied().unwrap_or(0)
    }

    fn may_have_one_more(&self, tenant: &str) -> bool {
        self.held_by(tenant) < self.share_of(tenant)
    }

    /// A place, or a ticket to wait with.
    pub fn ask(&mut self, tenant: &str) -> ReadAnswer {
        // Whoever waits and could have a place has been given it already: nobody is overtaken.
        if self.in_use() < self.total && self.may_have_one_more(tenant) {
            *self.held.entry(tenant.to_owned()).or_default() += 1;
            return ReadAnswer::Granted;
        }
        let theirs = self.waiting.iter().filter(|one| one.tenant == tenant).count();
        if theirs >= WAITING_OF_ONE || self.waiting.len() >= WAITING {
            return ReadAnswer::Refused {
                own: theirs >= WAITING_OF_ONE,
            };
        }
        self.last += 1;
        self.waiting.push(Waiter {
            ticket: self.last,
            tenant: tenant.to_owned(),
        });
        ReadAnswer::Waits { ticket: self.last }
    }

    /// Gives a place back. Ask [`ReadShares::grant_next`] who gets it.
    pub fn give_back(&mut self, tenant: &str) {
        if let Some(held) = self.held.get_mut(tenant) {
            *held -= 1;
            if *held == 0 {
                self.held.remove(tenant);
            }
        }
    }

    /// Whoever waits and gets a place now; it is theirs with the answer.
    pub fn grant_next(&mut self) -> Option<u64> {
        if self.in_use() >= self.total {
            return None;
        }
        let may = self.waiting.iter().enumerate();
        let may = may.filter(|(_, one)| self.may_have_one_more(&one.tenant));
        let (index, _) = may.min_by_key(|(index, one)| (self.held_by(&one.tenant), *index))?;
        let Waiter { ticket, tenant } = self.waiting.remove(index);
        *self.held.entry(tenant).or_default() += 1;
        Some(ticket)
    }

    /// Stops waiting; ask [`ReadShares::grant_next`] then, because a share may have grown. False if the ticket has its
    /// place already, or never waited.
    pub fn leave(&mut self, ticket: u64) -> bool {
        let before = self.waiting.len();
        self.waiting.retain(|one| one.ticket != ticket);
        self.waiting.len() < before
    }

    /// The tenant of whom a reader has to give way for this ticket, if one has to.
    pub fn gives_way(&self, ticket: u64) -> Option<&str> {
        let waiting = self.waiting.iter().find(|one| one.ticket == ticket)?;
        if !self.may_have_one_more(&waiting.tenant) {
            return Some(&waiting.tenant);
        }
        let own = self.held_by(&waiting.tenant);
        let (most, held) = self.held.iter().max_by_key(|(_, held)| **held)?;
        // With one less it still has as many as whoever waits has then. Among equals only who waits too gives way.
        (*held > own + 1 || *most == waiting.tenant).then_some(most)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn ticket(asked: ReadAnswer) -> u64 {
        match asked {
            ReadAnswer::Waits { ticket } => ticket,
            ReadAnswer::Granted | ReadAnswer::Refused { .. } => 0,
        }
    }

    #[test]
    fn one_tenant_leaves_a_share_to_others_and_gives_way_to_itself() {
        let mut shares = ReadShares::new(8);
        for _ in 0..4 {
            assert_eq!(shares.ask("many"), ReadAnswer::Granted);
        }
        let more = ticket(shares.ask("many"));
        assert_eq!((shares.grant_next(), shares.gives_way(more)), (None, Some("many")));
        assert_eq!(shares.ask("one"), ReadAnswer::Granted);
    }

    #[test]
    fn those_who_wait_are_few() {
        let mut shares = ReadShares::new(2);
        assert_eq!(shares.ask("many"), ReadAnswer::Granted);
        for _ in 0..WAITING_OF_ONE {
            assert!(matches!(shares.ask("many"), ReadAnswer::Waits { .. }));
        }
        assert_eq!(shares.ask("many"), ReadAnswer::Refused { own: true });
        assert_eq!(shares.ask("one"), ReadAnswer::Granted);
        assert!(matches!(shares.ask("other"), ReadAnswer::Waits { .. }));
        for number in shares.waiting.len()..WAITING {
            assert!(matches!(shares.ask(&number.to_string()), ReadAnswer::Waits { .. }));
        }
        assert_eq!(shares.ask("last"), ReadAnswer::Refused { own: false });
    }

    #[test]
    fn who_holds_most_gives_way_and_who_holds_least_comes_first() {
        let mut shares = ReadShares::new(8);
        for tenant in ["a", "a", "a", "a", "b", "b", "c", "c"] {
            assert_eq!(shares.ask(tenant), ReadAnswer::Granted);
        }
        let (of_b, of_d) = (ticket(shares.ask("b")), ticket(shares.ask("d")));
        assert_eq!((shares.gives_way(of_b), shares.gives_way(of_d)), (Some("b"), Some("a")));
        shares.give_back("a");
        assert_eq!((shares.grant_next(), shares.grant_next()), (Some(of_d), None));
        assert!(shares.leave(of_b) && !shares.leave(of_b) && !shares.leave(of_d));
    }

    #[derive(Clone, Debug)]
    enum Step {
        Ask(u8),
        GiveBack(u8),
        Leave(usize),
    }

    fn steps() -> impl Strategy<Value = Vec<Step>> {
        let step = prop_oneof![
            3 => (0_u8..5).prop_map(Step::Ask),
            2 => (0_u8..5).prop_map(Step::GiveBack),
            1 => (0_usize..8).prop_map(Step::Leave),
        ];
        proptest::collection::vec(step, 0..120)
    }

    proptest! {
        #[test]
        fn places_are_never_more_than_there_are_and_never_idle_while_somebody_may_have_one(
            total in 1_u32..12,
            steps in steps(),
        ) {
            let mut shares = ReadShares::new(total);
            let mut tickets = Vec::new();
            for step in steps {
                match step {
                    Step::Ask(tenant) => {
                        let asked = shares.ask(&tenant.to_string());
                        tickets.extend(matches!(asked, ReadAnswer::Waits { .. }).then(|| ticket(asked)));
                    }
                    Step::GiveBack(tenant) => shares.give_back(&tenant.to_string()),
                    Step::Leave(index) => {
                        if let Some(ticket) = tickets.get(index) {
                            shares.leave(*ticket);
                        }
                    }
                }
                while let Some(granted) = shares.grant_next() {
                    tickets.retain(|ticket| *ticket != granted);
                }
                prop_assert!(shares.in_use() <= total);
                prop_assert!(shares.held.values().all(|held| *held <= (total / 2).max(1)));
                let left_over = shares.in_use() < total
                    && shares.waiting.iter().any(|one| shares.may_have_one_more(&one.tenant));
                prop_assert!(!left_over);
                for one in &shares.waiting {
                    if let Some(gives) = shares.gives_way(one.ticket) {
                        prop_assert!(gives == one.tenant || shares.held_by(gives) > shares.held_by(&one.tenant) + 1);
                    }
                }
            }
        }
    }
}
