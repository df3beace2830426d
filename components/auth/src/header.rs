//! What a token's header may say. It is read before the signature is checked, so it chooses nothing but which pinned
//! key to try.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::de::{Deserialize, Deserializer, IgnoredAny};

/// The header, as far as it matters. A member that occurs twice makes it unreadable.
#[derive(Debug, serde::Deserialize)]
pub(crate) struct Header {
    /// Compared with the key's algorithm, never obeyed.
    pub(crate) alg: String,
    pub(crate) kid: Option<String>,
    #[serde(default, deserialize_with = "present")]
    crit: bool,
    #[serde(default, deserialize_with = "present")]
    jku: bool,
    #[serde(default, deserialize_with = "present")]
    jwk: bool,
    #[serde(default, deserialize_with = "present")]
    x5u: bool,
    #[serde(default, deserialize_with = "present")]
    x5c: bool,
    #[serde(default, deserialize_with = "present")]
    b64: bool,
}

impl Header {
    /// Reads the first part of a token. `None` if it is not base64url of a JSON object with an `alg`.
    pub(crate) fn read(encoded: &str) -> Option<Self> {
        let json = URL_SAFE_NO_PAD.decode(encoded).ok()?;
        serde_json::from_slice(&json).ok()
    }

    /// The first member that would bring a key along (`jku`, `jwk`, `x5u`, `x5c`) or change how the token is to be
    /// understood (`crit`, `b64`: RFC 7515 §4.1.11, RFC 7797). None of them is supported, so each is refused.
    pub(crate) fn unsupported(&self) -> Option<&'static str> {
        [
            (self.crit, "crit"),
            (self.jku, "jku"),
            (self.jwk, "jwk"),
            (self.x5u, "x5u"),
            (self.x5c, "x5c"),
            (self.b64, "b64"),
        ]
        .into_iter()
        .find_map(|(found, name)| found.then_some(name))
    }
}

fn present<'de, D: Deserializer<'de>>(value: D) -> Result<bool, D::Error> {
    IgnoredAny::deserialize(value).map(|_| true)
}
