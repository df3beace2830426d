//! The thin part that touches the disk.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::ffi::OsString;
use std::path::Path;

use loadlock_config::{Code, Config, ConfigErrors, MachineFacts, Provenance, load_with};
use tempfile::TempDir;

struct Place {
    dir: TempDir,
}

impl Place {
    fn new() -> Self {
        let dir = TempDir::new().unwrap();
        for folder in ["work", "data", "config/loadlock"] {
            std::fs::create_dir_all(dir.path().join(folder)).unwrap();
        }
        Self { dir }
    }

    fn write(&self, name: &str, text: impl AsRef<[u8]>) {
        std::fs::write(self.dir.path().join(name), text).unwrap();
    }

    fn load(&self, file: Option<&str>, env: &[(&str, &str)]) -> Result<Config, ConfigErrors> {
        let root = self.dir.path();
        let facts = MachineFacts {
            cwd: root.join("work"),
            user_home: None,
            data_dir: Some(root.join("data")),
            config_dir: Some(root.join("config")),
        };
        let env = env
            .iter()
            .map(|(name, value)| (OsString::from(name), OsString::from(value)));
        load_with(file.map(Path::new), env, &facts)
    }
}

#[test]
fn no_file_is_fine() {
    let place = Place::new();
    let config = place.load(None, &[]).unwrap();
    assert_eq!(config.file, None);
    assert_eq!(config.grants.len(), 1);
    assert!(!config.home.exists(), "reading a configuration makes nothing");
}

#[test]
fn the_flag_then_the_variable_then_the_usual_place() {
    let place = Place::new();
    place.write("config/loadlock/loadlock.toml", "retry.attempts = 1");
    place.write("work/env.toml", "retry.attempts = 2");
    place.write("work/flag.toml", "retry.attempts = 3");
    let env = [("LOADLOCK_CONFIG", "env.toml")];
    assert_eq!(place.load(None, &[]).unwrap().retry.attempts, 1);
    assert_eq!(place.load(None, &env).unwrap().retry.attempts, 2);
    assert_eq!(place.load(Some("flag.toml"), &env).unwrap().retry.attempts, 3);
}

#[test]
fn a_file_that_cannot_be_read_is_an_error() {
    let place = Place::new();
    place.write("work/latin1.toml", b"a = 1\n# \xff\n");
    place.write("work/big.toml", "#".repeat(2 << 20));
    for (file, part) in [
        ("missing.toml", "cannot be read"),
        (".", "is not a file"),
        ("latin1.toml", "is not UTF-8 (line 2)"),
        ("big.toml", "is larger"),
    ] {
        let errors = place.load(Some(file), &[]).unwrap_err();
        let error = &errors.as_slice()[0];
        assert_eq!(error.code, Code::Unreadable);
        assert!(error.what.contains(part) && error.what.contains(file), "{error}");
    }
    let errors = place.load(None, &[("LOADLOCK_CONFIG", "missing.toml")]).unwrap_err();
    assert_eq!(errors.as_slice()[0].origin, Provenance::Env("LOADLOCK_CONFIG".into()));
}

#[cfg(unix)]
#[test]
fn links_are_followed_before_folders_are_compared() {
    let place = Place::new();
    let root = place.dir.path();
    std::fs::create_dir_all(root.join("data/loadlock/spool")).unwrap();
    std::os::unix::fs::symlink(root.join("data/loadlock/spool"), root.join("work/innocent")).unwrap();
    place.write("work/a.toml", "[[grants]]\nroot = \"innocent\"");
    let errors = place.load(Some("a.toml"), &[]).unwrap_err();
    assert_eq!(errors.as_slice()[0].code, Code::ForbiddenGrant);
    assert_eq!(errors.as_slice()[0].line(), Some(2));
}

#[cfg(unix)]
#[test]
fn a_variable_that_is_not_text_is_an_error() {
    use std::os::unix::ffi::OsStringExt;
    let place = Place::new();
    let facts = MachineFacts {
        cwd: place.dir.path().into(),
        data_dir: Some(place.dir.path().join("data")),
        ..MachineFacts::default()
    };
    let broken = OsString::from_vec(vec![0xff]);
    let errors = load_with(None, [("LOADLOCK_HOME".into(), broken.clone())], &facts).unwrap_err();
    assert_eq!(errors.as_slice()[0].origin, Provenance::Env("LOADLOCK_HOME".into()));
    load_with(None, [("OTHER".into(), broken)], &facts).unwrap();
}
