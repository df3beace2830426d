//! Which packages are in the program: those that it links, and those that the components inside it link.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};
use serde_json::Value;

/// The components that are part of the program: role, name, package.
const BUILTINS: &[(&str, &str, &str)] = &include!("../../../host/config/builtins.in");
/// What components are compiled for.
const GUEST: &str = "wasm32-wasip2";

/// One package of the program.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Package {
    pub(crate) name: String,
    pub(crate) version: String,
    /// As an SPDX expression, where its manifest says it.
    pub(crate) licence: Option<String>,
    pub(crate) repository: Option<String>,
    /// Where its files are.
    pub(crate) folder: PathBuf,
    /// From a registry, with the SHA-256 of the lock file.
    pub(crate) checksum: Option<String>,
    /// Ids of what it depends on.
    pub(crate) needs: BTreeSet<String>,
}

/// By package id of cargo.
pub(crate) type Packages = BTreeMap<String, Package>;

/// Everything that is shipped in the binary for `target`.
pub(crate) fn shipped(workspace: &Path, target: &str) -> Result<Packages> {
    let mut all = metadata(workspace, target, &["loadlock"])?;
    let guests: Vec<&str> = BUILTINS.iter().map(|(.., package)| *package).collect();
    for (id, package) in metadata(workspace, GUEST, &guests)? {
        let needs = package.needs.clone();
        all.entry(id).or_insert(package).needs.extend(needs);
    }
    let lock = std::fs::read_to_string(workspace.join("Cargo.lock")).context("Cargo.lock")?;
    let sums = checksums(&lock)?;
    for package in all.values_mut() {
        package.checksum = sums.get(&(package.name.clone(), package.version.clone())).cloned();
    }
    Ok(all)
}

/// What `roots` link, built for one target.
fn metadata(workspace: &Path, target: &str, roots: &[&str]) -> Result<Packages> {
    let arguments = [
        "metadata",
        "--locked",
        "--format-version",
        "1",
        "--filter-platform",
        target,
    ];
    let metadata: Value = serde_json::from_slice(&cargo(workspace, &arguments)?)?;
    // With the features that these are built with; `cargo metadata` knows only those of all together.
    let mut arguments = vec![
        "tree", "--locked", "--edges", "normal", "--prefix", "none", "--format", "{p}", "--target", target,
    ];
    roots.iter().for_each(|root| arguments.extend(["--package", root]));
    let tree = String::from_utf8(cargo(workspace, &arguments)?)?;
    let linked = tree.lines().filter_map(listed).collect();
    linked_packages(&metadata, roots, &linked)
}

fn cargo(workspace: &Path, arguments: &[&str]) -> Result<Vec<u8>> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let said = Command::new(cargo)
        .current_dir(workspace)
        .args(arguments)
        .output()
        .context("cargo")?;
    if !said.status.success() {
        bail!(
            "cargo {}: {}",
            arguments.join(" "),
            String::from_utf8_lossy(&said.stderr).trim()
        );
    }
    Ok(said.stdout)
}

/// Name and version of a line such as `bytes v1.10.0 (/a/path) (*)`.
pub(crate) fn listed(line: &str) -> Option<(String, String)> {
    let mut words = line.split(' ');
    let (name, version) = (words.next()?, words.next()?.strip_prefix('v')?);
    Some((name.to_owned(), version.to_owned()))
}

/// Walks from `roots` along what is linked, not what builds or tests it, through the packages of `linked` alone.
pub(crate) fn linked_packages(
    metadata: &Value,
    roots: &[&str],
    linked: &BTreeSet<(String, String)>,
) -> Result<Packages> {
    let list = |value: &Value| value.as_array().cloned().unwrap_or_default();
    let text = |value: &Value| value.as_str().map(str::to_owned);
    let known: BTreeMap<String, Value> = list(&metadata["packages"])
        .into_iter()
        .filter_map(|one| Some((text(&one["id"])?, one)))
        .collect();
    let nodes: BTreeMap<String, Value> = list(&metadata["resolve"]["nodes"])
        .into_iter()
        .filter_map(|one| Some((text(&one["id"])?, one)))
        .collect();
    let is = |id: &str, names: &dyn Fn(&str, &str) -> bool| {
        known.get(id).is_some_and(|one| {
            names(
                one["name"].as_str().unwrap_or_default(),
                one["version"].as_str().unwrap_or_default(),
            )
        })
    };
    let root = |id: &&String| {
        list(&metadata["workspace_members"])
            .iter()
            .any(|member| member.as_str() == Some(id))
            && is(id, &|name, _| roots.contains(&name))
    };
    let mut open: Vec<String> = known.keys().filter(root).cloned().collect();
    if open.len() != roots.len() {
        bail!("not every one of {} is in the workspace", roots.join(", "));
    }
    let mut found = Packages::new();
    while let Some(id) = open.pop() {
        if found.contains_key(&id) {
            continue;
        }
        let one = known.get(&id).with_context(|| format!("{id} is not described"))?;
        let normal = |needed: &&Value| list(&needed["dep_kinds"]).iter().any(|kind| kind["kind"].is_null());
        let in_tree = |id: &String| {
            is(id, &|name, version| {
                linked.contains(&(name.to_owned(), version.to_owned()))
            })
        };
        let needs: BTreeSet<String> = list(nodes.get(&id).map_or(&Value::Null, |node| &node["deps"]))
            .iter()
            .filter(normal)
            .filter_map(|needed| text(&needed["pkg"]))
            .filter(in_tree)
            .collect();
        open.extend(needs.iter().cloned());
        let manifest = PathBuf::from(text(&one["manifest_path"]).unwrap_or_default());
        let package = Package {
            name: text(&one["name"]).unwrap_or_default(),
            version: text(&one["version"]).unwrap_or_default(),
            licence: text(&one["license"]),
            repository: text(&one["repository"]),
            folder: manifest.parent().map(Path::to_owned).unwrap_or_default(),
            checksum: None,
            needs,
        };
        found.insert(id, package);
    }
    Ok(found)
}

/// SHA-256 of each archive that came from a registry, by name and version.
pub(crate) fn checksums(lock: &str) -> Result<BTreeMap<(String, String), String>> {
    let lock: toml::Table = lock.parse().context("Cargo.lock")?;
    let packages = lock
        .get("package")
        .and_then(toml::Value::as_array)
        .context("Cargo.lock has no packages")?;
    let text = |package: &toml::Value, key: &str| package.get(key).and_then(toml::Value::as_str).map(str::to_owned);
    let sum = |package| {
        Some((
            (text(package, "name")?, text(package, "version")?),
            text(package, "checksum")?,
        ))
    };
    Ok(packages.iter().filter_map(sum).collect())
}
