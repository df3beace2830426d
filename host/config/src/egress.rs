//! What a component may reach.

use std::collections::BTreeSet;

use loadlock_policy::address::{self, AddressRefused};
use loadlock_policy::egress::{EgressGrant, Method, OriginError, UrlError, parse_url};

use crate::component::{ComponentRef, ComponentSource};
use crate::error::{Code, Defect};
use crate::origin::Provenance;
use crate::read::{ConfigReader, ListItem, RecordReader};
use crate::suggest;

/// The setting of a component that says where its vendor is.
pub(crate) const BASE_URL: &str = "base_url";

const NOTHING: &str = "nothing: every request is refused";

/// `<section>.egress`: the requests that a component may send.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Egress {
    /// Nobody said, and the provider is built in: exactly what its profile asks for, at its base URL.
    Declared,
    /// What the operator lists; nothing if that is nothing.
    Listed(Vec<EgressRule>),
}

impl Egress {
    /// The rules that are written down.
    pub fn rules(&self) -> &[EgressRule] {
        match self {
            Self::Declared => &[],
            Self::Listed(rules) => rules,
        }
    }

    /// For a person; `source` is the component that it is for.
    pub fn describe(&self, source: &ComponentSource) -> String {
        match self {
            Self::Declared => format!("what {source} asks for at its base URL (granted by default)"),
            Self::Listed(rules) if rules.is_empty() => NOTHING.to_owned(),
            Self::Listed(rules) => {
                let rules: Vec<String> = rules.iter().map(|rule| rule.grant.describe()).collect();
                rules.join("; ")
            }
        }
    }

    /// Whether every request is refused, whatever the component asks for.
    pub fn is_none(&self) -> bool {
        matches!(self, Self::Listed(rules) if rules.is_empty())
    }
}

/// One rule of `egress`: a grant and where it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct EgressRule {
    /// What is allowed.
    pub grant: EgressGrant,
    /// Where the rule stands.
    pub origin: Provenance,
}

/// Reads `<section>.egress`.
pub(crate) fn egress(reader: &mut ConfigReader<'_>, section: &str, component: Option<&ComponentRef>) -> Egress {
    let place = format!("{section}.egress");
    let Some(records) = reader.records(&place) else {
        let source = component.map(|component| &component.source);
        let egress = match source {
            Some(ComponentSource::Builtin(_)) if section.starts_with("providers.") => Egress::Declared,
            _ => Egress::Listed(Vec::new()),
        };
        let value = source.map_or_else(String::new, |source| egress.describe(source));
        reader.explain(&place, value, &Provenance::Default);
        return egress;
    };
    if records.is_empty()
        && let Some(found) = reader.source.in_file(&place)
    {
        reader.explain(&place, NOTHING, &found.origin);
    }
    Egress::Listed(records.iter().filter_map(|record| rule(reader, record)).collect())
}

fn rule<'a>(reader: &mut ConfigReader<'a>, record: &RecordReader<'a>) -> Option<EgressRule> {
    let private = record.flag(reader, "private");
    let exact = record.flag(reader, "exact");
    let methods = record.texts(reader, "methods");
    let url = record.text(reader, "url")?;
    let methods = parse_methods(reader, record, &methods?);
    let parsed = parse_url(&url.text).map_err(url_defect).and_then(|(origin, prefix)| {
        address::check_host(&origin.host, private).map_err(address_defect)?;
        Ok((origin, prefix))
    });
    let (origin, prefix) = match parsed {
        Ok(parsed) => parsed,
        Err(defect) => {
            reader.fail(record.key_of("url"), &url.origin, defect);
            return None;
        }
    };
    let rule = EgressRule {
        grant: EgressGrant {
            origin,
            prefix,
            methods,
            private,
            exact,
        },
        origin: record.origin.clone(),
    };
    reader.explain(&record.key, rule.grant.describe(), &record.origin);
    Some(rule)
}

fn parse_methods<'a>(
    reader: &mut ConfigReader<'a>,
    record: &RecordReader<'a>,
    written: &[ListItem],
) -> BTreeSet<Method> {
    let names = Method::ALL.map(Method::as_str);
    if written.is_empty() {
        let hint = format!("Name some of {}.", suggest::list(&names));
        let origin = record.origin_of(reader, "methods");
        let defect = Defect::new(Code::BadValue, "names no method", hint);
        reader.fail(record.key_of("methods"), &origin, defect);
    }
    let mut methods = BTreeSet::new();
    for (index, item) in written.iter().enumerate() {
        if let Some(method) = Method::parse(&item.text) {
            methods.insert(method);
            continue;
        }
        let what = format!("is not an HTTP method: {}", crate::error::quoted(&item.text));
        let hint = suggest::did_you_mean(&item.text.to_uppercase(), &names);
        let defect = Defect::new(Code::BadValue, what, hint);
        reader.fail(format!("{}[{index}]", record.key_of("methods")), &item.origin, defect);
    }
    methods
}

/// Never quotes the value: it may hold a password.
pub(crate) fn url_defect(error: UrlError) -> Defect {
    match error {
        UrlError::Origin(OriginError::UserInfo) => Defect::new(
            Code::LiteralSecret,
            "has a user or password",
            "Remove it and use `credential`.",
        ),
        error => {
            let what = format!("cannot be used: {error}");
            Defect::new(Code::BadValue, what, "Write `https://host/path`.")
        }
    }
}

/// What connecting would refuse is refused here, by the same decision.
pub(crate) fn address_defect(refused: AddressRefused) -> Defect {
    match refused {
        AddressRefused::NotGranted { address, class } => {
            let what = format!(
                "names {address}, {}, which is refused without `private = true`",
                class.describe()
            );
            Defect::new(Code::Conflict, what, "Add `private = true` if you mean it.")
        }
        AddressRefused::Never { address, class } => {
            let what = format!("names {address}, {}, which is never connected to", class.describe());
            Defect::new(
                Code::BadValue,
                what,
                "Name the server of the vendor, or remove the rule.",
            )
        }
        // A host is judged by its own address here.
        AddressRefused::NotLoopback { .. } => {
            Defect::new(Code::BadValue, refused.to_string(), "Name the server of the vendor.")
        }
    }
}

/// What is wrong with the base URL of a provider to which it is granted by default. `credential` is the key of its
/// credential, where it has one.
pub(crate) fn base_url_defect(url: &str, credential: Option<&str>) -> Option<Defect> {
    let origin = match parse_url(url) {
        Ok((origin, _)) => origin,
        Err(error) => return Some(url_defect(error)),
    };
    // A host that is private by itself is meant: the operator wrote it.
    if let Err(refused) = address::check_host(&origin.host, address::needs_private(&origin.host)) {
        return Some(address_defect(refused));
    }
    let key = credential.filter(|_| !origin.may_carry_credential())?;
    let what = format!("is plain HTTP to {} while `{key}` is set", origin.host);
    Some(insecure(what))
}

/// A credential that would travel in the clear.
pub(crate) fn insecure(what: String) -> Defect {
    let hint = "Use `https://`; a credential travels in the clear only to loopback.";
    Defect::new(Code::Insecure, what, hint)
}
