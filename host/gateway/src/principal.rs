//! Who is asking.

use std::net::IpAddr;
use std::sync::Arc;

use loadlock_sandbox::auth::{Auth, Identified};

use crate::error::{Error, ErrorCode, Result};
use crate::state::role_slot::RoleSlot;

/// Where a request came in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Door {
    /// The command line on this machine, by its own key.
    Local,
    /// Any network front door.
    Network,
}

/// What a caller may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Scope {
    /// List, look up, read content.
    Read,
    /// Upload.
    Write,
    /// Delete.
    Delete,
    /// See other tenants' totals, probe, reconcile.
    Admin,
}

impl Scope {
    /// As in tokens.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Write => "write",
            Self::Delete => "delete",
            Self::Admin => "admin",
        }
    }
}

/// Where a request comes from, for logs, the audit log and limits. Nothing is allowed by it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Peer {
    /// The client's address.
    pub address: Option<IpAddr>,
    /// What a proxy at that address calls its client, where it hides the client's own (RFC 7239 §6.3).
    pub alias: Option<String>,
    /// The request's id, the client's own or the front door's.
    pub request_id: Option<String>,
}

/// An authenticated caller. Only `authenticate` makes one (and the record of a session that such a caller opened), so
/// nothing further down the pipeline can be reached without it.
#[derive(Debug, Clone)]
pub struct Principal {
    identity: Arc<Identified>,
    door: Door,
    peer: Arc<Peer>,
}

impl Principal {
    /// The same caller with another request, for doors where one authentication serves many.
    #[must_use]
    pub fn for_request(&self, id: impl Into<String>) -> Self {
        let peer = Peer {
            address: self.peer.address,
            alias: self.peer.alias.clone(),
            request_id: Some(id.into()),
        };
        Self {
            peer: Arc::new(peer),
            ..self.clone()
        }
    }

    /// Where the request comes from.
    pub fn peer(&self) -> &Peer {
        &self.peer
    }

    /// Whoever opened a session, after a restart. Their credential was accepted when they opened it.
    pub(crate) fn resumed(identity: Identified) -> Self {
        Self {
            identity: Arc::new(identity),
            door: Door::Network,
            peer: Arc::default(),
        }
    }

    /// Whose data.
    pub fn tenant(&self) -> &str {
        &self.identity.tenant
    }

    /// Who.
    pub fn subject(&self) -> &str {
        &self.identity.subject
    }

    /// Where the request came in.
    pub fn door(&self) -> Door {
        self.door
    }

    /// Everything the auth component found.
    pub fn identity(&self) -> &Identified {
        &self.identity
    }

    /// Requires a scope.
    ///
    /// # Errors
    /// [`ErrorCode::Forbidden`] naming the scope.
    pub fn require(&self, scope: Scope) -> Result<()> {
        let has = |name: &str| self.identity.scopes.iter().any(|scope| scope == name);
        if has(scope.as_str()) || has(Scope::Admin.as_str()) {
            return Ok(());
        }
        Err(Error::new(
            ErrorCode::Forbidden,
            format!(
                "the credential of `{}` lacks the scope `{}`",
                self.subject(),
                scope.as_str()
            ),
        )
        .hint(match self.door {
            Door::Local => format!(
                "issue a token with it: `loadlock token issue --scope {}`",
                scope.as_str()
            ),
            Door::Network => format!("ask the operator for a token with the scope `{}`", scope.as_str()),
        }))
    }
}

/// A caller that is not let in.
pub(crate) struct RefusedCaller {
    /// The auth component's code, or `no_decision`.
    pub(crate) code: &'static str,
    pub(crate) error: Error,
}

/// Asks the auth component. Anything but a clear yes is a no.
pub(crate) async fn authenticate(
    auth: &RoleSlot<Auth>,
    door: Door,
    credential: Option<&str>,
    peer: Peer,
    now_s: u64,
) -> Result<Principal, RefusedCaller> {
    match auth.authenticate(credential.map(str::to_owned), now_s).await {
        Ok(Ok(identity)) => {
            tracing::info!(target: "loadlock::auth", subject = %identity.subject, tenant = %identity.tenant, legacy = identity.legacy, "[AUTH] accepted");
            Ok(Principal {
                identity: Arc::new(identity),
                door,
                peer: Arc::new(peer),
            })
        }
        Ok(Err(denial)) => {
            tracing::warn!(target: "loadlock::auth", code = denial.code, "[AUTH] refused: {}", denial.message);
            // What exactly was wrong is for the operator's log; the hint is written for the caller.
            Err(RefusedCaller {
                code: denial.code,
                error: Error::new(
                    ErrorCode::Unauthenticated,
                    format!("the credential is not accepted ({})", denial.code),
                )
                .hint(denial.hint),
            })
        }
        Err(error) => {
            tracing::error!(target: "loadlock::auth", %error, "[AUTH] no decision");
            Err(RefusedCaller {
                code: "no_decision",
                error: Error::new(
                    ErrorCode::Unauthenticated,
                    "the auth component gave no decision, so the request is refused",
                )
                .hint("look at the log for `[AUTH]`"),
            })
        }
    }
}
