//! Issuers whose keys are fetched where they publish them.

use std::path::PathBuf;

use loadlock_policy::address;
use loadlock_policy::credential::TokenUrl;

use crate::auth::speaks_for;
use crate::egress::{address_defect, url_defect};
use crate::error::{Code, Defect};
use crate::origin::Provenance;
use crate::read::{ConfigReader, RecordReader};

/// One of `auth.keys` with `jwks`.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct IssuerKeySet {
    /// Its key set (RFC 7517), or the document that names it (OpenID Connect Discovery).
    pub url: TokenUrl,
    /// Whether it may be on a private network.
    pub private: bool,
    /// Certificate authorities instead of the platform's.
    pub ca_file: Option<PathBuf>,
    /// Issuers that its keys may speak for.
    pub issuers: Vec<String>,
    /// Tenants that they may speak for; `*` is any.
    pub tenants: Vec<String>,
    /// Where it is configured.
    pub origin: Provenance,
    /// The full key, for messages.
    pub key: String,
}

/// Reads a record that has `jwks`.
pub(crate) fn key_set<'a>(
    reader: &mut ConfigReader<'a>,
    record: &RecordReader<'a>,
    others: &[IssuerKeySet],
) -> Option<IssuerKeySet> {
    for field in ["kid", "alg", "value"] {
        if record.has(field) {
            let origin = record.origin_of(reader, field);
            let defect = Defect::new(Code::Conflict, "has no meaning with `jwks`", "Remove one of the two.");
            reader.fail(record.key_of(field), &origin, defect);
        }
    }
    let private = record.flag(reader, "private");
    let ca_file = record.text(reader, "ca_file");
    let ca_file = ca_file.map(|written| reader.absolute(&written.text, &written.origin));
    let speaks_for = speaks_for(reader, record);
    let written = record.text(reader, "jwks")?;
    let url = match checked(&written.text, private) {
        Ok(url) if others.iter().any(|other| other.url == url) => {
            let what = format!("is {url} a second time");
            Err(Defect::new(
                Code::Conflict,
                what,
                "Name its issuers and tenants in one entry.",
            ))
        }
        checked => checked,
    };
    let url = match url {
        Ok(url) => url,
        Err(defect) => {
            reader.fail(record.key_of("jwks"), &written.origin, defect);
            return None;
        }
    };
    let (issuers, tenants) = speaks_for?;
    reader.explain(&record.key, format!("the keys at {url}"), &record.origin);
    Some(IssuerKeySet {
        url,
        private,
        ca_file,
        issuers,
        tenants,
        origin: record.origin.clone(),
        key: record.key.clone(),
    })
}

fn checked(written: &str, private: bool) -> Result<TokenUrl, Defect> {
    let url = TokenUrl::parse(written).map_err(url_defect)?;
    if !url.origin.may_carry_credential() {
        let what = format!(
            "is plain HTTP to {}: whoever is in between could add a key",
            url.origin.host
        );
        return Err(Defect::new(Code::Insecure, what, "Use `https://`."));
    }
    if !url.origin.host.is_loopback() {
        address::check_host(&url.origin.host, private).map_err(address_defect)?;
    }
    Ok(url)
}

/// Refuses what only has a meaning with `jwks`, in a record without it.
pub(crate) fn not_without<'a>(reader: &mut ConfigReader<'a>, record: &RecordReader<'a>) {
    for field in ["private", "ca_file"] {
        if record.has(field) {
            let origin = record.origin_of(reader, field);
            let defect = Defect::new(Code::Conflict, "has no meaning without `jwks`", "Remove it.");
            reader.fail(record.key_of(field), &origin, defect);
        }
    }
}
