//! What a component may reach.

use std::fmt;
use std::net::IpAddr;

use crate::error::{Code, Defect};
use crate::origin::Origin;
use crate::read::{Reader, Record};
use crate::suggest;
use crate::url::{is_private, parse_url};

/// URL schemes that a grant may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Scheme {
    /// Plain; never carries a credential except to loopback.
    Http,
    /// TLS.
    Https,
}

impl Scheme {
    /// `http` or `https`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Https => "https",
        }
    }

    pub(crate) const fn default_port(self) -> u16 {
        match self {
            Self::Http => 80,
            Self::Https => 443,
        }
    }
}

/// One rule of `egress`: requests that the operator allows.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct EgressGrant {
    /// The only scheme.
    pub scheme: Scheme,
    /// Lower-case name, or an address; IPv6 without brackets.
    pub host: String,
    /// The only port.
    pub port: u16,
    /// Starts with `/`, has no trailing `/` unless it is `/` alone. A path must equal it or continue it after a `/`.
    pub path_prefix: String,
    /// Upper case, at least one.
    pub methods: Vec<String>,
    /// Whether private and loopback addresses are allowed.
    pub private: bool,
    /// Where the rule stands.
    pub origin: Origin,
}

impl EgressGrant {
    /// Whether the host is this machine, by its spelling.
    pub fn is_loopback(&self) -> bool {
        // Names below `localhost` are this machine too (RFC 6761, 6.3), as the egress policy has it.
        self.host == "localhost"
            || self.host.ends_with(".localhost")
            || self.host.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
    }
}

impl fmt::Display for EgressGrant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let methods = self.methods.join(", ");
        write!(f, "{methods} {}://", self.scheme.as_str())?;
        if self.host.contains(':') {
            write!(f, "[{}]", self.host)?;
        } else {
            f.write_str(&self.host)?;
        }
        if self.port != self.scheme.default_port() {
            write!(f, ":{}", self.port)?;
        }
        f.write_str(&self.path_prefix)?;
        if self.private {
            f.write_str(" (private)")
        } else {
            Ok(())
        }
    }
}

const METHODS: [&str; 7] = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"];

/// Reads `<section>.egress`.
pub(crate) fn grants(reader: &mut Reader<'_>, section: &str) -> Vec<EgressGrant> {
    let place = format!("{section}.egress");
    let Some(records) = reader.records(&place) else {
        reader.explain_default(&place);
        return Vec::new();
    };
    let grants: Vec<_> = records.iter().filter_map(|record| grant(reader, record)).collect();
    if records.is_empty() {
        reader.explain_default(&place);
    }
    grants
}

fn grant<'a>(reader: &mut Reader<'a>, record: &Record<'a>) -> Option<EgressGrant> {
    let private = record.flag(reader, "private");
    let methods = record.texts(reader, "methods");
    let url = record.text(reader, "url")?;
    let methods = methods?;
    if methods.is_empty() {
        let hint = format!("Name some of {}.", suggest::list(&METHODS));
        let defect = Defect::new(Code::BadValue, "names no method", hint);
        let origin = record.origin_of(reader, "methods");
        reader.fail(record.key_of("methods"), &origin, defect);
    }
    for (index, method) in methods.iter().enumerate() {
        if !METHODS.contains(&method.text.as_str()) {
            let what = format!("is not an HTTP method: {}", crate::error::quoted(&method.text));
            let hint = suggest::did_you_mean(&method.text.to_uppercase(), &METHODS);
            let defect = Defect::new(Code::BadValue, what, hint);
            reader.fail(format!("{}[{index}]", record.key_of("methods")), &method.origin, defect);
        }
    }
    let parsed = parse_url(&url.text).and_then(|parsed| {
        let local = parsed.host.parse().is_ok_and(is_private) || parsed.host == "localhost";
        if local && !private {
            let what = "names a private address, which is refused without `private = true`";
            return Err(Defect::new(
                Code::Conflict,
                what,
                "Add `private = true` if you mean it.",
            ));
        }
        Ok(parsed)
    });
    match parsed {
        Ok(url) => {
            let grant = EgressGrant {
                scheme: url.scheme,
                host: url.host,
                port: url.port,
                path_prefix: url.path,
                methods: methods.into_iter().map(|method| method.text).collect(),
                private,
                origin: record.origin.clone(),
            };
            reader.explain(&record.key, grant.to_string(), &record.origin);
            Some(grant)
        }
        Err(defect) => {
            reader.fail(record.key_of("url"), &url.origin, defect);
            None
        }
    }
}
