//! Which component plays a role.

use std::fmt;
use std::path::PathBuf;

use loadlock_policy::model::Role;
use toml::de::DeValue;

use crate::error::{Code, Defect, quoted};
use crate::origin::Provenance;
use crate::read::source::{FoundValue, Raw};
use crate::read::{ConfigReader, RecordReader, wrong_type};
use crate::settings::{COMPONENT, builtins};
use crate::suggest;

/// Where a component's bytes come from.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ComponentSource {
    /// Inside the binary, by name.
    Builtin(String),
    /// A file, canonical path.
    File(PathBuf),
}

impl fmt::Display for ComponentSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Builtin(name) => write!(f, "builtin:{name}"),
            Self::File(path) => path.display().fmt(f),
        }
    }
}

/// A component, optionally pinned.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ComponentRef {
    /// Where it is.
    pub source: ComponentSource,
    /// SHA-256 that its bytes must have.
    pub sha256: Option<[u8; 32]>,
    /// Who chose it.
    pub origin: Provenance,
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

/// Lower-case or upper-case hexadecimal of 32 bytes.
pub(crate) fn parse_sha256(text: &str) -> Option<[u8; 32]> {
    if text.len() != 64 || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return None;
    }
    let mut digest = [0; 32];
    for (index, byte) in digest.iter_mut().enumerate() {
        *byte = u8::from_str_radix(text.get(index * 2..index * 2 + 2)?, 16).ok()?;
    }
    Some(digest)
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
    let source = match written.strip_prefix("builtin:") {
        Some(name) if builtins(role).any(|known| known == name) => ComponentSource::Builtin(name.to_owned()),
        Some(name) => {
            let what = format!("names no built-in component: {}", quoted(name));
            let hint = match suggest::nearest(name, builtins(role)) {
                Some(near) => format!("Did you mean `builtin:{near}`?"),
                None => format!("Known for this role: {}.", builtin_names(role)),
            };
            reader.fail(place, &origin, Defect::new(Code::BadValue, what, hint));
            return None;
        }
        // Without its component one provider is out of service; without the tracker or the auth component nobody is.
        None => ComponentSource::File(match role {
            Role::Provider => reader.file_of_one(&place, &written, &origin)?,
            _ => reader.existing_file(&place, &written, &origin)?,
        }),
    };
    let component = ComponentRef { source, sha256, origin };
    reader.explain(&place, component.to_string(), &component.origin);
    Some(component)
}

fn builtin_names(role: Role) -> String {
    let names: Vec<String> = builtins(role).map(|name| format!("`builtin:{name}`")).collect();
    names.join(", ")
}
