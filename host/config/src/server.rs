//! `[server]`: how the network front doors are reached.

use std::path::PathBuf;
use std::time::Duration;

use crate::error::{Code, Defect};
use crate::read::Reader;

/// `[server]`.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Server {
    /// Without it plain HTTP is spoken.
    pub tls: Option<TlsFiles>,
    /// How long it serves on, not ready any more, after it was told to end.
    pub drain: Duration,
}

/// `server.tls`.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct TlsFiles {
    /// PEM: the certificate, then the ones that lead to its authority.
    pub certificate: PathBuf,
    /// PEM: the private key.
    pub key: PathBuf,
}

impl Server {
    pub(crate) fn read(reader: &mut Reader<'_>) -> Self {
        Self {
            tls: tls(reader),
            drain: reader.get("server.drain"),
        }
    }
}

fn tls(reader: &mut Reader<'_>) -> Option<TlsFiles> {
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
    Some(TlsFiles {
        certificate: certificate?,
        key: key?,
    })
}
