//! A denial, and what would change it.

use thiserror::Error;

use super::{EgressGrant, Method, OriginError, ScopeFault, UriFault};
use crate::address;
use crate::model::Operation;

/// Why a request does not leave.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum DeniedReason {
    /// Scheme or authority have more than one reading, or none.
    #[error("{0}")]
    Origin(#[from] OriginError),
    /// Path or query have more than one reading.
    #[error("{0}")]
    Uri(#[from] UriFault),
    /// Not a method that Loadlock sends.
    #[error("the method is not one of GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS")]
    Method,
    /// The component did not ask for it in its profile, so no grant counts.
    #[error("the component's profile does not ask for it")]
    NotAskedFor,
    /// The operator did not grant it.
    #[error("it is not granted")]
    NotGranted,
    /// The call that is running has no business there.
    #[error("{0}")]
    Scope(#[from] ScopeFault),
}

/// A request that does not leave. Its text never holds a query or more of the path than the grant that is missing.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("egress of provider `{provider}` in `{operation}` denied: {reason}; {}", self.hint())]
pub struct Denied {
    /// The provider's name in the configuration.
    pub provider: String,
    /// The call that was running.
    pub operation: Operation,
    /// Why.
    pub reason: DeniedReason,
    /// The grant that would allow it, if one would.
    pub missing: Option<EgressGrant>,
}

impl Denied {
    /// The line of configuration that would allow the request, if one would: a table of the provider's `egress` list.
    pub fn config_line(&self) -> Option<String> {
        self.missing.as_ref().map(|grant| format!("egress = [{grant}]"))
    }

    /// What to do, one sentence.
    pub fn hint(&self) -> String {
        match (&self.reason, self.config_line()) {
            (_, Some(line)) if self.operation == Operation::Track => {
                format!("to allow it, add to [{}]: {line}", self.provider)
            }
            (_, Some(line)) => {
                format!("to allow it, add to [providers.{}]: {line}", self.provider)
            }
            (DeniedReason::NotAskedFor, None) => {
                "no configuration allows it; the component has to list it in `profile.egress`".into()
            }
            (DeniedReason::Scope(_), None) => "no configuration allows it".into(),
            (_, None) => "the component has to send a canonical request".into(),
        }
    }
}

/// The narrowest grant that covers a need for these methods. A host that is not public by itself needs `private` too:
/// a line that leads to the next refusal is no help.
pub(super) fn missing_grant(need: &super::grant::ParsedNeed, methods: impl IntoIterator<Item = Method>) -> EgressGrant {
    EgressGrant {
        origin: need.origin.clone(),
        prefix: need.prefix.clone(),
        methods: methods.into_iter().collect(),
        private: address::needs_private(&need.origin.host),
        exact: false,
    }
}
