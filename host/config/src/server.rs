//! `[server]`: how the network front doors are reached.

use std::path::PathBuf;

use crate::error::{Code, Defect};
use crate::read::ConfigReader;

/// `[server]`.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ServerSection {
    /// Without it plain HTTP is spoken.
    pub tls: Option<TlsPaths>,
}

/// `server.tls`.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct TlsPaths {
    /// PEM: the certificate, then the ones that lead to its authority.
    pub certificate: PathBuf,
    /// PEM: the private key.
    pub key: PathBuf,
}

impl ServerSection {
    pub(crate) fn read(reader: &mut ConfigReader<'_>) -> Self {
        Self { tls: tls(reader) }
    }
}

fn tls(reader: &mut ConfigReader<'_>) -> Option<TlsPaths> {
    let Some(records) = reader.records("server.tls") else {
        reader.explain_default("server.tls");
        return None;
    };
    if let [_, second, ..] = records.as_slice() {
        let defect = Defect::new(
            Code::Conflict,
            "is a second certificate",
            "One server has one: put all its names into it.",
        );
        reader.fail(second.key.clone(), &second.origin, defect);
    }
    let record = records.first()?;
    let certificate = record.text(reader, "certificate")?;
    let key = record.text(reader, "key")?;
    let place = record.key_of("certificate");
    let certificate = reader.existing_file(&place, &certificate.text, &certificate.origin);
    let key = reader.existing_file(&record.key_of("key"), &key.text, &key.origin);
    reader.explain(&record.key, "a certificate and its key", &record.origin);
    Some(TlsPaths {
        certificate: certificate?,
        key: key?,
    })
}
