//! A machine made of a map: folders, files, and where links lead.
#![allow(dead_code, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use loadlock_config::{
    Code, ComponentLock, Config, ConfigError, Explained, Input, LookError, MachineFacts, PathKind, Paths, explain,
    parse,
};

pub(crate) const FILE: &str = "/etc/loadlock.toml";

pub(crate) struct Machine {
    pub(crate) cwd: &'static str,
    pub(crate) entries: BTreeMap<PathBuf, (PathBuf, PathKind)>,
    pub(crate) data_dir: Option<&'static str>,
    pub(crate) env: BTreeMap<String, String>,
    pub(crate) lock: ComponentLock,
}

impl Machine {
    pub(crate) fn new() -> Self {
        let mut machine = Self {
            cwd: "/work",
            entries: BTreeMap::new(),
            data_dir: Some("/data"),
            env: BTreeMap::new(),
            lock: ComponentLock::default(),
        };
        for folder in [
            "/",
            "/work",
            "/data",
            "/etc",
            "/srv",
            "/srv/documents",
            "/srv/acme",
            "/data/loadlock",
            "/data/loadlock/spool",
            "/data/loadlock-evil",
            "/user",
            "/user/docs",
            "/etc/docs",
        ] {
            machine = machine.with(folder, folder, PathKind::Directory);
        }
        for file in [FILE, "/etc/ca.pem", "/etc/x.wasm", "/etc/key.pem"] {
            machine = machine.with(file, file, PathKind::File);
        }
        machine
            .with("/dev/null", "/dev/null", PathKind::Other)
            .with("/srv/link-home", "/data/loadlock/spool", PathKind::Directory)
            .with("/srv/link-root", "/", PathKind::Directory)
    }

    pub(crate) fn with(mut self, path: &str, canonical: &str, kind: PathKind) -> Self {
        self.entries.insert(path.into(), (canonical.into(), kind));
        self
    }

    pub(crate) fn env(mut self, name: &str, value: &str) -> Self {
        self.env.insert(name.to_owned(), value.to_owned());
        self
    }

    pub(crate) fn parse_file(&self, text: Option<&str>) -> Result<Config, Vec<ConfigError>> {
        let facts = MachineFacts {
            cwd: self.cwd.into(),
            user_home: Some("/user".into()),
            data_dir: self.data_dir.map(PathBuf::from),
            config_dir: None,
        };
        let file = text.map(|text| (Path::new(FILE), text));
        let input = Input {
            file,
            lock: &self.lock,
            env: &self.env,
            facts: &facts,
            paths: self,
        };
        parse(input).map_err(|errors| errors.into_iter().collect())
    }

    pub(crate) fn parse(&self, text: &str) -> Result<Config, Vec<ConfigError>> {
        self.parse_file(Some(text))
    }

    pub(crate) fn accept(&self, text: &str) -> Config {
        self.parse(text).unwrap_or_else(|errors| panic!("{text}\n{errors:#?}"))
    }

    /// The only error of a refused file.
    pub(crate) fn refuse(&self, text: &str) -> ConfigError {
        let mut errors = self.parse(text).expect_err(text);
        assert_eq!(errors.len(), 1, "{text}\n{errors:#?}");
        errors.remove(0)
    }
}

impl Paths for Machine {
    fn look(&self, path: &Path) -> Result<(PathBuf, PathKind), LookError> {
        self.entries.get(path).cloned().ok_or(LookError::Missing)
    }
}

/// Refused on this line, with this key and code.
pub(crate) fn refused(text: &str, line: u32, key: &str, code: Code) -> ConfigError {
    let error = Machine::new().refuse(text);
    assert_eq!(
        (error.line(), error.key.as_str(), error.code),
        (Some(line), key, code),
        "{text}\n{error:#?}"
    );
    assert!(error.to_string().starts_with(&format!("{FILE}:{line}:")), "{error}");
    assert!(!error.what.is_empty() && !error.hint.is_empty(), "{error}");
    error
}

pub(crate) fn explained(config: &Config, key: &str) -> Explained {
    let all = explain(config);
    let found: Vec<_> = all.iter().filter(|line| line.key == key).collect();
    assert_eq!(found.len(), 1, "{key}: {found:#?}");
    found[0].clone()
}
