//! JSON as the API has it.

use axum::extract::Request;
use serde::de::DeserializeOwned;

use super::failure::Failure;

/// Bytes of a JSON body: ten thousand part ids fit.
const JSON: usize = 1 << 20;

/// A JSON body.
pub(crate) async fn json<T: DeserializeOwned>(request: Request) -> Result<T, Failure> {
    let bytes = axum::body::to_bytes(request.into_body(), JSON)
        .await
        .map_err(|_| Failure::body(format!("the body ended early or has more than {JSON} bytes")))?;
    serde_json::from_slice(&bytes).map_err(|error| Failure::body(format!("the body is not the expected JSON: {error}")))
}

/// Whole seconds since 1970.
pub(super) fn seconds(milliseconds: u64) -> u64 {
    milliseconds / 1_000
}
