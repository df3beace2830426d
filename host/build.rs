//! Builds the components that are part of the program, and says which program it is.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use loadlock_guest_build::{Guests, build};

/// Role, name in the configuration, package in the workspace: the list that the configuration knows.
const BUILTINS: &[(&str, &str, &str)] = &include!("config/builtins.in");

fn main() {
    if let Err(reason) = run() {
        eprintln!("{reason}");
        std::process::exit(1);
    }
}

fn run() -> Result<(), String> {
    let variable = |name: &str| std::env::var(name).map_err(|_| format!("`{name}` is not set; this is a build script"));
    let host = PathBuf::from(variable("CARGO_MANIFEST_DIR")?);
    let workspace = host.parent().ok_or("host/ has no parent")?.to_owned();
    for watched in [
        "components",
        "wit",
        "Cargo.lock",
        "Cargo.toml",
        "host/config/builtins.in",
    ] {
        println!("cargo::rerun-if-changed={}", workspace.join(watched).display());
    }
    println!("cargo::rustc-env=LOADLOCK_VERSION={}", version(&workspace)?);
    let packages: Vec<&str> = BUILTINS.iter().map(|(.., package)| *package).collect();
    let target = workspace.join("target").join("components");
    let folder = build(&workspace, &target, Guests::Packages(&packages))?;
    // A copy of their own: whatever becomes of that folder later, what this build found is what is included.
    let out = PathBuf::from(variable("OUT_DIR")?);
    let mut code = String::from("[\n");
    for (_, name, package) in BUILTINS {
        let (from, to) = (
            folder.join(format!("{}.wasm", package.replace('-', "_"))),
            out.join(format!("{name}.wasm")),
        );
        std::fs::copy(&from, &to).map_err(|error| format!("cannot copy {}: {error}", from.display()))?;
        let _ = writeln!(code, "    ({name:?}, include_bytes!({to:?}).as_slice()),");
    }
    code.push_str("]\n");
    std::fs::write(out.join("builtins.rs"), code).map_err(|error| error.to_string())
}

/// `0.1.0 (0123456789ab, x86_64-unknown-linux-gnu, wasmtime 48.0.8)`: what a report of a fault has to say.
fn version(workspace: &Path) -> Result<String, String> {
    let variable = |name: &str| std::env::var(name).map_err(|_| format!("`{name}` is not set"));
    let (package, target) = (variable("CARGO_PKG_VERSION")?, variable("TARGET")?);
    let lock = std::fs::read_to_string(workspace.join("Cargo.lock")).map_err(|error| error.to_string())?;
    let wasmtime = lock
        .split_once("name = \"wasmtime\"\nversion = \"")
        .and_then(|(_, rest)| rest.split_once('"'))
        .map_or("unknown", |(version, _)| version);
    let commit = commit(workspace).map_or_else(String::new, |commit| format!("{commit}, "));
    Ok(format!("{package} ({commit}{target}, wasmtime {wasmtime})"))
}

/// The commit: what a packager says in `LOADLOCK_COMMIT`, else what git does, else nothing, as in a source archive. A
/// release is built anew for each commit; elsewhere it is the commit of the last time that anything here changed.
fn commit(workspace: &Path) -> Option<String> {
    println!("cargo::rerun-if-env-changed=LOADLOCK_COMMIT");
    if let Some(said) = std::env::var("LOADLOCK_COMMIT").ok().filter(|said| !said.is_empty()) {
        return Some(said);
    }
    let git = |arguments: &[&str]| {
        let output = Command::new("git")
            .arg("-C")
            .arg(workspace)
            .args(arguments)
            .output()
            .ok()?;
        let text = String::from_utf8(output.stdout).ok()?;
        output.status.success().then(|| text.trim().to_owned())
    };
    // An archive may be unpacked inside of somebody else's repository.
    let top = Path::new(&git(&["rev-parse", "--show-toplevel"])?)
        .canonicalize()
        .ok()?;
    if top != workspace.canonicalize().ok()? {
        return None;
    }
    if std::env::var("PROFILE").is_ok_and(|profile| profile == "release") {
        let head = git(&["symbolic-ref", "--quiet", "HEAD"]);
        for name in ["HEAD"].into_iter().chain(head.as_deref()) {
            let file = git(&["rev-parse", "--git-path", name]).map(|file| workspace.join(file));
            // One that is not there, as a packed reference, would mean a build each time.
            if let Some(file) = file.filter(|file| file.exists()) {
                println!("cargo::rerun-if-changed={}", file.display());
            }
        }
    }
    git(&["rev-parse", "--short=12", "HEAD"]).filter(|commit| !commit.is_empty())
}
