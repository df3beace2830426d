//! From a configuration to an open gateway.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use loadlock_config::{ComponentLock, Config, ConfigErrors, DiskPaths, Input, MachineFacts};
use loadlock_gateway::{Builtins, Error, ErrorCode, Gateway, Result, Setup};
use loadlock_sandbox::EngineOptions;

use crate::builtins::builtins;

/// Starts building a [`Gateway`]: the provider `local`, no grant, state in the platform's data directory.
///
/// Nothing is taken from the surroundings of an embedding program: no configuration file that lies where the command
/// line looks for one, no `LOADLOCK_*` variable, and not its current directory as a grant.
pub fn builder() -> Builder {
    Builder {
        text: None,
        file: None,
        parsed: None,
        home: None,
        grants: Vec::new(),
        builtins: builtins(),
        compiler: None,
        engine: EngineOptions::default(),
    }
}

/// What a gateway is made from. See [`builder`].
#[derive(Debug, Clone)]
pub struct Builder {
    text: Option<String>,
    file: Option<PathBuf>,
    parsed: Option<Config>,
    home: Option<PathBuf>,
    grants: Vec<PathBuf>,
    builtins: Builtins,
    compiler: Option<(PathBuf, Vec<String>)>,
    engine: EngineOptions,
}

impl Builder {
    /// The configuration as TOML. Relative paths in it start at the current directory.
    #[must_use]
    pub fn config_text(mut self, toml: impl Into<String>) -> Self {
        self.text = Some(toml.into());
        self
    }

    /// The configuration from a file. Relative paths in it start at its folder. [`Builder::config_text`] wins over it.
    #[must_use]
    pub fn config_file(mut self, path: impl Into<PathBuf>) -> Self {
        self.file = Some(path.into());
        self
    }

    /// A configuration that is parsed already; wins over text, file, [`Builder::home`] and [`Builder::grant`].
    #[must_use]
    pub fn config(mut self, config: Config) -> Self {
        self.parsed = Some(config);
        self
    }

    /// The state directory; wins over `home` in the configuration. Made at first use, owned by one process at a time.
    #[must_use]
    pub fn home(mut self, directory: impl Into<PathBuf>) -> Self {
        self.home = Some(directory.into());
        self
    }

    /// Grants a directory to all providers, for the local principal. Beside the grants of the configuration, which must
    /// then be written as `[[grants]]`.
    #[must_use]
    pub fn grant(mut self, directory: impl Into<PathBuf>) -> Self {
        self.grants.push(directory.into());
        self
    }

    /// Replaces the built-in component `name` (`local`, `validator` …) by other bytes. They are trusted as much as this
    /// program is: they are compiled in this process. Name a component by its path in the configuration if they are
    /// not.
    #[must_use]
    pub fn component(mut self, name: &'static str, bytes: &'static [u8]) -> Self {
        self.builtins.insert(name, bytes);
        self
    }

    /// The program that compiles components from files, with its arguments, under limits of memory and time. It must
    /// call [`crate::sandbox::compile_child`]; the `loadlock` binary does with the argument `compile-component`.
    /// Without one they are compiled in this process, bounded by their size alone.
    #[must_use]
    pub fn compiler(mut self, program: impl Into<PathBuf>, arguments: impl IntoIterator<Item = String>) -> Self {
        self.compiler = Some((program.into(), arguments.into_iter().collect()));
        self
    }

    /// How the engines are sized.
    #[must_use]
    pub fn engine(mut self, options: EngineOptions) -> Self {
        self.engine = options;
        self
    }

    /// Opens the gateway.
    ///
    /// # Errors
    /// [`ErrorCode::ConfigInvalid`] with all mistakes in the message; whatever [`Gateway::open`] finds.
    pub async fn open(self) -> Result<Gateway> {
        Gateway::open(self.setup()?).await
    }

    /// What [`Builder::open`] opens, for those who change more of it.
    ///
    /// # Errors
    /// [`ErrorCode::ConfigInvalid`] with all mistakes in the message.
    pub fn setup(self) -> Result<Setup> {
        let config = match &self.parsed {
            Some(config) => config.clone(),
            None => self.parse()?,
        };
        let mut setup = Setup::new(config, self.builtins);
        setup.compiler = self.compiler;
        setup.engine = self.engine;
        Ok(setup)
    }

    fn parse(&self) -> Result<Config> {
        let invalid = |message: String| Error::new(ErrorCode::ConfigInvalid, message);
        let facts = MachineFacts::of_this_process().map_err(|error| {
            invalid(format!("the current directory cannot be read: {error}")).hint("change to a folder that exists")
        })?;
        let (path, mut text) = match (&self.text, &self.file) {
            (Some(text), _) => (PathBuf::from("configuration"), text.clone()),
            (None, Some(file)) => (file.clone(), read(file)?),
            // A configuration without grants, so that the current directory is not one.
            (None, None) if self.grants.is_empty() => (PathBuf::from("configuration"), "grants = []\n".to_owned()),
            (None, None) => (PathBuf::from("configuration"), String::new()),
        };
        for grant in &self.grants {
            let grant = std::path::absolute(grant).unwrap_or_else(|_| grant.clone());
            let grant = grant.to_str().ok_or_else(|| {
                invalid(format!(
                    "the granted directory {} has a name that is not UTF-8",
                    grant.display()
                ))
                .hint("rename it")
            })?;
            let _ = write!(text, "\n[[grants]]\nroot = {}\n", toml_string(grant));
        }
        let mut env = BTreeMap::new();
        if let Some(home) = &self.home {
            let home = home.to_str().ok_or_else(|| {
                invalid(format!(
                    "the state directory {} has a name that is not UTF-8",
                    home.display()
                ))
                .hint("choose another")
            })?;
            env.insert("LOADLOCK_HOME".to_owned(), home.to_owned());
        }
        let lock = match (&self.text, &self.file) {
            (None, Some(file)) => {
                let lock = ComponentLock::beside(&std::fs::canonicalize(file).unwrap_or_else(|_| file.clone()));
                ComponentLock::read(&lock).map_err(|what| invalid(format!("the lock {} {what}", lock.display())))?
            }
            _ => ComponentLock::default(),
        };
        loadlock_config::parse(Input {
            file: Some((&path, &text)),
            lock: &lock,
            env: &env,
            facts: &facts,
            paths: &DiskPaths,
        })
        .map_err(|errors| all(&errors))
    }
}

fn all(errors: &ConfigErrors) -> Error {
    Error::new(ErrorCode::ConfigInvalid, errors.to_string())
}

fn read(file: &Path) -> Result<String> {
    std::fs::read_to_string(file).map_err(|error| {
        Error::new(
            ErrorCode::ConfigInvalid,
            format!("the configuration {} cannot be read: {error}", file.display()),
        )
        .hint("name a readable file")
    })
}

/// A TOML basic string. JSON's escapes are a subset of TOML's.
fn toml_string(text: &str) -> String {
    serde_json::Value::from(text).to_string().replace('\u{7f}', "\\u007f")
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
mod tests {
    use super::*;

    fn config(builder: Builder) -> Config {
        builder
            .setup()
            .map(|setup| setup.config)
            .unwrap_or_else(|error| panic!("{error}"))
    }

    #[test]
    fn without_a_grant_nothing_is_granted() {
        let home = std::env::temp_dir().join("loadlock-builder-home");
        assert!(config(builder().home(&home)).grants.is_empty());
    }

    #[test]
    fn grants_are_added_to_the_configurations_own() {
        let root = tempfile::tempdir().unwrap();
        for folder in ["written", "a \"quoted\" \\ folder"] {
            std::fs::create_dir(root.path().join(folder)).unwrap();
        }
        let text = format!(
            "[[grants]]\nroot = {:?}\n[retry]\nattempts = 4\n",
            root.path().join("written")
        );
        let config = config(
            builder()
                .config_text(text)
                .home(root.path().join("home"))
                .grant(root.path().join("a \"quoted\" \\ folder")),
        );
        assert_eq!(config.grants.len(), 2);
        assert_eq!(config.retry.attempts, 4);
    }

    #[test]
    fn every_mistake_is_in_the_message() {
        let error = builder()
            .config_text("colour = 1\n[retry]\natempts = 4\n")
            .setup()
            .err()
            .unwrap();
        assert_eq!(error.code, ErrorCode::ConfigInvalid);
        assert!(
            error.message.contains("colour") && error.message.contains("retry.attempts"),
            "{error}"
        );
    }
}
