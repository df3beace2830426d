//! What PostgREST's and PostgreSQL's error codes mean for the ledger, and what the operator must do.
//!
//! Codes: <https://docs.postgrest.org/en/stable/references/errors.html> and PostgreSQL's appendix A.

use loadlock_sdk::failure::kind_of_status;
use loadlock_sdk::types::{Failure, FailureKind};
use serde::Deserialize;

/// PostgREST's error body. Others in front of it (a proxy, a gateway) send something else.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Body {
    code: Option<String>,
    message: Option<String>,
}

/// The failure in an answer that is not a success.
pub(crate) fn read(status: u16, body: &[u8], wait_ms: Option<u64>, schema: &str) -> Failure {
    let body: Body = serde_json::from_slice(body).unwrap_or_default();
    let code = body.code.unwrap_or_default();
    let (kind, hint) = meaning(&code).unwrap_or_else(|| (kind_of_status(status), String::new()));
    let said = body.message.filter(|message| !message.is_empty());
    let said = said.unwrap_or_else(|| format!("HTTP {status}"));
    let failure = Failure::new(kind, format!("the ledger says: {said}"))
        .with_status(status)
        .with_code(&code)
        .with_retry_after_ms(wait_ms);
    match hint.replace("{schema}", schema) {
        hint if hint.is_empty() => failure,
        hint => failure.with_hint(&hint),
    }
}

/// Whether two gateways were in each other's way: the same call may be made again at once.
pub(crate) fn is_race(failure: &Failure) -> bool {
    failure.code.as_deref().is_some_and(|code| RACES.contains(&code))
}

/// Serialization, deadlock, lock not available, the same row.
const RACES: [&str; 4] = ["40001", "40P01", "55P03", "23505"];

const MIGRATE: &str = "run `loadlock tracker migrate --apply` for schema `{schema}`, and see that PostgREST's schema \
     cache is reloaded (`notify pgrst, 'reload schema'`)";

fn meaning(code: &str) -> Option<(FailureKind, String)> {
    use FailureKind::{Internal, Rejected, Unauthorized, Unavailable};
    let (kind, hint) = match code {
        // The server's JWT secret is missing or not this key's; no key at all.
        "PGRST300" | "PGRST301" | "PGRST302" => (
            Unauthorized,
            "the key in `tracker.credential` is missing or not one of this project: check `apikey` and `Authorization`",
        ),
        // Expired, not yet valid, or for another audience. PostgREST allows 30 s of skew.
        "PGRST303" => (
            Unauthorized,
            "the key in `tracker.credential` has expired or is not valid yet: issue another, or set the clock that is \
             wrong",
        ),
        "42501" => (
            Unauthorized,
            "the key's role may not use schema `{schema}`: use the service role's key, or name the role in `loadlock \
             tracker migrate --role`",
        ),
        "PGRST106" => (
            Internal,
            "expose schema `{schema}` (Supabase: Settings, API, Exposed schemas; PostgREST: `db-schemas`)",
        ),
        // No such function, relation or column, or not in the schema cache; no such constraint.
        "PGRST200" | "PGRST202" | "PGRST203" | "PGRST204" | "PGRST205" | "3F000" | "42P01" | "42703" | "42883"
        | "42P10" => (Internal, MIGRATE),
        // Could not connect, connection lost, no schema cache, no connection free in time.
        "PGRST000" | "PGRST001" | "PGRST002" | "PGRST003" => {
            (Unavailable, "is PostgreSQL running and reachable for PostgREST?")
        }
        code if RACES.contains(&code) => (Unavailable, ""),
        // Cancelled by a timeout or by an operator; shutting down; read-only while a standby takes over.
        "57014" | "57P01" | "57P02" | "57P03" | "25006" => (Unavailable, ""),
        "22P05" | "22021" => (Rejected, "PostgreSQL cannot hold a NUL in a text"),
        code if code.starts_with("08") || code.starts_with("53") || code.starts_with("58") => (
            Unavailable,
            "PostgreSQL is out of connections, memory or disk, or out of reach",
        ),
        code if code.starts_with("22") => (Rejected, ""),
        code if code.starts_with("23") || code.starts_with("XX") => {
            (Internal, "the ledger's rows contradict each other: run `loadlock fsck`")
        }
        _ => return None,
    };
    Some((kind, hint.to_owned()))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn of(status: u16, code: &str) -> Failure {
        let body = serde_json::json!({
            "code": code, "details": null, "hint": null, "message": "it said no"
        });
        read(status, body.to_string().as_bytes(), Some(5_000), "books")
    }

    #[test]
    fn every_documented_code_has_its_kind_and_what_to_do() {
        use FailureKind::{Internal, Rejected, Unauthorized, Unavailable};
        let table = [
            (401, "PGRST301", Unauthorized, "tracker.credential"),
            (401, "PGRST302", Unauthorized, "tracker.credential"),
            (401, "PGRST303", Unauthorized, "clock"),
            (403, "42501", Unauthorized, "--role"),
            (406, "PGRST106", Internal, "expose schema `books`"),
            (404, "PGRST202", Internal, "migrate --apply"),
            (404, "42P01", Internal, "schema `books`"),
            (400, "42P10", Internal, "migrate --apply"),
            (503, "PGRST000", Unavailable, "reachable"),
            (503, "PGRST001", Unavailable, "reachable"),
            (503, "PGRST002", Unavailable, "reachable"),
            (504, "PGRST003", Unavailable, "reachable"),
            (409, "23505", Unavailable, ""),
            (500, "40P01", Unavailable, ""),
            (500, "57P01", Unavailable, ""),
            (503, "53300", Unavailable, "connections"),
            (503, "08006", Unavailable, "reach"),
            (400, "22P05", Rejected, "NUL"),
            (400, "22003", Rejected, ""),
            (400, "23502", Internal, "fsck"),
        ];
        for (status, code, kind, hint) in table {
            let failure = of(status, code);
            assert_eq!(failure.kind, kind, "{code}");
            assert_eq!(failure.code.as_deref(), Some(code));
            assert!(failure.message.contains("it said no"), "{code}");
            assert!(failure.message.contains(hint), "{code}: {}", failure.message);
            assert_eq!(failure.retry_after_ms, Some(5_000));
        }
    }

    #[test]
    fn what_is_not_postgrests_goes_by_its_status() {
        let failure = read(502, b"<html>bad gateway</html>", None, "books");
        assert_eq!(failure.kind, FailureKind::Unavailable);
        assert_eq!(failure.message, "the ledger says: HTTP 502");
        assert_eq!(of(429, "over_quota").kind, FailureKind::RateLimited);
    }
}
