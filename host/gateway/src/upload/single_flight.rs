//! Equal uploads at the same time, at each provider that one of them comes to.
//!
//! They can come by different ways: one is pinned to the provider that another fell back to. So an upload takes the
//! lead where its route begins, and again at each provider it moves on to. Who leads one flight and waits for another
//! always waits for one that is further along the operator's order, so two never wait for each other; the deadline
//! bounds the wait all the same.

use loadlock_sandbox::batches::{FileTerms, StoredPlace};
use loadlock_sandbox::tracker::{DedupKey, FileRecord};

use super::cancel::unless_cancelled;
use super::cut_through::PutOff;
use super::job::{UploadJob, unreadable};
use super::lead::Lead;
use super::revalidate::is_on_this_machine;
use super::route::RouteLeg;
use crate::cluster::peers::{Claim, LeaseEnd};
use crate::error::Result;
use crate::state::single_flight::{FlightKey, Leader};
use crate::view;

/// How waiting for the lead ended.
pub(super) enum Led {
    /// The upload's time was over before.
    TooLate,
    /// The content is stored, and this is its file.
    Found(Box<FileRecord>),
    /// It leads; `is_new` if the ledger has nothing of it.
    Leads { is_new: bool },
}

enum Joined {
    Found(Box<FileRecord>),
    Leads(Box<Lead>, bool),
}

impl Joined {
    fn leads(lead: Lead, is_new: bool) -> Self {
        Self::Leads(Box::new(lead), is_new)
    }
}

impl UploadJob<'_> {
    /// Waits until no equal upload is under way at this leg, here or at another gateway, and leads from then on.
    pub(super) async fn lead(&mut self, leg: &RouteLeg, legs: &[RouteLeg]) -> Result<Led> {
        let left = self.state.clock.real(self.deadline - self.state.clock.now());
        let led = tokio::time::timeout(left, self.join_or_lead(leg, legs)).await;
        if let Some(id) = self.traces.take_unanswered() {
            // Nobody waits any more, and the ledger may make the file all the same.
            self.state.note_cancelled(self.asked.who.tenant(), &id).await?;
        }
        Ok(match led {
            Err(_) => Led::TooLate,
            Ok(led) => match led? {
                Joined::Found(file) => Led::Found(file),
                Joined::Leads(lead, is_new) => {
                    self.leads.push(*lead);
                    Led::Leads { is_new }
                }
            },
        })
    }

    async fn join_or_lead(&self, leg: &RouteLeg, legs: &[RouteLeg]) -> Result<Joined> {
        let file = self.file;
        let key = FlightKey {
            content: self.content_key(leg),
            bytes: file.size(),
        };
        if self.is_held_back() {
            // What it could be compared by has not come.
            return match self.state.single_flight.lead_alone(key, &file.opened().file) {
                Some(leader) => self.lease(leg, legs, leader).await,
                None => Err(self.put_off(PutOff::EqualSize)),
            };
        }
        loop {
            let flight = &self.state.single_flight;
            let joined = flight.join_or_lead(key.clone(), &file.opened().file, &self.digest);
            let joined = unless_cancelled(self.asked.cancel, "while an equal upload was under way", joined)
                .await?
                .map_err(unreadable)?;
            if let Some(leader) = joined {
                return self.lease(leg, legs, leader).await;
            }
        }
    }

    /// Only the one that leads here asks the other gateways. Where there are none, or the ledger is away, it goes on.
    async fn lease(&self, leg: &RouteLeg, legs: &[RouteLeg], leader: Leader) -> Result<Joined> {
        let peers = &self.state.peers;
        if !peers.need_lease() {
            return Ok(Joined::leads(Lead::new(leader, None), false));
        }
        if self.is_held_back() {
            return Err(self.put_off(PutOff::SharedLedger));
        }
        let sha256 = self.digest().await?;
        let intent = self.intent(leg)?;
        // What lies on this machine is looked at before it is given out.
        let looks = peers.look_with_lease() && !legs.iter().any(|leg| is_on_this_machine(&leg.unit));
        // Under an idempotency key the entry comes first, and the file over stored content after it.
        let terms = (looks && self.asked.idempotency_key.is_none()).then(|| self.terms());
        if terms.is_some() {
            self.traces.ask(&intent.id);
        }
        let claim = Claim {
            intent: &intent,
            limits: self.limits(),
            places: if looks { self.places(legs, &sha256) } else { Vec::new() },
            sha256,
            terms,
            patience: self.live.config.deadline,
            journal: &self.state.journal,
            clock: &self.state.clock,
        };
        let lease = peers.lease(claim);
        let what = "while another gateway stored the same content";
        let (end, recorded) = unless_cancelled(self.asked.cancel, what, lease).await??;
        if let Some(recorded) = recorded {
            self.state.usage_heard(self.asked.who.tenant(), recorded);
        }
        if !matches!(end, LeaseEnd::Unanswered) {
            self.traces.take_unanswered();
        }
        Ok(match end {
            LeaseEnd::Found(file) => {
                self.state.recorded_for(&file.key.tenant, file.bytes);
                Joined::Found(file)
            }
            LeaseEnd::Leads { lease, is_new } => Joined::leads(Lead::new(leader, Some((lease, intent))), is_new),
            LeaseEnd::Without | LeaseEnd::Unanswered => Joined::leads(Lead::new(leader, None), false),
        })
    }

    /// Where the ledger looks for equal content: at these legs, with each tenant that shares with this one.
    fn places(&self, legs: &[RouteLeg], sha256: &str) -> Vec<StoredPlace> {
        let tenant = self.asked.who.tenant();
        let now = self.state.clock.wall_ms();
        let limit = u64::try_from(self.live.config.verify_after.as_millis()).unwrap_or(u64::MAX);
        let mut places = Vec::new();
        for leg in legs {
            for tenant in std::iter::once(tenant).chain(self.live.config.dedup_peers(tenant)) {
                places.push(StoredPlace {
                    key: DedupKey {
                        tenant: tenant.to_owned(),
                        ..self.dedup_key(leg, sha256)
                    },
                    // One of a vendor that cannot be asked is taken as it is.
                    verified_since_ms: if leg.unit.profile.can_stat {
                        now.saturating_sub(limit)
                    } else {
                        0
                    },
                    kept_ms: self.kept_ms(leg),
                });
            }
        }
        places
    }

    /// What a file over stored content says.
    fn terms(&self) -> FileTerms {
        FileTerms {
            filename: self.file.name().to_owned(),
            media_type: self.file.media_type().to_owned(),
            expires_at_ms: self.expires_at_ms,
        }
    }

    /// At a provider that the upload moved on to: leads there too, unless it does, and answers the file if an equal one
    /// is stored there by then. At the deadline it goes on alone. `index` is the leg's in the route.
    pub(super) async fn join(&mut self, index: usize, leg: &RouteLeg) -> Result<Option<view::File>> {
        let (unit, purpose) = (&leg.unit, &leg.purpose);
        if self.leads.iter().any(|lead| lead.is_at(&unit.account, purpose)) {
            return Ok(None);
        }
        let is_new = match self.lead(leg, std::slice::from_ref(leg)).await? {
            Led::TooLate => return Ok(None),
            Led::Found(file) => {
                if let Some(before) = self.entry.take() {
                    before.moved_on("its content is stored at another provider").await;
                }
                return Ok(Some((*file).into()));
            }
            Led::Leads { is_new } => is_new,
        };
        if self.asked.idempotency_key.is_some() && self.entry.as_ref().is_none_or(|entry| !entry.is_for(unit)) {
            // A key answers what is in the journal, a dedup hit included.
            if let Some(before) = self.entry.take() {
                before.moved_on("the route went on to another provider").await;
            }
            if let Some(known) = self.begin(index, leg).await? {
                return Ok(Some(known));
            }
        }
        if is_new && !self.may_be_in_journal() {
            return Ok(None);
        }
        self.dedup(leg).await
    }
}
