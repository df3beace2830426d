//! What the program is made of: a CycloneDX bill of materials, and the licence texts of everything in it.
//!
//! `loadlock-sbom bom` and `loadlock-sbom licences`, in the workspace, write to standard output. The same tree, lock file
//! and commit give the same bytes.

mod bill;
mod licences;
mod packages;
#[cfg(test)]
mod tests;

use std::io::Write;
use std::path::Path;

use anyhow::{Context, Result, bail};

fn main() -> Result<()> {
    let what = std::env::args().nth(1).unwrap_or_default();
    let workspace = Path::new(".");
    let (target, time) = (from_env("DIST_TARGET")?, from_env("DIST_TIME")?);
    let parts = packages::shipped(workspace, &target)?;
    let text = match what.as_str() {
        "bom" => format!("{:#}\n", bill::bill(&parts, &time)?),
        "licences" => licences::texts(&parts)?,
        _ => bail!("say what to write: `bom` or `licences`"),
    };
    std::io::stdout().write_all(text.as_bytes()).context("standard output")
}

fn from_env(name: &str) -> Result<String> {
    std::env::var(name).with_context(|| format!("`{name}` is not set; `make dist` sets it"))
}
