//! The way out for requests of clients: the provider's own credential and grants, with the times of a model's answer.

use std::sync::Arc;
use std::time::Duration;

use loadlock_config::{ConfiguredProvider, Egress};
use loadlock_egress::tls::Roots;
use loadlock_egress::{Timeouts, Transport};
use loadlock_policy::egress::{EgressGrant, EgressPolicy, Origin};
use loadlock_policy::model::{EgressNeed, Operation, Profile};
use loadlock_sandbox::{Network, Outlet};

use super::Setup;
use crate::error::{Error, ErrorCode, Result};
use crate::forward::lane::ForwardLane;

/// A model thinks before it answers, and between two pieces of an answer: as long as the vendors' SDKs wait.
const TIMEOUTS: Timeouts = Timeouts {
    connect: Duration::from_secs(10),
    first_byte: Duration::from_secs(600),
    between_bytes: Duration::from_secs(300),
    total: Duration::from_secs(3_600),
};

/// Where what a vendor stores lies beneath its API.
const FILES: &str = "/files";

/// The lane of a provider; `None` if the operator opened no route.
///
/// # Errors
/// [`ErrorCode::ConfigInvalid`] if the provider has no vendor to forward to.
pub(super) fn lane(
    setup: &Setup,
    configured: &ConfiguredProvider,
    profile: &Profile,
    network: &Network,
) -> Result<Option<ForwardLane>> {
    if configured.forward.is_empty() {
        return Ok(None);
    }
    let name = &configured.name;
    let invalid = |message: String| Error::new(ErrorCode::ConfigInvalid, format!("{name}: {message}"));
    let Network::Granted(outlet) = network else {
        return Err(invalid(
            "`forward` needs a vendor, and the provider may reach none".into(),
        ));
    };
    let (origin, base) = base(profile)
        .ok_or_else(|| invalid("`forward` needs an API with files beneath one base, as OpenAI's has".into()))?;
    let needs: Vec<EgressNeed> = configured
        .forward
        .iter()
        .map(|route| EgressNeed {
            origin: origin.to_string(),
            path_prefix: route.prefix_at(&base),
            methods: vec![route.method().to_string()],
            operations: vec![Operation::Track],
        })
        .collect();
    let grants = grants(configured, &needs, &origin, outlet).map_err(invalid)?;
    let policy = EgressPolicy::new(name, &needs, false, grants).map_err(|error| invalid(error.to_string()))?;
    for unmet in policy.unmet() {
        tracing::warn!(target: "loadlock::egress", provider = name, "`forward` opens {}, which `egress` does not \
             grant", unmet.describe());
    }
    let ca_file = configured.connection.ca_file.clone();
    let mut builder = Transport::builder(name, vec![origin.clone()])
        .roots(ca_file.map_or(Roots::Platform, Roots::File))
        .timeouts(TIMEOUTS);
    if let Some(credential) = outlet.transport.credential() {
        builder = builder.credential(Arc::clone(credential));
    }
    if let Some(resolver) = &setup.resolver {
        builder = builder.resolver(Arc::clone(resolver));
    }
    let transport = builder.build(&setup.env).map_err(|error| invalid(error.to_string()))?;
    Ok(Some(ForwardLane {
        routes: configured.forward.clone(),
        origin,
        base,
        policy,
        transport,
    }))
}

/// Where the vendor's API is: what its files lie beneath. Of several places the shortest.
fn base(profile: &Profile) -> Option<(Origin, String)> {
    let beneath = profile.egress.iter().filter_map(|need| {
        let base = need.path_prefix.trim_end_matches('/').strip_suffix(FILES)?;
        Some((&need.origin, base))
    });
    let (origin, base) = beneath.min_by_key(|(_, base)| base.len())?;
    Some((Origin::parse(origin).ok()?, base.to_owned()))
}

/// What the operator lists; where nothing is listed, opening the route is the grant.
fn grants(
    configured: &ConfiguredProvider,
    needs: &[EgressNeed],
    origin: &Origin,
    outlet: &Outlet,
) -> Result<Vec<EgressGrant>, String> {
    let granted = outlet.policy.grants();
    if configured.connection.egress != Egress::Declared {
        return Ok(granted.to_vec());
    }
    let private = granted.iter().any(|grant| grant.origin == *origin && grant.private);
    let route = |need: &EgressNeed| {
        let methods = loadlock_policy::egress::Method::ALL.into_iter();
        let methods = methods.filter(|method| need.methods.iter().any(|named| named == method.as_str()));
        EgressGrant::parse(&need.origin, &need.path_prefix, methods, private).map_err(|error| error.to_string())
    };
    needs.iter().map(route).collect()
}
