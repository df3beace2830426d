//! Tokens for GLM (z.ai, bigmodel.cn): HS256, with every time in milliseconds.
//!
//! The layout is that of the vendor's own SDK: header `{"alg":"HS256","sign_type":"SIGN"}`, claims `api_key`, `exp` and
//! `timestamp`. JWT libraries count `exp` in seconds and have no `sign_type`, so the three lines are written here.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;

use crate::Secret;

/// How long a token is valid.
pub const TOKEN_LIFE: Duration = Duration::from_secs(210);

/// How long a token is used before the next is minted: 30 s less, for a slow way to the vendor.
pub const TOKEN_REUSE: Duration = Duration::from_secs(180);

/// The id of a key `id.secret`; the whole value when it has no dot.
pub(super) fn id(key: &Secret) -> &str {
    key.expose().split('.').next().unwrap_or_default()
}

/// What else is secret in a key: its second half.
pub(super) fn parts(key: &Secret) -> Option<Secret> {
    key.expose()
        .split_once('.')
        .map(|(_, secret)| Secret::new(secret.to_owned()))
}

/// Signs a token valid for [`TOKEN_LIFE`] from `now`, milliseconds since 1970.
pub(super) fn mint(key: &Secret, now: u64) -> Result<Secret, &'static str> {
    const SHAPE: &str = "a GLM key for signed tokens has the form `id.secret`";
    let (id, secret) = key.expose().split_once('.').ok_or(SHAPE)?;
    if id.is_empty() || secret.is_empty() || secret.contains('.') {
        return Err(SHAPE);
    }
    let life = u64::try_from(TOKEN_LIFE.as_millis()).unwrap_or(u64::MAX);
    let header = serde_json::json!({"alg": "HS256", "sign_type": "SIGN"}).to_string();
    let claims = serde_json::json!({"api_key": id, "exp": now.saturating_add(life), "timestamp": now}).to_string();
    let signed = format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(claims));
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).map_err(|_| SHAPE)?;
    mac.update(signed.as_bytes());
    let signature = URL_SAFE_NO_PAD.encode(mac.finalize().into_bytes());
    Ok(Secret::new(format!("{signed}.{signature}")))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_the_one_that_pyjwt_makes() {
        // jwt.encode({"api_key": "id", "exp": 1700000210000, "timestamp": 1700000000000}, "secret", algorithm="HS256",
        // headers={"alg": "HS256", "sign_type": "SIGN"}), signature computed by Python's hmac over the same text.
        let token = mint(&Secret::new("id.secret".into()), 1_700_000_000_000).unwrap();
        assert_eq!(token.expose(), EXPECTED);
    }

    const EXPECTED: &str = "eyJhbGciOiJIUzI1NiIsInNpZ25fdHlwZSI6IlNJR04ifQ.eyJhcGlfa2V5IjoiaWQiLCJleHAiOjE3MDAwMDAyMTAwMDAsInRpbWVzdGFtcCI6MTcwMDAwMDAwMDAwMH0.Xjns2eQt8BsB1yBBbjM8cgnyDmOYDwlMrIZg1Xr1sOU";

    #[test]
    fn a_key_of_another_shape_is_refused() {
        for key in ["", "id", "id.", ".secret", "a.b.c"] {
            assert!(mint(&Secret::new(key.into()), 0).is_err(), "{key:?}");
        }
    }
}
