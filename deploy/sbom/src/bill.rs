//! The bill of materials: CycloneDX 1.6 (ECMA-424) as JSON.

use anyhow::{Context, Result};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::packages::{Package, Packages};

/// The bill for the program `loadlock`, whose parts `packages` are; `time` is when its commit was made (RFC 3339).
pub(crate) fn bill(packages: &Packages, time: &str) -> Result<Value> {
    let program = packages
        .values()
        .find(|package| package.name == "loadlock")
        .context("`loadlock` is no part")?;
    let components: Vec<Value> = packages
        .values()
        .filter(|part| *part != program)
        .map(component)
        .collect();
    let depends: Vec<Value> = packages
        .values()
        .map(|package| {
            let on: Vec<String> = package
                .needs
                .iter()
                .filter_map(|id| packages.get(id))
                .map(purl)
                .collect();
            json!({ "ref": purl(package), "dependsOn": on })
        })
        .collect();
    let mut program_component = component(program);
    program_component["type"] = "application".into();
    let mut bill = json!({
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {
            "timestamp": time,
            "tools": { "components": [{
                "type": "application", "name": env!("CARGO_PKG_NAME"), "version": env!("CARGO_PKG_VERSION"),
            }] },
            "component": program_component,
        },
        "components": components,
        "dependencies": depends,
    });
    bill["serialNumber"] = format!("urn:uuid:{}", uuid(&bill.to_string())).into();
    Ok(bill)
}

/// A package URL: `pkg:cargo/name@version`.
fn purl(package: &Package) -> String {
    // `+` of build metadata is not among the characters that may stand there as they are.
    format!("pkg:cargo/{}@{}", package.name, package.version.replace('+', "%2B"))
}

fn component(package: &Package) -> Value {
    let mut component = json!({
        "type": "library",
        "bom-ref": purl(package),
        "name": package.name,
        "version": package.version,
        "purl": purl(package),
    });
    if let Some(licence) = &package.licence {
        // Before SPDX's `OR`, cargo took a slash.
        component["licenses"] = json!([{ "expression": licence.replace('/', " OR ") }]);
    }
    if let Some(repository) = &package.repository {
        component["externalReferences"] = json!([{ "type": "vcs", "url": repository }]);
    }
    if let Some(checksum) = &package.checksum {
        component["hashes"] = json!([{ "alg": "SHA-256", "content": checksum }]);
    }
    component
}

/// A UUID (RFC 9562, version 8) that follows from what it names, so that the same bill has the same.
fn uuid(text: &str) -> String {
    let mut bytes = [0u8; 16];
    bytes.copy_from_slice(&Sha256::digest(text.as_bytes())[..16]);
    bytes[6] = (bytes[6] & 0x0f) | 0x80;
    bytes[8] = (bytes[8] & 0x3f) | 0x80;
    let digits = hex::encode(bytes);
    [
        &digits[..8],
        &digits[8..12],
        &digits[12..16],
        &digits[16..20],
        &digits[20..],
    ]
    .join("-")
}
