//! Which component a command put in the place of the configured one, over a restart: one file in the home, replaced as
//! a whole. A record holds as long as the configuration names the component that it was put instead of.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::OpenOptions;
use std::io::{ErrorKind, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use loadlock_config::{ComponentRef, ComponentSource, Config};
use loadlock_sandbox::{Sandbox, Source};
use serde::{Deserialize, Serialize};

use super::kept::KeptComponents;
use super::target::provider_key;
use crate::error::{Error, ErrorCode, Result};
use crate::setup::Setup;
use crate::state::generation::Generation;

/// A component that can be loaded again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct RecordedComponent {
    /// `builtin:NAME`, `locked:NAME` or the path that it came from.
    pub(crate) source: String,
    /// SHA-256; by it the bytes are kept.
    pub(crate) sha256: String,
}

impl RecordedComponent {
    /// As a configuration would name it.
    pub(crate) fn reference(&self) -> ComponentRef {
        let source = match self.source.strip_prefix("builtin:") {
            Some(name) => ComponentSource::Builtin(name.to_owned()),
            None => ComponentSource::File(PathBuf::from(&self.source)),
        };
        ComponentRef::new(source, None)
    }

    /// Its bytes: those of this program, or those that are kept.
    ///
    /// # Errors
    /// [`ErrorCode::ComponentRefused`].
    pub(crate) fn read(&self, setup: &Setup, sandbox: &Sandbox, kept: &KeptComponents) -> Result<Source> {
        let reference = self.reference();
        match &reference.source {
            ComponentSource::Builtin(_) => setup.source(&reference, sandbox),
            ComponentSource::File(_) | ComponentSource::Locked(_) => {
                kept.read(&self.source, &self.sha256, sandbox.max_component_bytes())
            }
        }
    }
}

impl From<&Generation> for RecordedComponent {
    fn from(generation: &Generation) -> Self {
        Self {
            source: generation.source.clone(),
            sha256: generation.sha256.clone(),
        }
    }
}

/// What runs in the place of one configured component.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct SwapRecord {
    /// The configured component, as text.
    instead_of: String,
    /// `None`: the configured one.
    pub(crate) running: Option<RecordedComponent>,
    /// What a rollback goes to.
    pub(crate) previous: Option<RecordedComponent>,
    /// What it goes to if the running one gives way to the previous one by itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) earlier: Option<RecordedComponent>,
}

/// All records, by the key of the component's table.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct SwapRecords {
    components: BTreeMap<String, SwapRecord>,
}

/// A configured component as text: what a record is put instead of.
fn configured_text(configured: &ComponentRef) -> String {
    match configured.sha256 {
        Some(digest) => format!("{} {}", configured.source, hex::encode(digest)),
        None => configured.source.to_string(),
    }
}

impl SwapRecords {
    fn path(home: &Path) -> PathBuf {
        home.join("components").join("swaps.json")
    }

    /// # Errors
    /// [`ErrorCode::StateUnavailable`] if they cannot be read: to go on as if there were none would run components that
    /// somebody has replaced.
    pub(crate) fn read(home: &Path) -> Result<Self> {
        let path = Self::path(home);
        let unavailable = |error: String| {
            Error::new(
                ErrorCode::StateUnavailable,
                format!("the swaps in {}: {error}", path.display()),
            )
            .hint("make the file readable; moved away, the configured components run again")
        };
        let bytes = match std::fs::read(&path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Self::default()),
            Err(error) => return Err(unavailable(error.to_string())),
        };
        serde_json::from_slice(&bytes).map_err(|error| unavailable(error.to_string()))
    }

    /// Replaces the file, durably.
    ///
    /// # Errors
    /// [`ErrorCode::StateUnavailable`].
    pub(crate) fn write(&self, home: &Path) -> Result<()> {
        let path = Self::path(home);
        let write = || -> std::io::Result<()> {
            let folder = home.join("components");
            loadlock_durable::make_directory(&folder)?;
            let temporary = folder.join("swaps.json.new");
            let mut file = OpenOptions::new()
                .write(true)
                .create(true)
                .truncate(true)
                .mode(0o600)
                .open(&temporary)?;
            file.write_all(&serde_json::to_vec_pretty(self)?)?;
            loadlock_durable::content(&file)?;
            std::fs::rename(&temporary, &path)?;
            loadlock_durable::names(&folder)
        };
        write().map_err(|error| {
            Error::new(
                ErrorCode::StateUnavailable,
                format!("the swaps in {}: {error}", path.display()),
            )
        })
    }

    /// What holds for this component as it is configured.
    pub(crate) fn of(&self, key: &str, configured: &ComponentRef) -> Option<&SwapRecord> {
        let record = self.components.get(key)?;
        (record.instead_of == configured_text(configured)).then_some(record)
    }

    /// Notes what runs, and what a rollback goes to.
    pub(crate) fn note(
        &mut self,
        key: &str,
        configured: &ComponentRef,
        generation: &Generation,
        previous: Option<RecordedComponent>,
    ) {
        let as_configured = is_what_is_configured(generation, configured);
        let running = (!as_configured).then(|| RecordedComponent::from(generation));
        if running.is_none() && previous.is_none() {
            self.components.remove(key);
            return;
        }
        let before = self.of(key, configured).and_then(|record| record.previous.clone());
        let is_another = |one: &RecordedComponent| {
            let previous = previous.as_ref().map(|previous| &previous.sha256);
            Some(&one.sha256) != previous && one.sha256 != generation.sha256
        };
        let record = SwapRecord {
            instead_of: configured_text(configured),
            earlier: before.filter(is_another),
            running,
            previous,
        };
        self.components.insert(key.to_owned(), record);
    }

    /// Forgets what was put instead of components that are configured otherwise by now.
    pub(crate) fn retain(&mut self, holds: impl Fn(&str, &Self) -> bool) {
        let all = self.clone();
        self.components.retain(|key, _| holds(key, &all));
    }

    /// Digests of every component that is named.
    pub(crate) fn digests(&self) -> BTreeSet<String> {
        let named = self
            .components
            .values()
            .flat_map(|record| [&record.running, &record.previous, &record.earlier]);
        named.flatten().map(|component| component.sha256.clone()).collect()
    }
}

/// What a command put in the place of a configured component, by the key that configures it
/// (`providers.NAME.component`). The home is not opened for it, and need not be there.
///
/// # Errors
/// [`ErrorCode::StateUnavailable`] if the records cannot be read.
pub fn swapped_components(config: &Config) -> Result<BTreeMap<String, String>> {
    let swaps = SwapRecords::read(&config.home)?;
    let providers = config.providers.iter();
    let providers = providers.map(|provider| (provider_key(&provider.name), &provider.connection.component));
    let roles = [
        ("validator".to_owned(), &config.validator.component),
        ("auth".to_owned(), &config.auth.component),
    ];
    let running = |(key, configured): (String, &ComponentRef)| {
        let running = swaps.of(&key, configured)?.running.clone()?;
        Some((format!("{key}.component"), running.source))
    };
    Ok(providers.chain(roles).filter_map(running).collect())
}

/// What is to be loaded in a place: the configured component, or the one that a command put there.
pub(crate) struct PlacedComponent {
    /// As a configuration would name it.
    pub(crate) reference: ComponentRef,
    pub(crate) source: Source,
    /// Whether a command put it there.
    pub(crate) by_command: bool,
}

impl PlacedComponent {
    /// # Errors
    /// [`ErrorCode::ComponentRefused`] if its bytes are not there.
    pub(crate) fn find(
        setup: &Setup,
        sandbox: &Sandbox,
        home: &Path,
        swaps: &SwapRecords,
        key: &str,
        configured: &ComponentRef,
    ) -> Result<Self> {
        let record = swaps.of(key, configured).and_then(|record| record.running.as_ref());
        Ok(match record {
            Some(running) => Self {
                reference: running.reference(),
                source: running.read(setup, sandbox, &KeptComponents::of(home))?,
                by_command: true,
            },
            None => Self {
                reference: configured.clone(),
                source: setup.source(configured, sandbox)?,
                by_command: false,
            },
        })
    }
}

/// Whether a start would load the same bytes without a record.
fn is_what_is_configured(running: &Generation, configured: &ComponentRef) -> bool {
    if running.source != configured.source.to_string() {
        return false;
    }
    match &configured.source {
        ComponentSource::Builtin(_) => true,
        // The lock may name another version by the next start.
        ComponentSource::Locked(_) => false,
        ComponentSource::File(path) => {
            std::fs::read(path).is_ok_and(|bytes| loadlock_sandbox::digest(&bytes) == running.sha256)
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
mod tests {
    use super::*;

    fn generation(source: &str, sha256: &str) -> Generation {
        Generation {
            number: 1,
            source: source.into(),
            sha256: sha256.into(),
            state_version: None,
            by_command: true,
        }
    }

    fn built_in(name: &str) -> ComponentRef {
        ComponentRef::new(ComponentSource::Builtin(name.into()), None)
    }

    #[test]
    fn a_record_holds_until_the_configuration_names_another_component() {
        let home = tempfile::tempdir().unwrap();
        let mut records = SwapRecords::read(home.path()).unwrap();
        assert_eq!(records, SwapRecords::default());
        let (local, running) = (built_in("local"), generation("/x.wasm", "1"));
        let previous = RecordedComponent::from(&generation("builtin:local", "0"));
        records.note("providers.a", &local, &running, Some(previous));
        records.write(home.path()).unwrap();
        let read = SwapRecords::read(home.path()).unwrap();
        assert_eq!(read, records);
        let held = read.of("providers.a", &local).unwrap();
        assert_eq!(held.running.as_ref().unwrap().source, "/x.wasm");
        assert_eq!(read.digests(), ["0".to_owned(), "1".to_owned()].into());
        assert!(read.of("providers.a", &built_in("kimi")).is_none());
        let pinned = ComponentRef::new(ComponentSource::Builtin("local".into()), Some([1; 32]));
        assert!(read.of("providers.a", &pinned).is_none());
        assert!(read.of("providers.b", &local).is_none());
    }

    #[test]
    fn what_is_configured_needs_no_record_and_a_file_that_was_overwritten_does() {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("x.wasm");
        std::fs::write(&path, "one").unwrap();
        let configured = ComponentRef::new(ComponentSource::File(path.clone()), None);
        let running = generation(&path.display().to_string(), &loadlock_sandbox::digest(b"one"));
        let mut records = SwapRecords::default();
        records.note("validator", &configured, &running, None);
        assert!(records.of("validator", &configured).is_none());
        std::fs::write(&path, "two").unwrap();
        records.note("validator", &configured, &running, None);
        assert!(records.of("validator", &configured).unwrap().running.is_some());
    }

    #[test]
    fn a_damaged_file_is_no_empty_one() {
        let home = tempfile::tempdir().unwrap();
        SwapRecords::default().write(home.path()).unwrap();
        std::fs::write(SwapRecords::path(home.path()), "{").unwrap();
        let error = SwapRecords::read(home.path()).unwrap_err();
        assert_eq!(error.code, ErrorCode::StateUnavailable);
    }
}
