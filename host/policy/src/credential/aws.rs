//! Requests that are signed as AWS does it, for S3 and every store that speaks its protocol.

use std::fmt;
use std::path::{Path, PathBuf};

use super::template::Template;

/// How requests are signed: Signature Version 4.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AwsSigning {
    /// The region that the store expects in the signature, such as `eu-central-1`; Cloudflare R2 wants `auto`.
    pub region: String,
    /// The service, `s3` for every object store.
    pub service: String,
    /// Where the keys come from.
    pub source: AwsSource,
}

/// Where the keys of a signature come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AwsSource {
    /// From variables or files.
    Keys {
        /// The access key's id, which is no secret.
        key_id: Template,
        /// The secret access key.
        secret: Template,
        /// What temporary keys have besides.
        session_token: Option<Template>,
    },
    /// From a profile of the file that AWS's own tools read.
    Profile {
        /// The profile's name.
        name: String,
        /// The file: as written, else `AWS_SHARED_CREDENTIALS_FILE`, else `~/.aws/credentials`.
        file: Option<PathBuf>,
    },
    /// In exchange for the token of a workload, from AWS's Security Token Service.
    WebIdentity {
        /// The role to take on; `AWS_ROLE_ARN` if it is not said.
        role: Option<String>,
        /// The file with the token; `AWS_WEB_IDENTITY_TOKEN_FILE` if it is not said.
        file: Option<PathBuf>,
    },
    /// From the container's platform: `AWS_CONTAINER_CREDENTIALS_RELATIVE_URI` or `AWS_CONTAINER_CREDENTIALS_FULL_URI`.
    Container {
        /// The file with the platform's own token, from `AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE`.
        file: Option<PathBuf>,
    },
    /// From the instance's metadata service (EC2, version 2).
    Instance,
}

impl AwsSource {
    /// The words of the setting `source`; keys by reference need none.
    pub const WORDS: [&str; 4] = ["profile", "web-identity", "container", "instance"];

    /// The file that it reads, besides those of templates.
    pub fn file(&self) -> Option<&Path> {
        match self {
            Self::Profile { file, .. } | Self::WebIdentity { file, .. } | Self::Container { file } => file.as_deref(),
            Self::Keys { .. } | Self::Instance => None,
        }
    }
}

impl fmt::Display for AwsSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Keys {
                key_id,
                secret,
                session_token,
            } => {
                write!(f, "the keys {key_id} and {secret}")?;
                session_token.iter().try_for_each(|token| write!(f, ", {token}"))
            }
            Self::Profile { name, file: Some(file) } => write!(f, "the profile `{name}` of {}", file.display()),
            Self::Profile { name, file: None } => write!(f, "the profile `{name}`"),
            Self::WebIdentity { role: Some(role), .. } => write!(f, "a web identity as {role}"),
            Self::WebIdentity { role: None, .. } => f.write_str("a web identity"),
            Self::Container { .. } => f.write_str("the container's credentials"),
            Self::Instance => f.write_str("the instance's role"),
        }
    }
}

impl fmt::Display for AwsSigning {
    /// For a person; holds no secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "signed for {} in {} with {}", self.service, self.region, self.source)
    }
}
