//! The local principal: who runs a program on this machine, vouched for by the installation's own key.
//!
//! The command line and an embedding program are principals like any other: they sign a token that lives for a minute
//! and present it to the auth component. Whoever can read the key in `$LOADLOCK_HOME` owns the installation anyway.

use std::os::unix::fs::DirBuilderExt;
use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use loadlock_audit::{Appender, AuditError, Entry, Event, Options, Outcome};
use loadlock_config::Config;
use loadlock_gateway::{
    DEFAULT_AUDIENCE, Door, Error, ErrorCode, Gateway, LOCAL_ISSUER, LOCAL_KEY_ID, Principal, Result, local_key,
};
use serde::Serialize;
use zeroize::Zeroizing;

use crate::token_register::ListedToken;

/// The tenant of the local principal.
pub const TENANT: &str = "local";

/// Scopes of the local principal, as a token names them.
const SCOPES: [&str; 4] = ["read", "write", "delete", "admin"];

/// Long enough for a clock that is being set, too short to be worth stealing.
const LIFETIME: Duration = Duration::from_secs(60);

/// How long a person stays on the page that they came to by a link of the terminal: a day's work.
const PAGE: Duration = Duration::from_secs(12 * 3_600);

/// What a token is to say. The issuer is the installation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TokenRequest {
    /// Who it speaks for.
    pub subject: String,
    /// Whose data it reaches.
    pub tenant: String,
    /// `read`, `write`, `delete`, `admin`.
    pub scopes: Vec<String>,
    /// Whom it is meant for.
    pub audience: String,
    /// How long it is good, from now.
    pub lifetime: Duration,
}

/// A signed token and what it says.
#[derive(Clone, Serialize)]
pub struct IssuedToken {
    /// The token itself: a secret.
    pub token: String,
    /// Its id, for `auth.revoked`.
    pub id: String,
    /// Seconds since 1970.
    pub issued_at: u64,
    /// Seconds since 1970.
    pub expires_at: u64,
}

impl std::fmt::Debug for IssuedToken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("IssuedToken")
            .field("token", &"[redacted]")
            .field("id", &self.id)
            .field("expires_at", &self.expires_at)
            .finish_non_exhaustive()
    }
}

/// RFC 7519 §4.1, and `tenant` and `scope` as the auth component reads them.
#[derive(Serialize)]
struct Claims<'a> {
    iss: &'a str,
    sub: &'a str,
    aud: &'a str,
    tenant: &'a str,
    scope: String,
    iat: u64,
    exp: u64,
    jti: &'a str,
}

/// Authenticates this process as the local principal: the user of the operating system, tenant [`TENANT`], every scope.
///
/// # Errors
/// [`ErrorCode::Unauthenticated`] if a configured auth component does not accept the installation's key;
/// [`ErrorCode::StateUnavailable`] if the key cannot be read.
pub async fn authenticate(gateway: &Gateway) -> Result<Principal> {
    // Recorded as the authentication that it is for.
    let token = token_for(gateway.home(), &gateway.config())?;
    gateway.authenticate(Door::Local, Some(&token)).await
}

/// The credential that [`authenticate`] presents, for a gateway that another process runs on the home of `config`. Good
/// for a minute.
///
/// # Errors
/// [`ErrorCode::StateUnavailable`] if the key cannot be read.
pub fn token(config: &Config) -> Result<Zeroizing<String>> {
    token_for(&config.home, config)
}

/// A token of the local principal for the page of a gateway at the home of `config`, recorded in the audit log.
///
/// # Errors
/// As [`issue`].
pub fn page_token(config: &Config) -> Result<Zeroizing<String>> {
    let request = TokenRequest {
        lifetime: PAGE,
        ..request_of(config)
    };
    Ok(Zeroizing::new(issue(&config.home, &request)?.token))
}

fn token_for(home: &Path, config: &Config) -> Result<Zeroizing<String>> {
    Ok(Zeroizing::new(sign(home, &request_of(config))?.token))
}

fn request_of(config: &Config) -> TokenRequest {
    let audience = config.auth.audiences.first().map_or(DEFAULT_AUDIENCE, String::as_str);
    TokenRequest {
        subject: user_name(),
        tenant: TENANT.to_owned(),
        scopes: SCOPES.map(str::to_owned).to_vec(),
        audience: audience.to_owned(),
        lifetime: LIFETIME,
    }
}

/// Signs a token with the installation's key, which is made if there is none, and records that in the audit log. Needs
/// no lock on `home`: it works beside a running gateway.
///
/// # Errors
/// [`ErrorCode::StateUnavailable`] if the key cannot be read or made, or the log cannot be written: a token that is not
/// recorded is not given out. [`ErrorCode::Internal`] if it cannot sign.
pub fn issue(home: &Path, request: &TokenRequest) -> Result<IssuedToken> {
    let issued = sign(home, request)?;
    let mut entry = Entry::new(issued.issued_at.saturating_mul(1_000), Event::Token, Outcome::Ok);
    entry.who.subject = Some(user_name());
    entry.who.door = Some("local".to_owned());
    entry.who.key_id = Some(LOCAL_KEY_ID.to_owned());
    entry.who.token_id = Some(issued.id.clone());
    entry.what.detail = Some(format!(
        "for {} of {}, {}, until {}",
        request.subject,
        request.tenant,
        request.scopes.join(" "),
        issued.expires_at
    ));
    let record = || {
        let mut log = Appender::open(&home.join("audit"), Options::default())?;
        log.append(&mut vec![entry])?;
        log.anchor()
    };
    record().map_err(|error: AuditError| {
        Error::new(ErrorCode::StateUnavailable, format!("the audit log: {error}"))
            .hint("a token that is not recorded is not given out; look at `loadlock audit verify`")
    })?;
    crate::token_register::add(&home.join("keys"), &ListedToken::of(&issued, request))?;
    Ok(issued)
}

/// Revokes a token of this installation or of any other issuer, by its id: from now on it is refused at every door of
/// every gateway on `home`, also after a restart. Answers whether it was not revoked yet.
///
/// # Errors
/// [`ErrorCode::RequestInvalid`] for what cannot be an id; [`ErrorCode::StateUnavailable`] if the list or the audit log
/// cannot be written.
pub fn revoke(home: &Path, id: &str) -> Result<bool> {
    let new = loadlock_gateway::revoke(&home.join("keys"), id)?;
    if new {
        let now = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .map_or(0, |since| since.as_millis());
        let mut entry = Entry::new(u64::try_from(now).unwrap_or(u64::MAX), Event::Token, Outcome::Ok);
        entry.who.subject = Some(user_name());
        entry.who.door = Some("local".to_owned());
        entry.who.token_id = Some(id.to_owned());
        entry.what.detail = Some("revoked".to_owned());
        let record = || {
            let mut log = Appender::open(&home.join("audit"), Options::default())?;
            log.append(&mut vec![entry])?;
            log.anchor()
        };
        record().map_err(|error: AuditError| {
            Error::new(
                ErrorCode::StateUnavailable,
                format!("it is revoked, and the audit log cannot say so: {error}"),
            )
            .hint("look at `loadlock audit verify`")
        })?;
    }
    Ok(new)
}

fn sign(home: &Path, request: &TokenRequest) -> Result<IssuedToken> {
    let keys = home.join("keys");
    std::fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(&keys)
        .map_err(|error| {
            Error::new(
                ErrorCode::StateUnavailable,
                format!("cannot use {}: {error}", keys.display()),
            )
        })?;
    let key = local_key(&keys)?;
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.as_secs());
    let expires_at = now.saturating_add(request.lifetime.as_secs());
    let id = hex::encode(rand::random::<[u8; 16]>());
    let claims = Claims {
        iss: LOCAL_ISSUER,
        sub: &request.subject,
        aud: &request.audience,
        tenant: &request.tenant,
        scope: request.scopes.join(" "),
        iat: now,
        exp: expires_at,
        jti: &id,
    };
    let header = Header {
        kid: Some(LOCAL_KEY_ID.to_owned()),
        ..Header::new(Algorithm::HS256)
    };
    let token = jsonwebtoken::encode(&header, &claims, &EncodingKey::from_secret(&key))
        .map_err(|error| Error::new(ErrorCode::Internal, format!("cannot sign a token: {error}")))?;
    Ok(IssuedToken {
        token,
        id,
        issued_at: now,
        expires_at,
    })
}

/// Whether the installation's key signed a token, whatever it says. Makes no key.
///
/// # Errors
/// One phrase that says why not.
pub fn signed_here(home: &Path, token: &str) -> std::result::Result<(), String> {
    let keys = home.join("keys");
    if !keys.join("local.key").exists() {
        return Err("this installation has no key yet".to_owned());
    }
    let key = local_key(&keys).map_err(|error| error.message)?;
    let mut validation = Validation::new(Algorithm::HS256);
    // The signature alone: time, issuer and audience are the auth component's business.
    validation.validate_exp = false;
    validation.validate_aud = false;
    validation.required_spec_claims.clear();
    match jsonwebtoken::decode::<serde_json::Value>(token, &DecodingKey::from_secret(&key), &validation) {
        Ok(_) => Ok(()),
        Err(error) => Err(match error.kind() {
            jsonwebtoken::errors::ErrorKind::InvalidSignature => "another key signed it, or it was altered".to_owned(),
            jsonwebtoken::errors::ErrorKind::InvalidAlgorithm => "the key of this installation is for HS256".to_owned(),
            _ => error.to_string(),
        }),
    }
}

/// The name of the user that this process runs as: from the table of users, else from the environment, else the number.
/// It is shown and logged; nothing is decided by it.
pub fn user_name() -> String {
    let uid = rustix::process::geteuid().as_raw();
    let printable = |name: &String| !name.is_empty() && !name.chars().any(char::is_control);
    let listed = std::fs::read_to_string("/etc/passwd")
        .ok()
        .and_then(|users| name_of(&users, uid));
    let named = || {
        ["USER", "LOGNAME"]
            .iter()
            .find_map(|name| std::env::var(name).ok().filter(printable))
    };
    listed
        .filter(printable)
        .or_else(named)
        .unwrap_or_else(|| format!("uid-{uid}"))
}

/// `name:password:uid:…`, one a line.
fn name_of(users: &str, uid: u32) -> Option<String> {
    users.lines().find_map(|line| {
        let mut parts = line.split(':');
        let name = parts.next()?;
        (parts.nth(1)?.parse() == Ok(uid)).then(|| name.to_owned())
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
mod tests {
    use super::*;

    fn request() -> TokenRequest {
        TokenRequest {
            subject: "ann".into(),
            tenant: "acme".into(),
            scopes: vec!["read".into(), "write".into()],
            audience: "loadlock".into(),
            lifetime: Duration::from_secs(60),
        }
    }

    #[test]
    fn a_token_is_recognised_at_home_and_nowhere_else() {
        let (here, elsewhere) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        assert!(signed_here(here.path(), "x.y.z").unwrap_err().contains("no key yet"));
        let issued = issue(here.path(), &request()).unwrap();
        assert_eq!(issued.expires_at - issued.issued_at, 60);
        assert_eq!(signed_here(here.path(), &issued.token), Ok(()));
        issue(elsewhere.path(), &request()).unwrap();
        assert!(
            signed_here(elsewhere.path(), &issued.token)
                .unwrap_err()
                .contains("another key")
        );
    }

    #[test]
    fn a_user_is_found_by_number() {
        let users = "root:x:0:0:root:/root:/bin/sh\nbroken\nann:x:1000:1000::/home/ann:/bin/sh\n";
        assert_eq!(name_of(users, 1000).as_deref(), Some("ann"));
        assert_eq!(name_of(users, 1), None);
    }

    #[test]
    fn a_token_is_never_printed_by_accident() {
        let home = tempfile::tempdir().unwrap();
        let issued = issue(home.path(), &request()).unwrap();
        assert!(!format!("{issued:?}").contains(&issued.token));
    }
}
