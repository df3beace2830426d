//! What a request asks for beside its bytes: fields of a form, members of a JSON object, headers.

use std::collections::BTreeMap;

use http::HeaderMap;
use serde::{Deserialize, Serialize};

use super::failure::Failure;
use crate::upload_options::{BadOption, OptionField, UploadOptions};

/// `expires_after`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ExpiresAfter {
    pub(crate) anchor: String,
    #[serde(deserialize_with = "crate::integer::whole")]
    pub(crate) seconds: u64,
}

impl From<BadOption> for Failure {
    fn from(bad: BadOption) -> Self {
        let param = match bad.field {
            OptionField::Name => Some("filename"),
            OptionField::MediaType => Some("mime_type"),
            OptionField::Purpose => Some("purpose"),
            OptionField::Provider => Some("provider"),
            OptionField::Expiry => Some("expires_after[seconds]"),
            // A header.
            OptionField::IdempotencyKey => None,
        };
        Self {
            error: bad.error,
            param,
        }
    }
}

/// From headers, purpose, provider and expiry, wherever the latter stood.
pub(crate) fn of_json(
    headers: &HeaderMap,
    purpose: Option<String>,
    provider: Option<String>,
    expires_after: Option<ExpiresAfter>,
) -> Result<UploadOptions, Failure> {
    let options = UploadOptions {
        purpose,
        expires_in_s: expires_after.map(seconds).transpose()?,
        idempotency_key: text(headers, "idempotency-key")?,
        ..UploadOptions::default()
    };
    Ok(options.to(pinned(headers, provider)?).check()?)
}

/// From a form. A field that nobody knows is refused: ignoring it would be a success of something else.
pub(crate) fn of_form(headers: &HeaderMap, mut fields: BTreeMap<String, String>) -> Result<UploadOptions, Failure> {
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
                let seconds = seconds.escape_debug();
                Failure::param(
                    "expires_after[seconds]",
                    format!("`expires_after[seconds]` is \"{seconds}\"; it must be a whole number"),
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
    of_json(headers, purpose, provider, expires_after)
}

/// OpenAI's own service takes an hour to thirty days; here the bounds are those of every door, and a vendor that has
/// others keeps the file as long as it can.
fn seconds(after: ExpiresAfter) -> Result<u64, Failure> {
    if after.anchor != "created_at" {
        return Err(Failure::param(
            "expires_after[anchor]",
            format!(
                "the anchor is \"{}\"; the only one is `created_at`",
                after.anchor.escape_debug()
            ),
        ));
    }
    Ok(after.seconds)
}

/// The header `x-loadlock-provider`, or the field. Two that differ are refused, whichever was meant.
fn pinned(headers: &HeaderMap, field: Option<String>) -> Result<Option<String>, Failure> {
    let header = text(headers, "x-loadlock-provider")?;
    if let (Some(header), Some(field)) = (&header, &field)
        && header != field
    {
        return Err(Failure::param("provider", "header and field name different providers"));
    }
    Ok(header.or(field))
}

/// The client's key, if it sent one.
pub(crate) fn idempotency_key(headers: &HeaderMap) -> Result<Option<String>, Failure> {
    Ok(of_json(headers, None, None, None)?.idempotency_key)
}

fn text(headers: &HeaderMap, name: &'static str) -> Result<Option<String>, Failure> {
    let mut values = headers.get_all(name).iter();
    match (values.next().map(|value| value.to_str()), values.next()) {
        (None, _) => Ok(None),
        (Some(Ok(value)), None) => Ok(Some(value.trim().to_owned())),
        _ => Err(Failure::body(format!(
            "the header `{name}` must occur once, in plain ASCII"
        ))),
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
    use loadlock_gateway::Target;

    use super::*;

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers.append(*name, http::HeaderValue::from_static(value));
        }
        headers
    }

    fn form(pairs: &[(&str, &str)]) -> Result<UploadOptions, Option<&'static str>> {
        let fields = pairs.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned()));
        of_form(&HeaderMap::new(), fields.collect()).map_err(|failure| failure.param)
    }

    #[test]
    fn a_form_is_read_and_each_mistake_names_its_field() {
        let options = form(&[
            ("purpose", "user_data"),
            ("expires_after[anchor]", "created_at"),
            ("expires_after[seconds]", "3600"),
            ("provider", "kimi"),
        ])
        .unwrap();
        assert_eq!(options.expires_in_s, Some(3600));
        assert_eq!(options.target(), Target::Pinned("kimi".into()));
        let anchor = ("expires_after[anchor]", "created_at");
        let wrong: [(&[(&str, &str)], _); 6] = [
            (&[("purpose", "")], Some("purpose")),
            (&[anchor], Some("expires_after")),
            (
                &[anchor, ("expires_after[seconds]", "1h")],
                Some("expires_after[seconds]"),
            ),
            (
                &[anchor, ("expires_after[seconds]", "3155760001")],
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
            let options = of_json(&headers(header), None, field.map(str::to_owned), None);
            options.map(|options| options.provider).map_err(|failure| failure.param)
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
