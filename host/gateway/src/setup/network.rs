//! What one component may reach: the operator's grants, its transport and its credential.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use loadlock_config::{ComponentSource, Connection, Egress};
use loadlock_egress::clock::{Clock, SystemClock};
use loadlock_egress::credential::{Credential, CredentialError, HeaderSpec, Minted};
use loadlock_egress::tls::Roots;
use loadlock_egress::{HostClient, Timeouts, Transport, proxy};
use loadlock_policy::credential::CredentialKind;
use loadlock_policy::egress::{EgressGrant, EgressPolicy, declared};
use loadlock_policy::model::{EgressNeed, Operation};
use loadlock_sandbox::{Network, Outlet};

use super::Setup;
use crate::error::{Error, ErrorCode, Result};

/// A component's network, and the fingerprint of its credential.
pub(crate) struct Bound {
    pub(crate) network: Network,
    pub(crate) fingerprint: Option<String>,
    /// Why nothing that is sent for an upload leaves.
    pub(crate) blocked: Option<String>,
    /// What it asks for besides and is not granted.
    pub(crate) unmet: Vec<String>,
}

/// A ledger answers a call in milliseconds, and everybody waits for the one before: well within a call's own limit.
const LEDGER_TIMEOUTS: Timeouts = Timeouts {
    connect: Duration::from_secs(5),
    first_byte: Duration::from_secs(10),
    between_bytes: Duration::from_secs(10),
    total: Duration::from_secs(30),
};

/// What a component asks for.
pub(crate) enum Needs<'a> {
    /// What a provider's profile says.
    Of { egress: &'a [EgressNeed], can_list: bool },
    /// Whatever is granted: a tracker has no profile to ask in.
    AsGranted,
}

fn as_granted(grant: &EgressGrant) -> EgressNeed {
    EgressNeed {
        origin: grant.origin.to_string(),
        path_prefix: grant.prefix.as_str().to_owned(),
        methods: grant.methods.iter().map(ToString::to_string).collect(),
        operations: vec![Operation::Track],
    }
}

/// What the operator lists, or what a built-in provider asks for where nothing is said.
fn grants(name: &str, connection: &Connection, needs: &Needs<'_>) -> Result<Vec<EgressGrant>> {
    let invalid = |message: String| Error::new(ErrorCode::ConfigInvalid, format!("{name}: {message}"));
    let asked = match (&connection.egress, needs) {
        (Egress::Listed(rules), _) => return Ok(rules.iter().map(|rule| rule.grant.clone()).collect()),
        (Egress::Declared, Needs::AsGranted) => return Ok(Vec::new()),
        (Egress::Declared, Needs::Of { egress, .. }) => egress,
    };
    let grants = declared(asked).map_err(|error| invalid(error.to_string()))?;
    let open = grants.iter().find(|grant| !grant.origin.may_carry_credential());
    match (open, connection.credentials.first()) {
        (Some(grant), Some(credential)) => {
            let what = format!(
                "asks for plain HTTP to {} while `{}` is set",
                grant.origin, credential.key
            );
            Err(invalid(what).hint("use `https://`; a credential travels in the clear only to loopback"))
        }
        _ => Ok(grants),
    }
}

/// Binds the network of one component. Nothing is bound without a grant.
pub(crate) fn network(
    setup: &Setup,
    name: &str,
    connection: &Connection,
    needs: &Needs<'_>,
    installation_key: &[u8],
) -> Result<Bound> {
    let invalid = |message: String| Error::new(ErrorCode::ConfigInvalid, format!("{name}: {message}"));
    let grants = grants(name, connection, needs)?;
    let granted = !grants.is_empty();
    let public = grants.iter().any(|grant| !grant.private);
    let origins = grants.iter().map(|grant| grant.origin.clone()).collect();
    let timeouts = match needs {
        Needs::Of { .. } => Timeouts::default(),
        Needs::AsGranted => LEDGER_TIMEOUTS,
    };
    let (needs, can_list) = match needs {
        Needs::Of { egress, can_list } => (egress.to_vec(), *can_list),
        Needs::AsGranted => (grants.iter().map(as_granted).collect(), false),
    };
    let policy = EgressPolicy::new(name, &needs, can_list, grants).map_err(|error| invalid(error.to_string()))?;
    let blocked = policy
        .blocked(Operation::Upload)
        .or_else(|| no_credential(name, connection, public).filter(|_| !policy.effective().is_empty()));
    let unmet = policy.unmet().iter().map(ToString::to_string).collect();
    if !granted {
        return Ok(Bound {
            network: Network::Denied,
            fingerprint: None,
            blocked,
            unmet,
        });
    }
    let roots = connection
        .ca_file
        .as_ref()
        .map_or(Roots::Platform, |file: &PathBuf| Roots::File(file.clone()));
    let credential = credential(setup, name, connection, &roots)?;
    let fingerprint = credential
        .as_ref()
        .map(|credential| credential.fingerprint(installation_key));
    let mut builder = Transport::builder(name, origins).roots(roots).timeouts(timeouts);
    if let Some(credential) = credential {
        builder = builder.credential(credential);
    }
    if let Some(resolver) = &setup.resolver {
        builder = builder.resolver(Arc::clone(resolver));
    }
    let transport = builder.build(&setup.env).map_err(|error| {
        Error::new(ErrorCode::ConfigInvalid, error.to_string()).hint("correct the provider's configuration")
    })?;
    Ok(Bound {
        network: Network::Granted(Arc::new(Outlet { policy, transport })),
        fingerprint,
        blocked,
        unmet,
    })
}

/// The vendors whose components are built in let nobody in without a credential. What is granted as private is no
/// vendor, but a proxy that may have one, or a test's.
fn no_credential(name: &str, connection: &Connection, public: bool) -> Option<String> {
    let vendors = matches!(connection.component.source, ComponentSource::Builtin(_));
    (vendors && public && connection.credentials.is_empty())
        .then(|| format!("it has no credential, and the vendor requires one; add a `credential` to [providers.{name}]"))
}

fn credential(setup: &Setup, name: &str, connection: &Connection, roots: &Roots) -> Result<Option<Arc<Credential>>> {
    if connection.credentials.is_empty() {
        return Ok(None);
    }
    let invalid = |message: String| Error::new(ErrorCode::ConfigInvalid, format!("{name}: {message}"));
    let unusable = |error: CredentialError| {
        Error::new(ErrorCode::ConfigInvalid, error.to_string())
            .hint("set the variable or write the file before starting, or remove the provider")
    };
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
    let client = || Arc::new(HostClient::new(name, roots.clone(), setup.resolver.clone()));
    let (mut specs, mut minted) = (Vec::new(), None);
    for credential in &connection.credentials {
        let made = match &credential.kind {
            CredentialKind::Header {
                name: header,
                value,
                mode,
            } => {
                let parsed = header.parse();
                specs.push(HeaderSpec {
                    name: parsed.map_err(|_| invalid(format!("`{header}` is not a header name")))?,
                    template: value.clone(),
                    mode: *mode,
                });
                continue;
            }
            CredentialKind::AwsSigV4(signing) => Minted::aws(name, signing, &setup.env, client(), Arc::clone(&clock)),
            CredentialKind::OauthToken(token) => Minted::oauth(name, token, &setup.env, client(), Arc::clone(&clock)),
        };
        let made = made.map_err(unusable)?;
        let endpoints: Vec<_> = made.endpoint().cloned().into_iter().collect();
        proxy::check(name, &endpoints, &setup.env).map_err(|error| invalid(error.to_string()))?;
        minted = Some(made);
    }
    let mut loaded = Credential::load(name, &specs, &setup.env, clock).map_err(unusable)?;
    if let Some(minted) = minted {
        loaded = loaded.with_minted(minted);
    }
    for line in loaded.describe() {
        tracing::info!(target: "loadlock::egress", provider = name, "{line}");
    }
    Ok(Some(Arc::new(loaded)))
}
