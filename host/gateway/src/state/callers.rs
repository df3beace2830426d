//! Who may come in, and how much of everything they may use.

use std::sync::{Mutex, PoisonError};

use loadlock_sandbox::auth::Auth;

use super::failure_limiter::FailureLimiter;
use super::issuer_keys::IssuerKeys;
use super::read_pool::ReadPool;
use super::role_slot::RoleSlot;
use super::tenant_limits::Tenants;
use crate::forward::places::ForwardPlaces;
use crate::setup::revoked::RevokedStamp;

/// The auth component, and what is counted of callers.
pub(crate) struct Callers {
    pub(crate) auth: RoleSlot<Auth>,
    /// Which list of revoked tokens the component knows.
    pub(crate) revoked: Mutex<Option<RevokedStamp>>,
    /// Keys that issuers publish.
    pub(crate) issuers: IssuerKeys,
    /// Failed authentications.
    pub(crate) failures: FailureLimiter,
    /// What tenants have under way.
    pub(crate) tenants: Tenants,
    /// Places for reading content.
    pub(crate) readers: ReadPool,
    /// Places for requests that go on to vendors.
    pub(crate) forwards: ForwardPlaces,
}

impl Callers {
    /// Which list of revoked tokens the component knows.
    pub(crate) fn known(&self) -> Option<RevokedStamp> {
        *self.revoked.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// It knows this one.
    pub(crate) fn knows(&self, listed: Option<RevokedStamp>) {
        *self.revoked.lock().unwrap_or_else(PoisonError::into_inner) = listed;
    }
}
