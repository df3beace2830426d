//! One upload, from request to record.

use std::sync::{Mutex, PoisonError};
use std::time::SystemTime;

use loadlock_audit::Event as AuditEvent;
use loadlock_policy::Millis;
use tokio_util::sync::CancellationToken;

use super::accounted::name_source;
use super::cancel::{cancelled, overdue, unless_cancelled};
use super::entry::Started;
use super::flights::hash;
use super::lease::Lease;
use super::lifetime::expiry;
use super::routing::{Strictness, legs, no_route};
use super::send::unreadable;
use crate::admission::{AdmittedFile, open_path};
use crate::error::{Error, ErrorCode, Result};
use crate::fault::{self, Point};
use crate::gateway::{Gateway, Inner};
use crate::principal::{Principal, Scope};
use crate::progress::{Event, Progress};
use crate::request::{Source, Target, UploadRequest};
use crate::setup::ProviderUnit;
use crate::view;
use crate::view::{EligibleView, RefusedView, RouteView};

/// A provider of the route and the vendor's purpose there.
pub(crate) type Stop<'a> = (&'a ProviderUnit, String);

/// One admitted upload and what was asked for it.
pub(crate) struct Order<'a> {
    pub(crate) who: &'a Principal,
    pub(crate) file: &'a AdmittedFile,
    pub(crate) target: &'a Target,
    /// As it was asked for, if it was.
    pub(crate) purpose: Option<&'a str>,
    /// When it has to be over, by policy's clock.
    pub(crate) deadline: Millis,
    pub(crate) expires_in_s: Option<u64>,
    pub(crate) expires_at_ms: Option<u64>,
    pub(crate) idempotency_key: Option<String>,
    /// Cancelled when the caller gives up.
    pub(crate) cancel: &'a CancellationToken,
    /// Journal entries that it began, and files that it asked the ledger for.
    pub(crate) begun: &'a Mutex<Vec<String>>,
    /// What keeps other gateways from sending the same.
    pub(crate) leases: Mutex<Vec<Lease>>,
}

impl Order<'_> {
    /// What is to be taken back should the caller be told that it is cancelled.
    pub(super) fn remember(&self, id: &str) {
        self.begun
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(id.to_owned());
    }
}

impl Gateway {
    /// The road itself; [`Gateway::upload`] keeps its account.
    pub(super) async fn carry_out(
        &self,
        who: &Principal,
        request: UploadRequest,
        progress: &dyn Progress,
    ) -> Result<view::File> {
        let cancel = request.cancel.clone();
        let begun = Mutex::default();
        tokio::select! {
            biased;
            result = self.0.upload(who, request, progress, &begun) => return result,
            () = overdue(&cancel) => {}
        }
        let ids = begun.into_inner().unwrap_or_else(PoisonError::into_inner);
        match self.0.give_up_uploads(who.tenant(), ids).await? {
            Some(accepted) => Ok(accepted),
            None => Err(cancelled("before its end could be settled; that is done later")),
        }
    }

    /// Where a file would go. Sends nothing.
    ///
    /// # Errors
    /// What keeps the file from being admitted; a file that no provider takes is an answer, not an error.
    pub async fn route(&self, who: &Principal, request: UploadRequest) -> Result<RouteView> {
        who.require(Scope::Read)?;
        let inner = &*self.0;
        let path = match &request.source {
            Source::Path { path, .. } => path.display().to_string(),
            Source::Body(body) => body.name.clone(),
            Source::Staged(staged) => staged.name(),
        };
        let file = inner
            .admit(who, request.source, request.name.as_deref(), &request.cancel)
            .await?;
        let usages = inner.usages().await;
        let routed = inner.route(
            &file,
            &request.target,
            request.purpose.as_deref(),
            &usages,
            Strictness::Sending,
        );
        let (ranked, refused) = match routed {
            Ok(route) => (route.ranked, route.refused),
            Err(none) => (Vec::new(), none.refused),
        };
        let mut refused: Vec<RefusedView> = refused
            .into_iter()
            .map(|one| RefusedView::new(one.name, &one.reason))
            .collect();
        if request.target == Target::Auto {
            let left_out = inner.providers.iter().filter(|unit| unit.order.is_none());
            refused.extend(left_out.map(|unit| RefusedView::not_in_order(unit.name.clone())));
        }
        Ok(RouteView {
            path,
            bytes: file.size(),
            media_type: file.media_type().to_owned(),
            eligible: ranked
                .into_iter()
                .map(|leg| EligibleView {
                    provider: leg.name,
                    purpose: leg.purpose,
                })
                .collect(),
            refused,
        })
    }
}

impl Inner {
    async fn upload(
        &self,
        who: &Principal,
        request: UploadRequest,
        progress: &dyn Progress,
        begun: &Mutex<Vec<String>>,
    ) -> Result<view::File> {
        let UploadRequest {
            mut source,
            target,
            purpose,
            name,
            expires_in_s,
            idempotency_key,
            cancel,
        } = request;
        if let Target::Pinned(name) = &target {
            self.provider(name)?;
        }
        expiry(0, expires_in_s)?;
        if cancel.is_cancelled() {
            return Err(cancelled("before it was begun"));
        }
        let early = match &mut source {
            Source::Staged(staged) => staged.allotment.take(),
            Source::Path { .. } | Source::Body(_) => None,
        };
        let began = SystemTime::now();
        let file = self.admit(who, source, name.as_deref(), &cancel).await?;
        fault::at(Point::Admitted);
        progress.event(Event::Admitted {
            name: file.name().to_owned(),
            bytes: file.size(),
        });
        let order = Order {
            who,
            file: &file,
            target: &target,
            purpose: purpose.as_deref(),
            deadline: self.clock.now() + Millis(u64::try_from(self.config.deadline.as_millis()).unwrap_or(u64::MAX)),
            expires_in_s,
            expires_at_ms: expiry(self.clock.wall_ms(), expires_in_s)?,
            idempotency_key,
            cancel: &cancel,
            begun,
            leases: Mutex::default(),
        };
        let identity = &file.opened().identity;
        let by_path = file.sha256().is_none();
        let mut digest = match file.sha256() {
            Some(digest) => Some(digest.to_owned()),
            None => self.digests.known(identity),
        };
        if order.idempotency_key.is_some() && digest.is_none() {
            // Whether it is the same upload again depends on the content.
            let hash = hash(file.opened().file.clone(), file.size());
            let hash = unless_cancelled(&cancel, "while it was hashed", hash).await?;
            digest = Some(hash.map_err(unreadable)?);
        }
        if let Some(known) = self.replayed(&order, digest.as_deref())? {
            return Ok(known);
        }
        // Given back after everything below: then the file is in the ledger or the journal, or there is none.
        let _room = match self.reserve(who, file.size(), early).await {
            Ok(room) => room,
            // What took the last room may have been this very upload.
            Err(full) => return self.replayed(&order, digest.as_deref())?.ok_or(full),
        };
        let stored = self.store(&order, digest, progress).await;
        match &stored {
            Ok(stored) if by_path && file.unchanged().is_ok() => {
                self.digests.remember(identity, began, &stored.sha256);
            }
            // Should a digest that was known be the reason, it is not the reason twice.
            Err(error) if by_path && error.code == ErrorCode::FileChanged => {
                self.digests.forget(identity);
            }
            _ => {}
        }
        stored
    }

    async fn admit(
        &self,
        who: &Principal,
        source: Source,
        rename: Option<&str>,
        cancel: &CancellationToken,
    ) -> Result<AdmittedFile> {
        let mut pending = self.audit.begin_for(who, AuditEvent::Admission).await?;
        name_source(pending.what(), &source);
        let of_path = matches!(source, Source::Path { .. });
        let judged = self.open_and_judge(who, source, rename, cancel).await;
        self.admission_recorded(pending, of_path, judged).await
    }

    async fn open_and_judge(
        &self,
        who: &Principal,
        source: Source,
        rename: Option<&str>,
        cancel: &CancellationToken,
    ) -> Result<AdmittedFile> {
        let opened = match source {
            Source::Path { path, current_dir } => open_path(&self.live().grants, who, &path, current_dir.as_deref())?,
            Source::Body(body) => {
                let taken = self.spool.take(body, self.config.limits.max_upload_size.0);
                unless_cancelled(cancel, "while its bytes were received", taken).await??
            }
            Source::Staged(staged) => staged.opened_for(who)?,
        };
        AdmittedFile::judge(opened, &self.validator, &self.rules, rename).await
    }

    async fn store(
        &self,
        order: &Order<'_>,
        mut digest: Option<String>,
        progress: &dyn Progress,
    ) -> Result<view::File> {
        let (file, target, purpose) = (order.file, order.target, order.purpose);
        let usages = self.usages().await;
        let findable = self
            .route(file, target, purpose, &usages, Strictness::Finding)
            .map_err(|none| no_route(&none, file))?;
        let findable = legs(self, &findable)?;
        let Some(leader) = findable.first() else {
            return Err(Error::new(ErrorCode::Internal, "a route without providers"));
        };
        let landing = self.take_off_in_time(order, leader, &mut digest).await?;
        let landing = landing.ok_or_else(|| {
            Error::new(
                ErrorCode::DeadlineExceeded,
                "an equal upload was under way for as long as this one may take",
            )
        })?;
        // A key promises the same answer for the same content, a dedup hit included: such an upload is in the journal
        // first.
        let mut begun = None;
        if order.idempotency_key.is_some() {
            begun = match self.begin(order, 0, &findable[0], digest.as_deref()).await? {
                Started::New(entry) => Some(entry),
                Started::Known(file) => return Ok(*file),
            };
        }
        for stop in &findable {
            let own = self.dedup(order, stop, &mut digest, &mut begun).await?;
            let hit = match own {
                Some(hit) => Some(hit),
                None => self.dedup_shared(order, stop, &mut digest, &mut begun).await?,
            };
            if let Some(hit) = hit {
                return Ok(hit);
            }
        }
        let route = self
            .route(file, target, purpose, &usages, Strictness::Sending)
            .map_err(|none| no_route(&none, file))?;
        let mut route = legs(self, &route)?;
        route.retain(|(unit, _)| file.size() <= unit.max_upload_bytes);
        if route.is_empty() {
            return Err(Error::new(
                ErrorCode::FileTooLarge,
                format!(
                    "{} has {} bytes, more than the configured limit of every provider that could take it",
                    file.name(),
                    file.size()
                ),
            ));
        }
        // The entry that was begun is for the first provider that could be found; another may be the first that can be
        // sent to.
        if let Some(entry) = begun.take_if(|_| !std::ptr::eq(route[0].0, findable[0].0)) {
            entry.moved_on("the first provider takes nothing now").await;
        }
        self.send(order, &route, digest, begun, landing, progress).await
    }
}
