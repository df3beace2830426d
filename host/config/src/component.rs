//! Which component plays a role.

use std::fmt;
use std::path::PathBuf;

use loadlock_policy::model::Role;
use toml::de::DeValue;

use crate::error::{Code, Defect, quoted};
use crate::lock::LockedComponent;
use crate::origin::Provenance;
use crate::read::source::{FoundValue, Raw};
use crate::read::{ConfigReader, RecordReader, wrong_type};
use crate::settings::{COMPONENT, builtins};
use crate::suggest;
use crate::values::parse_sha256;

/// Where a component's bytes come from.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ComponentSource {
    /// Inside the binary, by name.
    Builtin(String),
    /// A file, canonical path.
    File(PathBuf),
    /// From a registry, by the name that it has in the lock.
    Locked(String),
}

impl fmt::Display for ComponentSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Builtin(name) => write!(f, "builtin:{name}"),
            Self::File(path) => path.display().fmt(f),
            Self::Locked(name) => write!(f, "locked:{name}"),
        }
    }
}

/// A component, optionally pinned.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ComponentRef {
    /// Where it is.
    pub source: ComponentSource,
    /// SHA-256 that its bytes must have. For a locked one what the lock says; `None` if it is not in the lock.
    pub sha256: Option<[u8; 32]>,
    /// Who chose it.
    pub origin: Provenance,
}

impl ComponentRef {
    /// One that no configuration names.
    pub fn new(source: ComponentSource, sha256: Option<[u8; 32]>) -> Self {
        let origin = Provenance::Default;
        Self { source, sha256, origin }
    }

    /// The same, wherever it is written.
    pub fn is_same(&self, other: &Self) -> bool {
        (&self.source, self.sha256) == (&other.source, other.sha256)
    }
}

impl fmt::Display for ComponentRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.source.fmt(f)?;
        if self.sha256.is_some() {
            f.write_str(" (pinned)")
        } else {
            Ok(())
        }
    }
}

/// Reads `<section>.component`; `default` is the built-in of that name, where there is one.
pub(crate) fn component(
    reader: &mut ConfigReader<'_>,
    section: &str,
    role: Role,
    default: &str,
    section_origin: &Provenance,
) -> Option<ComponentRef> {
    let place = format!("{section}.component");
    let Some(FoundValue { raw, origin }) = reader.source.find(&place) else {
        if !builtins(role).any(|name| name == default) {
            let hint = format!("Name one of {}, or the path of a component.", builtin_names(role));
            reader.fail(place, section_origin, Defect::new(Code::Missing, "is missing", hint));
            return None;
        }
        reader.explain(&place, format!("builtin:{default}"), &Provenance::Default);
        return Some(ComponentRef {
            source: ComponentSource::Builtin(default.to_owned()),
            sha256: None,
            origin: Provenance::Default,
        });
    };
    let mut sha256 = None;
    let written = match raw {
        Raw::Text(text) => text.to_owned(),
        Raw::Toml(DeValue::String(text)) => text.to_string(),
        Raw::Toml(DeValue::Table(table)) => {
            let record = RecordReader::open(reader, place.clone(), table, COMPONENT, origin.clone())?;
            if let Some(digest) = record.text(reader, "sha256") {
                sha256 = parse_sha256(&digest.text);
                if sha256.is_none() {
                    let hint = "Write 64 hexadecimal digits; `loadlock providers inspect` shows them.";
                    let what = format!("cannot be {}", quoted(&digest.text));
                    let defect = Defect::new(Code::BadValue, what, hint);
                    reader.fail(record.key_of("sha256"), &digest.origin, defect);
                }
            }
            record.text(reader, "path")?.text
        }
        Raw::Toml(other) => {
            reader.fail(
                place,
                &origin,
                wrong_type("`\"builtin:NAME\"`, a path or a table", other),
            );
            return None;
        }
    };
    let source = match source(reader, &place, &written, role, &origin)? {
        ComponentSource::Locked(name) => {
            let locked = reader.lock.component(&name).map(|component| component.sha256);
            if locked.is_some() && sha256.is_some() && locked != sha256 {
                let what = "pins another digest than the lock has";
                let hint = "Leave `sha256` out: the lock pins what it names.";
                reader.fail(
                    format!("{place}.sha256"),
                    &origin,
                    Defect::new(Code::Conflict, what, hint),
                );
            }
            sha256 = locked;
            ComponentSource::Locked(name)
        }
        other => other,
    };
    let component = ComponentRef { source, sha256, origin };
    reader.explain(&place, component.to_string(), &component.origin);
    Some(component)
}

/// What the written text names.
fn source(
    reader: &mut ConfigReader<'_>,
    place: &str,
    written: &str,
    role: Role,
    origin: &Provenance,
) -> Option<ComponentSource> {
    if let Some(name) = written.strip_prefix("locked:") {
        // Whether the lock has it is for a start to say: the commands that put it there read this configuration too.
        if LockedComponent::is_name(name) {
            return Some(ComponentSource::Locked(name.to_owned()));
        }
        let what = format!("names no locked component: {}", quoted(name));
        let hint = "Write `locked:NAME`; `loadlock component ls` shows the names.";
        reader.fail(place, origin, Defect::new(Code::BadValue, what, hint));
        return None;
    }
    match written.strip_prefix("builtin:") {
        Some(name) if builtins(role).any(|known| known == name) => Some(ComponentSource::Builtin(name.to_owned())),
        Some(name) => {
            let what = format!("names no built-in component: {}", quoted(name));
            let hint = match suggest::nearest(name, builtins(role)) {
                Some(near) => format!("Did you mean `builtin:{near}`?"),
                None => format!("Known for this role: {}.", builtin_names(role)),
            };
            reader.fail(place, origin, Defect::new(Code::BadValue, what, hint));
            None
        }
        // Without its component one provider is out of service; without the tracker or the auth component nobody is.
        None => match role {
            Role::Provider => reader.file_of_one(place, written, origin),
            _ => reader.existing_file(place, written, origin),
        }
        .map(ComponentSource::File),
    }
}

fn builtin_names(role: Role) -> String {
    let names: Vec<String> = builtins(role).map(|name| format!("`builtin:{name}`")).collect();
    names.join(", ")
}
