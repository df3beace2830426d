//! Settling one entry: what became of an upload that nobody holds any more.

use loadlock_audit::{Event as AuditEvent, What};
use loadlock_journal::{Accepted, DeleteIntent, Entry as Row, FailedEnd, Intent, JournalError, SourceRef, State};
use loadlock_policy::model::{RemoteFile, VerifyMethod};
use loadlock_policy::retry::Event;
use loadlock_sandbox::files::Identity;

use super::pass::Settled;
use crate::error::{ErrorCode, Result, answered};
use crate::fault::{self, Point};
use crate::hash::hash;
use crate::id;
use crate::records::{accepted_as, lost_upload};
use crate::state::gateway::GatewayState;
use crate::state::provider::ProviderUnit;
use crate::upload::attempt::in_vain;
use crate::upload::expiry::Life;

/// How an entry ended, as the audit log names it.
type Ended<'a> = std::result::Result<&'a str, ErrorCode>;

/// When what was found expires. How long the vendor keeps it is counted from when it was sent.
fn end_of_life(unit: &ProviderUnit, intent: &Intent, vendor_s: Option<u64>) -> Option<u64> {
    let life = Life {
        asked_ms: intent.expires_at_ms,
        vendor_s,
        stored_ms: intent.created_at_ms,
    };
    life.ends(unit, &intent.key.purpose)
}

impl GatewayState {
    /// Whether an outcome that was unknown can be found out.
    pub(super) fn can_be_asked(&self, row: &Row) -> bool {
        self.providers
            .at_account(&row.intent.provider, &row.intent.key.account)
            .is_some_and(|unit| unit.has_evidence())
    }

    pub(super) async fn settle_entry(&self, row: &Row, settled: &mut Settled) -> Result<()> {
        fault::at(Point::SettleBefore);
        let intent = &row.intent;
        let Some(unit) = self.providers.at_account(&intent.provider, &intent.key.account) else {
            let why = self.why_nobody_can_be_asked(row);
            return self.cannot_be_told(row, why, settled).await;
        };
        if self.is_settled_by_ledger(row, settled).await? {
            return Ok(());
        }
        let digest = match &intent.key.sha256 {
            Some(digest) => Some(digest.clone()),
            None => self.digest_of(row).await,
        };
        if !unit.has_evidence() || (unit.profile.verify == VerifyMethod::Digest && digest.is_none()) {
            let why = "the vendor cannot be asked whether it stored the file".to_owned();
            return self.cannot_be_told(row, why, settled).await;
        }
        let since = unit.health.deleted.now().await;
        let (event, found) = self.verify(&unit, &lost_upload(intent, digest.as_deref())).await;
        let Ok(has_no_file) = self.has_no_file(row).await else {
            settled.open += u64::from(row.state == State::Sent);
            return Ok(());
        };
        let given_up = has_no_file || self.was_cancelled(row)?;
        match (event, found, digest) {
            (Event::VerifyAbsent, _, _) => {
                let why = "the process ended before the vendor had the file";
                self.end_without_file(row, why, None, settled).await
            }
            // Whoever sent it would have been told the same.
            (Event::VerifyFound, Some(remote), _)
                if !given_up && let Some(error) = in_vain(&unit, &remote, self.clock.wall_ms()) =>
            {
                self.end_without_file(row, &error.message, Some(remote), settled).await
            }
            (Event::VerifyFound, Some(remote), Some(sha256)) if remote.bytes == intent.bytes && !given_up => {
                let Some(_accepting) = self.accepting(&unit, &remote.id, since).await? else {
                    settled.open += u64::from(row.state == State::Sent);
                    return Ok(());
                };
                let expires_at_ms = end_of_life(&unit, intent, remote.expires_at);
                let accepted = Accepted {
                    remote_id: remote.id,
                    address: remote.address,
                    provider: unit.name.clone(),
                    account: unit.account.clone(),
                    sha256,
                    bytes: intent.bytes,
                    attempts: u32::try_from(row.attempts.len().max(1)).unwrap_or(u32::MAX),
                    accepted_at_ms: self.clock.wall_ms(),
                    expires_at_ms,
                };
                self.adopt_entry(row, accepted, settled).await
            }
            // Ours by its mark or its digest: it goes, unless it is somebody else's too.
            (Event::VerifyFound, Some(remote), _) if given_up => {
                let wanted = !self.wanted_by_nobody(&unit, intent.bytes, row.id(), &remote).await;
                let unwanted = (!wanted).then_some(remote);
                let why = "cancelled while the provider was receiving it";
                self.end_without_file(row, why, unwanted, settled).await
            }
            // Ours by its mark, but the file on disk is not what was sent, or the remote file is not whole: it goes.
            (Event::VerifyFound, Some(remote), _) => {
                let why = "the file changed before its upload could be recorded";
                self.end_without_file(row, why, Some(remote), settled).await
            }
            (Event::VerifyUnanswered, _, _) => {
                settled.open += 1;
                Ok(())
            }
            _ => {
                settled.open += u64::from(row.state == State::Sent);
                Ok(())
            }
        }
    }

    /// Whether it is a copy whose file was deleted meanwhile.
    async fn has_no_file(&self, row: &Row) -> Result<bool> {
        if !id::is_of_copy(row.id()) {
            return Ok(false);
        }
        let file = id::file_of(row.id());
        let waits = self.journal.entry(file)?;
        if waits.is_some_and(|waits| matches!(waits.state, State::Accepted { .. })) {
            return Ok(false);
        }
        let (tenant, file) = (row.intent.tenant.clone(), file.to_owned());
        Ok(answered(self.ledger.tracker.get(tenant, file, 0).await)?.is_none())
    }

    /// No provider has the account where it was sent.
    fn why_nobody_can_be_asked(&self, row: &Row) -> String {
        let (provider, account) = (&row.intent.provider, &row.intent.key.account);
        let why = match self.providers.named(provider) {
            Ok(_) => format!("the provider `{provider}` has another account than `{account}` now"),
            Err(error) if error.code == ErrorCode::ProviderOutOfService => error.message,
            Err(_) => format!("the provider `{provider}` is not configured any more"),
        };
        tracing::warn!(id = %row.id(), account, "{why}, so an open upload cannot be looked up; `account` in a \
             provider's section names it");
        why
    }

    /// Whether the ledger says what became of it, or cannot be asked. It may if the entry was begun before it was
    /// looked for, so that it may have become a further file over a remote file that was there; or if another gateway
    /// has settled it.
    async fn is_settled_by_ledger(&self, row: &Row, settled: &mut Settled) -> Result<bool> {
        let intent = &row.intent;
        if intent.idempotency.is_none() && self.peers.is_alone() {
            return Ok(false);
        }
        let (tenant, id) = (intent.tenant.clone(), intent.id.clone());
        match answered(self.ledger.tracker.get(tenant, id, 0).await) {
            Ok(None) => return Ok(false),
            Ok(Some(record)) if !self.was_cancelled(row)? => {
                self.adopt_entry(row, accepted_as(record), settled).await?;
            }
            Ok(Some(_)) => self.take_back_entry(row, settled).await?,
            Err(error) => {
                tracing::warn!(%error, "the tracker is away; an upload that it may know of stays open");
                settled.open += u64::from(row.state == State::Sent);
            }
        }
        Ok(true)
    }

    /// Whether another gateway has taken the entry over while this one was thought to be gone; then it is none of this
    /// one's business any more. While the ledger cannot say, it stays open.
    pub(super) async fn is_lost(&self, row: &Row, settled: &mut Settled) -> Result<bool> {
        match self.peers.have_taken_over(row.id()).await {
            Ok(false) => Ok(false),
            Ok(true) => {
                let end = FailedEnd {
                    kind: "taken_over".into(),
                    message: "another gateway has taken it over".into(),
                    at_ms: self.clock.wall_ms(),
                    delete: None,
                };
                let failed = self.journal.failed(row.id(), end).await;
                failed?;
                tracing::info!(id = %row.id(), "an upload that was left open is settled by another gateway");
                Ok(true)
            }
            Err(_) => {
                settled.open += u64::from(row.state == State::Sent);
                Ok(true)
            }
        }
    }

    /// Nobody can tell about it, now or later.
    async fn cannot_be_told(&self, row: &Row, why: String, settled: &mut Settled) -> Result<()> {
        if row.state != State::Sent {
            return Ok(());
        }
        self.journal
            .unknown(row.id(), why.clone(), self.clock.wall_ms())
            .await?;
        fault::at(Point::SettleUnknown);
        self.entry_ended(row, Err(ErrorCode::OutcomeUnknown), &why).await;
        settled.unknown += 1;
        Ok(())
    }

    /// The vendor has it, or the tracker has a record of it already.
    async fn adopt_entry(&self, row: &Row, accepted: Accepted, settled: &mut Settled) -> Result<()> {
        let provider = accepted.provider.clone();
        match self.journal.accepted(row.id(), accepted).await {
            Ok(()) => {}
            // Equal content that shares an id is on its way out: looked for again when it is gone.
            Err(JournalError::RemoteDying { .. }) => {
                settled.open += u64::from(row.state == State::Sent);
                return Ok(());
            }
            Err(error) => return Err(error.into()),
        }
        fault::at(Point::SettleAccepted);
        self.entry_ended(row, Ok(&provider), "found at the vendor afterwards")
            .await;
        settled.adopted += 1;
        Ok(())
    }

    /// It became a file over a remote file that was there, and its caller was told that it is cancelled.
    async fn take_back_entry(&self, row: &Row, settled: &mut Settled) -> Result<()> {
        if let Err(error) = self.let_go(&row.intent.tenant, row.id()).await {
            tracing::warn!(%error, "the tracker is away; a cancelled upload is taken back later");
            settled.open += u64::from(row.state == State::Sent);
            return Ok(());
        }
        let why = "cancelled while the ledger was asked";
        self.end_without_file(row, why, None, settled).await
    }

    async fn end_without_file(
        &self,
        row: &Row,
        why: &str,
        unwanted: Option<RemoteFile>,
        settled: &mut Settled,
    ) -> Result<()> {
        let at_ms = self.clock.wall_ms();
        let delete = unwanted.map(|remote| DeleteIntent {
            account: row.intent.key.account.clone(),
            provider: row.intent.provider.clone(),
            remote_id: remote.id,
            why: why.to_owned(),
            at_ms,
        });
        let end = FailedEnd {
            kind: "crashed".into(),
            message: why.into(),
            at_ms,
            delete,
        };
        match self.journal.failed(row.id(), end.clone()).await {
            // An upload of equal content holds that remote file: it stays.
            Err(JournalError::RemoteHeld { .. }) => {
                let end = FailedEnd { delete: None, ..end };
                self.journal.failed(row.id(), end).await
            }
            ended => ended,
        }?;
        fault::at(Point::SettleFailed);
        self.entry_ended(row, Err(ErrorCode::ProviderFailed), why).await;
        settled.failed += 1;
        Ok(())
    }

    /// Nobody waits for the answer any more, so the audit log is where it is told.
    async fn entry_ended(&self, row: &Row, end: Ended<'_>, detail: &str) {
        if end != Err(ErrorCode::OutcomeUnknown) {
            self.forget_cancelled(row.id()).await;
        }
        let intent = &row.intent;
        let what = What {
            file_id: Some(row.id().to_owned()),
            name: Some(intent.filename.clone()),
            provider: Some(end.unwrap_or(&intent.provider).to_owned()),
            bytes: Some(intent.bytes),
            detail: Some(detail.to_owned()),
            ..What::default()
        };
        let tenant = Some(intent.tenant.clone());
        let end = end.map(|_| ()).map_err(ErrorCode::as_str);
        self.audit.note(AuditEvent::Upload, tenant, what, end).await;
    }

    /// The digest of what was to be uploaded, if the source is still exactly what it was.
    async fn digest_of(&self, row: &Row) -> Option<String> {
        let SourceRef::Path {
            root,
            relative,
            device,
            inode,
            size,
            modified_ns,
            changed_ns,
        } = &row.intent.source
        else {
            return None;
        };
        let identity = Identity {
            device: *device,
            inode: *inode,
            size: *size,
            modified_ns: *modified_ns,
            changed_ns: *changed_ns,
        };
        let opened = self.live().grants.reopen(root, relative)?;
        if opened.identity != identity {
            return None;
        }
        let digest = hash(opened.file.clone(), identity.size).await.ok()?;
        (opened.file.identity().ok()? == identity).then_some(digest)
    }
}
