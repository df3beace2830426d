//! One verification key: parsed once, with its algorithm pinned, weak ones refused.

use crate::bindings::exports::loadlock::upload::auth::{Algorithm, Key};
use jsonwebtoken::DecodingKey;
use rsa::pkcs1::DecodeRsaPublicKey;
use rsa::traits::PublicKeyParts;

/// Shortest HS256 secret, in bytes: as long as the digest (RFC 7518 §3.2).
pub(crate) const MIN_SECRET_BYTES: usize = 32;

/// Shortest RSA modulus, in bits (RFC 7518 §3.3).
pub(crate) const MIN_RSA_BITS: usize = 2048;

/// Longest RSA modulus, in bits: what the backend verifies with; a larger one would only cost time.
pub(crate) const MAX_RSA_BITS: usize = 4096;

/// Why a key was refused. Never holds the material.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum KeyDefect {
    #[error("the secret is shorter than {MIN_SECRET_BYTES} bytes; generate a longer one")]
    ShortSecret,
    #[error("the secret is a PEM block; HS256 needs a random secret, a public key would let anyone sign")]
    PemSecret,
    #[error("the material is not a PEM `PUBLIC KEY` block; export it as SubjectPublicKeyInfo (`openssl pkey -pubout`)")]
    NotPublicKeyPem,
    #[error("the PEM block does not hold a {0} public key")]
    WrongKind(&'static str),
    #[error("the RSA modulus has {0} bits; it must have {MIN_RSA_BITS} to {MAX_RSA_BITS}, generate another key")]
    RsaSize(usize),
    #[error("the Ed25519 key is a point of small order, under which forged signatures verify")]
    WeakPoint,
}

/// A key that tokens may be verified with.
pub(crate) struct VerifyingKey {
    pub(crate) kid: String,
    pub(crate) algorithm: Algorithm,
    pub(crate) decoding: DecodingKey,
    pub(crate) issuers: Vec<String>,
    pub(crate) tenants: Vec<String>,
}

impl VerifyingKey {
    /// Takes over a key of the policy, its material checked.
    pub(crate) fn new(key: &mut Key) -> Result<Self, KeyDefect> {
        Ok(Self {
            decoding: parse(key.algorithm, &key.material)?,
            kid: std::mem::take(&mut key.kid),
            algorithm: key.algorithm,
            issuers: std::mem::take(&mut key.issuers),
            tenants: std::mem::take(&mut key.tenants),
        })
    }

    /// Whether the operator lets this key speak for the tenant.
    pub(crate) fn speaks_for(&self, tenant: &str) -> bool {
        self.tenants.iter().any(|name| name == "*" || name == tenant)
    }
}

/// The name that a token's `alg` must have.
pub(crate) fn name(algorithm: Algorithm) -> &'static str {
    match algorithm {
        Algorithm::Hs256 => "HS256",
        Algorithm::Es256 => "ES256",
        Algorithm::Eddsa => "EdDSA",
        Algorithm::Rs256 => "RS256",
    }
}

/// The algorithm of that name, if it is one of ours. `none` is not.
pub(crate) fn named(alg: &str) -> Option<Algorithm> {
    [Algorithm::Hs256, Algorithm::Es256, Algorithm::Eddsa, Algorithm::Rs256]
        .into_iter()
        .find(|algorithm| name(*algorithm) == alg)
}

fn parse(algorithm: Algorithm, material: &[u8]) -> Result<DecodingKey, KeyDefect> {
    if algorithm == Algorithm::Hs256 {
        return parse_secret(material);
    }
    // The library would also take certificates and private keys.
    if !material.trim_ascii_start().starts_with(b"-----BEGIN PUBLIC KEY-----") {
        return Err(KeyDefect::NotPublicKeyPem);
    }
    match algorithm {
        Algorithm::Hs256 => parse_secret(material),
        Algorithm::Rs256 => parse_rsa(material),
        Algorithm::Es256 => parse_p256(material),
        Algorithm::Eddsa => parse_ed25519(material),
    }
}

fn parse_secret(material: &[u8]) -> Result<DecodingKey, KeyDefect> {
    if material.len() < MIN_SECRET_BYTES {
        return Err(KeyDefect::ShortSecret);
    }
    if material.windows(10).any(|window| window == b"-----BEGIN") {
        return Err(KeyDefect::PemSecret);
    }
    Ok(DecodingKey::from_secret(material))
}

fn parse_rsa(material: &[u8]) -> Result<DecodingKey, KeyDefect> {
    const WRONG: KeyDefect = KeyDefect::WrongKind("RSA");
    let key = DecodingKey::from_rsa_pem(material).map_err(|_| WRONG)?;
    let der = key.try_get_as_bytes().map_err(|_| WRONG)?;
    // The parser that verification uses refuses anything above 4,096 bits, so the size is read by a more patient one
    // first.
    let bits = rsa::pkcs1::RsaPublicKey::try_from(der)
        .map_err(|_| WRONG)
        .map(|parts| rsa::BigUint::from_bytes_be(parts.modulus.as_bytes()).bits())?;
    if !(MIN_RSA_BITS..=MAX_RSA_BITS).contains(&bits) {
        return Err(KeyDefect::RsaSize(bits));
    }
    let parsed = rsa::RsaPublicKey::from_pkcs1_der(der).map_err(|_| WRONG)?;
    if parsed.n().bits() != bits {
        return Err(WRONG);
    }
    Ok(key)
}

fn parse_p256(material: &[u8]) -> Result<DecodingKey, KeyDefect> {
    const WRONG: KeyDefect = KeyDefect::WrongKind("P-256");
    let key = DecodingKey::from_ec_pem(material).map_err(|_| WRONG)?;
    let point = key.try_get_as_bytes().map_err(|_| WRONG)?;
    p256::ecdsa::VerifyingKey::from_sec1_bytes(point).map_err(|_| WRONG)?;
    Ok(key)
}

fn parse_ed25519(material: &[u8]) -> Result<DecodingKey, KeyDefect> {
    const WRONG: KeyDefect = KeyDefect::WrongKind("Ed25519");
    let key = DecodingKey::from_ed_pem(material).map_err(|_| WRONG)?;
    // The verifier slices 32 bytes out without looking: a shorter key would panic there.
    let bytes: [u8; 32] = key
        .try_get_as_bytes()
        .ok()
        .and_then(|bytes| bytes.try_into().ok())
        .ok_or(WRONG)?;
    let point = ed25519_dalek::VerifyingKey::from_bytes(&bytes).map_err(|_| WRONG)?;
    if point.is_weak() {
        return Err(KeyDefect::WeakPoint);
    }
    Ok(key)
}
