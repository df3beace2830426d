//! An upload that is sent while its body arrives.
//!
//! It is an upload like any other until something needs more of the body than has come: its digest (content of its size
//! is stored, an equal upload may be under way, a key is to be compared), the end of a container, or a client that is
//! slower than a vendor waits. Then what was sent is given up before its last byte left, so that nothing is stored, and
//! the body is uploaded as every other once it is whole. [`loadlock_policy::tee`] decides.

use std::sync::OnceLock;
use std::time::Duration;

use loadlock_policy::container::{Search, Step};
use loadlock_policy::model::{Failure, Reach};
use loadlock_policy::retry::{GiveUp, Why};
use loadlock_policy::tee::{AfterCutThrough, CutThroughEnd, Readable, Tee};
use loadlock_sandbox::files::AdmittedInput;
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::cancel::overdue;
use super::job::UploadJob;
use crate::admission::Arrival;
use crate::error::{Error, ErrorCode, Result};
use crate::metrics;
use crate::state::provider::ProviderUnit;
use crate::state::tenant_limits::HeldRoom;
use crate::view;

/// Why an upload is put off until its body is whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum PutOff {
    /// As many uploads are sent while they arrive as may be.
    Busy,
    /// What the file is stands at its end.
    Container,
    /// An upload of the same size is under way.
    EqualSize,
    /// Its content is compared with what the key answered before.
    IdempotencyKey,
    /// The ledger cannot be asked.
    LedgerAway,
    /// The body has another size than was announced.
    OtherSize,
    /// The provider takes whole bodies only: its list tells files by their digest alone, or it takes one at a time.
    Provider,
    /// Other gateways may have the same content under way.
    SharedLedger,
    /// The client sent nothing for too long.
    SlowClient,
    /// Something of its size is stored.
    StoredSize,
    /// The attempts failed for a reason that may pass.
    VendorFailed,
}

impl PutOff {
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Busy => "busy",
            Self::Container => "container",
            Self::EqualSize => "equal_size",
            Self::IdempotencyKey => "idempotency_key",
            Self::LedgerAway => "ledger_away",
            Self::OtherSize => "other_size",
            Self::Provider => "provider",
            Self::SharedLedger => "shared_ledger",
            Self::SlowClient => "slow_client",
            Self::StoredSize => "stored_size",
            Self::VendorFailed => "vendor_failed",
        }
    }
}

/// What an upload whose body is still coming has besides.
pub(super) struct WhileArriving<'a> {
    arrival: &'a Arrival,
    put_off: OnceLock<PutOff>,
}

/// How sending it while it arrives ended.
pub(super) enum CutThrough {
    Stored(Box<view::File>),
    /// Nothing is stored. With the room that it holds.
    WhenWhole(Option<HeldRoom>),
}

impl<'a> WhileArriving<'a> {
    pub(super) fn new(arrival: &'a Arrival) -> Self {
        Self {
            arrival,
            put_off: OnceLock::new(),
        }
    }

    fn tee(&self) -> Tee {
        self.arrival.tee()
    }
}

/// Whether the validator sees all that it needs in the first bytes.
pub(super) fn judged_by_head(head: &[u8], size: u64) -> bool {
    matches!(Search::begin(head, size), Step::Done(_))
}

/// Counts one that is put off.
pub(super) fn count(why: PutOff) {
    tracing::info!(target: "loadlock::upload", why = why.as_str(), "an upload waits until its body is whole");
    metrics::cut_through(why.as_str());
}

impl UploadJob<'_> {
    /// Whether the body's last byte is still kept back, so that nothing of it can be stored.
    pub(super) fn is_held_back(&self) -> bool {
        self.arriving
            .as_ref()
            .is_some_and(|arriving| !arriving.tee().released())
    }

    /// Whether what was being read cannot be read to its end: that is no fault of the provider's.
    pub(super) fn is_cut_off(&self) -> bool {
        let never = |arriving: &WhileArriving<'_>| arriving.tee().readable() == Readable::Never;
        self.arriving.as_ref().is_some_and(never)
    }

    /// Puts it off until its body is whole; the error ends what is under way and is seen by nobody.
    pub(super) fn put_off(&self, why: PutOff) -> Error {
        if let Some(arriving) = &self.arriving {
            let _ = arriving.put_off.set(why);
        }
        Error::new(ErrorCode::Internal, format!("put off: {}", why.as_str()))
    }

    /// Takes the digest over that is known once the body is whole.
    pub(super) fn learn_digest(&self) {
        if let Some(digest) = self.arriving.as_ref().and_then(|arriving| arriving.arrival.sha256()) {
            let _ = self.digest.set(digest.to_owned());
        }
    }

    /// Whether this provider can be sent a body that still arrives: its list has to tell a lost upload without the
    /// digest, which nobody knows yet. To be asked before an entry is begun for it.
    pub(super) fn takes_what_arrives(&self, unit: &ProviderUnit) -> Result<()> {
        if !self.is_held_back() {
            // Where a lost upload is found by it, its entry has to have it.
            self.learn_digest();
            return Ok(());
        }
        // What may be told only after hours is not left to a vendor that cannot be asked about it.
        let waits = self.arriving.as_ref().is_some_and(|arriving| arriving.arrival.waits());
        if unit.may_cut_through() && (waits || unit.has_evidence()) {
            return Ok(());
        }
        Err(self.put_off(PutOff::Provider))
    }

    /// A place among those that may send a body while it arrives: a slow client must not keep whole bodies from a
    /// vendor.
    pub(super) fn may_begin(&self, unit: &ProviderUnit) -> Result<Option<[OwnedSemaphorePermit; 2]>> {
        if !self.is_held_back() {
            return Ok(None);
        }
        let (state, provider) = (self.state, unit.health.arriving.try_acquire());
        match (provider, state.providers.arriving.try_acquire()) {
            (Some(provider), Some(gateway)) => Ok(Some([provider, gateway])),
            _ => Err(self.put_off(PutOff::Busy)),
        }
    }

    /// A failure before the last byte left has stored nothing, whatever the component thinks.
    pub(super) fn with_what_is_known(&self, failure: Failure) -> Failure {
        match self.is_held_back() {
            true if failure.reach == Reach::Untold => Failure {
                outcome_unknown: false,
                reach: Reach::Incomplete,
                ..failure
            },
            _ => failure,
        }
    }

    /// Whether an upload that policy gives up is put off instead.
    pub(super) fn put_off_instead(&self, end: &GiveUp) -> Option<Error> {
        let arriving = self.arriving.as_ref()?;
        let ended = match end.why {
            Why::Cancelled => return None,
            Why::Refused => CutThroughEnd::Refused,
            _ => CutThroughEnd::Failed,
        };
        match arriving.tee().after(ended) {
            AfterCutThrough::SendWhenWhole => Some(self.put_off(PutOff::VendorFailed)),
            AfterCutThrough::End => None,
        }
    }

    /// Ends it after all attempts: stored, put off, or with its own error.
    pub(super) async fn end_cut_through(&mut self, result: Result<view::File>) -> Result<CutThrough> {
        let Some(arriving) = self.arriving.take() else {
            return result.map(|file| CutThrough::Stored(Box::new(file)));
        };
        let error = match result {
            Ok(file) => {
                metrics::cut_through("sent");
                return Ok(CutThrough::Stored(Box::new(file)));
            }
            Err(error) => error,
        };
        let tee = arriving.tee();
        let why = match arriving.put_off.get() {
            _ if tee.differs() => PutOff::OtherSize,
            Some(why) => *why,
            None => return Err(arriving.arrival.broke().unwrap_or(error)),
        };
        if let Some(entry) = self.entry.take() {
            // Its last byte was kept back whenever it was sent, so there is nothing to look for.
            entry.moved_on("it waits until its body is whole").await;
        }
        count(why);
        Ok(CutThrough::WhenWhole(self.room.take()))
    }

    /// Runs it until it ends, or until its end has taken too long after the client's.
    pub(super) async fn run_while_arriving(
        &mut self,
        early: Option<HeldRoom>,
        stop: &CancellationToken,
    ) -> Result<view::File> {
        let (state, traces, tenant) = (self.state, self.traces, self.asked.who.tenant());
        tokio::select! {
            biased;
            result = self.run(early) => return result,
            () = overdue(stop) => {}
        }
        // Dropped, its entry stays open.
        drop(self.entry.take());
        match state.cancel_uploads(tenant, traces.ids()).await? {
            Some(accepted) => Ok(accepted),
            None => Err(super::cancel::cancelled(
                "before its end could be settled; that is done later",
            )),
        }
    }
}

/// Notices a client that has sent nothing for too long while its vendor waits, or that is so slow that the attempt
/// would end for it.
pub(super) struct Starvation {
    begun: Instant,
    most: Duration,
    since: Instant,
    spooled: u64,
    patience: Duration,
}

impl Starvation {
    /// Of an attempt that may take so long in all.
    pub(super) fn new(patience: Duration, wall: Duration) -> Self {
        Self {
            begun: Instant::now(),
            most: wall / 2,
            since: Instant::now(),
            spooled: 0,
            patience,
        }
    }

    /// Whether it has lasted for too long.
    pub(super) fn lasts(&mut self, arriving: Option<&WhileArriving<'_>>, input: &AdmittedInput) -> bool {
        let Some(tee) = arriving.map(WhileArriving::tee) else {
            return false;
        };
        if !tee.has_ended() && self.begun.elapsed() >= self.most {
            return true;
        }
        if tee.spooled() != self.spooled || !tee.starves(input.watch.covered()) {
            (self.since, self.spooled) = (Instant::now(), tee.spooled());
            return false;
        }
        self.since.elapsed() >= self.patience
    }
}
