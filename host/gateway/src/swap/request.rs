//! What is asked of a swap, and what it answers.

use std::path::PathBuf;

use loadlock_config::{ComponentLock, ComponentRef, ComponentSource, Config, parse_sha256};
use serde::{Deserialize, Serialize};

use crate::error::{Error, ErrorCode, Result};
use crate::state::generation::Generation;

/// Which component is to take the place.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SwapRequest {
    /// `builtin:NAME`, `locked:NAME`, or the absolute path of a component on the gateway's own disk.
    pub source: String,
    /// SHA-256 that it must have, 64 hexadecimal digits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sha256: Option<String>,
    /// Also if something would be less than it was, or the new one answers no probe.
    #[serde(default)]
    pub accept: bool,
}

impl SwapRequest {
    /// As a configuration would name it. `config`: beside whose file the lock is.
    pub(super) fn component(&self, config: &Config) -> Result<ComponentRef> {
        let invalid = |message: String| Error::new(ErrorCode::RequestInvalid, message);
        let pin = match &self.sha256 {
            None => None,
            Some(text) => Some(parse_sha256(text).ok_or_else(|| {
                invalid(format!("`{}` is not a SHA-256", text.escape_debug()))
                    .hint("write 64 hexadecimal digits; `loadlock providers inspect` shows them")
            })?),
        };
        if let Some(name) = self.source.strip_prefix("locked:") {
            return locked(name, pin, config);
        }
        let source = match self.source.strip_prefix("builtin:") {
            Some(name) => ComponentSource::Builtin(name.to_owned()),
            None => {
                let path = PathBuf::from(&self.source);
                if !path.is_absolute() {
                    let message = format!("`{}` is not an absolute path", self.source.escape_debug());
                    let hint = "name `builtin:NAME`, `locked:NAME`, or a component by its absolute path";
                    return Err(invalid(message).hint(hint));
                }
                ComponentSource::File(path)
            }
        };
        Ok(ComponentRef::new(source, pin))
    }
}

/// A component of the lock as it is now: it may have been updated since the configuration was read.
fn locked(name: &str, pin: Option<[u8; 32]>, config: &Config) -> Result<ComponentRef> {
    let lock = match &config.file {
        Some(file) => ComponentLock::read(&ComponentLock::beside(file)).map_err(|what| {
            Error::new(ErrorCode::ConfigInvalid, format!("the lock {what}"))
                .hint("put back the one that belongs to this configuration")
        })?,
        None => config.lock.clone(),
    };
    let digest = lock.component(name).map(|component| component.sha256);
    if pin.is_some() && digest.is_some() && pin != digest {
        let message = format!("`locked:{name}` has another digest in the lock than the one that is asked for");
        return Err(
            Error::new(ErrorCode::RequestInvalid, message).hint("leave the digest out: the lock pins what it names")
        );
    }
    Ok(ComponentRef::new(ComponentSource::Locked(name.to_owned()), digest))
}

/// A component that runs, or ran.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ComponentState {
    /// `builtin:NAME`, `locked:NAME` or a path.
    pub source: String,
    /// SHA-256, lower-case hexadecimal.
    pub sha256: String,
    /// Version of what it keeps in its own directory, if it states one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state_version: Option<String>,
}

impl From<&Generation> for ComponentState {
    fn from(generation: &Generation) -> Self {
        Self {
            source: generation.source.clone(),
            sha256: generation.sha256.clone(),
            state_version: generation.state_version.clone(),
        }
    }
}

/// What a swap or a rollback has done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Swapped {
    /// `providers.NAME`, `validator` or `auth`.
    pub component: String,
    /// What ran; absent for a provider that was out of service.
    pub before: Option<ComponentState>,
    /// What runs.
    pub after: ComponentState,
    /// Number of the generation that runs.
    pub generation: u64,
    /// False if the same bytes ran already: nothing was changed.
    pub changed: bool,
    /// Whether the old one comes back by itself if the first calls go wrong.
    pub on_trial: bool,
    /// What is less than it was, and was accepted.
    pub accepted: Vec<String>,
    /// What the probe answered, for a person.
    pub probe: String,
}

impl Swapped {
    /// Nothing had to be done.
    pub(super) fn unchanged(component: String, generation: &Generation) -> Self {
        let state = ComponentState::from(generation);
        Self {
            component,
            before: Some(state.clone()),
            after: state,
            generation: generation.number,
            changed: false,
            on_trial: false,
            accepted: Vec::new(),
            probe: "it runs already".into(),
        }
    }

    /// For the log.
    pub(super) fn story(&self, back: bool) -> String {
        let what = match (self.changed, back) {
            (false, _) => return format!("{} runs already", self.after.source),
            (true, true) => "back to",
            (true, false) => "now",
        };
        let before = self.before.as_ref().map_or("nothing", |before| before.sha256.as_str());
        let accepted = match self.accepted.is_empty() {
            true => String::new(),
            false => format!(", accepted: {}", self.accepted.join("; ")),
        };
        format!(
            "{what} {} ({} instead of {before}){accepted}",
            self.after.source, self.after.sha256
        )
    }
}
