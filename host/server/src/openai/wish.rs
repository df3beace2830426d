//! What a request asks for beside its bytes: fields of a form, members of a JSON object, headers.

use std::collections::BTreeMap;

use http::HeaderMap;
use loadlock_gateway::Target;
use serde::{Deserialize, Serialize};

use super::failure::Failure;

/// OpenAI's bounds of `expires_after[seconds]`: an hour to thirty days.
const EXPIRY_S: std::ops::RangeInclusive<u64> = 3_600..=2_592_000;
/// Bytes of a purpose.
const PURPOSE: usize = 64;
/// Bytes of an idempotency key.
const KEY: usize = 255;
/// The word for "whichever provider is best".
const AUTO: &str = "auto";

/// Options of a new file.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Wish {
    pub(crate) purpose: Option<String>,
    /// Pinned provider.
    pub(crate) provider: Option<String>,
    pub(crate) expires_in_s: Option<u64>,
    pub(crate) idempotency_key: Option<String>,
}

/// `expires_after`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ExpiresAfter {
    pub(crate) anchor: String,
    #[serde(deserialize_with = "crate::integer::whole")]
    pub(crate) seconds: u64,
}

impl Wish {
    /// From headers, purpose, provider and expiry, wherever the latter stood.
    pub(crate) fn new(
        headers: &HeaderMap,
        purpose: Option<String>,
        provider: Option<String>,
        expires_after: Option<ExpiresAfter>,
    ) -> Result<Self, Failure> {
        if let Some(purpose) = &purpose
            && (purpose.is_empty() || purpose.len() > PURPOSE)
        {
            return Err(Failure::param(
                "purpose",
                format!("`purpose` has not 1 to {PURPOSE} bytes"),
            ));
        }
        Ok(Self {
            purpose,
            provider: pinned(headers, provider)?,
            expires_in_s: expires_after.map(expiry).transpose()?,
            idempotency_key: idempotency_key(headers)?,
        })
    }

    /// From a form. A field that nobody knows is refused: ignoring it would be a success of something else.
    pub(crate) fn of_form(headers: &HeaderMap, mut fields: BTreeMap<String, String>) -> Result<Self, Failure> {
        let purpose = fields.remove("purpose");
        let provider = fields.remove("provider");
        let anchor = fields.remove("expires_after[anchor]");
        let seconds = fields.remove("expires_after[seconds]");
        if let Some(unknown) = fields.keys().next() {
            let mut failure = Failure::body(format!("the form has an unknown field `{}`", unknown.escape_debug()));
            failure.error.hint =
                "the fields are `file`, `purpose`, `expires_after[anchor]`, `expires_after[seconds]` and `provider`"
                    .to_owned();
            return Err(failure);
        }
        let expires_after = match (anchor, seconds) {
            (None, None) => None,
            (Some(anchor), Some(seconds)) => Some(ExpiresAfter {
                anchor,
                seconds: seconds.parse().map_err(|_| {
                    Failure::param(
                        "expires_after[seconds]",
                        "`expires_after[seconds]` is not a whole number",
                    )
                })?,
            }),
            _ => {
                return Err(Failure::param(
                    "expires_after",
                    "`expires_after` needs both `anchor` and `seconds`",
                ));
            }
        };
        Self::new(headers, purpose, provider, expires_after)
    }

    pub(crate) fn target(&self) -> Target {
        self.provider.clone().map_or(Target::Auto, Target::Pinned)
    }
}

fn expiry(after: ExpiresAfter) -> Result<u64, Failure> {
    if after.anchor != "created_at" {
        return Err(Failure::param(
            "expires_after[anchor]",
            "the only anchor is `created_at`",
        ));
    }
    if EXPIRY_S.contains(&after.seconds) {
        return Ok(after.seconds);
    }
    Err(Failure::param(
        "expires_after[seconds]",
        format!(
            "`expires_after[seconds]` is not {} to {}",
            EXPIRY_S.start(),
            EXPIRY_S.end()
        ),
    ))
}

/// The header `x-loadlock-provider`, or the field. Two that differ are refused, whichever was meant.
fn pinned(headers: &HeaderMap, field: Option<String>) -> Result<Option<String>, Failure> {
    let header = text(headers, "x-loadlock-provider")?;
    if let (Some(header), Some(field)) = (&header, &field)
        && header != field
    {
        return Err(Failure::param("provider", "header and field name different providers"));
    }
    Ok(header.or(field).filter(|name| name != AUTO))
}

/// The client's key, if it sent one.
pub(crate) fn idempotency_key(headers: &HeaderMap) -> Result<Option<String>, Failure> {
    let key = text(headers, "idempotency-key")?;
    if let Some(key) = &key
        && (key.is_empty() || key.len() > KEY)
    {
        return Err(Failure::body(format!(
            "the idempotency key has not 1 to {KEY} characters"
        )));
    }
    Ok(key)
}

fn text(headers: &HeaderMap, name: &'static str) -> Result<Option<String>, Failure> {
    let mut values = headers.get_all(name).iter();
    match (values.next().map(|value| value.to_str()), values.next()) {
        (None, _) => Ok(None),
        (Some(Ok(value)), None) => Ok(Some(value.trim().to_owned())),
        _ => Err(Failure::body(format!("the header `{name}` is not one text"))),
    }
}

/// Whether the client asks for an answer before the work is done (RFC 7240).
pub(crate) fn respond_async(headers: &HeaderMap) -> bool {
    let values = headers.get_all("prefer").iter();
    let texts = values.filter_map(|value| value.to_str().ok());
    texts.flat_map(|text| text.split(',')).any(|preference| {
        let name = preference.split([';', '=']).next().unwrap_or_default();
        name.trim().eq_ignore_ascii_case("respond-async")
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers.append(*name, http::HeaderValue::from_static(value));
        }
        headers
    }

    fn form(pairs: &[(&str, &str)]) -> Result<Wish, Option<&'static str>> {
        let fields = pairs.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned()));
        Wish::of_form(&HeaderMap::new(), fields.collect()).map_err(|failure| failure.param)
    }

    #[test]
    fn a_form_is_read_and_each_mistake_names_its_field() {
        let wish = form(&[
            ("purpose", "user_data"),
            ("expires_after[anchor]", "created_at"),
            ("expires_after[seconds]", "3600"),
            ("provider", "kimi"),
        ])
        .unwrap();
        assert_eq!(wish.expires_in_s, Some(3600));
        assert_eq!(wish.target(), Target::Pinned("kimi".into()));
        let anchor = ("expires_after[anchor]", "created_at");
        let wrong: [(&[(&str, &str)], _); 6] = [
            (&[("purpose", "")], Some("purpose")),
            (&[anchor], Some("expires_after")),
            (
                &[anchor, ("expires_after[seconds]", "1h")],
                Some("expires_after[seconds]"),
            ),
            (
                &[anchor, ("expires_after[seconds]", "3599")],
                Some("expires_after[seconds]"),
            ),
            (
                &[("expires_after[anchor]", "now"), ("expires_after[seconds]", "3600")],
                Some("expires_after[anchor]"),
            ),
            (&[("porpose", "x")], None),
        ];
        for (fields, param) in wrong {
            assert_eq!(form(fields).unwrap_err(), param, "{fields:?}");
        }
    }

    #[test]
    fn one_provider_is_pinned_and_two_are_refused() {
        let pin = |header: &[_], field: Option<&str>| {
            pinned(&headers(header), field.map(str::to_owned)).map_err(|failure| failure.param)
        };
        let header = ("x-loadlock-provider", "glm");
        assert_eq!(pin(&[header], None), Ok(Some("glm".into())));
        assert_eq!(pin(&[header], Some("glm")), Ok(Some("glm".into())));
        assert_eq!(pin(&[], Some("auto")), Ok(None));
        assert_eq!(pin(&[header], Some("kimi")), Err(Some("provider")));
        assert!(pin(&[header, header], None).is_err());
    }

    #[test]
    fn the_preference_is_found_among_others() {
        for asked in ["respond-async", "wait=10, Respond-Async;x=1"] {
            assert!(respond_async(&headers(&[("prefer", asked)])), "{asked}");
        }
        assert!(!respond_async(&headers(&[("prefer", "wait=10")])));
    }
}
