//! Which requests of clients go on to one provider's vendor, and the way out for them.

use loadlock_egress::Transport;
use loadlock_policy::egress::{Allowed, EgressPolicy, Origin, RequestFacts};
use loadlock_policy::model::Operation;
use loadlock_policy::vendor_route::VendorRoute;

use crate::error::{Error, ErrorCode, Result};

/// One provider's. There is none where the operator opened no route.
pub(crate) struct ForwardLane {
    pub(crate) routes: Vec<VendorRoute>,
    pub(crate) origin: Origin,
    /// Path of the vendor's API: `/v1`.
    pub(crate) base: String,
    /// Judges these requests as it judges a component's.
    pub(crate) policy: EgressPolicy,
    pub(crate) transport: Transport,
}

impl ForwardLane {
    /// The route that this request is one of.
    pub(crate) fn route(&self, method: &str, path: &str) -> Option<&VendorRoute> {
        self.routes.iter().find(|route| route.matches(method, path))
    }

    /// The request as it leaves.
    ///
    /// # Errors
    /// [`ErrorCode::EgressDenied`] with the line of the configuration that would allow it.
    pub(crate) fn decide(&self, name: &str, method: &str, path_and_query: &str) -> Result<Allowed> {
        let facts = RequestFacts {
            scheme: self.origin.scheme.as_str(),
            authority: &self.origin.host_header(),
            path_and_query,
            method,
            operation: Operation::Track,
            remote_id: None,
        };
        self.policy.decide(&facts).map_err(|denied| {
            let message = format!("`{name}` may not forward this request: {}", denied.reason);
            let error = Error::new(ErrorCode::EgressDenied, message);
            match denied.config_line() {
                Some(line) => error.hint(format!("to allow it, add to [providers.{name}]: {line}")),
                None => error.hint("send a query without odd characters"),
            }
        })
    }
}
