//! What goes wrong with a registry, each with what to do about it.

use std::path::PathBuf;

use crate::Sha256Digest;

/// Why a registry did not give or take something.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RegistryError {
    /// What was written is no reference.
    #[error("`{text}` names no component in a registry: {reason}")]
    Reference {
        /// As written.
        text: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// Plain HTTP to another machine.
    #[error("plain HTTP to `{host}` is refused: it is not this machine")]
    PlainHttp {
        /// The registry.
        host: String,
    },
    /// A host that is to be contacted cannot be named like this.
    #[error("`{host}` is not a host: {reason}")]
    Host {
        /// As written.
        host: String,
        /// What is wrong with it.
        reason: String,
    },
    /// No answer.
    #[error("`{host}`, {what}: {reason}")]
    Unreachable {
        /// The registry.
        host: String,
        /// What was asked for.
        what: String,
        /// What the transport said.
        reason: String,
    },
    /// The registry sends us to a host that nobody allowed.
    #[error("`{registry}` sends {what} to `{origin}`, which is not allowed for it")]
    Elsewhere {
        /// The registry.
        registry: String,
        /// `a download` or `the login`.
        what: &'static str,
        /// Where it points.
        origin: String,
    },
    /// It points at what is no URL of one reading.
    #[error("`{registry}` sends {what} to a URL that cannot be used: {reason}")]
    BadRedirect {
        /// The registry.
        registry: String,
        /// `a download` or `the login`.
        what: &'static str,
        /// What is wrong with it.
        reason: String,
    },
    /// 401, or the login refused the credentials.
    #[error("`{host}` refuses access to `{repository}`: {}", if *.presented { "it does not take the credentials" } else { "it wants credentials, and there are none for it" })]
    Unauthorised {
        /// The registry.
        host: String,
        /// The repository.
        repository: String,
        /// Whether credentials were presented.
        presented: bool,
    },
    /// 403.
    #[error("`{host}` forbids {what} (403)")]
    Forbidden {
        /// The registry.
        host: String,
        /// What was asked for.
        what: String,
    },
    /// 404.
    #[error("`{host}` has no {what}")]
    NotFound {
        /// The registry.
        host: String,
        /// What was asked for.
        what: String,
    },
    /// 429 after all attempts.
    #[error("`{host}` limits requests (429), {what}")]
    Throttled {
        /// The registry.
        host: String,
        /// What was asked for.
        what: String,
        /// What `Retry-After` said, seconds.
        retry_after: Option<u64>,
    },
    /// Any other status.
    #[error("`{host}` answers {status}, {what}")]
    Status {
        /// The registry.
        host: String,
        /// What was asked for.
        what: String,
        /// The HTTP status.
        status: u16,
    },
    /// More bytes than are taken.
    #[error("{what} is larger than {limit} bytes")]
    TooLarge {
        /// What was asked for.
        what: String,
        /// The bound.
        limit: u64,
    },
    /// Another number of bytes than was announced.
    #[error("{what} has {got} bytes, and {expected} were announced")]
    WrongSize {
        /// What was asked for.
        what: String,
        /// By its descriptor.
        expected: u64,
        /// As received.
        got: u64,
    },
    /// Other bytes than were announced.
    #[error("{what} has other bytes than were announced: {got} instead of {expected}")]
    WrongDigest {
        /// What was asked for.
        what: String,
        /// As announced.
        expected: Sha256Digest,
        /// Of the bytes received.
        got: Sha256Digest,
    },
    /// What was received cannot be understood.
    #[error("{what} cannot be used: {reason}")]
    Malformed {
        /// What was asked for.
        what: String,
        /// What is wrong with it.
        reason: String,
    },
    /// A version tag that is there already, for other bytes.
    #[error("`{reference}` is there already, with other bytes")]
    Taken {
        /// The reference.
        reference: String,
    },
    /// Credentials that cannot be read.
    #[error("the credentials in {}: {reason}", path.display())]
    Credentials {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
}

impl RegistryError {
    /// What to do, one sentence.
    pub fn hint(&self) -> String {
        match self {
            Self::Reference { .. } => {
                "write `HOST/REPOSITORY:VERSION`, for example `registry.example/acme/shelf:1.2.0`"
            }
            Self::PlainHttp { .. } => "leave `--plain-http` out: it is for a registry on this machine",
            Self::Host { .. } => "write `HOST` or `HOST:PORT`",
            Self::Unreachable { .. } => "check the name and the network, then run the command again",
            Self::Elsewhere { origin, .. } => {
                let host = origin.split_once("://").map_or(origin.as_str(), |(_, host)| host);
                return format!(
                    "if that host belongs to the registry, add `--allow-host {host}`, or `hosts = [\"{host}\"]` to its \
                     `[[components.trust]]`"
                );
            }
            Self::BadRedirect { .. } | Self::Malformed { .. } | Self::Status { .. } => {
                "ask whoever runs the registry; nothing was kept"
            }
            Self::Unauthorised { host, presented, .. } => {
                return match presented {
                    true => format!("log in again with `skopeo login {host}` or `docker login {host}`"),
                    false => format!(
                        "log in with `skopeo login {host}` or `docker login {host}`; REGISTRY_AUTH_FILE and \
                         DOCKER_CONFIG name another file"
                    ),
                };
            }
            Self::Forbidden { .. } => "ask for access to the repository",
            Self::NotFound { .. } => "check repository and version; some registries hide what you may not read",
            Self::Throttled { retry_after, .. } => {
                return match retry_after {
                    Some(seconds) => format!("run the command again in {seconds} s"),
                    None => "run the command again later".to_owned(),
                };
            }
            Self::TooLarge { .. } => "a component this large is not loaded; build it without debug information",
            Self::WrongSize { .. } | Self::WrongDigest { .. } => {
                "run the command again; if it stays, the registry or what is between it and you changes what it sends"
            }
            Self::Taken { .. } => "push a new version: others may have locked this one",
            Self::Credentials { .. } => "log in again, or correct the file",
        }
        .to_owned()
    }
}
