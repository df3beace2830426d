//! The decision on one request.

use std::collections::BTreeSet;

use super::denied::missing_grant;
use super::grant::{ParsedNeed, intersect};
use super::scope::ScopeFault;
use super::{
    CanonicalPath, Denied, DeniedReason, EffectiveGrant, EgressGrant, Method, Origin, canonical_query, scope,
    uri::MAX_URI_BYTES, uri::UriFault,
};
use crate::model::{EgressNeed, Operation, ProfileError};

/// A request as the component wrote it.
#[derive(Clone, Copy, Debug)]
pub struct RequestFacts<'a> {
    /// The scheme.
    pub scheme: &'a str,
    /// Host and port.
    pub authority: &'a str,
    /// Path and, after a `?`, the query.
    pub path_and_query: &'a str,
    /// The method.
    pub method: &'a str,
    /// The call of the provider interface that is running.
    pub operation: Operation,
    /// The remote file that the call is about, for `stat`, `content` and `delete`; for `upload` its mark.
    pub remote_id: Option<&'a str>,
}

/// A request that leaves, rebuilt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Allowed {
    /// Index of the operator's grant that allows it.
    pub grant: usize,
    /// Where to connect.
    pub origin: Origin,
    /// The absolute URI to send.
    pub uri: String,
    /// Path and query to send: the part of `uri` after the origin.
    pub path_and_query: String,
    /// The `Host` header to send.
    pub host_header: String,
    /// The method to send.
    pub method: Method,
    /// Whether the grant covers private addresses; see [`crate::address::check`].
    pub private: bool,
    /// Whether a credential may be added: not over plain http, except to this machine.
    pub credential: bool,
}

/// Everything that decides on one provider's requests. Made once, when the provider is bound.
#[derive(Clone, Debug)]
pub struct EgressPolicy {
    provider: String,
    needs: Vec<ParsedNeed>,
    grants: Vec<EgressGrant>,
    effective: Vec<EffectiveGrant>,
    can_list: bool,
}

impl EgressPolicy {
    /// The policy for a provider that asks for `needs`, whose profile says whether it can list, and whom the operator
    /// granted `grants`.
    ///
    /// # Errors
    /// [`ProfileError`] if a need cannot be parsed.
    pub fn new(
        provider: impl Into<String>,
        needs: &[EgressNeed],
        can_list: bool,
        grants: Vec<EgressGrant>,
    ) -> Result<Self, ProfileError> {
        let needs = needs.iter().map(ParsedNeed::parse).collect::<Result<Vec<_>, _>>()?;
        let effective = intersect(&needs, &grants);
        Ok(Self {
            provider: provider.into(),
            needs,
            grants,
            effective,
            can_list,
        })
    }

    pub(super) fn provider(&self) -> &str {
        &self.provider
    }

    pub(super) fn needs(&self) -> &[ParsedNeed] {
        &self.needs
    }

    /// What is both needed and granted.
    pub fn effective(&self) -> &[EffectiveGrant] {
        &self.effective
    }

    /// The operator's grants, in the order in which [`Allowed::grant`] counts them.
    pub fn grants(&self) -> &[EgressGrant] {
        &self.grants
    }

    /// What the component asks for and nothing grants, as grants that would: for a warning at start. A need that is
    /// covered in part (by a longer prefix, or for some methods) lists the methods that are not.
    pub fn unmet(&self) -> Vec<EgressGrant> {
        let mut unmet = Vec::new();
        for (index, need) in self.needs.iter().enumerate() {
            let met = self.effective.iter().filter(|e| e.need == index);
            let methods: BTreeSet<_> = met.flat_map(|e| e.methods.iter().copied()).collect();
            let missing = missing_grant(need, need.methods.difference(&methods).copied());
            if !missing.methods.is_empty() {
                unmet.push(missing);
            }
        }
        unmet
    }

    /// Decides on one request.
    ///
    /// # Errors
    /// [`Denied`] says why and, if a line of configuration would change it, which.
    pub fn decide(&self, request: &RequestFacts<'_>) -> Result<Allowed, Denied> {
        let denied = |reason: DeniedReason, missing| Denied {
            provider: self.provider.clone(),
            operation: request.operation,
            reason,
            missing,
        };
        let parsed = Parsed::new(request).map_err(|reason| denied(reason, None))?;

        let asked = self.needs.iter().find(|need| {
            need.origin == parsed.origin
                && need.methods.contains(&parsed.method)
                && need.operations.contains(&request.operation)
                && need.prefix.rest_of(&parsed.path).is_some()
        });
        let Some(asked) = asked else {
            return Err(denied(DeniedReason::NotAskedFor, None));
        };

        // The longest prefix is the most exact description of what the path means; a shorter one beside it must not
        // widen what a call may reach.
        let best = self
            .effective
            .iter()
            .filter(|e| {
                e.origin == parsed.origin
                    && e.methods.contains(&parsed.method)
                    && e.operations.contains(&request.operation)
            })
            .filter_map(|e| Some((e, e.prefix.rest_of(&parsed.path)?)))
            .filter(|(e, rest)| !e.exact || rest.is_empty())
            .max_by_key(|(e, _)| e.prefix.as_str().len());
        let Some((grant, rest)) = best else {
            let missing = missing_grant(asked, [parsed.method]);
            return Err(denied(DeniedReason::NotGranted, Some(missing)));
        };
        let call = scope::RunningCall {
            operation: request.operation,
            subject: request.remote_id,
            can_list: self.can_list,
        };
        let may = |rest| scope::check(&call, parsed.method, rest, parsed.query.as_deref());
        may(rest)
            .or_else(|fault| {
                match self
                    .needs
                    .get(grant.need)
                    .and_then(|need| need.prefix.rest_of(&parsed.path))
                {
                    // An id continues the prefix that the component asks for: a grant that is narrower has a part of
                    // it.
                    Some(rest) if fault == ScopeFault::OtherId => may(rest),
                    _ => Err(fault),
                }
            })
            .map_err(|fault| denied(fault.into(), None))?;

        let mut path_and_query = parsed.path.as_str().to_owned();
        if let Some(query) = &parsed.query {
            path_and_query.push('?');
            path_and_query.push_str(query);
        }
        Ok(Allowed {
            grant: grant.grant,
            uri: format!("{}{path_and_query}", grant.origin),
            path_and_query,
            host_header: grant.origin.host_header(),
            method: parsed.method,
            private: grant.private,
            credential: grant.origin.may_carry_credential(),
            origin: grant.origin.clone(),
        })
    }
}

/// A request with one reading.
struct Parsed {
    origin: Origin,
    path: CanonicalPath,
    query: Option<String>,
    method: Method,
}

impl Parsed {
    fn new(request: &RequestFacts<'_>) -> Result<Self, DeniedReason> {
        if request.path_and_query.len() > MAX_URI_BYTES {
            return Err(UriFault::TooLong.into());
        }
        let (path, query) = match request.path_and_query.split_once('?') {
            Some((path, query)) => (path, Some(canonical_query(query)?)),
            None => (request.path_and_query, None),
        };
        Ok(Self {
            origin: Origin::from_parts(request.scheme, request.authority)?,
            path: CanonicalPath::parse(path)?,
            query,
            method: Method::parse(request.method).ok_or(DeniedReason::Method)?,
        })
    }
}

#[cfg(test)]
#[path = "decide_tests.rs"]
mod tests;
