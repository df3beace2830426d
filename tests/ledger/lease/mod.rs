//! The rules by which gateways that share a ledger send one content once: leases, fences, taking over.
//!
//! This is what the ledger decides for one key (tenant, account, purpose, treatment, digest). The shared tracker does
//! the same in SQL; here it is a value, so that every course of events of a few gateways can be looked at, and a ledger
//! be compared with it.
//!
//! | what happens | what the ledger answers |
//! |---|---|
//! | a gateway begins an attempt | it leads, unless another attempt does |
//! | a gateway is not heard of in time | its attempts may be taken over; each change of hands has a higher fence |
//! | a gateway records its leading attempt | recorded |
//! | a gateway records an attempt that another has | fenced |
//! | a gateway records without leading | recorded, unless another remote file is recorded or another attempt leads |
//!
//! So whatever gateways believe, a key has one remote file in the ledger. Who was fenced makes its file one over that
//! remote file, and deletes what it stored itself.

mod exhaustive;

use std::collections::{BTreeMap, BTreeSet};

/// A gateway.
pub type GatewayId = u8;
/// An attempt, and the file that comes of it.
pub type FileId = u8;
/// A remote file.
pub type RemoteId = u8;

/// One attempt in the ledger.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Attempt {
    /// Whose it is now.
    pub gateway: GatewayId,
    /// Grows with every change of hands.
    pub fence: u64,
    /// Whether it holds the lease.
    pub leads: bool,
}

/// What became of asking for the lease.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Acquired {
    /// It leads, with this fence.
    Granted(u64),
    /// Another does.
    Held {
        /// Whose it is.
        gateway: GatewayId,
        /// Which.
        attempt: FileId,
        /// Whether that gateway was heard of in time.
        alive: bool,
    },
}

/// What became of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Recorded {
    /// It is in the ledger now.
    Inserted,
    /// It was there already.
    Existing,
    /// Refused.
    Fenced,
}

/// What the ledger knows about one key.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Lease {
    alive: BTreeSet<GatewayId>,
    attempts: BTreeMap<FileId, Attempt>,
    files: BTreeMap<FileId, RemoteId>,
    fences: u64,
}

impl Lease {
    /// A gateway says that it lives.
    pub fn beat(&mut self, gateway: GatewayId) {
        self.alive.insert(gateway);
    }

    /// A gateway was not heard of in time.
    pub fn expire(&mut self, gateway: GatewayId) {
        self.alive.remove(&gateway);
    }

    /// Begins an attempt. `instead` is one of this gateway, or of one that is gone, that is not to lead any more.
    pub fn acquire(&mut self, gateway: GatewayId, id: FileId, instead: Option<FileId>) -> Acquired {
        self.beat(gateway);
        if let Some((leader, attempt)) = self.leader() {
            if leader == id && attempt.gateway == gateway {
                return Acquired::Granted(attempt.fence);
            }
            let alive = self.alive.contains(&attempt.gateway);
            if instead != Some(leader) || (attempt.gateway != gateway && alive) {
                return Acquired::Held {
                    gateway: attempt.gateway,
                    attempt: leader,
                    alive,
                };
            }
            if let Some(former) = self.attempts.get_mut(&leader) {
                former.leads = false;
            }
        }
        let fence = self.next_fence();
        let attempt = Attempt {
            gateway,
            fence,
            leads: true,
        };
        self.attempts.insert(id, attempt);
        Acquired::Granted(fence)
    }

    /// An attempt of this gateway is over, or goes on without the lease.
    pub fn ended(&mut self, gateway: GatewayId, id: FileId, lease_only: bool) {
        match self.attempts.get_mut(&id) {
            Some(attempt) if attempt.gateway == gateway && lease_only => attempt.leads = false,
            Some(attempt) if attempt.gateway == gateway => drop(self.attempts.remove(&id)),
            _ => {}
        }
    }

    /// Takes over every attempt whose gateway is gone.
    pub fn take_over(&mut self, gateway: GatewayId) -> Vec<FileId> {
        self.beat(gateway);
        let gone = |attempt: &Attempt| !self.alive.contains(&attempt.gateway);
        let ids: Vec<FileId> = self
            .attempts
            .iter()
            .filter(|(_, attempt)| gone(attempt))
            .map(|(id, _)| *id)
            .collect();
        for id in &ids {
            let fence = self.next_fence();
            if let Some(attempt) = self.attempts.get_mut(id) {
                attempt.gateway = gateway;
                attempt.fence = fence;
            }
        }
        ids
    }

    /// Whether another gateway has the attempt.
    pub fn is_lost(&self, gateway: GatewayId, id: FileId) -> bool {
        self.attempts.get(&id).is_some_and(|attempt| attempt.gateway != gateway)
    }

    /// Records a file over the remote file that was stored for it.
    pub fn record(&mut self, gateway: GatewayId, id: FileId, remote: RemoteId) -> Recorded {
        if let Some(there) = self.files.get(&id) {
            if *there != remote {
                return Recorded::Fenced;
            }
            self.ended(gateway, id, false);
            return Recorded::Existing;
        }
        if self.is_lost(gateway, id) {
            return Recorded::Fenced;
        }
        let leads = self.attempts.get(&id).is_some_and(|attempt| attempt.leads);
        let is_known = self.files.values().any(|known| *known == remote);
        let outdone = !self.files.is_empty() || self.leader().is_some_and(|(other, _)| other != id);
        if !leads && !is_known && outdone {
            return Recorded::Fenced;
        }
        self.files.insert(id, remote);
        self.ended(gateway, id, false);
        Recorded::Inserted
    }

    /// A file over the remote file that is recorded; `None` while there is none.
    pub fn reference(&mut self, id: FileId) -> Option<RemoteId> {
        let remote = *self.files.values().next()?;
        Some(*self.files.entry(id).or_insert(remote))
    }

    /// The attempt that leads.
    pub fn leader(&self) -> Option<(FileId, Attempt)> {
        let mut attempts = self.attempts.iter();
        attempts
            .find(|(_, attempt)| attempt.leads)
            .map(|(id, attempt)| (*id, *attempt))
    }

    /// All attempts.
    pub fn attempts(&self) -> &BTreeMap<FileId, Attempt> {
        &self.attempts
    }

    /// All files and what they are over.
    pub fn files(&self) -> &BTreeMap<FileId, RemoteId> {
        &self.files
    }

    fn next_fence(&mut self) -> u64 {
        self.fences += 1;
        self.fences
    }
}

#[test]
fn a_late_record_is_fenced() {
    let mut lease = Lease::default();
    assert_eq!(lease.acquire(1, 10, None), Acquired::Granted(1));
    let held = Acquired::Held {
        gateway: 1,
        attempt: 10,
        alive: true,
    };
    assert_eq!(lease.acquire(2, 20, None), held);
    // The first is not heard of: the second takes its attempt over, and what the first records late is refused.
    lease.expire(1);
    assert_eq!(lease.take_over(2), [10]);
    assert_eq!(lease.record(1, 10, 99), Recorded::Fenced);
}
