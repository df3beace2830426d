//! One upload, from request to record: its phases in order.

use std::sync::Arc;
use std::time::SystemTime;

use loadlock_policy::Millis;
use tokio::sync::OnceCell;

use super::cancel::{cancelled, overdue, unless_cancelled};
use super::cut_through::{CutThrough, PutOff, WhileArriving, count, judged_by_head};
use super::expiry::expiry;
use super::job::{Terms, Traces, UploadJob, unreadable};
use super::route::{RouteLeg, Routing};
use super::single_flight::Led;
use crate::admission::{AdmittedFile, Arrival};
use crate::api::progress::{Event, Progress};
use crate::api::request::{Source, Target, UploadRequest};
use crate::error::{Error, ErrorCode, Result};
use crate::fault::{self, Point};
use crate::principal::Principal;
use crate::staged::Staged;
use crate::state::gateway::GatewayState;
use crate::state::live::Live;
use crate::state::tenant_limits::HeldRoom;
use crate::view;

/// What an upload is doing while its body comes.
const RECEIVING: &str = "while its bytes were received";

impl GatewayState {
    /// The road itself; [`Gateway::upload`](crate::Gateway::upload) keeps its account.
    pub(super) async fn carry_out(
        &self,
        who: &Principal,
        request: UploadRequest,
        copy_of: Option<&str>,
        progress: &dyn Progress,
    ) -> Result<view::File> {
        let cancel = request.cancel.clone();
        let traces = Traces::default();
        tokio::select! {
            biased;
            result = self.upload(who, request, copy_of, progress, &traces) => return result,
            () = overdue(&cancel) => {}
        }
        match self.cancel_uploads(who.tenant(), traces.into_ids()).await? {
            Some(accepted) => Ok(accepted),
            None => Err(cancelled("before its end could be settled; that is done later")),
        }
    }

    async fn upload(
        &self,
        who: &Principal,
        request: UploadRequest,
        copy_of: Option<&str>,
        progress: &dyn Progress,
        traces: &Traces,
    ) -> Result<view::File> {
        request.check()?;
        if let Target::Pinned(name) = &request.target {
            self.providers.named(name)?;
        }
        if request.cancel.is_cancelled() {
            return Err(cancelled("before it was begun"));
        }
        let live = self.live();
        let mut source = request.source;
        let terms = Terms {
            who,
            target: &request.target,
            purpose: request.purpose.as_deref(),
            name: request.name.as_deref(),
            expires_in_s: request.expires_in_s,
            idempotency_key: request.idempotency_key,
            key_is_of_content: request.key_is_of_content,
            copy_of,
            only_types: &request.only_types,
            callback: request.callback.as_ref(),
            cancel: &request.cancel,
            progress,
        };
        let mut early = match &mut source {
            Source::Staged(staged) => staged.allotment.take(),
            Source::Arriving(arrival) => arrival.allotment.take(),
            Source::Path { .. } | Source::Body(_) => None,
        };
        if let Source::Arriving(arrival) = &source {
            // On the heap, as what follows: callers have the room of one upload on their stacks.
            let sending = Box::pin(self.cut_through(&live, terms.clone(), arrival, early, traces));
            early = match sending.await? {
                CutThrough::Stored(stored) => return Ok(*stored),
                CutThrough::WhenWhole(_) if !arrival.waits() => {
                    arrival.note_put_off();
                    return Err(cancelled("until its body is whole"));
                }
                CutThrough::WhenWhole(room) => room,
            };
            let whole = unless_cancelled(&request.cancel, RECEIVING, arrival.whole());
            source = Source::Staged(Staged {
                opened: Box::new(whole.await??),
                tenant: who.tenant().to_owned(),
                allotment: None,
            });
        }
        Box::pin(self.send_whole(live, terms, source, early, traces)).await
    }

    /// An upload whose bytes are all there, or come into the spool first.
    async fn send_whole(
        &self,
        live: Arc<Live>,
        terms: Terms<'_>,
        source: Source,
        early: Option<HeldRoom>,
        traces: &Traces,
    ) -> Result<view::File> {
        let began = SystemTime::now();
        let file = self.admit(&live, terms.who, source, terms.name, terms.cancel).await?;
        admitted(&file, &terms)?;
        let identity = &file.opened().identity;
        let by_path = file.sha256().is_none();
        let known = match file.sha256() {
            Some(digest) => Some(digest.to_owned()),
            None => self.intake.digests.known(identity),
        };
        let mut job = self.job(live, terms, &file, known, traces);
        let stored = job.run(early).await;
        match &stored {
            Ok(stored) if by_path && file.unchanged().is_ok() => {
                self.intake.digests.remember(identity, began, &stored.sha256);
            }
            // Should a digest that was known be the reason, it is not the reason twice.
            Err(error) if by_path && error.code == ErrorCode::FileChanged => {
                self.intake.digests.forget(identity);
            }
            _ => {}
        }
        stored
    }

    /// Sends a body on while it arrives, as long as nothing has to be known first.
    async fn cut_through(
        &self,
        live: &Arc<Live>,
        terms: Terms<'_>,
        arrival: &Arrival,
        early: Option<HeldRoom>,
        traces: &Traces,
    ) -> Result<CutThrough> {
        let head = unless_cancelled(terms.cancel, RECEIVING, arrival.head()).await??;
        if !judged_by_head(&head, arrival.bytes()) {
            count(PutOff::Container);
            return Ok(CutThrough::WhenWhole(early));
        }
        let stop = terms.cancel.child_token();
        let terms = Terms { cancel: &stop, ..terms };
        let source = Source::Arriving(arrival.clone());
        let file = self.admit(live, terms.who, source, terms.name, &stop).await?;
        admitted(&file, &terms)?;
        let mut job = self.job(live.clone(), terms, &file, None, traces);
        job.arriving = Some(WhileArriving::new(arrival));
        arrival.stops(&stop);
        let ended = job.run_while_arriving(early, &stop).await;
        job.end_cut_through(ended).await
    }

    fn job<'a>(
        &'a self,
        live: Arc<Live>,
        asked: Terms<'a>,
        file: &'a AdmittedFile,
        known: Option<String>,
        traces: &'a Traces,
    ) -> UploadJob<'a> {
        let limit = Millis(u64::try_from(live.config.deadline.as_millis()).unwrap_or(u64::MAX));
        UploadJob {
            state: self,
            live,
            file,
            arriving: None,
            deadline: self.clock.now() + limit,
            expires_at_ms: expiry(self.clock.wall_ms(), asked.expires_in_s),
            asked,
            traces,
            digest: OnceCell::new_with(known),
            leads: Vec::new(),
            entry: None,
            room: None,
            read: None,
            found: None,
            deletes_before: 0,
        }
    }
}

/// The file may be uploaded, if whoever let it in meant its type.
fn admitted(file: &AdmittedFile, terms: &Terms<'_>) -> Result<()> {
    require_type(file, terms.only_types)?;
    fault::at(Point::Admitted);
    terms.progress.event(Event::Admitted {
        name: file.name().to_owned(),
        bytes: file.size(),
    });
    Ok(())
}

/// Refuses a file of a type that whoever let it in did not mean.
fn require_type(file: &AdmittedFile, only: &[String]) -> Result<()> {
    let media_type = file.media_type();
    let fits = |one: &String| match one.strip_suffix("/*") {
        Some(kind) => media_type.split_once('/').is_some_and(|(own, _)| own == kind),
        None => one == media_type,
    };
    if only.is_empty() || only.iter().any(fits) {
        return Ok(());
    }
    let message = format!("{} is {media_type}; allowed is {}", file.name(), only.join(", "));
    Err(Error::new(ErrorCode::FileRejected, message).hint("send a file of an allowed type"))
}

impl<'a> UploadJob<'a> {
    /// All phases, in order. `early` is room that is held for it already.
    pub(super) async fn run(&mut self, early: Option<HeldRoom>) -> Result<view::File> {
        self.hash_for_key().await?;
        if let Some(known) = self.answered_before()? {
            return self.unless_gone(known).await;
        }
        match self.state.reserve(self.asked.who, self.file.size(), early).await {
            Ok(room) => self.room = Some(room),
            // What took the last room may have been this very upload.
            Err(full) => {
                let known = self.answered_before()?.ok_or(full)?;
                return self.unless_gone(known).await;
            }
        }
        let asked = &self.asked;
        let file = self.file.into();
        let routing = Routing::new(self.state, &self.live.config, file, asked.target, asked.purpose);
        let findable = routing.findable()?;
        if let Some(stored) = self.find(&findable).await? {
            return Ok(stored);
        }
        let route = routing.sendable().await?;
        self.asked.progress.event(Event::Routed {
            providers: route.iter().map(|leg| leg.unit.name.clone()).collect(),
        });
        // The entry that was begun is for the first provider that could be found; another may be the first that can be
        // sent to.
        let same = route[0].unit.name == findable[0].unit.name;
        if let Some(entry) = self.entry.take_if(|_| !same) {
            entry.moved_on("the first provider takes nothing now").await;
        }
        self.send(&route).await
    }

    /// Whether it is the same upload again, under its key, depends on the content.
    async fn hash_for_key(&self) -> Result<()> {
        if self.asked.idempotency_key.is_none() || self.asked.key_is_of_content {
            return Ok(());
        }
        if self.is_held_back() {
            return Err(self.put_off(PutOff::IdempotencyKey));
        }
        let hash = self.digest.get_or_try_init(|| self.hash());
        unless_cancelled(self.asked.cancel, "while it was hashed", hash)
            .await?
            .map_err(unreadable)?;
        Ok(())
    }

    /// Waits for equal uploads, and answers the file if its content is stored where it may go.
    async fn find(&mut self, findable: &[RouteLeg]) -> Result<Option<view::File>> {
        let Some(first) = findable.first() else {
            return Err(Error::new(ErrorCode::Internal, "a route without providers"));
        };
        self.takes_what_arrives(&first.unit)?;
        let is_new = match self.lead(first, findable).await? {
            Led::Leads { is_new } => is_new,
            Led::Found(file) => return Ok(Some((*file).into())),
            Led::TooLate => {
                return Err(Error::new(
                    ErrorCode::DeadlineExceeded,
                    "an equal upload was under way for as long as this one may take",
                ));
            }
        };
        // A key promises the same answer for the same content, a dedup hit included: such an upload is in the journal
        // first.
        if self.asked.idempotency_key.is_some()
            && let Some(known) = self.begin(0, first).await?
        {
            return Ok(Some(known));
        }
        if is_new && !self.may_be_in_journal() {
            return Ok(None);
        }
        for leg in findable {
            let own = self.dedup(leg).await?;
            let hit = match own {
                Some(hit) => Some(hit),
                None => self.dedup_in_group(leg).await?,
            };
            if hit.is_some() {
                return Ok(hit);
            }
        }
        Ok(None)
    }
}
