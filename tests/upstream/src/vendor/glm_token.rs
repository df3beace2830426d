//! GLM's credentials: the key `id.secret` as it is, or a token signed with the secret.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit, Mac};
use serde_json::Value;
use sha2::Sha256;

/// Whether a credential is one of `keys` or a token made from one, good at `now_ms`. The error is the vendor's code and
/// text.
pub(super) fn check(credential: &str, keys: &[String], now_ms: u64) -> Result<(), (&'static str, &'static str)> {
    if keys.iter().any(|key| key == credential) {
        return Ok(());
    }
    let bad = ("1000", "authentication failed");
    let [header, claims, signature] = *credential.split('.').collect::<Vec<_>>() else {
        return Err(bad);
    };
    let signed = credential.len() - signature.len() - 1;
    let decoded = |text: &str| {
        let bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
        serde_json::from_slice::<Value>(&bytes).ok()
    };
    let (Some(header), Some(claims)) = (decoded(header), decoded(claims)) else {
        return Err(bad);
    };
    let is = |name: &str, value: &str| header.get(name).and_then(Value::as_str) == Some(value);
    if !is("alg", "HS256") || !is("sign_type", "SIGN") {
        return Err(bad);
    }
    let id = claims.get("api_key").and_then(Value::as_str);
    let secret = keys
        .iter()
        .filter_map(|key| key.split_once('.'))
        .find(|(known, _)| Some(*known) == id);
    let Some((_, secret)) = secret else {
        return Err(("1002", "the token's API key is unknown"));
    };
    let tag = URL_SAFE_NO_PAD.decode(signature).map_err(|_| bad)?;
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).map_err(|_| bad)?;
    mac.update(credential.get(..signed).unwrap_or_default().as_bytes());
    if mac.verify_slice(&tag).is_err() {
        return Err(bad);
    }
    // Both are in milliseconds: a token made with seconds is long gone.
    let millis = |name: &str| claims.get(name).and_then(Value::as_u64);
    match (millis("exp"), millis("timestamp")) {
        (Some(expires), Some(_)) if expires > now_ms => Ok(()),
        _ => Err(("1003", "the token has expired")),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
mod tests {
    use super::*;

    fn token(claims: &str, secret: &str) -> String {
        let header = URL_SAFE_NO_PAD.encode(r#"{"alg":"HS256","sign_type":"SIGN"}"#);
        let signed = format!("{header}.{}", URL_SAFE_NO_PAD.encode(claims));
        let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).unwrap();
        mac.update(signed.as_bytes());
        let tag = URL_SAFE_NO_PAD.encode(mac.finalize().into_bytes());
        format!("{signed}.{tag}")
    }

    #[test]
    fn a_token_is_good_until_it_expires_and_only_with_the_secret() {
        let keys = vec!["abc.secret".to_owned()];
        let claims = r#"{"api_key":"abc","timestamp":1000000,"exp":1210000}"#;
        let good = token(claims, "secret");
        assert_eq!(check(&good, &keys, 1_200_000), Ok(()));
        assert_eq!(check(&good, &keys, 1_210_000).unwrap_err().0, "1003");
        let forged = token(claims, "guess");
        assert_eq!(check(&forged, &keys, 1_200_000).unwrap_err().0, "1000");
        let stranger = token(&claims.replace("abc", "xyz"), "secret");
        assert_eq!(check(&stranger, &keys, 1_200_000).unwrap_err().0, "1002");
        assert_eq!(check("abc.secret", &keys, 0), Ok(()));
        assert!(check("abc.other", &keys, 0).is_err());
    }
}
