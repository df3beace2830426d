//! From a request to an authenticated principal. The auth component decides; there is no other way to a [`Principal`].

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use axum::extract::FromRequestParts;
use http::HeaderMap;
use http::header::AUTHORIZATION;
use http::request::Parts;
use loadlock_gateway::{Door, Principal, Result};
use tokio::time::Instant;

use crate::answer::Refusal;
use crate::app::App;
use crate::{query, request_id};

/// Extracts the caller of a request, or answers 401; a query is refused.
pub(crate) struct Caller(pub(crate) Principal);

impl FromRequestParts<App> for Caller {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Refusal> {
        let who = authenticate(app, &parts.headers).await?;
        query::only(&parts.uri, &[])?;
        Ok(Self(who))
    }
}

/// Who sends these headers.
///
/// # Errors
/// See [`present`].
pub(crate) async fn authenticate(app: &App, headers: &HeaderMap) -> Result<Principal> {
    present(app, bearer(headers)).await
}

/// Who presents this credential with the request at hand.
///
/// # Errors
/// [`loadlock_gateway::ErrorCode::Unauthenticated`]; [`loadlock_gateway::ErrorCode::RateLimited`] after too many
/// failures, and beyond the tenant's requests a minute.
pub(crate) async fn present(app: &App, credential: Option<&str>) -> Result<Principal> {
    let gateway = app.gateway();
    let door = request_id::door();
    let who = gateway.authenticate_from(door, credential, request_id::peer()).await?;
    if door == Door::Network {
        gateway.request_allowed(&who).await?;
    }
    Ok(who)
}

/// The credential of `Authorization: Bearer`, RFC 6750 §2.1. Several such headers are none: which of them counts would
/// be a guess.
pub(crate) fn bearer(headers: &HeaderMap) -> Option<&str> {
    let mut values = headers.get_all(AUTHORIZATION).iter();
    let (Some(value), None) = (values.next(), values.next()) else {
        return None;
    };
    let (scheme, credential) = value.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then_some(credential.trim())
}

/// When the auth component would stop accepting the credential, clocks' difference included.
pub(crate) fn credential_ends(app: &App, who: &Principal) -> Option<Instant> {
    let ends = who.identity().expires_at?;
    let ends = Duration::from_secs(ends) + app.gateway().config().auth.leeway;
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    // A century is never: an instant cannot hold every number.
    let left = ends.saturating_sub(now).min(Duration::from_secs(3_155_760_000));
    Some(Instant::now() + left)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(values: &[&'static str]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(AUTHORIZATION, http::HeaderValue::from_static(value));
        }
        headers
    }

    #[test]
    fn one_bearer_header_is_a_credential_and_nothing_else() {
        assert_eq!(bearer(&headers(&["Bearer abc"])), Some("abc"));
        assert_eq!(bearer(&headers(&["bearer abc"])), Some("abc"));
        for none in [&[][..], &["Basic abc"], &["Bearer"], &["Bearer a", "Bearer b"]] {
            assert_eq!(bearer(&headers(none)), None);
        }
    }
}
