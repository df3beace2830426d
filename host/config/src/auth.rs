//! Who may ask.

use std::time::Duration;

use loadlock_policy::credential::Template;
use loadlock_policy::model::{Role, SignatureAlgorithm};

use crate::component::{ComponentRef, component};
use crate::credential::{needed, secret};
use crate::error::{Code, Defect, quoted};
use crate::issuer::{self, IssuerKeySet};
use crate::origin::Provenance;
use crate::read::{ConfigReader, ListItem, RecordReader};
use crate::suggest;
use crate::values::{UnixTime, parse_sha256};

/// `[auth]`.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct AuthSection {
    /// The component.
    pub component: ComponentRef,
    /// A token's `aud` must hold one.
    pub audiences: Vec<String>,
    /// How far clocks may differ; whole seconds.
    pub leeway: Duration,
    /// Keys besides Loadlock's own.
    pub keys: Vec<AuthKey>,
    /// Issuers whose keys are fetched.
    pub key_sets: Vec<IssuerKeySet>,
    /// Credentials from before tokens.
    pub legacy: Vec<Legacy>,
    /// When those end. `None`: they are refused.
    pub legacy_until: Option<UnixTime>,
    /// Token ids that are no longer good.
    pub revoked: Vec<String>,
}

/// One of `auth.keys`.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct AuthKey {
    /// A token's `kid`.
    pub kid: String,
    /// The only algorithm it verifies.
    pub algorithm: SignatureAlgorithm,
    /// Where the secret or the public key is found: one reference and nothing else.
    pub value: Template,
    /// Issuers that it may speak for.
    pub issuers: Vec<String>,
    /// Tenants that it may speak for; `*` is any.
    pub tenants: Vec<String>,
    /// Where it is configured.
    pub origin: Provenance,
    /// The full key, for messages.
    pub key: String,
}

/// One of `auth.legacy`.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Legacy {
    /// SHA-256 of the credential.
    pub sha256: [u8; 32],
    /// Who presents it.
    pub subject: String,
    /// Whose data it reaches.
    pub tenant: String,
    /// Of [`SCOPES`].
    pub scopes: Vec<String>,
}

/// What a principal may be allowed to do.
pub const SCOPES: [&str; 4] = ["read", "write", "delete", "admin"];

/// Reads `[auth]`.
pub(crate) fn auth(reader: &mut ConfigReader<'_>) -> Option<AuthSection> {
    let component = component(reader, "auth", Role::Auth, "auth", &Provenance::Default);
    let audiences: Vec<ListItem> = reader.get("auth.audiences");
    reader.unique(&audiences, "auth.audiences");
    let leeway = leeway(reader);
    let (keys, key_sets) = keys(reader);
    let legacy = legacy(reader);
    let legacy_until = reader.optional::<UnixTime>("auth.legacy_until").map(|(until, _)| until);
    if !legacy.is_empty()
        && reader.source.find("auth.legacy_until").is_none()
        && let Some(found) = reader.source.find("auth.legacy")
    {
        let what = "is set, but `auth.legacy_until` is not, so all of it is refused";
        let hint = "Set `auth.legacy_until` to the date on which they end, or remove them.";
        reader.fail("auth.legacy", &found.origin, Defect::new(Code::Conflict, what, hint));
    }
    let revoked = reader.optional::<Vec<ListItem>>("auth.revoked");
    let revoked = revoked.map(|(items, _)| items).unwrap_or_default();
    Some(AuthSection {
        component: component?,
        audiences: texts(audiences),
        leeway,
        keys,
        key_sets,
        legacy,
        legacy_until,
        revoked: texts(revoked),
    })
}

pub(crate) fn texts(items: Vec<ListItem>) -> Vec<String> {
    items.into_iter().map(|item| item.text).collect()
}

fn leeway(reader: &mut ConfigReader<'_>) -> Duration {
    let leeway: Duration = reader.get("auth.leeway");
    if leeway.subsec_millis() != 0
        && let Some(found) = reader.source.find("auth.leeway")
    {
        let defect = Defect::new(Code::BadValue, "must be whole seconds", "Write for example \"60s\".");
        reader.fail("auth.leeway", &found.origin, defect);
    }
    leeway
}

fn keys(reader: &mut ConfigReader<'_>) -> (Vec<AuthKey>, Vec<IssuerKeySet>) {
    let mut keys: Vec<AuthKey> = Vec::new();
    let mut key_sets: Vec<IssuerKeySet> = Vec::new();
    let records = reader.records("auth.keys").unwrap_or_default();
    if records.is_empty() {
        reader.explain_default("auth.keys");
    }
    for record in &records {
        if record.has("jwks") {
            key_sets.extend(issuer::key_set(reader, record, &key_sets));
            continue;
        }
        let Some(key) = key(reader, record) else {
            continue;
        };
        if keys.iter().any(|other| other.kid == key.kid) {
            let what = format!("is {} a second time", quoted(&key.kid));
            let defect = Defect::new(Code::Conflict, what, "Give each key a `kid` of its own.");
            let origin = record.origin_of(reader, "kid");
            reader.fail(record.key_of("kid"), &origin, defect);
        }
        let shown = format!("{} {} {}", key.kid, key.algorithm, key.value);
        reader.explain(&record.key, shown, &record.origin);
        keys.push(key);
    }
    (keys, key_sets)
}

fn key<'a>(reader: &mut ConfigReader<'a>, record: &RecordReader<'a>) -> Option<AuthKey> {
    const HINT: &str = "Name a key with `kid`, `alg` and `value`, or with `jwks` where an issuer publishes its keys.";
    issuer::not_without(reader, record);
    let kid = needed(reader, record, "kid", HINT);
    let value = needed(reader, record, "value", HINT).and_then(|_| secret(reader, record));
    let speaks_for = speaks_for(reader, record);
    let written = needed(reader, record, "alg", HINT)?;
    let Some(algorithm) = SignatureAlgorithm::parse(&written.text) else {
        let names = SignatureAlgorithm::ALL.map(SignatureAlgorithm::as_str);
        let what = format!("cannot be {}", quoted(&written.text));
        let hint = suggest::did_you_mean(&written.text, &names);
        reader.fail(
            record.key_of("alg"),
            &written.origin,
            Defect::new(Code::BadValue, what, hint),
        );
        return None;
    };
    let value = value?;
    if !value.is_single() {
        let what = "must be one reference and nothing else";
        let hint = "Write `${env:NAME}` or `${file:PATH}`.";
        reader.fail(
            record.key_of("value"),
            &record.origin_of(reader, "value"),
            Defect::new(Code::BadValue, what, hint),
        );
    }
    let (issuers, tenants) = speaks_for?;
    Some(AuthKey {
        kid: kid?.text,
        algorithm,
        value,
        issuers,
        tenants,
        origin: record.origin.clone(),
        key: record.key.clone(),
    })
}

/// Issuers and tenants of a record.
pub(crate) fn speaks_for<'a>(
    reader: &mut ConfigReader<'a>,
    record: &RecordReader<'a>,
) -> Option<(Vec<String>, Vec<String>)> {
    let issuers = record.texts(reader, "issuers");
    let tenants = record.texts(reader, "tenants");
    let (issuers, tenants) = (issuers?, tenants?);
    for (name, items) in [("issuers", &issuers), ("tenants", &tenants)] {
        if items.is_empty() {
            let what = "is empty, so no token of the key is accepted";
            let defect = Defect::new(Code::BadValue, what, "Name at least one, or remove the key.");
            let origin = record.origin_of(reader, name);
            reader.fail(record.key_of(name), &origin, defect);
        }
    }
    Some((texts(issuers), texts(tenants)))
}

fn legacy(reader: &mut ConfigReader<'_>) -> Vec<Legacy> {
    let records = reader.records("auth.legacy").unwrap_or_default();
    if records.is_empty() {
        reader.explain_default("auth.legacy");
    }
    records.iter().filter_map(|record| one_legacy(reader, record)).collect()
}

fn one_legacy<'a>(reader: &mut ConfigReader<'a>, record: &RecordReader<'a>) -> Option<Legacy> {
    let subject = record.text(reader, "subject");
    let tenant = record.text(reader, "tenant");
    let scopes = record.texts(reader, "scopes");
    let written = record.text(reader, "sha256");
    for (index, scope) in scopes.iter().flatten().enumerate() {
        if !SCOPES.contains(&scope.text.as_str()) {
            let what = format!("cannot be {}", quoted(&scope.text));
            let hint = suggest::did_you_mean(&scope.text, &SCOPES);
            let key = format!("{}[{index}]", record.key_of("scopes"));
            reader.fail(key, &scope.origin, Defect::new(Code::BadValue, what, hint));
        }
    }
    let written = written?;
    let Some(sha256) = parse_sha256(&written.text) else {
        // Not quoted: somebody may have written the credential itself.
        let what = "is not a SHA-256";
        let hint = "Write the 64 hexadecimal digits of the credential's SHA-256.";
        let defect = Defect::new(Code::BadValue, what, hint);
        reader.fail(record.key_of("sha256"), &written.origin, defect);
        return None;
    };
    let (subject, tenant) = (subject?.text, tenant?.text);
    reader.explain(&record.key, format!("{subject} of {tenant}"), &record.origin);
    Some(Legacy {
        sha256,
        subject,
        tenant,
        scopes: texts(scopes?),
    })
}
