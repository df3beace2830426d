//! `loadlock token`: make, list, revoke and look at tokens. Needs no gateway and works beside a running one.

use std::io::Read;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use loadlock::config::Config;
use loadlock::gateway::{DEFAULT_AUDIENCE, LOCAL_ISSUER, LOCAL_KEY_ID};
use loadlock::local::{self, TokenRequest};
use serde_json::{Map, Value, json};

use super::args::{Globals, Token, TokenIssue};
use super::context::configuration;
use super::duration::show_duration;
use super::failure::{Failure, Status};
use super::output::{BAD, BOLD, DIM, GOOD, Output, WARN, styled};
use super::table::{Table, fields};
use super::text::{local_time, safe};

/// A JSON object.
type Object = Map<String, Value>;

/// Longest token that is looked at.
const MAX_TOKEN: u64 = 64 << 10;

pub(crate) fn run(globals: &Globals, output: &Output, command: Token) -> Result<Status, Failure> {
    match command {
        Token::Issue(command) => issue(globals, output, command),
        Token::Revoke { tokens } => revoke(globals, output, &tokens),
        Token::Ls { subject, tenant } => list(globals, output, subject.as_deref(), tenant.as_deref()),
        Token::Inspect { token } => inspect(globals, output, &token),
    }
}

fn issue(globals: &Globals, output: &Output, command: TokenIssue) -> Result<Status, Failure> {
    let config = configuration(globals)?;
    let audience = command.audience.or_else(|| config.auth.audiences.first().cloned());
    let request = TokenRequest {
        subject: command.subject.unwrap_or_else(local::user_name),
        tenant: command.tenant,
        scopes: command.scopes,
        audience: audience.unwrap_or_else(|| DEFAULT_AUDIENCE.to_owned()),
        lifetime: command.ttl,
    };
    for (option, value) in [
        ("--subject", &request.subject),
        ("--tenant", &request.tenant),
        ("--audience", &request.audience),
    ] {
        if value.is_empty() || value.chars().any(char::is_control) {
            return Err(Failure::usage(
                format!("{option} cannot be {value:?}"),
                "use printable characters",
            ));
        }
    }
    let issued = local::issue(&config.home, &request)?;
    if output.json {
        output.object(&json!({
            "token": issued.token, "id": issued.id, "subject": request.subject, "tenant": request.tenant,
            "scopes": request.scopes, "audience": request.audience, "issuer": LOCAL_ISSUER, "key_id": LOCAL_KEY_ID,
            "issued_at": rfc3339(issued.issued_at), "expires_at": rfc3339(issued.expires_at),
        }))?;
        return Ok(Status::Done);
    }
    output.line(&issued.token)?;
    if output.terminal {
        let (subject, tenant, scopes) = (safe(&request.subject), safe(&request.tenant), request.scopes.join(" "));
        let lifetime = show_duration(request.lifetime);
        output.note(styled(
            DIM,
            format_args!("{subject} of {tenant}, {scopes}; good for {lifetime}; id {}", issued.id),
        ));
    }
    Ok(Status::Done)
}

fn revoke(globals: &Globals, output: &Output, tokens: &[String]) -> Result<Status, Failure> {
    let home = configuration(globals)?.home;
    // All of them are understood before the first one is revoked.
    let ids = tokens
        .iter()
        .map(|token| id_of(token))
        .collect::<Result<Vec<String>, Failure>>()?;
    for id in ids {
        let new = local::revoke(&home, &id)?;
        if output.json {
            output.object(&json!({ "id": id, "revoked": true, "before": !new }))?;
        } else if output.quiet {
            output.line(safe(&id))?;
        } else {
            output.line(format_args!(
                "{} {}",
                if new { "revoked" } else { "was revoked before:" },
                safe(&id)
            ))?;
        }
    }
    Ok(Status::Done)
}

/// An id as it is, or that of a token.
fn id_of(text: &str) -> Result<String, Failure> {
    let text = if text == "-" { read()? } else { text.to_owned() };
    let text = text.trim();
    let token = text.strip_prefix("Bearer ").unwrap_or(text);
    if token.split('.').count() != 3 {
        return Ok(token.to_owned());
    }
    let (_, claims) = decode(token)?;
    claims
        .get("jti")
        .and_then(Value::as_str)
        .map(str::to_owned)
        .ok_or_else(|| {
            Failure::usage(
                "the token has no `jti`, so it cannot be told from others",
                "remove the key that signed it from `auth.keys`",
            )
        })
}

fn list(globals: &Globals, output: &Output, subject: Option<&str>, tenant: Option<&str>) -> Result<Status, Failure> {
    let config = configuration(globals)?;
    let here = loadlock::gateway::revoked(&config.home.join("keys"))?;
    let now = u64::try_from(jiff::Timestamp::now().as_second()).unwrap_or(0);
    let mut table = Table::new(&["ID", "SUBJECT", "TENANT", "SCOPES", "ISSUED", "EXPIRES", "STATE"])
        .whole(&["ID"])
        .spare(&["ISSUED"]);
    for token in loadlock::issued_tokens(&config.home.join("keys"))? {
        let wanted = |wish: Option<&str>, is: &str| wish.is_none_or(|wish| wish == is);
        if token.expires_at <= now || !wanted(subject, &token.subject) || !wanted(tenant, &token.tenant) {
            continue;
        }
        let revoked = here.contains(&token.id) || config.auth.revoked.contains(&token.id);
        let state = if revoked { "revoked" } else { "good" };
        let (issued, expires) = (rfc3339(token.issued_at), rfc3339(token.expires_at));
        if output.json {
            output.object(&json!({
                "id": token.id, "subject": token.subject, "tenant": token.tenant, "scopes": token.scopes,
                "audience": token.audience, "issued_at": issued, "expires_at": expires, "state": state,
            }))?;
        } else if output.quiet {
            output.line(safe(&token.id))?;
        } else {
            let shown = |instant: &str| {
                if output.terminal {
                    local_time(instant)
                } else {
                    instant.to_owned()
                }
            };
            let (issued, expires) = (shown(&issued), shown(&expires));
            table.row([
                &token.id,
                &token.subject,
                &token.tenant,
                &token.scopes.join(" "),
                &issued,
                &expires,
                state,
            ]);
        }
    }
    table.print(output)?;
    Ok(Status::Done)
}

fn inspect(globals: &Globals, output: &Output, token: &str) -> Result<Status, Failure> {
    let token = if token == "-" { read()? } else { token.to_owned() };
    let token = token.trim();
    let token = token.strip_prefix("Bearer ").unwrap_or(token);
    let (header, claims) = decode(token)?;
    let config = configuration(globals)?;
    let signed = local::signed_here(&config.home, token);
    let now = jiff::Timestamp::now().as_second();
    let expired = claims.get("exp").and_then(Value::as_i64).is_some_and(|exp| exp <= now);
    let revoked = claims
        .get("jti")
        .and_then(Value::as_str)
        .map(|id| is_revoked(&config, id))
        .transpose()?
        .unwrap_or(false);
    if output.json {
        output.object(&json!({
            "verified": false, "header": header, "claims": claims, "signed_by_local_key": signed.is_ok(),
            "reason": signed.as_ref().err(), "expired": expired, "revoked": revoked,
        }))?;
        return Ok(Status::Done);
    }
    output.note(format_args!(
        "{} this only decodes; time, issuer, audience and tenant are for the gateway to judge",
        styled(WARN, "not verified:")
    ));
    for (title, object) in [("header", &header), ("claims", &claims)] {
        output.line(styled(BOLD, title))?;
        let lines: Vec<_> = object
            .iter()
            .map(|(name, value)| (safe(name), claim(name, value, now)))
            .collect();
        let lines: Vec<_> = lines
            .iter()
            .map(|(name, value)| (name.as_str(), value.clone()))
            .collect();
        fields(output, &lines)?;
    }
    output.line(match signed {
        Ok(()) => styled(GOOD, "signed by the key of this installation"),
        Err(why) => format!(
            "{} {}",
            styled(BAD, "not signed by the key of this installation:"),
            safe(&why)
        ),
    })?;
    for (is, what) in [(expired, "expired"), (revoked, "revoked")] {
        if is {
            output.line(styled(BAD, what))?;
        }
    }
    Ok(Status::Done)
}

/// By the configuration, or on this machine.
fn is_revoked(config: &Config, id: &str) -> Result<bool, Failure> {
    let here = loadlock::gateway::revoked(&config.home.join("keys"))?;
    Ok(config.auth.revoked.iter().chain(&here).any(|one| one == id))
}

fn read() -> Result<String, Failure> {
    let mut token = String::new();
    std::io::stdin()
        .take(MAX_TOKEN)
        .read_to_string(&mut token)
        .map_err(|error| {
            Failure::usage(
                format!("standard input cannot be read: {error}"),
                "pipe a token into it",
            )
        })?;
    Ok(token)
}

/// Header and payload as they stand. Checks nothing but the form.
fn decode(token: &str) -> Result<(Object, Object), Failure> {
    let malformed = |what: &str| {
        Failure::usage(
            format!("this is not a JSON web token: {what}"),
            "a token is three parts with dots between them, as `loadlock token issue` prints",
        )
    };
    let parts: Vec<&str> = token.split('.').collect();
    let [header, claims, _] = parts.as_slice() else {
        return Err(malformed(&format!("it has {} parts, not 3", parts.len())));
    };
    let part = |text: &str, name: &str| {
        let bytes = URL_SAFE_NO_PAD
            .decode(text)
            .map_err(|_| malformed(&format!("its {name} is not base64url")))?;
        serde_json::from_slice(&bytes).map_err(|_| malformed(&format!("its {name} is not a JSON object")))
    };
    Ok((part(header, "header")?, part(claims, "payload")?))
}

/// A claim's value; instants also as dates.
fn claim(name: &str, value: &Value, now: i64) -> String {
    let shown = safe(&value.as_str().map_or_else(|| value.to_string(), str::to_owned));
    match value.as_i64().filter(|_| matches!(name, "exp" | "iat" | "nbf")) {
        Some(instant) => {
            let date = u64::try_from(instant).map(rfc3339).unwrap_or_default();
            let relation = if instant <= now { "past" } else { "to come" };
            format!("{shown} ({}, {relation})", local_time(&date))
        }
        None => shown,
    }
}

fn rfc3339(seconds: u64) -> String {
    i64::try_from(seconds)
        .ok()
        .and_then(|seconds| jiff::Timestamp::from_second(seconds).ok())
        .map_or_else(|| seconds.to_string(), |instant| instant.to_string())
}
