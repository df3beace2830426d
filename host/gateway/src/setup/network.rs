//! What one component may reach: the operator's grants, its transport and its credential.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use loadlock_config::{ComponentSource, Connection, CredentialKind, Part};
use loadlock_egress::clock::SystemClock;
use loadlock_egress::credential::{Credential, HeaderSpec, Mode};
use loadlock_egress::tls::Roots;
use loadlock_egress::{Timeouts, Transport};
use loadlock_policy::egress::{EgressGrant, EgressPolicy, Method};
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

fn as_granted(grant: &loadlock_config::EgressGrant) -> EgressNeed {
    EgressNeed {
        origin: origin(grant),
        path_prefix: grant.path_prefix.clone(),
        methods: grant.methods.clone(),
        operations: vec![Operation::Track],
    }
}

fn origin(grant: &loadlock_config::EgressGrant) -> String {
    let host = if grant.host.contains(':') {
        format!("[{}]", grant.host.trim_matches(['[', ']']))
    } else {
        grant.host.clone()
    };
    format!("{}://{host}:{}", grant.scheme.as_str(), grant.port)
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
    let grants = connection
        .egress
        .iter()
        .map(|grant| {
            let methods = grant.methods.iter().filter_map(|method| Method::parse(method));
            EgressGrant::parse(&origin(grant), &grant.path_prefix, methods, grant.private)
                .map_err(|error| invalid(format!("{}: {error}", grant.origin)))
        })
        .collect::<Result<Vec<_>>>()?;
    let granted = !grants.is_empty();
    let origins = grants.iter().map(|grant| grant.origin.clone()).collect();
    let timeouts = match needs {
        Needs::Of { .. } => Timeouts::default(),
        Needs::AsGranted => LEDGER_TIMEOUTS,
    };
    let (needs, can_list) = match needs {
        Needs::Of { egress, can_list } => (egress.to_vec(), *can_list),
        Needs::AsGranted => (connection.egress.iter().map(as_granted).collect(), false),
    };
    let policy = EgressPolicy::new(name, &needs, can_list, grants).map_err(|error| invalid(error.to_string()))?;
    let blocked = policy
        .blocked(Operation::Upload)
        .or_else(|| no_credential(name, connection).filter(|_| !policy.effective().is_empty()));
    let unmet = policy.unmet().iter().map(ToString::to_string).collect();
    if !granted {
        return Ok(Bound {
            network: Network::Denied,
            fingerprint: None,
            blocked,
            unmet,
        });
    }
    let credential = credential(setup, name, connection)?;
    let fingerprint = credential
        .as_ref()
        .map(|credential| credential.fingerprint(installation_key));
    let roots = connection
        .ca_file
        .as_ref()
        .map_or(Roots::Platform, |file: &PathBuf| Roots::File(file.clone()));
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
fn no_credential(name: &str, connection: &Connection) -> Option<String> {
    let vendors = matches!(connection.component.source, ComponentSource::Builtin(_));
    let public = connection.egress.iter().any(|grant| !grant.private);
    (vendors && public && connection.credentials.is_empty()).then(|| {
        format!(
            "it has no credential, and the vendor lets nobody in without one; give [providers.{name}] a `credential`"
        )
    })
}

fn credential(setup: &Setup, name: &str, connection: &Connection) -> Result<Option<Arc<Credential>>> {
    if connection.credentials.is_empty() {
        return Ok(None);
    }
    let invalid = |message: String| Error::new(ErrorCode::ConfigInvalid, format!("{name}: {message}"));
    let specs = connection
        .credentials
        .iter()
        .map(|credential| {
            let template: String = credential
                .value
                .parts()
                .iter()
                .map(|part| match part {
                    Part::Text(text) => text.replace('$', "$$"),
                    Part::Env(variable) => format!("${{env:{variable}}}"),
                    Part::File(path) => format!("${{file:{}}}", path.display()),
                })
                .collect();
            // GLM takes its signed tokens as bearer tokens; the configuration names the key alone.
            let bare = !template.starts_with("Bearer ");
            let template = match credential.kind {
                CredentialKind::GlmSigned if bare => format!("Bearer {template}"),
                _ => template,
            };
            Ok(HeaderSpec {
                name: credential
                    .header()
                    .parse()
                    .map_err(|_| invalid(format!("`{}` is not a header name", credential.header())))?,
                template: template.parse().map_err(|error| invalid(format!("{error}")))?,
                mode: match credential.kind {
                    CredentialKind::Header(_) => Mode::Plain,
                    CredentialKind::GlmSigned => Mode::GlmSigned,
                },
            })
        })
        .collect::<Result<Vec<_>>>()?;
    let loaded = Credential::load(name, &specs, &setup.env, Arc::new(SystemClock::new())).map_err(|error| {
        Error::new(ErrorCode::ConfigInvalid, error.to_string())
            .hint("set the variable or write the file before starting, or remove the provider")
    })?;
    for line in loaded.describe() {
        tracing::info!(target: "loadlock::egress", provider = name, "{line}");
    }
    Ok(Some(Arc::new(loaded)))
}
