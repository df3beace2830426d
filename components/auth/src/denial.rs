//! The words of a refusal. The message is for the operator's log and never quotes the credential; the hint is for the
//! client.

use crate::bindings::exports::loadlock::upload::auth::{Denial, DenialCode};

/// A denial with a message of its own and the hint that belongs to the code.
pub(crate) fn denied(code: DenialCode, message: impl Into<String>) -> Denial {
    Denial {
        code,
        message: message.into(),
        hint: hint(code).to_owned(),
    }
}

/// Quotes a name that came with the credential (a key id, an issuer) so that it can stand in a log line.
///
/// At most 64 characters, control characters escaped: a token's header is read before its signature is.
pub(crate) fn quoted(untrusted: &str) -> String {
    let short: String = untrusted.chars().take(64).collect();
    let ellipsis = if short.len() < untrusted.len() { "…" } else { "" };
    format!("{short:?}{ellipsis}")
}

fn hint(code: DenialCode) -> &'static str {
    match code {
        DenialCode::Missing => "Send a token in the header `Authorization: Bearer <token>`.",
        DenialCode::Malformed => "Send a signed JSON Web Token, as the operator issued it.",
        DenialCode::UnknownKey => "Ask the operator for a token that is signed with a current key.",
        DenialCode::WrongAlgorithm => "Ask the operator for a token that is signed with the algorithm of its key.",
        DenialCode::BadSignature => "Check that the token was copied whole; otherwise ask the operator for a new one.",
        DenialCode::Expired => "Ask for a new token: this one has expired or states no expiry.",
        DenialCode::NotYetValid => "Wait until the token is valid, or check the issuer's clock.",
        DenialCode::WrongIssuer => "Use a token of an issuer that this gateway accepts.",
        DenialCode::WrongAudience => "Use a token that was issued for this gateway.",
        DenialCode::MissingClaim => "Ask the issuer to put `sub` and `tenant` into the token, each at most 256 bytes.",
        DenialCode::WrongTenant => "Use a token of a tenant that the signing key may speak for.",
        DenialCode::Revoked => "Ask for a new token: this one has been revoked.",
        DenialCode::LegacyEnded => "Ask the operator for a token: credentials of the old kind are no longer accepted.",
    }
}
