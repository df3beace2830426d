//! Who is asking.

use std::sync::Arc;

use loadlock_sandbox::auth::{Auth, Identified};

use crate::error::{Error, ErrorCode, Result};

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

/// An authenticated caller. Only [`authenticate`] makes one, so nothing further down the pipeline can be reached without it.
#[derive(Debug, Clone)]
pub struct Principal {
    identity: Arc<Identified>,
    door: Door,
}

impl Principal {
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
        .hint(format!(
            "issue a token with it: `loadlock token issue --scope {}`",
            scope.as_str()
        )))
    }
}

/// Asks the auth component. Anything but a clear yes is a no.
pub(crate) async fn authenticate(
    auth: &Auth,
    door: Door,
    credential: Option<&str>,
    now_s: u64,
) -> Result<Principal> {
    match auth
        .authenticate(credential.map(str::to_owned), now_s)
        .await
    {
        Ok(Ok(identity)) => {
            tracing::info!(target: "loadlock::auth", subject = %identity.subject, tenant = %identity.tenant, legacy = identity.legacy, "[AUTH] accepted");
            Ok(Principal {
                identity: Arc::new(identity),
                door,
            })
        }
        Ok(Err(denial)) => {
            tracing::warn!(target: "loadlock::auth", code = denial.code, "[AUTH] refused: {}", denial.message);
            // What exactly was wrong is for the operator's log; the hint is written for the caller.
            Err(Error::new(
                ErrorCode::Unauthenticated,
                format!("the credential is not accepted ({})", denial.code),
            )
            .hint(denial.hint))
        }
        Err(error) => {
            tracing::error!(target: "loadlock::auth", %error, "[AUTH] no decision");
            Err(Error::new(
                ErrorCode::Unauthenticated,
                "the auth component gave no decision, so nobody is let in",
            )
            .hint("look at the log for `[AUTH]`"))
        }
    }
}
