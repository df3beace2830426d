//! The door to other gateways on the same ledger. Where there are none, every question is answered at once.

use std::sync::{Arc, PoisonError};

use loadlock_journal::Intent;
use loadlock_sandbox::batches::Batches;
use loadlock_sandbox::coordination::{Coordination, Leased};
use loadlock_sandbox::tracker::{Answer, DedupKey, FileRecord, Release, Tracker};

use super::member::{ARRIVAL, Cluster, TAG, asks_again};

pub(crate) use super::batches::INSTANCES;
pub(crate) use super::lease::{Claim, LeaseEnd, RecordedUsage};
pub(crate) use super::member::Attempting as Lease;
use crate::clock::Clock;
use crate::error::{Result, answered};

/// Attempts of other gateways that are read at once.
const ROWS: u32 = 10_000;

/// Another gateway, as a client is sent to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Elsewhere {
    /// Its id.
    pub gateway: String,
    /// Where clients reach it, if its operator said so.
    pub url: Option<String>,
}

/// Other gateways that share the ledger, if it can be shared.
pub(crate) struct Peers(Option<Arc<Cluster>>);

impl Peers {
    /// Makes this gateway a member, if its tracker can coordinate several.
    ///
    /// # Errors
    /// [`crate::ErrorCode::StateUnavailable`] if the journal cannot keep the gateway's name.
    pub(crate) async fn join(
        ledger: Option<Coordination>,
        batches: Vec<Batches>,
        journal: &loadlock_journal::Journal,
        clock: &Clock,
    ) -> Result<Self> {
        Ok(Self(match ledger {
            Some(ledger) => Some(Arc::new(Cluster::new(ledger, batches, journal, clock).await?)),
            None => None,
        }))
    }

    /// For this folder alone.
    pub(super) fn cluster(&self) -> Option<&Arc<Cluster>> {
        self.0.as_ref()
    }

    /// Whether nobody else can use the ledger.
    pub(crate) fn is_alone(&self) -> bool {
        self.0.is_none()
    }

    /// Whether several records may be handed over at the same time, each with those of others.
    pub(crate) fn record_together(&self) -> bool {
        self.look_with_lease()
    }

    /// Whether the ledger is known to be away.
    pub(crate) fn are_away(&self) -> bool {
        self.0.as_ref().is_some_and(|cluster| !cluster.answers())
    }

    /// Whether what is about to be sent needs a lease: there are others, and the ledger answered last time.
    pub(crate) fn need_lease(&self) -> bool {
        self.0.as_ref().is_some_and(|cluster| cluster.answers())
    }

    /// Takes the lease of a content, and waits while another gateway has it; at the upload's own deadline it goes on
    /// without. Where the tracker can, it looks first whether the content is stored.
    ///
    /// # Errors
    /// [`crate::ErrorCode::QuotaExceeded`], [`crate::ErrorCode::StateUnavailable`].
    pub(crate) async fn lease(&self, claim: Claim<'_>) -> Result<(LeaseEnd, RecordedUsage)> {
        match &self.0 {
            Some(cluster) => cluster.lease(claim).await,
            None => Ok((LeaseEnd::Without, None)),
        }
    }

    /// Whether taking a lease looks for stored content and for room as well: the ledger answered last time, and takes
    /// many things in one call.
    pub(crate) fn look_with_lease(&self) -> bool {
        let batched = |cluster: &Arc<Cluster>| cluster.batched.is_some() && cluster.answers();
        self.0.as_ref().is_some_and(batched)
    }

    /// Whether an upload that is under way here has this attempt, so that the ledger counts it.
    pub(crate) fn hold(&self, id: &str) -> bool {
        self.0.as_ref().is_some_and(|cluster| cluster.holds(id))
    }

    /// Whether the ledger may make a file yet that it says it has not, because nobody awaited its answer.
    pub(crate) fn may_make(&self, id: &str, clock: &Clock) -> bool {
        let batched = self.0.as_ref().filter(|cluster| cluster.batched.is_some());
        batched.is_some_and(|cluster| cluster.may_arrive(id, clock.real(ARRIVAL)))
    }

    /// Lets a file go, with the lease for deleting its remote file if it was the last. `None` where that takes two
    /// questions.
    ///
    /// # Errors
    /// [`crate::ErrorCode::TrackerFailed`].
    pub(crate) async fn remove(&self, tenant: &str, id: &str) -> Result<Option<(Release, Option<Lease>)>> {
        let Some(cluster) = self.0.as_ref().filter(|cluster| cluster.answers()) else {
            return Ok(None);
        };
        match &cluster.batched {
            Some(batched) => cluster.remove(batched, tenant, id).await.map(Some),
            None => Ok(None),
        }
    }

    /// Forgets a remote file that is gone, with the end of the attempt that deleted it. False where that takes two
    /// questions.
    ///
    /// # Errors
    /// [`crate::ErrorCode::TrackerFailed`].
    pub(crate) async fn forget(&self, account: &str, remote_id: &str, lease: Option<&Lease>) -> Result<bool> {
        let (Some(cluster), Some(lease)) = (&self.0, lease) else {
            return Ok(false);
        };
        match &cluster.batched {
            Some(batched) => cluster.gone(batched, account, remote_id, lease).await.map(|()| true),
            None => Ok(false),
        }
    }

    /// The lease of a remote file that is to be deleted, so that no other gateway stores the same content meanwhile:
    /// some vendors give equal content the same id. `Ok(None)` where there are no others.
    ///
    /// # Errors
    /// Another gateway has it, or the ledger cannot be asked.
    pub(crate) async fn lease_delete(&self, key: DedupKey) -> Result<Option<Lease>> {
        match &self.0 {
            Some(cluster) => cluster.lease_delete(key).await.map(Some),
            None => Ok(None),
        }
    }

    /// Hands records to the ledger, which refuses those that another gateway was first with.
    pub(crate) async fn record(&self, tracker: &Tracker, records: Vec<FileRecord>) -> Answer<Vec<Leased>> {
        match &self.0 {
            None => {
                let answer = tracker.record_many(records).await;
                answer.map(|said| said.map(|all| all.into_iter().map(Leased::Done).collect()))
            }
            Some(cluster) => match &cluster.batched {
                Some(batched) => {
                    let was_away = !cluster.answers();
                    let answer = cluster.record_batched(batched, records).await;
                    if was_away && matches!(answer, Ok(Ok(_))) {
                        // It is another instance, which would not hear of it for a while.
                        asks_again(tracker.answers_again()).await;
                    }
                    answer
                }
                None => cluster.ledger.record_leased(cluster.id.clone(), records).await,
            },
        }
    }

    /// Whether another gateway has taken an entry over while this one was thought to be gone; then it is none of this
    /// one's business any more.
    ///
    /// # Errors
    /// [`crate::ErrorCode::TrackerFailed`] while the ledger cannot say.
    pub(crate) async fn have_taken_over(&self, id: &str) -> Result<bool> {
        let Some(cluster) = &self.0 else {
            return Ok(false);
        };
        let lost = cluster.ledger.lost(cluster.id.clone(), vec![id.to_owned()]);
        Ok(!cluster.ask(lost).await?.is_empty())
    }

    /// Marks of what other gateways have under way at this account, or have accepted and not recorded yet.
    ///
    /// # Errors
    /// [`crate::ErrorCode::TrackerFailed`].
    pub(crate) async fn marks_at(&self, account: &str) -> Result<Vec<String>> {
        let Some(cluster) = &self.0 else {
            return Ok(Vec::new());
        };
        let (mut marks, mut after) = (Vec::new(), None);
        loop {
            let page = cluster.ledger.others(cluster.id.clone(), after.take(), ROWS);
            let page = answered(page.await)?;
            let of_account = page.iter().filter(|attempt| attempt.key.account == account);
            marks.extend(of_account.filter_map(|attempt| {
                let intent = serde_json::from_str::<Intent>(&attempt.entry).ok()?;
                Some(intent.mark)
            }));
            match page.last() {
                Some(last) if page.len() == ROWS as usize => after = Some(last.id.clone()),
                _ => return Ok(marks),
            }
        }
    }

    /// This gateway's id among those that share its ledger.
    pub(crate) fn id(&self) -> Option<&str> {
        self.0.as_ref().map(|cluster| &*cluster.id)
    }

    /// What ids of this gateway's sessions begin with.
    pub(crate) fn session_tag(&self) -> Option<&str> {
        self.0.as_ref().map(|cluster| cluster.tag())
    }

    /// Which other gateway a session's id is of.
    pub(crate) fn owner_of_session(&self, id: &str) -> Option<Elsewhere> {
        let cluster = self.0.as_ref()?;
        let tag = id.get(..TAG)?;
        let peers = cluster.peers.read().unwrap_or_else(PoisonError::into_inner);
        let owner = peers.iter().find(|peer| peer.gateway.starts_with(tag))?;
        Some(Elsewhere {
            gateway: owner.gateway.clone(),
            url: owner.url.clone(),
        })
    }
}
