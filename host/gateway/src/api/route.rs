//! Where a file would go.

use loadlock_policy::routing::Reason;
use loadlock_sandbox::validator::{FileCandidate, HEAD_BYTES};

use crate::admission::refused;
use crate::api::request::{Source, Target, UploadRequest};
use crate::api::stage::Announced;
use crate::error::{Error, ErrorCode, Result};
use crate::principal::{Principal, Scope};
use crate::state::gateway::Gateway;
use crate::upload::route::{FileShape, Routing};
use crate::view::{EligibleView, RefusedView, RouteView};

impl Gateway {
    /// Where a file would go. Sends nothing.
    ///
    /// # Errors
    /// What keeps the file from being admitted; a file that no provider takes is an answer, not an error.
    pub async fn route(&self, who: &Principal, request: UploadRequest) -> Result<RouteView> {
        who.require(Scope::Read)?;
        let state = &*self.0;
        let path = match &request.source {
            Source::Path { path, .. } => path.display().to_string(),
            Source::Body(body) => body.name.clone(),
            Source::Staged(staged) => staged.name(),
            Source::Arriving(arrival) => arrival.name().to_owned(),
        };
        let (live, name) = (state.live(), request.name.as_deref());
        let file = state.admit(&live, who, request.source, name, &request.cancel).await?;
        let shown = self.routed(path, (&file).into(), &request.target, request.purpose.as_deref());
        Ok(shown.await)
    }

    /// Where a body would go whose name, size and first bytes are known: what decides of it, short of a container's
    /// table of contents.
    ///
    /// # Errors
    /// [`ErrorCode::Forbidden`] without the scope of an upload; what keeps the body from being admitted.
    pub async fn route_announced(&self, who: &Principal, announced: Announced<'_>, head: Vec<u8>) -> Result<RouteView> {
        who.require(Scope::Write)?;
        self.require_provider(announced.target)?;
        let size = announced.bytes.unwrap_or(0);
        let candidate = FileCandidate {
            name: announced.name.as_bytes().to_vec(),
            folder: Vec::new(),
            size,
            head: head.into_iter().take(HEAD_BYTES).collect(),
            declared_type: announced.media_type.map(str::to_owned),
        };
        let live = self.0.live();
        let verdict = self
            .0
            .intake
            .validator
            .inspect(candidate, &live.config.validator.rules)
            .await;
        let file = verdict
            .map_err(|error| {
                Error::new(
                    ErrorCode::FileRejected,
                    format!("the validator gave no verdict: {error}"),
                )
            })?
            .map_err(refused)?;
        let shape = FileShape {
            name: &file.name,
            size,
            media_type: &file.media_type,
            extension: &file.extension,
            admitted: None,
        };
        let shown = self.routed(file.name.clone(), shape, announced.target, announced.purpose);
        Ok(shown.await)
    }

    async fn routed(&self, path: String, file: FileShape<'_>, target: &Target, purpose: Option<&str>) -> RouteView {
        let (state, live) = (&*self.0, self.0.live());
        let routing = Routing::new(state, &live.config, file, target, purpose);
        let (ranked, refused) = match routing.decide().await {
            Ok(route) => (route.ranked, route.refused),
            Err(none) => (Vec::new(), none.refused),
        };
        let mut refused: Vec<RefusedView> = refused
            .into_iter()
            .map(|one| match state.providers.out_of_service(&one.name) {
                Some(out) => RefusedView {
                    detail: out.reason(),
                    ..RefusedView::new(one.name, &one.reason)
                },
                None => RefusedView::new(one.name, &one.reason),
            })
            .collect();
        // Who names a provider that cannot send gets its denial; here it is told before.
        let blocked = |name: &str| state.providers.named(name).ok().and_then(|unit| unit.blocked.clone());
        let (ranked, cannot): (Vec<_>, Vec<_>) = ranked
            .into_iter()
            .map(|leg| (blocked(&leg.name), leg))
            .partition(|(why, _)| why.is_none());
        refused.extend(
            cannot
                .into_iter()
                .filter_map(|(why, leg)| Some(RefusedView::new(leg.name, &Reason::Blocked(why?)))),
        );
        if *target == Target::Auto {
            let left_out = state.providers.iter().filter(|unit| unit.order().is_none());
            refused.extend(left_out.map(|unit| RefusedView::not_in_order(unit.name.clone())));
        }
        let large = file.size >= live.config.limits.cut_through.0;
        let eligible = ranked.into_iter().map(|(_, leg)| {
            let unit = state.providers.named(&leg.name).ok();
            EligibleView {
                egress: unit.as_ref().map(|unit| unit.egress()).unwrap_or_default(),
                cut_through: large && unit.is_some_and(|unit| unit.may_cut_through()),
                provider: leg.name,
                purpose: leg.purpose,
            }
        });
        RouteView {
            path,
            bytes: file.size,
            media_type: file.media_type.to_owned(),
            eligible: eligible.collect(),
            refused,
        }
    }
}
