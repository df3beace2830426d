//! Credentials as `docker login`, `podman login` and `skopeo login` keep them.

use std::collections::BTreeMap;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use loadlock_egress::Secret;
use serde::Deserialize;
use zeroize::Zeroizing;

use crate::RegistryError;

/// Largest file that is read.
const LARGEST: u64 = 1 << 20;

/// Name and password of one registry: the value of a `Basic` header.
#[derive(Clone, Debug)]
pub struct Login(Secret);

impl Login {
    /// From base64 of `NAME:PASSWORD`, as it is kept.
    fn from_kept(encoded: &str) -> Option<Self> {
        let plain = Zeroizing::new(STANDARD.decode(encoded).ok()?);
        let good = plain.contains(&b':') && plain.iter().all(|byte| *byte >= b' ' && *byte != 0x7f);
        good.then(|| Self(Secret::new(STANDARD.encode(&*plain))))
    }

    /// What follows `Basic `.
    pub(crate) fn encoded(&self) -> &Secret {
        &self.0
    }
}

/// A file with credentials of several registries.
#[derive(Clone, Debug, Default)]
pub struct DockerConfig {
    path: PathBuf,
    logins: BTreeMap<String, Login>,
    /// Registries whose credentials another program keeps.
    helpers: Vec<String>,
    /// All of them are kept by another program.
    store: bool,
}

#[derive(Deserialize)]
struct ConfigFile {
    #[serde(default)]
    auths: BTreeMap<String, AuthEntry>,
    #[serde(default, rename = "credHelpers")]
    helpers: BTreeMap<String, serde::de::IgnoredAny>,
    #[serde(default, rename = "credsStore")]
    store: Option<serde::de::IgnoredAny>,
}

#[derive(Deserialize)]
struct AuthEntry {
    #[serde(default, deserialize_with = "secret")]
    auth: Option<Secret>,
}

fn secret<'d, D: serde::Deserializer<'d>>(deserializer: D) -> Result<Option<Secret>, D::Error> {
    Ok(Option::<String>::deserialize(deserializer)?.map(Secret::new))
}

impl DockerConfig {
    /// The file that the environment names, or the usual one: `REGISTRY_AUTH_FILE`, `DOCKER_CONFIG/config.json`,
    /// `XDG_RUNTIME_DIR/containers/auth.json`, `HOME/.docker/config.json`. None is no error.
    ///
    /// # Errors
    /// [`RegistryError::Credentials`] if the file is there and cannot be read.
    pub fn of_environment(env: &dyn Fn(&str) -> Option<String>) -> Result<Self, RegistryError> {
        let at = |name: &str, below: &str| {
            env(name)
                .filter(|value| !value.is_empty())
                .map(|dir| Path::new(&dir).join(below))
        };
        let named = env("REGISTRY_AUTH_FILE")
            .filter(|value| !value.is_empty())
            .map(PathBuf::from);
        let named = named.or_else(|| at("DOCKER_CONFIG", "config.json"));
        let usual = [
            at("XDG_RUNTIME_DIR", "containers/auth.json"),
            at("HOME", ".docker/config.json"),
        ];
        match named.or_else(|| usual.into_iter().flatten().find(|path| path.is_file())) {
            Some(path) => Self::read(&path),
            None => Ok(Self::default()),
        }
    }

    /// Reads one file.
    ///
    /// # Errors
    /// [`RegistryError::Credentials`].
    pub fn read(path: &Path) -> Result<Self, RegistryError> {
        let refused = |reason: String| RegistryError::Credentials {
            path: path.to_owned(),
            reason,
        };
        let mut text = Zeroizing::new(String::new());
        let read = std::fs::File::open(path).and_then(|file| file.take(LARGEST + 1).read_to_string(&mut text));
        match read {
            Ok(_) => {}
            // Nobody has logged in yet.
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Self::default()),
            Err(error) => return Err(refused(error.to_string())),
        }
        if text.len() as u64 > LARGEST {
            return Err(refused(format!("the file is larger than {LARGEST} bytes")));
        }
        // What the parser says of a text may quote it.
        let file: ConfigFile = serde_json::from_str(&text)
            .map_err(|error| refused(format!("line {} is not as such a file has it", error.line())))?;
        let logins = file.auths.iter().filter_map(|(host, entry)| {
            let login = Login::from_kept(entry.auth.as_ref()?.expose())?;
            Some((plain_host(host).to_owned(), login))
        });
        Ok(Self {
            path: path.to_owned(),
            logins: logins.collect(),
            helpers: file.helpers.into_keys().collect(),
            store: file.store.is_some(),
        })
    }

    /// The login for a registry, `HOST` or `HOST:PORT`.
    pub fn login(&self, host: &str) -> Option<&Login> {
        self.logins.get(host)
    }

    /// Whether another program keeps the credentials of this registry, which is not asked.
    pub fn kept_by_helper(&self, host: &str) -> bool {
        self.login(host).is_none() && (self.store || self.helpers.iter().any(|helper| plain_host(helper) == host))
    }

    /// Where it was read.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

/// Keys are hosts, or URLs of times gone by.
fn plain_host(key: &str) -> &str {
    let key = key
        .strip_prefix("https://")
        .or(key.strip_prefix("http://"))
        .unwrap_or(key);
    key.split('/').next().unwrap_or(key)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn logins_are_found_and_never_shown() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("config.json");
        let auth = STANDARD.encode("robot:hunter2-and-more");
        let text = format!(
            r#"{{"auths": {{"registry.example": {{"auth": "{auth}"}}, "https://other.example/v1/": {{"auth": "{auth}"}},
                "odd.example": {{"auth": "AAA"}}, "empty.example": {{}}}}, "credHelpers": {{"cloud.example": "gcloud"}}}}"#
        );
        std::fs::write(&path, text).unwrap();
        let config = DockerConfig::read(&path).unwrap();
        assert_eq!(config.login("registry.example").unwrap().encoded().expose(), auth);
        assert!(config.login("other.example").is_some());
        assert!(config.login("odd.example").is_none() && config.login("empty.example").is_none());
        assert!(config.kept_by_helper("cloud.example") && !config.kept_by_helper("registry.example"));
        let shown = format!("{config:?}");
        assert!(!shown.contains("hunter2") && !shown.contains(&auth), "{shown}");

        std::fs::write(&path, "{\"auths\": {\"a\": {\"auth\": secret}}}").unwrap();
        let refused = DockerConfig::read(&path).unwrap_err().to_string();
        assert!(!refused.contains("secret"), "{refused}");
        let env = |name: &str| (name == "REGISTRY_AUTH_FILE").then(|| path.display().to_string());
        assert!(
            DockerConfig::of_environment(&env).is_err(),
            "a file that is named and broken is an error"
        );
        assert!(
            DockerConfig::of_environment(&|_| None)
                .unwrap()
                .login("registry.example")
                .is_none()
        );
    }
}
