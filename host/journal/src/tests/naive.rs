//! The journal as one would write it without a disk: the specification that the real one is compared with.

use std::collections::BTreeMap;

use crate::JournalError;
use crate::change::{Change, ChangeAnswer, Need};
use crate::entry::{Begun, Entry, Outcome, State, Swept};
use crate::row::key;
use crate::tests::dump::Dump;
use crate::types::{Accepted, Attempt, DeleteIntent, FailedEnd, IDEMPOTENCY_MS, Intent, PendingDelete};

type Remote = (String, String);

#[derive(Clone, Debug, Default)]
pub(crate) struct Naive {
    entries: BTreeMap<String, Entry>,
    /// Tenant and key → holder.
    keys: BTreeMap<(String, String), String>,
    deletes: BTreeMap<Remote, PendingDelete>,
    state: BTreeMap<String, Vec<u8>>,
}

type Step = Result<(ChangeAnswer, Need), JournalError>;

impl Naive {
    /// What a change answers, and whether it must survive a power loss.
    pub(crate) fn apply(&mut self, change: &Change) -> Step {
        let done = |need| Ok((ChangeAnswer::Done, need));
        let lazy_if = |changed| if changed { Need::Lazy } else { Need::Nothing };
        match change {
            Change::Begin(intent) => self.begin(intent),
            Change::BeginAccepted(both) => {
                let mut after = self.clone();
                let begun = after.begin(&both.0)?;
                if let ChangeAnswer::Begun(Begun::New(id)) = &begun.0 {
                    after.accepted(id, &both.1)?;
                    *self = after;
                }
                Ok(begun)
            }
            Change::Sending { id, attempt } => self.sending(id, attempt),
            Change::Accepted { id, accepted } => self.accepted(id, accepted),
            Change::Recorded { ids } => self.recorded(ids),
            Change::Failed { id, end } => self.failed(id, end),
            Change::Unknown { id, why, at_ms } => {
                let entry = self.entry(id)?;
                match entry.state {
                    State::Sent => {
                        entry.state = State::Unknown {
                            why: why.clone(),
                            at_ms: *at_ms,
                        };
                        done(Need::Durable)
                    }
                    State::Unknown { .. } => done(Need::Nothing),
                    _ => Err(wrong(entry, "outcome_unknown")),
                }
            }
            Change::Deleting(intent) => {
                self.not_held(intent)?;
                let fresh = self.put_delete(intent);
                done(if fresh { Need::Durable } else { Need::Nothing })
            }
            Change::DeleteFailed {
                account,
                remote_id,
                error,
                at_ms,
            } => {
                let found = self.deletes.get_mut(&(account.clone(), remote_id.clone()));
                let changed = found.is_some();
                if let Some(pending) = found {
                    pending.tries += 1;
                    pending.last_at_ms = *at_ms;
                    pending.last_error = Some(error.clone());
                }
                done(lazy_if(changed))
            }
            Change::Deleted { account, remote_id } => {
                let removed = self.deletes.remove(&(account.clone(), remote_id.clone())).is_some();
                Ok((ChangeAnswer::Removed(removed), lazy_if(removed)))
            }
            Change::Sweep { now_ms } => Ok(self.sweep(*now_ms)),
            Change::PutState { key, bytes } => {
                self.state.insert(key.clone(), bytes.clone());
                done(Need::Lazy)
            }
            Change::RemoveState { key } => {
                let removed = self.state.remove(key).is_some();
                Ok((ChangeAnswer::Removed(removed), lazy_if(removed)))
            }
            Change::Flush => done(Need::Durable),
            Change::Forget { .. } => panic!("the writer's own"),
            // Nobody subscribed.
            Change::Outgoing { note, .. } => {
                if let Some(key) = note {
                    self.state.remove(key);
                }
                done(Need::Durable)
            }
            Change::PutDelivery { .. } | Change::KeepOutgoing { .. } => {
                Ok((ChangeAnswer::Removed(false), Need::Nothing))
            }
        }
    }

    fn entry(&mut self, id: &str) -> Result<&mut Entry, JournalError> {
        self.entries
            .get_mut(id)
            .ok_or_else(|| JournalError::NoEntry { id: id.into() })
    }

    fn place(&self) -> u64 {
        let places = self.entries.values().map(|entry| match entry.state {
            State::Sent => entry.begun,
            State::Accepted { order, .. } => order,
            _ => 0,
        });
        places.max().unwrap_or(0) + 1
    }

    fn begin(&mut self, intent: &Intent) -> Step {
        if self.entries.contains_key(&intent.id) {
            return Err(JournalError::Duplicate { id: intent.id.clone() });
        }
        let begun = self.place();
        if let Some(idempotency) = &intent.idempotency {
            let key = (intent.tenant.clone(), idempotency.key.clone());
            if let Some(holder) = self.keys.get(&key).map(|id| self.entries[id].clone()) {
                if holder.intent.created_at_ms + IDEMPOTENCY_MS > intent.created_at_ms {
                    let answer = if holder.intent.idempotency.as_ref().unwrap().fingerprint != idempotency.fingerprint {
                        Begun::Conflict
                    } else if holder.state == State::Sent {
                        Begun::InFlight(holder.intent.id)
                    } else if holder.accepted().is_some() {
                        Begun::Replay(Outcome::Accepted(Box::new(holder)))
                    } else {
                        Begun::Replay(Outcome::Unknown(Box::new(holder)))
                    };
                    return Ok((ChangeAnswer::Begun(answer), Need::Nothing));
                }
                if matches!(holder.state, State::Recorded { .. }) {
                    self.entries.remove(holder.id());
                }
            }
            self.keys.insert(key, intent.id.clone());
        }
        let attempt = Attempt {
            number: 1,
            provider: intent.provider.clone(),
            account: intent.key.account.clone(),
            mark: intent.mark.clone(),
            remote_name: intent.remote_name.clone(),
            at_ms: intent.created_at_ms,
            component: intent.component.clone(),
        };
        let (intent, attempts, state) = (intent.clone(), vec![attempt], State::Sent);
        let id = intent.id.clone();
        self.entries.insert(
            id.clone(),
            Entry {
                intent,
                attempts,
                state,
                begun,
            },
        );
        Ok((ChangeAnswer::Begun(Begun::New(id)), Need::Durable))
    }

    fn sending(&mut self, id: &str, attempt: &Attempt) -> Step {
        let entry = self.entry(id)?;
        if entry.state != State::Sent {
            return Err(wrong(entry, "sent again"));
        }
        if entry.attempts.contains(attempt) {
            return Ok((ChangeAnswer::Done, Need::Nothing));
        }
        entry.attempts.push(attempt.clone());
        Ok((ChangeAnswer::Done, Need::Durable))
    }

    fn accepted(&mut self, id: &str, accepted: &Accepted) -> Step {
        let order = self.place();
        let dying = self
            .deletes
            .contains_key(&(accepted.account.clone(), accepted.remote_id.clone()));
        let entry = self.entry(id)?;
        if let Some(before) = entry.accepted() {
            if (&before.account, &before.remote_id) == (&accepted.account, &accepted.remote_id) {
                return Ok((ChangeAnswer::Done, Need::Nothing));
            }
            return Err(wrong(entry, "accepted"));
        }
        if matches!(entry.state, State::Failed(_)) {
            return Err(wrong(entry, "accepted"));
        }
        if dying {
            return Err(JournalError::RemoteDying {
                remote_id: accepted.remote_id.clone(),
            });
        }
        entry.state = State::Accepted {
            accepted: accepted.clone(),
            order,
        };
        Ok((ChangeAnswer::Done, Need::Durable))
    }

    fn recorded(&mut self, ids: &[String]) -> Step {
        for id in ids {
            if let Some(entry) = self.entries.get(id)
                && entry.accepted().is_none()
            {
                return Err(wrong(entry, "recorded"));
            }
        }
        let mut need = Need::Nothing;
        for id in ids {
            let Some(State::Accepted { accepted, .. }) = self.entries.get(id).map(|entry| entry.state.clone()) else {
                continue;
            };
            if self.keys.values().any(|holder| holder == id) {
                self.entry(id)?.state = State::Recorded { accepted };
            } else {
                self.entries.remove(id);
            }
            need = Need::Lazy;
        }
        Ok((ChangeAnswer::Done, need))
    }

    fn failed(&mut self, id: &str, end: &FailedEnd) -> Step {
        let entry = self.entry(id)?;
        if matches!(entry.state, State::Failed(_)) {
            return Ok((ChangeAnswer::Done, Need::Nothing));
        }
        if entry.accepted().is_some() {
            return Err(wrong(entry, "failed"));
        }
        if let Some(delete) = &end.delete {
            self.not_held(delete)?;
            self.put_delete(delete);
        }
        self.entry(id)?.state = State::Failed(end.clone());
        self.keys.retain(|_, holder| holder != id);
        Ok((
            ChangeAnswer::Done,
            if end.delete.is_some() {
                Need::Durable
            } else {
                Need::Lazy
            },
        ))
    }

    fn not_held(&self, delete: &DeleteIntent) -> Result<(), JournalError> {
        let holder = self.in_order().into_iter().find(|(_, entry)| {
            let accepted = entry.accepted().unwrap();
            (&accepted.account, &accepted.remote_id) == (&delete.account, &delete.remote_id)
        });
        match holder {
            Some((_, entry)) => Err(JournalError::RemoteHeld {
                remote_id: delete.remote_id.clone(),
                id: entry.intent.id.clone(),
            }),
            None => Ok(()),
        }
    }

    fn put_delete(&mut self, intent: &DeleteIntent) -> bool {
        let key = (intent.account.clone(), intent.remote_id.clone());
        let fresh = !self.deletes.contains_key(&key);
        self.deletes.entry(key).or_insert_with(|| PendingDelete {
            intent: intent.clone(),
            tries: 0,
            last_at_ms: intent.at_ms,
            last_error: None,
        });
        fresh
    }

    fn sweep(&mut self, now_ms: u64) -> (ChangeAnswer, Need) {
        let mut swept = Swept::default();
        let old = |at_ms: u64| at_ms + IDEMPOTENCY_MS <= now_ms;
        let entries = &self.entries;
        let keys = self.keys.len();
        self.keys.retain(|_, id| !old(entries[id].intent.created_at_ms));
        swept.keys = (keys - self.keys.len()) as u64;
        let count = self.entries.len();
        let keys = &self.keys;
        self.entries.retain(|id, entry| match &entry.state {
            State::Failed(end) => !old(end.at_ms),
            State::Recorded { .. } => keys.values().any(|holder| holder == id),
            _ => true,
        });
        swept.entries = (count - self.entries.len()) as u64;
        let need = if swept == Swept::default() {
            Need::Nothing
        } else {
            Need::Lazy
        };
        (ChangeAnswer::Swept(swept), need)
    }

    fn in_order(&self) -> BTreeMap<u64, &Entry> {
        let entries = self.entries.values();
        entries
            .filter_map(|entry| match entry.state {
                State::Accepted { order, .. } => Some((order, entry)),
                _ => None,
            })
            .collect()
    }

    /// What a store should hold; the indexes follow from the entries.
    pub(crate) fn dump(&self) -> Dump {
        let mut dump = Dump {
            entries: self.entries.clone(),
            state: self.state.clone(),
            ..Dump::default()
        };
        for (id, entry) in &self.entries {
            match &entry.state {
                State::Sent => {
                    dump.open.insert(entry.begun, id.clone());
                }
                State::Failed(end) => dump.failed.push((end.at_ms, id.clone())),
                State::Unknown { at_ms, .. } => {
                    dump.unknown.insert(id.clone(), *at_ms);
                }
                State::Accepted { .. } | State::Recorded { .. } => {}
            }
        }
        for (order, entry) in self.in_order() {
            let (id, accepted) = (entry.intent.id.clone(), entry.accepted().unwrap());
            let content = &entry.intent.key;
            let content = key(&[
                &content.tenant,
                &accepted.account,
                &content.purpose,
                &content.treatment,
                &accepted.sha256,
            ]);
            dump.accepted.insert(order, id.clone());
            dump.content.insert((content, order), id.clone());
            dump.remote
                .insert((key(&[&accepted.account, &accepted.remote_id]), order), id);
        }
        for ((tenant, name), id) in &self.keys {
            dump.keys.insert(key(&[tenant, name]), id.clone());
            dump.keyed.push((self.entries[id].intent.created_at_ms, id.clone()));
        }
        for ((account, remote_id), pending) in &self.deletes {
            dump.deletes.insert(key(&[account, remote_id]), pending.clone());
        }
        dump.keyed.sort();
        dump.failed.sort();
        dump
    }
}

fn wrong(entry: &Entry, wanted: &'static str) -> JournalError {
    JournalError::State {
        id: entry.intent.id.clone(),
        state: entry.state.name(),
        wanted,
    }
}
