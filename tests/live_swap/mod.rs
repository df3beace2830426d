//! Components are replaced while uploads run: none is lost, none is stored twice, each attempt is one generation's; a
//! bad generation gives way by itself, and whatever a command put in place is there after a restart.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod limits;
mod persist;
mod reload;
mod returns;
mod roles;
mod under_load;

use std::path::{Path, PathBuf};

use loadlock_gateway::{Result, SwapRequest, Swapped};
use loadlock_tests::{Opened, World};

/// The same component with one more custom section: other bytes, and nothing else is different.
pub(crate) fn stamped(component: &[u8], section: &str, data: &[u8]) -> Vec<u8> {
    fn leb(mut number: usize, into: &mut Vec<u8>) {
        loop {
            let byte = u8::try_from(number & 0x7f).unwrap();
            number >>= 7;
            into.push(if number == 0 { byte } else { byte | 0x80 });
            if number == 0 {
                return;
            }
        }
    }
    let mut body = Vec::new();
    leb(section.len(), &mut body);
    body.extend(section.as_bytes());
    body.extend(data);
    let mut bytes = component.to_vec();
    bytes.push(0);
    leb(body.len(), &mut bytes);
    bytes.extend(body);
    bytes
}

/// Another version of a component.
pub(crate) fn version(component: &[u8], number: u8) -> Vec<u8> {
    stamped(component, "version", &[number])
}

/// The same component stating a version of what it keeps.
pub(crate) fn keeping(component: &[u8], state: &str) -> Vec<u8> {
    stamped(component, "loadlock:state-version", state.as_bytes())
}

/// Asks for a swap.
pub(crate) async fn swap(gateway: &Opened, name: &str, source: &Path, accept: bool) -> Result<Swapped> {
    let request = SwapRequest {
        source: source.display().to_string(),
        sha256: None,
        accept,
    };
    gateway.gateway.swap(&gateway.who, name, request).await
}

/// SHA-256 of the component that a provider runs.
pub(crate) async fn runs(gateway: &Opened, name: &str) -> String {
    let providers = gateway.gateway.providers(&gateway.who).await.unwrap();
    let provider = providers.into_iter().find(|one| one.name == name).unwrap();
    provider.inspection.sha256
}

/// The records of one event in the audit log.
pub(crate) fn audited(home: &Path, event: &str) -> Vec<serde_json::Value> {
    let mut files: Vec<PathBuf> = std::fs::read_dir(home.join("audit"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "jsonl"))
        .collect();
    files.sort();
    let text: String = files
        .iter()
        .map(|file| std::fs::read_to_string(file).unwrap())
        .collect();
    let records = text
        .lines()
        .map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap());
    records.filter(|record| record["event"] == event).collect()
}

/// A world with the honest guest as the provider `odd`.
pub(crate) fn world() -> World {
    World::new().with_guest("odd", "good", "retry = { base = \"1ms\" }\naccount = \"odd\"")
}
