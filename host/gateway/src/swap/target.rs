//! Which component is meant.

use std::fmt;

use loadlock_config::{ComponentRef, Config};

use crate::error::{Error, ErrorCode, Result};

/// A component that can be swapped.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum SwapTarget {
    Provider(String),
    Validator,
    Auth,
}

impl SwapTarget {
    /// `validator`, `auth`, or a provider's name; `providers.NAME` is a provider whatever it is called.
    pub(super) fn of(name: &str) -> Result<Self> {
        match name {
            "validator" => Ok(Self::Validator),
            "auth" => Ok(Self::Auth),
            "tracker" => Err(Error::new(
                ErrorCode::RequestInvalid,
                "the tracker is not swapped while uploads run: it owns the ledger",
            )
            .hint("change `tracker.component` and restart")),
            other => Ok(Self::Provider(
                other.strip_prefix("providers.").unwrap_or(other).to_owned(),
            )),
        }
    }

    /// The component that a configuration names for it.
    pub(super) fn configured<'c>(&self, config: &'c Config) -> Option<&'c ComponentRef> {
        match self {
            Self::Provider(name) => config.provider(name).map(|provider| &provider.connection.component),
            Self::Validator => Some(&config.validator.component),
            Self::Auth => Some(&config.auth.component),
        }
    }

    /// What metrics call it.
    pub(super) fn label(&self) -> &str {
        match self {
            Self::Provider(name) => name,
            Self::Validator => "validator",
            Self::Auth => "auth",
        }
    }
}

/// The key of its table in the configuration.
impl fmt::Display for SwapTarget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Provider(name) => write!(f, "{}", provider_key(name)),
            Self::Validator | Self::Auth => f.write_str(self.label()),
        }
    }
}

/// The key of a provider's table.
pub(super) fn provider_key(name: &str) -> String {
    format!("providers.{name}")
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_provider_can_have_the_name_of_a_role() {
        assert_eq!(SwapTarget::of("auth").unwrap(), SwapTarget::Auth);
        assert_eq!(
            SwapTarget::of("providers.auth").unwrap(),
            SwapTarget::Provider("auth".into())
        );
        assert_eq!(SwapTarget::of("kimi").unwrap().to_string(), "providers.kimi");
        assert_eq!(SwapTarget::of("tracker").unwrap_err().code, ErrorCode::RequestInvalid);
    }
}
