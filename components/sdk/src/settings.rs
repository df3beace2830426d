//! Typed settings. The host passes each as an environment variable, `LOADLOCK_SETTING_<NAME>`.

use std::fmt::Display;
use std::str::FromStr;

use crate::http::Base;
use crate::types::Failure;

/// What stands before every setting's upper-case name in the environment.
pub const PREFIX: &str = "LOADLOCK_SETTING_";

/// Where settings come from: the environment inside a host, a list in a test.
///
/// Names are written in lower case, as in the operator's configuration. Values are trimmed, and an empty value counts
/// as absent. Every failure is `internal` and names the setting.
///
/// ```
/// use loadlock_sdk::settings::Settings;
/// let settings = Settings::from_pairs([("max_bytes", "1000")]);
/// assert_eq!(settings.number("max_bytes")?, Some(1_000u64));
/// assert_eq!(settings.number::<u32>("max_concurrency")?, None);
/// assert!(settings.required("base_url").unwrap_err().message.contains("base_url"));
/// # Ok::<(), loadlock_sdk::types::Failure>(())
/// ```
#[derive(Debug, Clone)]
pub struct Settings(Source);

#[derive(Debug, Clone)]
enum Source {
    Environment,
    Pairs(Vec<(String, String)>),
}

impl Settings {
    /// The settings that the host gave to this component.
    pub fn from_env() -> Self {
        Self(Source::Environment)
    }

    /// Settings for a test.
    pub fn from_pairs<K: Into<String>, V: Into<String>>(pairs: impl IntoIterator<Item = (K, V)>) -> Self {
        let pairs = pairs.into_iter().map(|(k, v)| (k.into(), v.into()));
        Self(Source::Pairs(pairs.collect()))
    }

    /// A text, if set.
    pub fn text(&self, name: &str) -> Option<String> {
        let value = match &self.0 {
            Source::Environment => std::env::var(format!("{PREFIX}{}", name.to_ascii_uppercase())).ok(),
            Source::Pairs(pairs) => pairs
                .iter()
                .find(|(key, _)| key == name)
                .map(|(_, value)| value.clone()),
        };
        value
            .map(|value| value.trim().to_owned())
            .filter(|value| !value.is_empty())
    }

    /// A text that must be set.
    ///
    /// # Errors
    /// `internal` if it is not.
    pub fn required(&self, name: &str) -> Result<String, Failure> {
        self.text(name)
            .ok_or_else(|| wrong(name, "is missing; this provider cannot work without it"))
    }

    /// A number, if set.
    ///
    /// # Errors
    /// `internal` if the value is not a number of this type.
    pub fn number<T: FromStr<Err: Display>>(&self, name: &str) -> Result<Option<T>, Failure> {
        self.text(name)
            .map(|value| {
                value
                    .parse()
                    .map_err(|error| wrong(name, &format!("`{value}` is not usable: {error}")))
            })
            .transpose()
    }

    /// `true` or `false`, if set.
    ///
    /// # Errors
    /// `internal` for any other value.
    pub fn flag(&self, name: &str) -> Result<Option<bool>, Failure> {
        self.number(name)
    }

    /// One of `choices`; the first if not set.
    ///
    /// # Errors
    /// `internal`, listing the choices, for any other value.
    pub fn choice<'a>(&self, name: &str, choices: &[&'a str]) -> Result<&'a str, Failure> {
        let value = self.text(name);
        let chosen = match &value {
            None => choices.first(),
            Some(value) => choices.iter().find(|choice| **choice == value.as_str()),
        };
        chosen.copied().ok_or_else(|| {
            let value = value.unwrap_or_default();
            wrong(name, &format!("`{value}` is not one of: {}", choices.join(", ")))
        })
    }

    /// The entries of a comma-separated list; none if not set.
    pub fn list(&self, name: &str) -> Vec<String> {
        self.text(name)
            .unwrap_or_default()
            .split(',')
            .map(|entry| entry.trim().to_owned())
            .filter(|entry| !entry.is_empty())
            .collect()
    }

    /// An address that requests are built upon; `default` if not set.
    ///
    /// # Errors
    /// `internal` if the value is not `http(s)://host[:port][/path]`.
    pub fn base(&self, name: &str, default: &str) -> Result<Base, Failure> {
        let value = self.text(name).unwrap_or_else(|| default.to_owned());
        Base::parse(&value).map_err(|error| wrong(name, &format!("`{value}`: {error}")))
    }
}

/// The failure for a setting that cannot be used.
pub fn wrong(name: &str, what: &str) -> Failure {
    Failure::internal(format!("setting `{name}` {what}"))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::types::FailureKind;

    #[test]
    fn a_bad_value_names_its_setting() {
        let settings = Settings::from_pairs([("max_bytes", "many"), ("region", "mars")]);
        let bad = settings.number::<u64>("max_bytes").unwrap_err();
        assert_eq!(bad.kind, FailureKind::Internal);
        assert!(bad.message.contains("`max_bytes`") && bad.message.contains("many"));
        let bad = settings.choice("region", &["zai", "bigmodel"]).unwrap_err();
        assert!(bad.message.contains("zai, bigmodel"));
    }

    #[test]
    fn empty_is_absent() {
        let settings = Settings::from_pairs([("purposes", " "), ("x", "a, ,b,")]);
        assert_eq!(settings.text("purposes"), None);
        assert_eq!(settings.list("purposes"), Vec::<String>::new());
        assert_eq!(settings.list("x"), ["a", "b"]);
    }
}
