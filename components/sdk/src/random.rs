//! Randomness from the host, for names and boundaries.

/// 128 unpredictable bits as 32 lower-case hexadecimal characters.
pub fn token() -> String {
    format!("{:016x}{:016x}", bits(), bits())
}

#[cfg(target_family = "wasm")]
fn bits() -> u64 {
    wasip2::random::random::get_random_u64()
}

/// Outside of WebAssembly there is no WASI: the keys of the standard library's hasher are random enough for tests.
#[cfg(not(target_family = "wasm"))]
fn bits() -> u64 {
    use std::hash::{BuildHasher, Hasher};
    std::hash::RandomState::new().build_hasher().finish()
}
