//! What the operator grants, and what is left of it once the component has said what it needs.

use std::collections::BTreeSet;
use std::fmt;

use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::{Origin, OriginError, PathPrefix, UriFault};
use crate::address;
use crate::model::{EgressNeed, Operation, ProfileError};

/// The methods that leave. CONNECT and TRACE are not among them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Method {
    /// Reads.
    Get,
    /// Reads the header alone.
    Head,
    /// Sends.
    Post,
    /// Stores.
    Put,
    /// Changes.
    Patch,
    /// Removes.
    Delete,
    /// Asks what the server can do, as tus clients do.
    Options,
}

impl Method {
    /// Every method.
    pub const ALL: [Self; 7] = [
        Self::Get,
        Self::Head,
        Self::Post,
        Self::Put,
        Self::Patch,
        Self::Delete,
        Self::Options,
    ];

    /// Upper case only: methods are case-sensitive (RFC 9110 §9.1).
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|method| method.as_str() == text)
    }

    /// Upper case.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Head => "HEAD",
            Self::Post => "POST",
            Self::Put => "PUT",
            Self::Patch => "PATCH",
            Self::Delete => "DELETE",
            Self::Options => "OPTIONS",
        }
    }

    /// Whether it only reads.
    pub const fn is_read(self) -> bool {
        matches!(self, Self::Get | Self::Head | Self::Options)
    }
}

impl fmt::Display for Method {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// One thing that the operator allows a provider to reach.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct EgressGrant {
    /// Scheme, host and port, exactly; there are no wildcards.
    pub origin: Origin,
    /// What the path must equal or continue.
    pub prefix: PathPrefix,
    /// The methods.
    pub methods: BTreeSet<Method>,
    /// Whether the host may resolve to a private, shared or link-local address, or to this machine.
    pub private: bool,
    /// Whether the path must equal the prefix: what lists a bucket (`GET /bucket`) then opens none of its keys.
    pub exact: bool,
}

/// Why a grant makes no sense. Correct the configuration.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum GrantError {
    /// Not `http(s)://host[:port]`.
    #[error("`{origin}` is not an origin: {source}")]
    Origin {
        /// What it says.
        origin: String,
        /// What is wrong with it.
        source: OriginError,
    },
    /// Not a canonical path.
    #[error("`{prefix}` is not a path prefix: {source}")]
    Prefix {
        /// What it says.
        prefix: String,
        /// What is wrong with it.
        source: UriFault,
    },
    /// A grant that allows nothing.
    #[error("the grant for `{origin}` names no method, so it allows nothing")]
    NoMethod {
        /// Its origin.
        origin: String,
    },
}

impl EgressGrant {
    /// A grant from its parts as they stand in a configuration.
    ///
    /// # Errors
    /// [`GrantError`] says which part makes no sense.
    pub fn parse(
        origin: &str,
        path_prefix: &str,
        methods: impl IntoIterator<Item = Method>,
        private: bool,
    ) -> Result<Self, GrantError> {
        let grant = Self {
            origin: Origin::parse(origin).map_err(|source| GrantError::Origin {
                origin: origin.into(),
                source,
            })?,
            prefix: PathPrefix::parse(path_prefix).map_err(|source| GrantError::Prefix {
                prefix: path_prefix.into(),
                source,
            })?,
            methods: methods.into_iter().collect(),
            private,
            exact: false,
        };
        if grant.methods.is_empty() {
            return Err(GrantError::NoMethod { origin: origin.into() });
        }
        Ok(grant)
    }
}

impl EgressGrant {
    /// For a person: `GET, POST https://api.example/v1/files (private)`.
    pub fn describe(&self) -> String {
        let methods: Vec<&str> = self.methods.iter().map(|method| method.as_str()).collect();
        let private = if self.private { " (private)" } else { "" };
        let exact = if self.exact { " exactly" } else { "" };
        format!(
            "{} {}{}{exact}{private}",
            methods.join(", "),
            self.origin,
            self.prefix.as_str()
        )
    }
}

impl fmt::Display for EgressGrant {
    /// As an entry of the configuration: `{ url = "https://a.example/v1", methods = ["GET"] }`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let methods: Vec<_> = self.methods.iter().map(|m| format!("\"{m}\"")).collect();
        write!(
            f,
            "{{ url = \"{}{}\", methods = [{}]",
            self.origin,
            self.prefix.as_str(),
            methods.join(", ")
        )?;
        if self.private {
            write!(f, ", private = true")?;
        }
        if self.exact {
            write!(f, ", exact = true")?;
        }
        write!(f, " }}")
    }
}

/// A component's need with its texts parsed.
#[derive(Clone, Debug)]
pub(super) struct ParsedNeed {
    pub(super) origin: Origin,
    pub(super) prefix: PathPrefix,
    pub(super) methods: BTreeSet<Method>,
    pub(super) operations: BTreeSet<Operation>,
}

impl ParsedNeed {
    pub(super) fn parse(need: &EgressNeed) -> Result<Self, ProfileError> {
        let origin = Origin::parse(&need.origin).map_err(|source| ProfileError::BadOrigin {
            origin: need.origin.clone(),
            source,
        })?;
        let prefix = PathPrefix::parse(&need.path_prefix).map_err(|source| ProfileError::BadPrefix {
            prefix: need.path_prefix.clone(),
            source,
        })?;
        let methods = need
            .methods
            .iter()
            .map(|m| Method::parse(m).ok_or_else(|| ProfileError::BadMethod { method: m.clone() }))
            .collect::<Result<_, _>>()?;
        Ok(Self {
            origin,
            prefix,
            methods,
            operations: need.operations.iter().copied().collect(),
        })
    }

    /// Whether none of its operations may go beneath the prefix with its methods, see [`super::scope`].
    fn is_exact(&self) -> bool {
        let lists = |operation: &Operation| matches!(operation, Operation::Listing | Operation::Probe);
        let reads = self.methods.iter().all(|method| method.is_read());
        let asks = |operation: &Operation| matches!(operation, Operation::Upload | Operation::Locate) && reads;
        self.operations.iter().any(lists) && self.operations.iter().all(|one| lists(one) || asks(one))
    }
}

/// What is asked for and granted: the intersection of one need and one grant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EffectiveGrant {
    /// Which of the operator's grants.
    pub grant: usize,
    /// Which of the component's needs.
    pub need: usize,
    /// Scheme, host and port.
    pub origin: Origin,
    /// The longer of the two prefixes.
    pub prefix: PathPrefix,
    /// The methods in both.
    pub methods: BTreeSet<Method>,
    /// The calls that may use it.
    pub operations: BTreeSet<Operation>,
    /// Whether private addresses are granted.
    pub private: bool,
    /// Whether nothing beneath the prefix is granted.
    pub exact: bool,
}

/// Everything that is both needed and granted.
///
/// # Errors
/// [`ProfileError`] if a need cannot be parsed; [`crate::model::Profile::check`] says so earlier.
pub fn effective(needs: &[EgressNeed], grants: &[EgressGrant]) -> Result<Vec<EffectiveGrant>, ProfileError> {
    let needs = needs.iter().map(ParsedNeed::parse).collect::<Result<Vec<_>, _>>()?;
    Ok(intersect(&needs, grants))
}

/// The grants that give a component exactly what it asks for: one for each origin and path, with the methods that are
/// asked for there. A host that is not public by itself (`127.0.0.1`, `localhost`) is meant, so it is `private`; what a
/// name resolves to must be public.
///
/// # Errors
/// [`ProfileError`] if a need cannot be parsed; [`crate::model::Profile::check`] says so earlier.
pub fn declared(needs: &[EgressNeed]) -> Result<Vec<EgressGrant>, ProfileError> {
    let mut grants: Vec<EgressGrant> = Vec::new();
    for need in needs {
        let need = ParsedNeed::parse(need)?;
        let exact = need.is_exact();
        let same = |grant: &&mut EgressGrant| {
            grant.origin == need.origin && grant.prefix == need.prefix && grant.exact == exact
        };
        match grants.iter_mut().find(same) {
            Some(grant) => grant.methods.extend(need.methods),
            None => grants.push(EgressGrant {
                private: address::needs_private(&need.origin.host),
                origin: need.origin,
                prefix: need.prefix,
                methods: need.methods,
                exact,
            }),
        }
    }
    Ok(grants)
}

pub(super) fn intersect(needs: &[ParsedNeed], grants: &[EgressGrant]) -> Vec<EffectiveGrant> {
    let mut found = Vec::new();
    for (n, need) in needs.iter().enumerate() {
        for (g, grant) in grants.iter().enumerate() {
            let prefix = if grant.prefix.covers(&need.prefix) && (!grant.exact || grant.prefix == need.prefix) {
                &need.prefix
            } else if need.prefix.covers(&grant.prefix) {
                &grant.prefix
            } else {
                continue;
            };
            let methods: BTreeSet<_> = need.methods.intersection(&grant.methods).copied().collect();
            if need.origin != grant.origin || methods.is_empty() {
                continue;
            }
            found.push(EffectiveGrant {
                grant: g,
                need: n,
                origin: grant.origin.clone(),
                prefix: prefix.clone(),
                methods,
                operations: need.operations.clone(),
                private: grant.private,
                exact: grant.exact,
            });
        }
    }
    found
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use super::*;

    fn need(origin: &str, prefix: &str, methods: &[&str]) -> EgressNeed {
        EgressNeed {
            origin: origin.into(),
            path_prefix: prefix.into(),
            methods: methods.iter().map(|m| (*m).into()).collect(),
            operations: vec![Operation::Upload],
        }
    }

    #[test]
    fn the_intersection_is_the_narrower_of_both() {
        let needs = [need("https://a.example", "/v1", &["GET", "POST"])];
        let narrow = EgressGrant::parse("https://a.example", "/v1/files", [Method::Post, Method::Put], false);
        let all = effective(&needs, &[narrow.unwrap()]).unwrap();
        assert_eq!(all.len(), 1);
        assert_eq!(all[0].prefix.as_str(), "/v1/files");
        assert_eq!(all[0].methods, BTreeSet::from([Method::Post]));

        let wide = EgressGrant::parse("https://a.example", "/", Method::ALL, true).unwrap();
        let all = effective(&needs, &[wide]).unwrap();
        assert_eq!(all[0].prefix.as_str(), "/v1");
        assert!(all[0].private);
    }

    #[test]
    fn what_is_only_needed_or_only_granted_is_not_effective() {
        let needs = [need("https://a.example", "/v1/files", &["POST"])];
        for grant in [
            EgressGrant::parse("https://b.example", "/v1/files", Method::ALL, false),
            EgressGrant::parse("http://a.example", "/v1/files", Method::ALL, false),
            EgressGrant::parse("https://a.example:8443", "/v1/files", Method::ALL, false),
            EgressGrant::parse("https://sub.a.example", "/v1/files", Method::ALL, false),
            EgressGrant::parse("https://a.example", "/v1/files-x", Method::ALL, false),
            EgressGrant::parse("https://a.example", "/v1/files", [Method::Get], false),
        ] {
            assert_eq!(effective(&needs, &[grant.unwrap()]).unwrap(), []);
        }
        assert_eq!(effective(&needs, &[]).unwrap(), []);
    }

    #[test]
    fn what_is_declared_is_all_that_is_asked_for_and_no_more() {
        let needs = [
            need("https://a.example", "/v1/files", &["POST"]),
            need("https://a.example", "/v1/files", &["GET"]),
            need("http://127.0.0.1:8000", "/v1/uploads", &["POST"]),
        ];
        let grants = declared(&needs).unwrap();
        let lines: Vec<_> = grants.iter().map(ToString::to_string).collect();
        assert_eq!(
            lines,
            [
                r#"{ url = "https://a.example/v1/files", methods = ["GET", "POST"] }"#,
                r#"{ url = "http://127.0.0.1:8000/v1/uploads", methods = ["POST"], private = true }"#,
            ]
        );
        assert_eq!(effective(&needs, &grants).unwrap().len(), 3);
        assert!(declared(&[need("https://*", "/", &["GET"])]).is_err());
    }

    #[test]
    fn what_lists_opens_nothing_beneath() {
        let lists = EgressNeed {
            operations: vec![Operation::Listing, Operation::Probe, Operation::Upload],
            ..need("https://s3.example", "/bucket", &["GET"])
        };
        let reads = EgressNeed {
            operations: vec![Operation::Content],
            ..need("https://s3.example", "/bucket/loadlock", &["GET"])
        };
        let grants = declared(&[lists.clone(), reads.clone()]).unwrap();
        assert_eq!(
            grants[0].to_string(),
            r#"{ url = "https://s3.example/bucket", methods = ["GET"], exact = true }"#
        );
        assert!(!grants[1].exact);
        // What the component asks for beneath it is not granted along.
        let all = effective(&[lists, reads.clone()], &grants[..1]).unwrap();
        assert_eq!(all.iter().map(|one| one.need).collect::<Vec<_>>(), [0]);
        let wide = EgressNeed {
            operations: vec![Operation::Content],
            ..need("https://s3.example", "/", &["GET"])
        };
        let all = effective(&[wide], &grants[..1]).unwrap();
        assert!(all[0].exact && all[0].prefix.as_str() == "/bucket");
    }

    #[test]
    fn a_grant_says_what_is_wrong_with_it() {
        let grant = |o, p, m: &[Method]| EgressGrant::parse(o, p, m.iter().copied(), false);
        assert!(matches!(
            grant("a.example", "/", &[Method::Get]),
            Err(GrantError::Origin { .. })
        ));
        assert!(matches!(
            grant("https://*.example", "/", &[Method::Get]),
            Err(GrantError::Origin { .. })
        ));
        assert!(matches!(
            grant("https://a.example", "/a/../b", &[Method::Get]),
            Err(GrantError::Prefix { .. })
        ));
        assert!(matches!(
            grant("https://a.example", "/", &[]),
            Err(GrantError::NoMethod { .. })
        ));
    }

    #[test]
    fn a_grant_prints_as_configuration() {
        let methods = [Method::Post, Method::Get];
        let grant = EgressGrant::parse("https://a.example", "/v1/", methods, true).unwrap();
        assert_eq!(
            grant.to_string(),
            r#"{ url = "https://a.example/v1", methods = ["GET", "POST"], private = true }"#
        );
    }
}
