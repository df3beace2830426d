//! Equal uploads at the same time, at each provider that one of them comes to.
//!
//! They can come by different ways: one is pinned to the provider that another fell back to. So an upload takes off
//! where its route begins, and again at each provider it moves on to. Who holds one flight and waits for another always
//! waits for one that is further along the operator's order, so two never wait for each other; the deadline bounds the
//! wait all the same.

use super::cancel::unless_cancelled;
use super::dedup::content_key;
use super::entry::{Entry, Started};
use super::flights::{FlightKey, Landing};
use super::send::unreadable;
use super::upload::{Order, Stop};
use crate::error::Result;
use crate::gateway::Inner;
use crate::view;

impl Inner {
    /// Waits until no equal upload is under way at this provider, here or at another gateway. `digest` is filled if it
    /// had to be computed.
    async fn take_off(&self, order: &Order<'_>, stop: &Stop<'_>, digest: &mut Option<String>) -> Result<Landing> {
        let (file, (unit, purpose)) = (order.file, stop);
        let key = FlightKey {
            content: content_key(order.who, unit, purpose, file),
            bytes: file.size(),
        };
        loop {
            let off = self.flights.take_off(key.clone(), &file.opened().file, digest);
            let off = unless_cancelled(order.cancel, "while an equal upload was under way", off)
                .await?
                .map_err(unreadable)?;
            if let Some(landing) = off {
                // Only the one that has taken off asks the other gateways.
                self.lease(order, stop, digest).await?;
                return Ok(landing);
            }
        }
    }

    /// At a provider that the upload moved on to: takes off there too, unless it has, and answers the file if an equal
    /// one is stored there by then. At the deadline it goes on alone. `leg` is the provider's index in the route.
    pub(super) async fn join<'a>(
        &'a self,
        order: &Order<'_>,
        (leg, stop): (usize, &Stop<'_>),
        digest: &mut Option<String>,
        entry: &mut Option<Entry<'a>>,
        landings: &mut Vec<Landing>,
    ) -> Result<Option<view::File>> {
        let (unit, purpose) = stop;
        if landings.iter().any(|one| one.is_at(&unit.account, purpose)) {
            return Ok(None);
        }
        let Some(landing) = self.take_off_in_time(order, stop, digest).await? else {
            return Ok(None);
        };
        landings.push(landing);
        if order.idempotency_key.is_some() && entry.as_ref().is_none_or(|entry| !entry.is_for(unit)) {
            // A key answers what is in the journal, a dedup hit included.
            if let Some(before) = entry.take() {
                before.moved_on("the route went on to another provider").await;
            }
            match self.begin(order, leg, stop, digest.as_deref()).await? {
                Started::New(open) => *entry = Some(open),
                Started::Known(file) => return Ok(Some(*file)),
            }
        }
        self.dedup(order, stop, digest, entry).await
    }

    /// [`Self::take_off`], or `None` when the upload's time is over.
    pub(super) async fn take_off_in_time(
        &self,
        order: &Order<'_>,
        stop: &Stop<'_>,
        digest: &mut Option<String>,
    ) -> Result<Option<Landing>> {
        let left = self.clock.real(order.deadline - self.clock.now());
        let landing = tokio::time::timeout(left, self.take_off(order, stop, digest)).await;
        landing.ok().transpose()
    }
}
