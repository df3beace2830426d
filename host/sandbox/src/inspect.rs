//! Reads what a component imports and exports, without compiling or running any of it.

use std::borrow::Cow;

use loadlock_policy::model::Role;
use serde::{Deserialize, Serialize};
use thiserror::Error;
use wasmparser::{Encoding, Parser, Payload};

/// The package whose interfaces a component exports.
pub const PACKAGE: &str = "loadlock:upload";
/// The newest version of [`PACKAGE`] that this host speaks.
pub const VERSION: &str = "0.2.0";
/// Every version of [`PACKAGE`] that this host speaks, newest first.
pub(crate) const VERSIONS: &[&str] = &[
    VERSION,
    "0.1.0",
    #[cfg(test)]
    "0.0.1",
];

/// The export that a component of this role has, in the newest version.
pub fn export(role: Role) -> String {
    export_of(role.interface(), VERSION)
}

/// The name under which an interface of the contract is exported.
pub(crate) fn export_of(interface: &str, version: &str) -> String {
    format!("{PACKAGE}/{interface}@{version}")
}

/// The custom section in which a component states the version of what it keeps in its own directory.
const STATE_VERSION: &str = "loadlock:state-version";
/// Longest such version, in bytes.
const STATE_VERSION_BYTES: usize = 64;

/// What the host does with one import.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ImportVerdict {
    /// Provided, within the limits.
    Provided,
    /// Accepted so that components of runtimes that always name it load, but calling it ends the call.
    Trapped,
    /// The component is refused.
    Refused,
}

/// One import and what becomes of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ComponentImport {
    /// As in the component, for example `wasi:http/types@0.2.12`.
    pub name: String,
    /// What the host does.
    pub verdict: ImportVerdict,
    /// Why.
    pub reason: Cow<'static, str>,
}

/// What a component says about itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Inspection {
    /// The role whose interface it exports; `None` if none or more than one.
    pub role: Option<Role>,
    /// Version of the contract that it exports, for example `0.2.0`.
    pub version: Option<String>,
    /// Imports in the component's order.
    pub imports: Vec<ComponentImport>,
    /// Exports in the component's order.
    pub exports: Vec<String>,
    /// Bytes of the binary.
    pub size: u64,
    /// SHA-256 of the binary, lower-case hexadecimal.
    pub sha256: String,
    /// Version of what it keeps in its own directory, as it states in the custom section `loadlock:state-version`;
    /// `None` if it states none, or more than one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state_version: Option<String>,
}

impl Inspection {
    /// The newest version that this host speaks of those in which it exports an interface.
    pub(crate) fn speaks(&self, interface: &str) -> Option<&'static str> {
        let exported = |version: &&&str| self.exports.contains(&export_of(interface, version));
        VERSIONS.iter().find(exported).copied()
    }

    /// The imports that keep it from being loaded.
    pub fn refused(&self) -> impl Iterator<Item = &ComponentImport> {
        self.imports
            .iter()
            .filter(|import| import.verdict == ImportVerdict::Refused)
    }
}

/// Which role a component plays and in which version of the contract, by its exports and imports alone: before the
/// component itself is there, from what its maker says of it.
///
/// # Errors
/// Why this host could not load it; reads on from its name.
///
/// ```
/// use loadlock_sandbox::negotiate;
/// let exports = ["loadlock:upload/provider@9.9.9".to_owned()];
/// assert_eq!(negotiate(&exports, &[]).unwrap_err(), "speaks contract 9.9.9, and this host speaks 0.2.0, 0.1.0");
/// ```
pub fn negotiate(exports: &[String], imports: &[String]) -> Result<(Role, &'static str), String> {
    let found: Vec<(Role, &str)> = exports.iter().filter_map(|export| role_of(export)).collect();
    let role = match found.as_slice() {
        [] => return Err("exports the interface of no role of Loadlock's".to_owned()),
        [(role, _), others @ ..] if others.iter().all(|(other, _)| other == role) => *role,
        _ => return Err("exports the interfaces of several roles".to_owned()),
    };
    let spoken = VERSIONS
        .iter()
        .find(|version| found.iter().any(|(_, exported)| exported == *version));
    let Some(version) = spoken else {
        let exported: Vec<&str> = found.iter().map(|(_, version)| *version).collect();
        return Err(format!(
            "speaks contract {}, and this host speaks {}",
            exported.join(", "),
            VERSIONS.join(", ")
        ));
    };
    for import in imports {
        let (verdict, reason) = verdict(import, Some(role));
        if verdict == ImportVerdict::Refused {
            return Err(format!("imports `{import}`: {reason}"));
        }
    }
    Ok((role, version))
}

/// The bytes are not a component.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum InspectError {
    /// Not WebAssembly at all.
    #[error("this is not WebAssembly")]
    NotWasm,
    /// A core module.
    #[error("this is a core WebAssembly module, not a component; build it for wasm32-wasip2")]
    CoreModule,
    /// Malformed after the header.
    #[error("malformed component: {0}")]
    Malformed(String),
}

/// Reads imports and exports of a component's outermost level. Linear in the size of the binary, constant in memory.
///
/// # Errors
/// See [`InspectError`].
pub fn inspect(bytes: &[u8]) -> Result<Inspection, InspectError> {
    if bytes.len() < 8 || &bytes[..4] != b"\0asm" {
        return Err(InspectError::NotWasm);
    }
    let malformed = |error: wasmparser::BinaryReaderError| InspectError::Malformed(error.to_string());
    let mut names = Vec::new();
    let mut exports = Vec::new();
    let mut stated = Vec::new();
    let mut depth = 0usize;
    for payload in Parser::new(0).parse_all(bytes) {
        match payload.map_err(malformed)? {
            Payload::Version {
                encoding: Encoding::Module,
                ..
            } if depth == 0 => return Err(InspectError::CoreModule),
            Payload::ModuleSection { .. } | Payload::ComponentSection { .. } => depth += 1,
            Payload::End(_) => depth = depth.saturating_sub(1),
            // A toolchain leaves it in the module that it was compiled into, at whatever depth that is.
            Payload::CustomSection(section) if section.name() == STATE_VERSION => {
                stated.push(state_version(section.data()));
            }
            Payload::ComponentImportSection(section) if depth == 0 => {
                for import in section {
                    names.push(import.map_err(malformed)?.name.name.to_owned());
                }
            }
            Payload::ComponentExportSection(section) if depth == 0 => {
                for export in section {
                    exports.push(export.map_err(malformed)?.name.name.to_owned());
                }
            }
            _ => {}
        }
    }
    let found: Vec<(Role, &str)> = exports.iter().filter_map(|export| role_of(export)).collect();
    let (role, version) = match found.as_slice() {
        [(role, version)] => (Some(*role), Some((*version).to_owned())),
        _ => (None, None),
    };
    let imports = names
        .into_iter()
        .map(|name| {
            let (verdict, reason) = verdict(&name, role);
            ComponentImport {
                name,
                verdict,
                reason: Cow::Borrowed(reason),
            }
        })
        .collect();
    Ok(Inspection {
        role,
        version,
        imports,
        exports,
        size: bytes.len() as u64,
        sha256: crate::digest(bytes),
        state_version: match stated.split_first() {
            Some((first, others)) if others.iter().all(|other| other == first) => first.clone(),
            _ => None,
        },
    })
}

/// One word of printable ASCII; anything else states nothing.
fn state_version(section: &[u8]) -> Option<String> {
    let is_word = (1..=STATE_VERSION_BYTES).contains(&section.len()) && section.iter().all(u8::is_ascii_graphic);
    let text = std::str::from_utf8(section).ok().filter(|_| is_word)?;
    Some(text.to_owned())
}

fn role_of(export: &str) -> Option<(Role, &str)> {
    let (name, version) = export.split_once('@')?;
    let interface = name.strip_prefix(PACKAGE)?.strip_prefix('/')?;
    let role = Role::ALL.into_iter().find(|role| role.interface() == interface)?;
    Some((role, version))
}

/// Decides one import. Deny by default: what is not named here is refused.
fn verdict(name: &str, role: Option<Role>) -> (ImportVerdict, &'static str) {
    use ImportVerdict::{Provided, Refused, Trapped};
    let (path, version) = name.split_once('@').unwrap_or((name, ""));
    if path == "loadlock:upload/types" {
        return (Provided, "types only");
    }
    let Some(rest) = path.strip_prefix("wasi:") else {
        return (
            Refused,
            "the host has no such interface; components may import WASI 0.2 only",
        );
    };
    let stable = version == "0.2"
        || version
            .strip_prefix("0.2.")
            .is_some_and(|patch| patch.parse::<u32>().is_ok_and(|patch| patch <= 12));
    if !stable {
        return (Refused, "only stable WASI 0.2 (up to 0.2.12) is provided");
    }
    match rest.split_once('/').unwrap_or((rest, "")) {
        ("cli" | "clocks" | "io" | "random", _) => (Provided, "within limits"),
        ("filesystem", _) => (Provided, "shows the admitted file and the component's own directory"),
        ("http", "types" | "outgoing-handler") => match role {
            Some(role) if role.may_use_http() => (Provided, "reaches only what the operator granted"),
            _ => (Refused, "this role has no network"),
        },
        ("sockets", _) => (
            Trapped,
            "no sockets: calling one ends the call; use wasi:http/outgoing-handler",
        ),
        _ => (Refused, "the host does not provide this WASI interface"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn imports_are_denied_by_default() {
        let provider = Some(Role::Provider);
        for (name, expected) in [
            ("wasi:http/outgoing-handler@0.2.12", ImportVerdict::Provided),
            ("wasi:http/incoming-handler@0.2.12", ImportVerdict::Refused),
            ("wasi:filesystem/types@0.2.0", ImportVerdict::Provided),
            ("wasi:filesystem/types@0.3.0", ImportVerdict::Refused),
            ("wasi:filesystem/types@0.2.13", ImportVerdict::Refused),
            ("wasi:sockets/tcp@0.2.3", ImportVerdict::Trapped),
            ("wasi:keyvalue/store@0.2.0", ImportVerdict::Refused),
            ("acme:secrets/vault@1.0.0", ImportVerdict::Refused),
            ("env", ImportVerdict::Refused),
        ] {
            assert_eq!(verdict(name, provider).0, expected, "{name}");
        }
        assert_eq!(
            verdict("wasi:http/types@0.2.0", Some(Role::Auth)).0,
            ImportVerdict::Refused
        );
    }

    /// An empty component with these custom sections.
    fn stating(sections: &[&[u8]]) -> Vec<u8> {
        let mut bytes = b"\0asm\x0d\0\x01\0".to_vec();
        for data in sections {
            let name = STATE_VERSION.as_bytes();
            let length = 1 + name.len() + data.len();
            assert!(length < 128, "one byte of LEB128");
            bytes.extend([
                0,
                u8::try_from(length).unwrap_or_default(),
                u8::try_from(name.len()).unwrap_or_default(),
            ]);
            bytes.extend(name);
            bytes.extend(*data);
        }
        bytes
    }

    #[test]
    fn a_state_version_is_one_word_that_all_parts_agree_on() {
        let version = |sections: &[&[u8]]| inspect(&stating(sections)).ok().and_then(|found| found.state_version);
        assert_eq!(version(&[b"1"]).as_deref(), Some("1"));
        assert_eq!(version(&[b"1", b"1"]).as_deref(), Some("1"));
        let long = [b'x'; STATE_VERSION_BYTES + 1];
        let odd: [&[&[u8]]; 7] = [
            &[],
            &[b"1", b"2"],
            &[b"1", b"\0"],
            &[b""],
            &[b"a b"],
            &["\u{e9}".as_bytes()],
            &[&long],
        ];
        for odd in odd {
            assert_eq!(version(odd), None, "{odd:?}");
        }
    }

    #[test]
    fn what_is_not_a_component_is_named() {
        assert_eq!(inspect(b"#!/bin/sh\necho"), Err(InspectError::NotWasm));
        assert_eq!(inspect(b"\0asm\x01\0\0\0"), Err(InspectError::CoreModule));
        assert!(matches!(
            inspect(b"\0asm\x0d\0\x01\0\xff\xff\xff"),
            Err(InspectError::Malformed(_))
        ));
    }
}
