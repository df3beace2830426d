//! Builds the components that are part of the program.

use std::fmt::Write as _;
use std::path::PathBuf;

use loadlock_guest_build::{Guests, build};

/// Role, name in the configuration, package in the workspace: the list that the configuration knows.
const BUILTINS: [(&str, &str, &str); 8] = include!("config/builtins.in");

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
