//! Parameters of a query. One that an endpoint does not know is refused by name: ignoring it would be an answer to
//! another question.

use axum::extract::FromRequestParts;
use http::Uri;
use http::request::Parts;
use loadlock_gateway::{Error, ErrorCode, Principal, Result};
use percent_encoding::percent_decode_str;

use crate::answer::Refusal;
use crate::app::App;
use crate::identity::authenticate;

/// Extracts the caller of a request whose parameters the endpoint looks at itself.
pub(crate) struct Asking(pub(crate) Principal);

impl FromRequestParts<App> for Asking {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Refusal> {
        authenticate(app, &parts.headers).await.map(Self).map_err(Refusal)
    }
}

/// Extracts nothing, from a request without parameters.
pub(crate) struct NoQuery;

impl<S: Sync> FromRequestParts<S> for NoQuery {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Refusal> {
        only(&parts.uri, &[])?;
        Ok(Self)
    }
}

/// Requires that a query has no other parameters than these.
///
/// # Errors
/// [`ErrorCode::RequestInvalid`] with the name of the first other one.
pub(crate) fn only(uri: &Uri, known: &[&str]) -> Result<()> {
    for pair in uri
        .query()
        .unwrap_or_default()
        .split('&')
        .filter(|pair| !pair.is_empty())
    {
        let name = pair.split('=').next().unwrap_or_default().replace('+', " ");
        let name = percent_decode_str(&name).decode_utf8_lossy();
        if !known.contains(&name.as_ref()) {
            let short: String = name.chars().take(64).collect();
            let error = Error::new(
                ErrorCode::RequestInvalid,
                format!("there is no query parameter `{}` here", short.escape_debug()),
            );
            return Err(match known {
                [] => error.hint("send the request without a query"),
                known => error.hint(format!("the parameters are `{}`", known.join("`, `"))),
            });
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn what_is_not_known_is_named() {
        let message = |uri: &str| {
            only(&uri.parse().unwrap(), &["after", "limit"])
                .err()
                .map(|it| it.message)
        };
        for good in ["/", "/?", "/?after=x&limit=2", "/?&limit=2&"] {
            assert_eq!(message(good), None, "{good}");
        }
        for (bad, name) in [
            ("/?filename=a", "filename"),
            ("/?limit=1&x%5B%5D=2", "x[]"),
            ("/?a+b", "a b"),
            ("/?=1", "``"),
        ] {
            assert!(message(bad).unwrap().contains(name), "{bad}");
        }
    }
}
