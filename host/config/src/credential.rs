//! The headers that the host adds to a component's requests.

use std::fmt;

use crate::egress::{EgressGrant, Scheme};
use crate::error::{Code, Defect};
use crate::origin::Origin;
use crate::read::{Reader, Record};
use crate::suggest;
use crate::template::Template;

/// How a credential is presented.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CredentialKind {
    /// The template's value in this header (lower-case name).
    Header(String),
    /// A token signed with the GLM key that the template yields, in `authorization`.
    GlmSigned,
}

/// A header that the host adds to a component's requests.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Credential {
    /// How it is presented.
    pub kind: CredentialKind,
    /// Where the secret is found.
    pub value: Template,
    /// Where it is configured.
    pub origin: Origin,
    /// The full key, for messages.
    pub key: String,
}

impl Credential {
    /// The header's lower-case name.
    pub fn header(&self) -> &str {
        match &self.kind {
            CredentialKind::Header(name) => name,
            CredentialKind::GlmSigned => "authorization",
        }
    }
}

impl fmt::Display for Credential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mode = match self.kind {
            CredentialKind::Header(_) => "",
            CredentialKind::GlmSigned => " (signed token)",
        };
        write!(f, "{}: {}{mode}", self.header(), self.value)
    }
}

const KINDS: [&str; 2] = ["header", "glm-signed"];
/// Headers that frame the message or name the host: the transport's own.
const RESERVED_HEADERS: [&str; 9] = [
    "host",
    "content-length",
    "content-type",
    "transfer-encoding",
    "connection",
    "keep-alive",
    "upgrade",
    "te",
    "trailer",
];

/// Reads `<section>.credential`.
pub(crate) fn credentials(reader: &mut Reader<'_>, section: &str, egress: &[EgressGrant]) -> Vec<Credential> {
    let place = format!("{section}.credential");
    let Some(records) = reader.records(&place) else {
        reader.explain_default(&place);
        return Vec::new();
    };
    let mut credentials: Vec<Credential> = Vec::new();
    for record in &records {
        let Some(credential) = credential(reader, record) else {
            continue;
        };
        if credentials.iter().any(|other| other.header() == credential.header()) {
            let what = format!("sets the header `{}` a second time", credential.header());
            let defect = Defect::new(Code::Conflict, what, "Remove one.");
            reader.fail(&record.key, &record.origin, defect);
        }
        reader.explain(&record.key, credential.to_string(), &record.origin);
        credentials.push(credential);
    }
    let open = egress
        .iter()
        .filter(|grant| grant.scheme == Scheme::Http && !grant.is_loopback());
    if let Some(first) = credentials.first() {
        for grant in open {
            let what = format!("allows plain HTTP to {} while `{}` is set", grant.host, first.key);
            let hint = "Use `https://`; a credential travels in the clear only to loopback.";
            let defect = Defect::new(Code::Insecure, what, hint);
            reader.fail(format!("{section}.egress"), &grant.origin, defect);
        }
    }
    credentials
}

fn credential<'a>(reader: &mut Reader<'a>, record: &Record<'a>) -> Option<Credential> {
    let value = secret(reader, record);
    let header = record.text(reader, "header");
    let kind = record.text(reader, "kind");
    let kind = match kind.as_ref().map_or("header", |kind| kind.text.as_str()) {
        "glm-signed" => {
            if let Some(header) = &header {
                let what = "has no meaning with `kind = \"glm-signed\"`";
                let defect = Defect::new(Code::Conflict, what, "Remove it: the header is `Authorization`.");
                reader.fail(record.key_of("header"), &header.origin, defect);
            }
            CredentialKind::GlmSigned
        }
        "header" => {
            let Some(header) = header else {
                let hint = "Name the header, for example `header = \"Authorization\"`.";
                let defect = Defect::new(Code::Missing, "is missing", hint);
                reader.fail(record.key_of("header"), &record.origin, defect);
                return None;
            };
            let name = header.text.to_ascii_lowercase();
            let token = name
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b));
            if !token || RESERVED_HEADERS.contains(&name.as_str()) {
                let what = "is not a header that may be set";
                let hint = "Name the header that carries the credential, such as `Authorization`.";
                reader.fail(
                    record.key_of("header"),
                    &header.origin,
                    Defect::new(Code::BadValue, what, hint),
                );
                return None;
            }
            CredentialKind::Header(name)
        }
        other => {
            let what = format!("cannot be {}", crate::error::quoted(other));
            let hint = suggest::did_you_mean(other, &KINDS);
            let origin = kind.map_or_else(|| record.origin.clone(), |kind| kind.origin);
            reader.fail(record.key_of("kind"), &origin, Defect::new(Code::BadValue, what, hint));
            return None;
        }
    };
    Some(Credential {
        kind,
        value: value?,
        origin: record.origin.clone(),
        key: record.key.clone(),
    })
}

/// Reads a record's `value`, a template.
pub(crate) fn secret<'a>(reader: &mut Reader<'a>, record: &Record<'a>) -> Option<Template> {
    let value = record.text(reader, "value")?;
    let parsed = Template::parse(&value.text, |path| reader.absolute(path, &value.origin));
    match parsed {
        Ok(template) => Some(template),
        Err(defect) => {
            reader.fail(record.key_of("value"), &value.origin, defect);
            None
        }
    }
}
