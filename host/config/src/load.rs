//! Reads the real file, environment and directories.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io::Read;
use std::path::{Path, PathBuf};

use directories::BaseDirs;

use crate::config::{Config, Input, parse};
use crate::error::{Code, ConfigErrors, Defect};
use crate::lock::ComponentLock;
use crate::origin::Provenance;
use crate::paths::{DiskPaths, MachineFacts};

/// Largest configuration file. A file this big is not a configuration; reading has a bound.
pub const MAX_FILE_BYTES: u64 = 1 << 20;

impl MachineFacts {
    /// Those of this process.
    ///
    /// # Errors
    /// If the current directory is gone or may not be read.
    pub fn of_this_process() -> std::io::Result<Self> {
        let base = BaseDirs::new();
        Ok(Self {
            cwd: std::env::current_dir()?,
            user_home: base.as_ref().map(|base| base.home_dir().to_owned()),
            data_dir: base.as_ref().map(|base| base.data_local_dir().to_owned()),
            config_dir: base.as_ref().map(|base| base.config_local_dir().to_owned()),
        })
    }
}

/// Reads the configuration of this process: the file that `--config` names, else `LOADLOCK_CONFIG`, else
/// `loadlock/loadlock.toml` in the platform's configuration directory if it is there, else none; then the variables.
///
/// # Errors
/// All the defects.
pub fn load(file: Option<&Path>) -> Result<Config, ConfigErrors> {
    let facts = MachineFacts::of_this_process().map_err(|error| {
        let what = format!("The current directory cannot be read: {error}");
        one(
            Defect::new(Code::Unreadable, what, "Change to a folder that exists."),
            &Provenance::Default,
        )
    })?;
    load_with(file, std::env::vars_os(), &facts)
}

/// [`load`] with another environment and other directories.
///
/// # Errors
/// All the defects.
pub fn load_with(
    file: Option<&Path>,
    env: impl IntoIterator<Item = (OsString, OsString)>,
    facts: &MachineFacts,
) -> Result<Config, ConfigErrors> {
    let env = variables(env)?;
    let (file, origin) = match (file, env.get("LOADLOCK_CONFIG")) {
        (Some(file), _) => (Some(file.to_owned()), Provenance::Default),
        (None, Some(file)) => (Some(PathBuf::from(file)), Provenance::Env("LOADLOCK_CONFIG".to_owned())),
        (None, None) => {
            let usual = facts.config_dir.as_ref().map(|dir| dir.join("loadlock/loadlock.toml"));
            (usual.filter(|file| file.exists()), Provenance::Default)
        }
    };
    let text = match &file {
        None => None,
        Some(file) => Some(read(&facts.cwd.join(file)).map_err(|what| {
            let what = format!("The configuration {} {what}", file.display());
            one(
                Defect::new(
                    Code::Unreadable,
                    what,
                    "Name a readable file with `--config` or `LOADLOCK_CONFIG`.",
                ),
                &origin,
            )
        })?),
    };
    let lock = match &file {
        None => ComponentLock::default(),
        Some(file) => {
            let file = facts.cwd.join(file);
            // Beside the file itself, where the name that was given is a link.
            read_lock(&ComponentLock::beside(&std::fs::canonicalize(&file).unwrap_or(file)))?
        }
    };
    parse(Input {
        file: file.as_deref().zip(text.as_deref()),
        lock: &lock,
        env: &env,
        facts,
        paths: &DiskPaths,
    })
}

fn read_lock(path: &Path) -> Result<ComponentLock, ConfigErrors> {
    ComponentLock::read(path).map_err(|what| {
        let what = format!("The lock {} {what}", path.display());
        let hint = "Put back the one that belongs to this configuration; `loadlock component add` makes a new one.";
        one(Defect::new(Code::Unreadable, what, hint), &Provenance::Default)
    })
}

fn one(defect: Defect, origin: &Provenance) -> ConfigErrors {
    ConfigErrors::sorted(vec![defect.at("", origin)])
}

/// Only our own: the values of others are none of our business.
fn variables(env: impl IntoIterator<Item = (OsString, OsString)>) -> Result<BTreeMap<String, String>, ConfigErrors> {
    let mut ours = BTreeMap::new();
    let mut errors = Vec::new();
    for (name, value) in env {
        let Ok(name) = name.into_string() else {
            continue;
        };
        if !name.starts_with("LOADLOCK_") {
            continue;
        }
        match value.into_string() {
            Ok(value) => {
                ours.insert(name, value);
            }
            Err(_) => {
                let defect = Defect::new(Code::Unreadable, "Its value is not UTF-8", "Set it again or unset it.");
                errors.push(defect.at("", &Provenance::Env(name)));
            }
        }
    }
    if errors.is_empty() {
        Ok(ours)
    } else {
        Err(ConfigErrors::sorted(errors))
    }
}

fn read(path: &Path) -> Result<String, String> {
    let metadata = std::fs::metadata(path).map_err(|error| format!("cannot be read: {error}"))?;
    // Opening a pipe would wait for a writer.
    if !metadata.is_file() {
        return Err("is not a file".to_owned());
    }
    let mut bytes = Vec::new();
    std::fs::File::open(path)
        .and_then(|file| file.take(MAX_FILE_BYTES + 1).read_to_end(&mut bytes))
        .map_err(|error| format!("cannot be read: {error}"))?;
    if bytes.len() as u64 > MAX_FILE_BYTES {
        return Err(format!("is larger than {MAX_FILE_BYTES} bytes"));
    }
    String::from_utf8(bytes).map_err(|error| {
        let good = error.utf8_error().valid_up_to();
        let before = error.as_bytes().iter().take(good);
        let line = before.filter(|byte| **byte == b'\n').count() + 1;
        format!("is not UTF-8 (line {line})")
    })
}
