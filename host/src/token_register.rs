//! The tokens that this installation issued, for `loadlock token ls`: `keys/issued.jsonl`, one object a line, without
//! the tokens themselves. Nothing is decided by it.

use std::fs::{File, OpenOptions};
use std::io::{BufRead, BufReader, ErrorKind, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use loadlock_gateway::{Error, ErrorCode, Result};
use serde::{Deserialize, Serialize};

use crate::local::{IssuedToken, TokenRequest};

const NAME: &str = "issued.jsonl";
/// Longest list that is read; the newest are at its end.
const MOST_BYTES: u64 = 64 << 20;

/// A token that was issued: what it says, without the token.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ListedToken {
    /// Its id, by which it is revoked.
    pub id: String,
    /// Who it speaks for.
    pub subject: String,
    /// Whose data it reaches.
    pub tenant: String,
    /// `read`, `write`, `delete`, `admin`.
    pub scopes: Vec<String>,
    /// Whom it is meant for.
    pub audience: String,
    /// Seconds since 1970.
    pub issued_at: u64,
    /// Seconds since 1970.
    pub expires_at: u64,
}

impl ListedToken {
    pub(crate) fn of(issued: &IssuedToken, request: &TokenRequest) -> Self {
        Self {
            id: issued.id.clone(),
            subject: request.subject.clone(),
            tenant: request.tenant.clone(),
            scopes: request.scopes.clone(),
            audience: request.audience.clone(),
            issued_at: issued.issued_at,
            expires_at: issued.expires_at,
        }
    }
}

/// Adds one. A line is one write, so that commands side by side do not mix theirs; what a crash tore is passed over.
pub(crate) fn add(keys: &Path, token: &ListedToken) -> Result<()> {
    let write = || -> std::io::Result<()> {
        let line = serde_json::to_string(token)?;
        let mut file = OpenOptions::new()
            .append(true)
            .create(true)
            .mode(0o600)
            .open(keys.join(NAME))?;
        file.write_all(format!("{line}\n").as_bytes())?;
        file.sync_data()
    };
    write().map_err(|error| unavailable(keys, &error))
}

/// The tokens that were issued, the oldest first, whether they are still good or not.
///
/// # Errors
/// [`ErrorCode::StateUnavailable`] if the list cannot be read.
pub fn issued_tokens(keys: &Path) -> Result<Vec<ListedToken>> {
    let file = match File::open(keys.join(NAME)) {
        Ok(file) => file,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(unavailable(keys, &error)),
    };
    let mut tokens = Vec::new();
    for line in BufReader::new(file.take(MOST_BYTES)).lines() {
        let line = line.map_err(|error| unavailable(keys, &error))?;
        tokens.extend(serde_json::from_str::<ListedToken>(&line).ok());
    }
    Ok(tokens)
}

fn unavailable(keys: &Path, error: &std::io::Error) -> Error {
    let path = keys.join(NAME);
    Error::new(
        ErrorCode::StateUnavailable,
        format!("the list of issued tokens {}: {error}", path.display()),
    )
    .hint("make the file readable and writable, or move it away")
}
