//! What a component in a registry is called.

use std::fmt;

use loadlock_policy::egress::{Origin, Scheme};

use crate::{RegistryError, Sha256Digest};

/// Which of a repository's components.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ImageTarget {
    /// Whichever version fits.
    Any,
    /// The one that a tag points to, today.
    Tag(String),
    /// The one with this manifest, for ever.
    Digest(Sha256Digest),
}

/// `HOST/REPOSITORY`, with `:TAG` or `@sha256:DIGEST`.
///
/// ```
/// use loadlock_registry::ImageReference;
/// let shelf = ImageReference::parse("registry.example/acme/shelf:1.2.0", false)?;
/// assert_eq!(shelf.source(), "registry.example/acme/shelf");
/// assert!(ImageReference::parse("registry.example/acme/shelf", true).is_err(), "plain HTTP leaves this machine");
/// # Ok::<(), loadlock_registry::RegistryError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImageReference {
    /// The registry.
    pub registry: Origin,
    /// The repository, for example `acme/shelf`.
    pub repository: String,
    /// Which one of it.
    pub target: ImageTarget,
}

impl ImageReference {
    /// Reads a reference. `plain_http` is taken for a registry on this machine only.
    ///
    /// # Errors
    /// [`RegistryError::Reference`], [`RegistryError::PlainHttp`].
    pub fn parse(text: &str, plain_http: bool) -> Result<Self, RegistryError> {
        let refused = |reason| RegistryError::Reference {
            text: text.chars().take(300).collect(),
            reason,
        };
        let rest = text.strip_prefix("oci://").unwrap_or(text);
        let (host, rest) = rest.split_once('/').ok_or(refused("it has no `/`"))?;
        // `acme/shelf` would be a repository of nobody in particular.
        if !host.contains(['.', ':']) && host != "localhost" {
            return Err(refused("its first part is not the host of a registry"));
        }
        let scheme = if plain_http { "http" } else { "https" };
        let registry = Origin::from_parts(scheme, host).map_err(|_| refused("its first part is not a host"))?;
        if registry.scheme == Scheme::Http && !registry.host.is_loopback() {
            return Err(RegistryError::PlainHttp { host: host.to_owned() });
        }
        let (repository, target) = if let Some((repository, digest)) = rest.split_once('@') {
            let digest = digest.parse().map_err(refused)?;
            (repository, ImageTarget::Digest(digest))
        } else if let Some((repository, tag)) = rest.split_once(':') {
            if !is_tag(tag) {
                return Err(refused("its tag has characters that no tag has, or more than 128"));
            }
            (repository, ImageTarget::Tag(tag.to_owned()))
        } else {
            (rest, ImageTarget::Any)
        };
        if repository.len() > 200 || !repository.split('/').all(is_segment) {
            return Err(refused(
                "its repository is not made of lower-case names with `/` between them",
            ));
        }
        Ok(Self {
            registry,
            repository: repository.to_owned(),
            target,
        })
    }

    /// `HOST/REPOSITORY`: what trust is configured for, and what a lock names.
    pub fn source(&self) -> String {
        format!("{}/{}", self.registry.host_header(), self.repository)
    }

    /// The last part of the repository.
    pub fn short_name(&self) -> &str {
        self.repository.rsplit('/').next().unwrap_or(&self.repository)
    }

    /// Another one of the same repository.
    #[must_use]
    pub fn at(&self, target: ImageTarget) -> Self {
        Self { target, ..self.clone() }
    }
}

impl fmt::Display for ImageReference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.source())?;
        match &self.target {
            ImageTarget::Any => Ok(()),
            ImageTarget::Tag(tag) => write!(f, ":{tag}"),
            ImageTarget::Digest(digest) => write!(f, "@{digest}"),
        }
    }
}

/// As the distribution specification has it.
pub(crate) fn is_tag(text: &str) -> bool {
    let inner = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
    (1..=128).contains(&text.len()) && !text.starts_with(['.', '-']) && text.bytes().all(inner)
}

fn is_segment(text: &str) -> bool {
    let edge = |byte: Option<&u8>| byte.is_some_and(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit());
    let bytes = text.as_bytes();
    let inner = |byte: &u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"._-".contains(byte);
    edge(bytes.first()) && edge(bytes.last()) && bytes.iter().all(inner) && !text.contains("..")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_reference_has_one_reading() {
        let read = |text: &str| ImageReference::parse(text, false).map(|reference| reference.to_string());
        for good in [
            "registry.example/acme/shelf",
            "registry.example:5000/acme/shelf:1.2.0",
            "localhost/shelf:latest",
            &format!("registry.example/a/b/c@sha256:{}", "0".repeat(64)),
        ] {
            assert_eq!(read(good).unwrap(), good);
        }
        assert_eq!(read("oci://REGISTRY.example:443/x:1").unwrap(), "registry.example/x:1");
        for bad in [
            "",
            "shelf",
            "acme/shelf:1",
            "registry.example/",
            "registry.example//shelf",
            "registry.example/Acme/shelf",
            "registry.example/acme/../shelf",
            "registry.example/acme/shelf:",
            "registry.example/acme/shelf:-x",
            "registry.example/acme/shelf:a/b",
            "registry.example/acme/shelf@sha256:12",
            "registry.example/acme/shelf@md5:12",
            "user:secret@registry.example/acme",
            "registry.example/a?b",
            "registry.example/a%2fb",
        ] {
            assert!(read(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn plain_http_stays_on_this_machine() {
        for host in ["127.0.0.1:5000", "localhost:5000", "[::1]:5000"] {
            let reference = ImageReference::parse(&format!("{host}/shelf:1"), true).unwrap();
            assert_eq!(reference.registry.scheme, Scheme::Http);
        }
        for host in ["registry.example", "10.0.0.1:5000", "127.0.0.1.example:80"] {
            let refused = ImageReference::parse(&format!("{host}/shelf:1"), true);
            assert!(
                matches!(refused, Err(RegistryError::PlainHttp { .. })),
                "{host}: {refused:?}"
            );
        }
    }
}
