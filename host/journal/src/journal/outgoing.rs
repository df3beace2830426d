//! Events for others.

use std::sync::PoisonError;

use tokio::sync::watch;

use super::Journal;
use crate::change::Change;
use crate::error::JournalError;
use crate::outgoing::{self, Delivery, OutgoingEvent, OutgoingKind, PlacedEvent, Subscription};

/// Events for others: who subscribed has each end of an upload in a row, written in the same transaction, until its
/// delivery is put down. Changes of a delivery are lazy: after a power loss an event may be delivered again.
impl Journal {
    /// From here on these have a row of each end that they want.
    pub fn subscribe(&self, subscriptions: Vec<Subscription>) {
        let mut held = self
            .inner
            .told
            .subscriptions
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        *held = subscriptions.into();
    }

    /// Whether anybody wants to know of ends of this kind.
    pub fn is_wanted(&self, kind: OutgoingKind) -> bool {
        self.inner.told.now().iter().any(|one| one.kinds.contains(&kind))
    }

    /// Changes whenever there is another event to deliver.
    pub fn outgoing_changes(&self) -> watch::Receiver<()> {
        self.inner.told.added.subscribe()
    }

    /// Adds an event of something that has no entry, durable before this returns.
    ///
    /// # Errors
    /// [`JournalError::TooLarge`] or the storage's.
    pub async fn tell(&self, event: OutgoingEvent) -> Result<(), JournalError> {
        event.check()?;
        let event = Box::new(event);
        self.done(Change::Outgoing { event, note: None }).await
    }

    /// The same for an event that a state stands for under the key `note`, which is removed in the same transaction.
    ///
    /// # Errors
    /// As [`Self::tell`].
    pub async fn tell_noted(&self, event: OutgoingEvent, note: String) -> Result<(), JournalError> {
        event.check()?;
        let (event, note) = (Box::new(event), Some(note));
        self.done(Change::Outgoing { event, note }).await
    }

    /// The first events that wait for a receiver, in their order.
    ///
    /// # Errors
    /// The storage's.
    pub fn outgoing(&self, receiver: &str, limit: usize) -> Result<Vec<PlacedEvent>, JournalError> {
        self.read(|snapshot| outgoing::read(snapshot, receiver, false, limit))
    }

    /// The dead letters of a receiver, the oldest first.
    ///
    /// # Errors
    /// The storage's.
    pub fn dead_letters(&self, receiver: &str, limit: usize) -> Result<Vec<PlacedEvent>, JournalError> {
        self.read(|snapshot| outgoing::read(snapshot, receiver, true, limit))
    }

    /// How many events wait for a receiver, and how many dead letters it has.
    ///
    /// # Errors
    /// The storage's.
    pub fn count_outgoing(&self, receiver: &str) -> Result<(u64, u64), JournalError> {
        self.read(|snapshot| outgoing::count(snapshot, receiver))
    }

    /// Puts down how far a delivery got; `None` ends it. False if there is no such event any more.
    ///
    /// # Errors
    /// The storage's.
    pub async fn put_delivery(
        &self,
        receiver: &str,
        place: u64,
        delivery: Option<Delivery>,
    ) -> Result<bool, JournalError> {
        let receiver = receiver.to_owned();
        self.removed(Change::PutDelivery {
            receiver,
            place,
            delivery,
        })
        .await
    }

    /// Removes what is for anybody else than these receivers, and dead letters from before `letters_since_ms`. True if
    /// there was any.
    ///
    /// # Errors
    /// The storage's.
    pub async fn keep_outgoing(&self, receivers: Vec<String>, letters_since_ms: u64) -> Result<bool, JournalError> {
        self.removed(Change::KeepOutgoing {
            receivers,
            letters_since_ms,
        })
        .await
    }
}
