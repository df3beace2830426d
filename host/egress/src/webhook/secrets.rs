//! What messages are signed with.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;
use zeroize::Zeroizing;

use crate::Secret;

const PREFIX: &str = "whsec_";
/// Bytes that Standard Webhooks asks for.
const BYTES: std::ops::RangeInclusive<usize> = 24..=64;
/// Secrets at once: one in use, one to come, and what was forgotten.
const MOST: usize = 4;

/// The secrets of one receiver, of which each signs. Never printed.
#[derive(Clone, Debug)]
pub struct WebhookSecrets(Vec<Secret>);

/// Why a text is no secret of a webhook. Does not repeat the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WebhookSecretError {
    /// None, or too many.
    #[error("it has to hold 1 to {MOST} secrets")]
    Count,
    /// Not `whsec_…`.
    #[error("a secret has to begin with `{PREFIX}`")]
    Prefix,
    /// Not Base64.
    #[error("what follows `{PREFIX}` has to be Base64")]
    Encoding,
    /// Too short to be hard to guess, or longer than receivers take.
    #[error("a secret has to have 24 to 64 bytes")]
    Length,
}

impl WebhookSecrets {
    /// Reads one secret, or several with spaces between them.
    ///
    /// # Errors
    /// [`WebhookSecretError`].
    ///
    /// ```
    /// use loadlock_egress::WebhookSecrets;
    ///
    /// let secrets = WebhookSecrets::parse("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")?;
    /// let body = br#"{"test": 2432232314}"#;
    /// assert_eq!(
    ///     secrets.signatures("msg_p5jXN8AQM9LWM0D4loKWxJek", 1_614_265_330, body),
    ///     "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
    /// );
    /// assert!(WebhookSecrets::parse("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").is_err());
    /// # Ok::<(), loadlock_egress::WebhookSecretError>(())
    /// ```
    pub fn parse(text: &str) -> Result<Self, WebhookSecretError> {
        let parts: Vec<&str> = text.split_whitespace().collect();
        if !(1..=MOST).contains(&parts.len()) {
            return Err(WebhookSecretError::Count);
        }
        for part in &parts {
            let encoded = part.strip_prefix(PREFIX).ok_or(WebhookSecretError::Prefix)?;
            let key = STANDARD.decode(encoded).map_err(|_| WebhookSecretError::Encoding)?;
            if !BYTES.contains(&Zeroizing::new(key).len()) {
                return Err(WebhookSecretError::Length);
            }
        }
        Ok(Self(
            parts.into_iter().map(|part| Secret::new(part.to_owned())).collect(),
        ))
    }

    /// The value of `webhook-signature`.
    pub fn signatures(&self, id: &str, timestamp: u64, body: &[u8]) -> String {
        let signed = self.0.iter().filter_map(|secret| {
            let encoded = secret.expose().strip_prefix(PREFIX)?;
            let key = Zeroizing::new(STANDARD.decode(encoded).ok()?);
            let mut mac = Hmac::<Sha256>::new_from_slice(&key).ok()?;
            mac.update(format!("{id}.{timestamp}.").as_bytes());
            mac.update(body);
            Some(format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes())))
        });
        signed.collect::<Vec<_>>().join(" ")
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn each_secret_signs_and_none_is_printed() {
        let one = format!("whsec_{}", STANDARD.encode([1; 24]));
        let two = format!("whsec_{}", STANDARD.encode([2; 64]));
        let both = WebhookSecrets::parse(&format!("{one} {two}\n")).unwrap();
        let alone = |secret: &str| WebhookSecrets::parse(secret).unwrap().signatures("evt_1", 7, b"{}");
        assert_eq!(
            both.signatures("evt_1", 7, b"{}"),
            format!("{} {}", alone(&one), alone(&two))
        );
        assert_ne!(alone(&one), alone(&two));
        let shown = format!("{both:?}");
        assert!(!shown.contains("whsec_"), "{shown}");
    }

    #[test]
    fn what_is_no_secret_is_refused_without_quoting_it() {
        let long = format!("whsec_{}", STANDARD.encode([1; 65]));
        for (text, why) in [
            ("", WebhookSecretError::Count),
            ("a b c d e", WebhookSecretError::Count),
            ("sk_live", WebhookSecretError::Prefix),
            ("whsec_***", WebhookSecretError::Encoding),
            ("whsec_AAAA", WebhookSecretError::Length),
            (&long, WebhookSecretError::Length),
        ] {
            assert_eq!(WebhookSecrets::parse(text).unwrap_err(), why, "{text}");
        }
    }
}
