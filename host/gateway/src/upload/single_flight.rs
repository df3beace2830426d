//! Equal uploads at the same time, at each provider that one of them comes to.
//!
//! They can come by different ways: one is pinned to the provider that another fell back to. So an upload takes the
//! lead where its route begins, and again at each provider it moves on to. Who leads one flight and waits for another
//! always waits for one that is further along the operator's order, so two never wait for each other; the deadline
//! bounds the wait all the same.

use super::cancel::unless_cancelled;
use super::job::{UploadJob, unreadable};
use super::lead::Lead;
use super::route::RouteLeg;
use crate::cluster::peers::Claim;
use crate::error::Result;
use crate::state::single_flight::{FlightKey, Leader};
use crate::view;

impl UploadJob<'_> {
    /// Waits until no equal upload is under way at this leg, here or at another gateway, and leads from then on. False
    /// when the upload's time is over before.
    pub(super) async fn lead(&mut self, leg: &RouteLeg<'_>) -> Result<bool> {
        let left = self.state.clock.real(self.deadline - self.state.clock.now());
        match tokio::time::timeout(left, self.join_or_lead(leg)).await {
            Ok(lead) => {
                self.leads.push(lead?);
                Ok(true)
            }
            Err(_) => Ok(false),
        }
    }

    async fn join_or_lead(&self, leg: &RouteLeg<'_>) -> Result<Lead> {
        let file = self.file;
        let key = FlightKey {
            content: self.content_key(leg),
            bytes: file.size(),
        };
        loop {
            let flight = &self.state.single_flight;
            let joined = flight.join_or_lead(key.clone(), &file.opened().file, &self.digest);
            let joined = unless_cancelled(self.asked.cancel, "while an equal upload was under way", joined)
                .await?
                .map_err(unreadable)?;
            if let Some(leader) = joined {
                return self.lease(leg, leader).await;
            }
        }
    }

    /// Only the one that leads here asks the other gateways. Where there are none, or the ledger is away, it goes on.
    async fn lease(&self, leg: &RouteLeg<'_>, leader: Leader) -> Result<Lead> {
        let peers = &self.state.peers;
        if !peers.need_lease() {
            return Ok(Lead::new(leader, None));
        }
        let sha256 = self.digest().await?;
        let intent = self.intent(leg)?;
        let claim = Claim {
            intent: &intent,
            sha256,
            limits: self.limits(),
            patience: self.live.config.deadline,
            journal: &self.state.journal,
        };
        let lease = peers.lease(claim);
        let what = "while another gateway stored the same content";
        let lease = unless_cancelled(self.asked.cancel, what, lease).await??;
        Ok(Lead::new(leader, lease.map(|lease| (lease, intent))))
    }

    /// At a provider that the upload moved on to: leads there too, unless it does, and answers the file if an equal one
    /// is stored there by then. At the deadline it goes on alone. `index` is the leg's in the route.
    pub(super) async fn join(&mut self, index: usize, leg: &RouteLeg<'_>) -> Result<Option<view::File>> {
        let (unit, purpose) = (leg.unit, &leg.purpose);
        if self.leads.iter().any(|lead| lead.is_at(&unit.account, purpose)) {
            return Ok(None);
        }
        if !self.lead(leg).await? {
            return Ok(None);
        }
        if self.asked.idempotency_key.is_some() && self.entry.as_ref().is_none_or(|entry| !entry.is_for(unit)) {
            // A key answers what is in the journal, a dedup hit included.
            if let Some(before) = self.entry.take() {
                before.moved_on("the route went on to another provider").await;
            }
            if let Some(known) = self.begin(index, leg).await? {
                return Ok(Some(known));
            }
        }
        self.dedup(leg).await
    }
}
