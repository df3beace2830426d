//! The credentials that the host adds to a component's requests.

use std::path::PathBuf;

use loadlock_policy::credential::{
    AwsSigning, AwsSource, CredentialKind, CredentialMode, OauthGrant, OauthToken, Template, TemplateError, TokenUrl,
};

use crate::egress::{insecure, url_defect};
use crate::error::{Code, Defect, quoted};
use crate::origin::Provenance;
use crate::read::{ConfigReader, ListItem, RecordReader};
use crate::settings::CREDENTIAL;
use crate::suggest;

/// A credential that the host adds to a component's requests.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct CredentialSetting {
    /// What it is and where its secrets are found.
    pub kind: CredentialKind,
    /// Where it is configured.
    pub origin: Provenance,
    /// The full key, for messages.
    pub key: String,
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
        if credentials
            .iter()
            .any(|other| other.kind.header() == credential.kind.header())
        {
            let what = format!("sets the header `{}` a second time", credential.kind.header());
            let defect = Defect::new(Code::Conflict, what, "Remove one.");
            reader.fail(&record.key, &record.origin, defect);
        }
        reader.explain(&record.key, credential.kind.to_string(), &record.origin);
        credentials.push(credential);
    }
    credentials
}

fn credential<'a>(reader: &mut ConfigReader<'a>, record: &RecordReader<'a>) -> Option<CredentialSetting> {
    let kind = match record.text(reader, "kind") {
        None => header_kind(reader, record, CredentialMode::Plain),
        Some(written) => match written.text.as_str() {
            "header" => header_kind(reader, record, CredentialMode::Plain),
            "glm-signed" => header_kind(reader, record, CredentialMode::GlmSigned),
            "aws-sigv4" => aws(reader, record),
            "oauth-token" => oauth(reader, record),
            other => {
                let what = format!("cannot be {}", quoted(other));
                let hint = suggest::did_you_mean(other, &CredentialKind::WORDS);
                let defect = Defect::new(Code::BadValue, what, hint);
                reader.fail(record.key_of("kind"), &written.origin, defect);
                None
            }
        },
    };
    Some(CredentialSetting {
        kind: kind?,
        origin: record.origin.clone(),
        key: record.key.clone(),
    })
}

/// Refuses the fields of other kinds.
fn only<'a>(reader: &mut ConfigReader<'a>, record: &RecordReader<'a>, what: &str, fields: &[&str]) {
    for field in CREDENTIAL.iter().map(|field| field.name) {
        if field != "kind" && !fields.contains(&field) && record.has(field) {
            let origin = record.origin_of(reader, field);
            let defect = Defect::new(Code::Conflict, format!("has no meaning with {what}"), "Remove it.");
            reader.fail(record.key_of(field), &origin, defect);
        }
    }
}

/// A text that must be there.
pub(crate) fn needed<'a>(
    reader: &mut ConfigReader<'a>,
    record: &RecordReader<'a>,
    field: &'static str,
    hint: &str,
) -> Option<ListItem> {
    if !record.has(field) {
        let defect = Defect::new(Code::Missing, "is missing", hint);
        reader.fail(record.key_of(field), &record.origin, defect);
        return None;
    }
    record.text(reader, field)
}

const REFERENCE: &str = "Write `${env:NAME}` or `${file:PATH}`.";

fn header_kind<'a>(
    reader: &mut ConfigReader<'a>,
    record: &RecordReader<'a>,
    mode: CredentialMode,
) -> Option<CredentialKind> {
    let what = format!("`kind = \"{}\"`", mode.as_str());
    match mode {
        CredentialMode::Plain => only(reader, record, &what, &["header", "value"]),
        CredentialMode::GlmSigned => only(reader, record, &what, &["value"]),
    }
    let value = needed(reader, record, "value", REFERENCE).and_then(|_| secret(reader, record));
    Some(match mode {
        CredentialMode::Plain => CredentialKind::Header {
            name: header(reader, record)?,
            value: value?,
            mode,
        },
        CredentialMode::GlmSigned => CredentialKind::Header {
            name: "authorization".to_owned(),
            value: value?.as_bearer(),
            mode,
        },
    })
}

fn aws<'a>(reader: &mut ConfigReader<'a>, record: &RecordReader<'a>) -> Option<CredentialKind> {
    let region = needed(
        reader,
        record,
        "region",
        "Name the store's region; Cloudflare R2 wants `auto`.",
    );
    let region = region.and_then(|region| word(reader, record, "region", region));
    let service = match record.text(reader, "service") {
        Some(service) => word(reader, record, "service", service)?,
        None => "s3".to_owned(),
    };
    let source = aws_source(reader, record);
    Some(CredentialKind::AwsSigV4(AwsSigning {
        region: region?,
        service,
        source: source?,
    }))
}

/// A part of the signature's scope.
fn word<'a>(
    reader: &mut ConfigReader<'a>,
    record: &RecordReader<'a>,
    field: &str,
    written: ListItem,
) -> Option<String> {
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-' || byte == b'_';
    if written.text.len() <= 64 && written.text.bytes().all(plain) {
        return Some(written.text);
    }
    let what = format!("cannot be {}", quoted(&written.text));
    let defect = Defect::new(Code::BadValue, what, "Use up to 64 of a-z, 0-9, `-` and `_`.");
    reader.fail(record.key_of(field), &written.origin, defect);
    None
}

fn aws_source<'a>(reader: &mut ConfigReader<'a>, record: &RecordReader<'a>) -> Option<AwsSource> {
    const COMMON: [&str; 3] = ["region", "service", "source"];
    let variable = |reader: &ConfigReader<'_>, name: &str| reader.source.env.get(name).cloned();
    let file = |reader: &mut ConfigReader<'a>, name: &str| match record.text(reader, "file") {
        Some(written) => Some(reader.absolute(&written.text, &written.origin)),
        None => variable(reader, name).map(PathBuf::from),
    };
    let with = |more: &[&'static str]| COMMON.iter().chain(more).copied().collect::<Vec<_>>();
    let Some(source) = record.text(reader, "source") else {
        only(
            reader,
            record,
            "keys by reference",
            &with(&["key_id", "value", "session_token"]),
        );
        let hint = "Write `${env:NAME}` or `${file:PATH}`, or name a `source`.";
        let key_id = needed(reader, record, "key_id", hint).and_then(|_| reference(reader, record, "key_id"));
        let secret = needed(reader, record, "value", hint).and_then(|_| reference(reader, record, "value"));
        let session_token = match record.has("session_token") {
            true => Some(reference(reader, record, "session_token")?),
            false => None,
        };
        return Some(AwsSource::Keys {
            key_id: key_id?,
            secret: secret?,
            session_token,
        });
    };
    let what = format!("`source = \"{}\"`", source.text);
    match source.text.as_str() {
        "profile" => {
            only(reader, record, &what, &with(&["profile", "file"]));
            let name = record.text(reader, "profile").map(|written| written.text);
            let home = || variable(reader, "HOME").map(|home| PathBuf::from(home).join(".aws/credentials"));
            let home = home();
            Some(AwsSource::Profile {
                name: name.unwrap_or_else(|| "default".to_owned()),
                file: file(reader, "AWS_SHARED_CREDENTIALS_FILE").or(home),
            })
        }
        "web-identity" => {
            only(reader, record, &what, &with(&["role", "file"]));
            let role = record.text(reader, "role").map(|written| written.text);
            Some(AwsSource::WebIdentity {
                role: role.or_else(|| variable(reader, "AWS_ROLE_ARN")),
                file: file(reader, "AWS_WEB_IDENTITY_TOKEN_FILE"),
            })
        }
        "container" => {
            only(reader, record, &what, &with(&[]));
            let file = variable(reader, "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE");
            Some(AwsSource::Container {
                file: file.map(PathBuf::from),
            })
        }
        "instance" => {
            only(reader, record, &what, &with(&[]));
            Some(AwsSource::Instance)
        }
        other => {
            let what = format!("cannot be {}", quoted(other));
            let hint = suggest::did_you_mean(other, &AwsSource::WORDS);
            reader.fail(
                record.key_of("source"),
                &source.origin,
                Defect::new(Code::BadValue, what, hint),
            );
            None
        }
    }
}

fn oauth<'a>(reader: &mut ConfigReader<'a>, record: &RecordReader<'a>) -> Option<CredentialKind> {
    const WHAT: &str = "`kind = \"oauth-token\"`";
    only(reader, record, WHAT, &["url", "client_id", "value", "scope", "private"]);
    let private = record.flag(reader, "private");
    let scope = record.text(reader, "scope").map(|written| written.text);
    let secret = needed(reader, record, "value", REFERENCE).and_then(|_| reference(reader, record, "value"));
    // Without an address it is a document that names its own.
    let grant = if record.has("url") || record.has("client_id") {
        let hint = "Name the token endpoint, for example `url = \"https://login.example/oauth2/token\"`.";
        let url = needed(reader, record, "url", hint).and_then(|written| token_url(reader, record, &written));
        let hint = "Name the client that the secret belongs to.";
        let client_id = needed(reader, record, "client_id", hint);
        OauthGrant::ClientCredentials {
            url: url?,
            client_id: client_id?.text,
            secret: secret?,
        }
    } else {
        OauthGrant::ServiceAccount { key: secret? }
    };
    Some(CredentialKind::OauthToken(OauthToken { grant, scope, private }))
}

fn token_url<'a>(reader: &mut ConfigReader<'a>, record: &RecordReader<'a>, written: &ListItem) -> Option<TokenUrl> {
    let url = match TokenUrl::parse(&written.text) {
        Ok(url) => url,
        Err(error) => {
            reader.fail(record.key_of("url"), &written.origin, url_defect(error));
            return None;
        }
    };
    if url.origin.may_carry_credential() {
        return Some(url);
    }
    let defect = insecure(format!("is plain HTTP to {} and takes a secret", url.origin.host));
    reader.fail(record.key_of("url"), &written.origin, defect);
    None
}

/// One reference and nothing around it.
fn reference<'a>(reader: &mut ConfigReader<'a>, record: &RecordReader<'a>, field: &'static str) -> Option<Template> {
    let template = template(reader, record, field)?;
    if template.is_single() {
        return Some(template);
    }
    let origin = record.origin_of(reader, field);
    let defect = Defect::new(Code::BadValue, "has text around the reference", REFERENCE);
    reader.fail(record.key_of(field), &origin, defect);
    None
}

/// The header's lower-case name.
fn header<'a>(reader: &mut ConfigReader<'a>, record: &RecordReader<'a>) -> Option<String> {
    let written = record.text(reader, "header");
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
    template(reader, record, "value")
}

/// Reads a field that is a template.
pub(crate) fn template<'a>(
    reader: &mut ConfigReader<'a>,
    record: &RecordReader<'a>,
    field: &'static str,
) -> Option<Template> {
    let value = record.text(reader, field)?;
    let parsed = Template::parse(&value.text, |path| reader.absolute(path, &value.origin));
    match parsed {
        Ok(template) => Some(template),
        Err(error) => {
            reader.fail(record.key_of(field), &value.origin, template_defect(error));
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
