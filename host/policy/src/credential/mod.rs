//! Credentials by reference: `Bearer ${env:NAME}`, `${file:PATH}`. Nothing here holds a secret.

mod aws;
mod oauth;
mod template;

use std::fmt;
use std::path::Path;

pub use self::aws::{AwsSigning, AwsSource};
pub use self::oauth::{OauthGrant, OauthToken, TokenUrl};
pub use self::template::{Reference, Template, TemplateError, TemplatePart};

/// What the references of a template stand for on the wire.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum CredentialMode {
    /// The value itself.
    #[default]
    Plain,
    /// The value is a GLM key `id.secret`; a short-lived HS256 token signed with it takes its place.
    GlmSigned,
}

impl CredentialMode {
    /// Every mode.
    pub const ALL: [Self; 2] = [Self::Plain, Self::GlmSigned];

    /// The word in the configuration: `header` or `glm-signed`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Plain => "header",
            Self::GlmSigned => "glm-signed",
        }
    }

    /// The mode of this word.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|mode| mode.as_str() == text)
    }
}

/// A credential, as the operator configures it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CredentialKind {
    /// A header with a value by reference.
    Header {
        /// The header's name, lower case; `authorization` for a signed token.
        name: String,
        /// Where its value is found. A signed token is a bearer token.
        value: Template,
        /// What a reference stands for.
        mode: CredentialMode,
    },
    /// A signature of each request.
    AwsSigV4(AwsSigning),
    /// A bearer token that is fetched.
    OauthToken(OauthToken),
}

impl CredentialKind {
    /// The words of the setting `kind`.
    pub const WORDS: [&str; 4] = ["header", "glm-signed", "aws-sigv4", "oauth-token"];

    /// The header that it sets, lower case.
    pub fn header(&self) -> &str {
        match self {
            Self::Header { name, .. } => name,
            Self::AwsSigV4(_) | Self::OauthToken(_) => "authorization",
        }
    }

    /// What it refers to, each with the field of the configuration that does.
    pub fn templates(&self) -> Vec<(&'static str, &Template)> {
        match self {
            Self::Header { value, .. } => vec![("value", value)],
            Self::AwsSigV4(signing) => match &signing.source {
                AwsSource::Keys {
                    key_id,
                    secret,
                    session_token,
                } => {
                    let token = session_token.iter().map(|token| ("session_token", token));
                    [("key_id", key_id), ("value", secret)]
                        .into_iter()
                        .chain(token)
                        .collect()
                }
                _ => Vec::new(),
            },
            Self::OauthToken(token) => match &token.grant {
                OauthGrant::ClientCredentials { secret, .. } => vec![("value", secret)],
                OauthGrant::ServiceAccount { key } => vec![("value", key)],
            },
        }
    }

    /// Every file that it reads. No component may be shown one.
    pub fn files(&self) -> impl Iterator<Item = &Path> {
        let own = match self {
            Self::AwsSigV4(signing) => signing.source.file(),
            Self::Header { .. } | Self::OauthToken(_) => None,
        };
        let referred = self.templates().into_iter().flat_map(|(_, template)| template.files());
        referred.chain(own)
    }
}

impl fmt::Display for CredentialKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: ", self.header())?;
        match self {
            Self::Header {
                value,
                mode: CredentialMode::Plain,
                ..
            } => value.fmt(f),
            Self::Header { value, .. } => write!(f, "{value} (signed token)"),
            Self::AwsSigV4(signing) => signing.fmt(f),
            Self::OauthToken(token) => token.fmt(f),
        }
    }
}
