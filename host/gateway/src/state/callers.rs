//! Who may come in, and how much of everything they may use.

use loadlock_sandbox::auth::Auth;

use super::failure_limiter::FailureLimiter;
use super::read_pool::ReadPool;
use super::tenant_limits::Tenants;

/// The auth component, and what is counted of callers.
pub(crate) struct Callers {
    pub(crate) auth: Auth,
    /// Failed authentications.
    pub(crate) failures: FailureLimiter,
    /// What tenants have under way.
    pub(crate) tenants: Tenants,
    /// Places for reading content.
    pub(crate) readers: ReadPool,
}
