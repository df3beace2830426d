//! A locked component for a person and a program.

use loadlock::config::{Config, LockedComponent};
use serde_json::{Value, json};

use super::trusted::key_name;
use crate::cli::failure::Failure;
use crate::cli::output::{DIM, Output, styled};
use crate::cli::table::fields;
use crate::cli::text::safe;

/// As an object; the keys are those of the lock.
pub(super) fn object(locked: &LockedComponent) -> Value {
    json!({
        "name": locked.name, "source": locked.source, "requirement": locked.requirement, "version": locked.version,
        "manifest": format!("sha256:{}", hex::encode(locked.manifest)), "sha256": hex::encode(locked.sha256),
        "role": locked.role, "contract": locked.contract, "signers": locked.signers, "imports": locked.imports,
        "egress": locked.egress,
    })
}

/// Who signed it, by name.
pub(super) fn signed_by(config: &Config, locked: &LockedComponent) -> String {
    let names = locked.signers.iter().map(|id| key_name(config, &locked.source, id));
    names.collect::<Vec<_>>().join(", ")
}

/// What it is, one line each.
pub(super) fn details(output: &Output, config: &Config, locked: &LockedComponent) -> Result<(), Failure> {
    let digest = hex::encode(locked.sha256);
    fields(
        output,
        &[
            ("from", safe(&locked.source)),
            ("updates", safe(&locked.requirement)),
            ("sha256", format!("{}…", &digest[..32])),
            (
                "is",
                format!(
                    "a component for `{}`, contract {}",
                    safe(&locked.role),
                    safe(&locked.contract)
                ),
            ),
            ("signed by", safe(&signed_by(config, locked))),
        ],
    )?;
    lines(output, "imports", &locked.imports)?;
    lines(output, "asks for", &locked.egress)
}

/// A heading and a line for each item; nothing for no item.
pub(super) fn lines(output: &Output, heading: &str, items: &[String]) -> Result<(), Failure> {
    if items.is_empty() {
        return Ok(());
    }
    output.line(format_args!("  {heading}"))?;
    for item in items {
        output.line(format_args!("    {}", styled(DIM, safe(item))))?;
    }
    Ok(())
}
