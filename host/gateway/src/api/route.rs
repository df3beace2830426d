//! Where a file would go.

use crate::api::request::{Source, Target, UploadRequest};
use crate::error::Result;
use crate::principal::{Principal, Scope};
use crate::state::gateway::Gateway;
use crate::state::provider::ProviderUnit;
use crate::upload::route::Routing;
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
        };
        let (live, name) = (state.live(), request.name.as_deref());
        let file = state.admit(&live, who, request.source, name, &request.cancel).await?;
        let purpose = request.purpose.as_deref();
        let routing = Routing::new(state, &live.config, &file, &request.target, purpose);
        let (ranked, refused) = match routing.decide().await {
            Ok(route) => (route.ranked, route.refused),
            Err(none) => (Vec::new(), none.refused),
        };
        let mut refused: Vec<RefusedView> = refused
            .into_iter()
            .map(|one| RefusedView::new(one.name, &one.reason))
            .collect();
        if request.target == Target::Auto {
            let left_out = state.providers.iter().filter(|unit| unit.order.is_none());
            refused.extend(left_out.map(|unit| RefusedView::not_in_order(unit.name.clone())));
        }
        let eligible = ranked.into_iter().map(|leg| EligibleView {
            egress: state
                .providers
                .named(&leg.name)
                .map(ProviderUnit::egress)
                .unwrap_or_default(),
            provider: leg.name,
            purpose: leg.purpose,
        });
        Ok(RouteView {
            path,
            bytes: file.size(),
            media_type: file.media_type().to_owned(),
            eligible: eligible.collect(),
            refused,
        })
    }
}
