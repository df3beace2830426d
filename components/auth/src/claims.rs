//! What a token's payload may say. Read only after the signature was found good.

use serde::Deserialize;
use serde::de::{Deserializer, Error, Unexpected};

/// The scopes that mean something here. Others (`openid`, `profile` …) are left out of the principal.
pub(crate) const SCOPES: [&str; 4] = ["read", "write", "delete", "admin"];

/// The claims, as far as they matter. A claim that occurs twice or has the wrong type makes the token malformed.
#[derive(Debug, Deserialize)]
pub(crate) struct Claims {
    pub(crate) exp: Option<NumericDate>,
    pub(crate) nbf: Option<NumericDate>,
    pub(crate) iss: Option<String>,
    #[serde(default)]
    pub(crate) aud: Audience,
    pub(crate) sub: Option<String>,
    pub(crate) tenant: Option<String>,
    pub(crate) jti: Option<String>,
    scope: Option<String>,
    scopes: Option<Vec<String>>,
}

impl Claims {
    /// The known scopes of `scope` and `scopes` together, each once, in a fixed order.
    pub(crate) fn scopes(&self) -> Vec<String> {
        let spaced = self.scope.iter().flat_map(|text| text.split(' '));
        let listed = self.scopes.iter().flatten().map(String::as_str);
        let claimed: Vec<&str> = spaced.chain(listed).collect();
        SCOPES
            .into_iter()
            .filter(|scope| claimed.contains(scope))
            .map(str::to_owned)
            .collect()
    }
}

/// `aud`: one name or several (RFC 7519 §4.1.3).
#[derive(Debug, Default, Deserialize)]
#[serde(untagged)]
pub(crate) enum Audience {
    #[default]
    None,
    One(String),
    Many(Vec<String>),
}

impl Audience {
    /// The names, in the order given.
    pub(crate) fn names(&self) -> &[String] {
        match self {
            Self::None => &[],
            Self::One(name) => std::slice::from_ref(name),
            Self::Many(names) => names,
        }
    }
}

/// Whole seconds since 1970-01-01T00:00:00Z. A fraction is cut off; an instant before 1970 counts as 1970.
#[derive(Debug, Clone, Copy)]
pub(crate) struct NumericDate(pub(crate) u64);

impl<'de> Deserialize<'de> for NumericDate {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let number = serde_json::Number::deserialize(deserializer)?;
        if let Some(seconds) = number.as_u64() {
            return Ok(Self(seconds));
        }
        match number.as_f64() {
            // `as` saturates at both ends.
            Some(seconds) if seconds.is_finite() => Ok(Self(seconds as u64)),
            _ => Err(D::Error::invalid_value(
                Unexpected::Other("a number out of range"),
                &"seconds since 1970",
            )),
        }
    }
}
