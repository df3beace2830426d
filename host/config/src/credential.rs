//! The headers that the host adds to a component's requests.

use std::fmt;

use loadlock_policy::credential::{CredentialMode, Template, TemplateError};

use crate::error::{Code, Defect};
use crate::origin::Provenance;
use crate::read::{ConfigReader, RecordReader};
use crate::suggest;

/// A header that the host adds to a component's requests.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct CredentialSetting {
    /// The header's name, lower case; `authorization` for a signed token.
    pub header: String,
    /// What the secret stands for.
    pub mode: CredentialMode,
    /// Where the secret is found. A signed token is a bearer token.
    pub value: Template,
    /// Where it is configured.
    pub origin: Provenance,
    /// The full key, for messages.
    pub key: String,
}

impl fmt::Display for CredentialSetting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mode = match self.mode {
            CredentialMode::Plain => "",
            CredentialMode::GlmSigned => " (signed token)",
        };
        write!(f, "{}: {}{mode}", self.header, self.value)
    }
}

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
pub(crate) fn credentials(reader: &mut ConfigReader<'_>, section: &str) -> Vec<CredentialSetting> {
    let place = format!("{section}.credential");
    let Some(records) = reader.records(&place) else {
        reader.explain_default(&place);
        return Vec::new();
    };
    let mut credentials: Vec<CredentialSetting> = Vec::new();
    for record in &records {
        let Some(credential) = credential(reader, record) else {
            continue;
        };
        if credentials.iter().any(|other| other.header == credential.header) {
            let what = format!("sets the header `{}` a second time", credential.header);
            let defect = Defect::new(Code::Conflict, what, "Remove one.");
            reader.fail(&record.key, &record.origin, defect);
        }
        reader.explain(&record.key, credential.to_string(), &record.origin);
        credentials.push(credential);
    }
    credentials
}

fn credential<'a>(reader: &mut ConfigReader<'a>, record: &RecordReader<'a>) -> Option<CredentialSetting> {
    let value = secret(reader, record);
    let mode = mode(reader, record)?;
    let header = header(reader, record, mode)?;
    let value = match mode {
        CredentialMode::Plain => value?,
        CredentialMode::GlmSigned => value?.as_bearer(),
    };
    Some(CredentialSetting {
        header,
        mode,
        value,
        origin: record.origin.clone(),
        key: record.key.clone(),
    })
}

fn mode<'a>(reader: &mut ConfigReader<'a>, record: &RecordReader<'a>) -> Option<CredentialMode> {
    let Some(written) = record.text(reader, "kind") else {
        return Some(CredentialMode::Plain);
    };
    let mode = CredentialMode::parse(&written.text);
    if mode.is_none() {
        let what = format!("cannot be {}", crate::error::quoted(&written.text));
        let hint = suggest::did_you_mean(&written.text, &CredentialMode::ALL.map(CredentialMode::as_str));
        let defect = Defect::new(Code::BadValue, what, hint);
        reader.fail(record.key_of("kind"), &written.origin, defect);
    }
    mode
}

/// The header's lower-case name.
fn header<'a>(reader: &mut ConfigReader<'a>, record: &RecordReader<'a>, mode: CredentialMode) -> Option<String> {
    let written = record.text(reader, "header");
    if mode == CredentialMode::GlmSigned {
        if let Some(header) = &written {
            let what = "has no meaning with `kind = \"glm-signed\"`";
            let defect = Defect::new(Code::Conflict, what, "Remove it: the header is `Authorization`.");
            reader.fail(record.key_of("header"), &header.origin, defect);
        }
        return Some("authorization".to_owned());
    }
    let Some(header) = written else {
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
        let defect = Defect::new(Code::BadValue, what, hint);
        reader.fail(record.key_of("header"), &header.origin, defect);
        return None;
    }
    Some(name)
}

/// Reads a record's `value`, a template.
pub(crate) fn secret<'a>(reader: &mut ConfigReader<'a>, record: &RecordReader<'a>) -> Option<Template> {
    let value = record.text(reader, "value")?;
    let parsed = Template::parse(&value.text, |path| reader.absolute(path, &value.origin));
    match parsed {
        Ok(template) => Some(template),
        Err(error) => {
            reader.fail(record.key_of("value"), &value.origin, template_defect(error));
            None
        }
    }
}

/// Never quotes the value: it may be the secret.
fn template_defect(error: TemplateError) -> Defect {
    let (code, hint) = match error {
        TemplateError::Literal => (
            Code::LiteralSecret,
            "Put the secret into a variable or a file and write `${env:NAME}` or `${file:PATH}`; only a word such as \
             `Bearer ` may surround it.",
        ),
        TemplateError::Unclosed | TemplateError::Unknown | TemplateError::Relative => {
            (Code::BadValue, "Write `${env:NAME}` or `${file:PATH}`.")
        }
    };
    Defect::new(code, error.to_string(), hint)
}
