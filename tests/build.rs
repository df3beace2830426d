//! Builds the hostile and odd components and names them, so that a suite can demand a test for each.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use loadlock_guest_build::{Guests, build};

fn main() {
    if let Err(reason) = run() {
        eprintln!("{reason}");
        std::process::exit(1);
    }
}

fn run() -> Result<(), String> {
    let tests = PathBuf::from(env("CARGO_MANIFEST_DIR")?);
    let workspace = tests.parent().ok_or("tests/ has no parent")?.to_owned();
    for watched in ["guests", "../wit", "../components/sdk", "../Cargo.lock"] {
        println!("cargo::rerun-if-changed={}", tests.join(watched).display());
    }
    let out = PathBuf::from(env("OUT_DIR")?);
    let target = workspace.join("target").join("guests");
    let built = build(&workspace, &target, Guests::ExamplesOf("guests"))?;
    let mut guests: Vec<(String, PathBuf)> = examples(&tests.join("guests/Cargo.toml"))?
        .into_iter()
        .map(|name| (name.clone(), built.join(format!("{name}.wasm"))))
        .collect();
    guests.extend(texts(&tests.join("guests/wat"), &out)?);
    guests.sort();
    let mut code = String::from(
        "/// Bytes of a guest by its name.\npub fn guest(name: &str) -> &'static [u8] {\n    match name {\n",
    );
    for (name, path) in &guests {
        let _ = writeln!(code, "        {name:?} => include_bytes!({path:?}),");
    }
    code.push_str("        other => panic!(\"there is no guest `{other}`\"),\n    }\n}\n\n");
    code.push_str(
        "/// Calls a macro with the name of every guest.\n#[macro_export]\nmacro_rules! foreach_guest \
         {\n    ($each:ident) => {\n",
    );
    for (name, _) in &guests {
        let _ = writeln!(code, "        $each!({name});");
    }
    code.push_str("    };\n}\n");
    std::fs::write(out.join("guests.rs"), code).map_err(|error| error.to_string())
}

/// Names of the examples in a manifest.
fn examples(manifest: &Path) -> Result<Vec<String>, String> {
    let text = std::fs::read_to_string(manifest).map_err(|error| error.to_string())?;
    let manifest: toml::Table = text.parse().map_err(|error: toml::de::Error| error.to_string())?;
    Ok(manifest
        .get("example")
        .and_then(toml::Value::as_array)
        .into_iter()
        .flatten()
        .filter_map(|example| example.get("name")?.as_str().map(str::to_owned))
        .collect())
}

/// Components written as text, turned into binaries.
fn texts(folder: &Path, out: &Path) -> Result<Vec<(String, PathBuf)>, String> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(|error| error.to_string())? {
        let path = entry.map_err(|error| error.to_string())?.path();
        if path.extension().is_none_or(|extension| extension != "wat") {
            continue;
        }
        let name = path
            .file_stem()
            .and_then(|stem| stem.to_str())
            .unwrap_or_default()
            .to_owned();
        let binary = wat::parse_file(&path).map_err(|error| format!("{}: {error}", path.display()))?;
        let to = out.join(format!("{name}.wasm"));
        std::fs::write(&to, binary).map_err(|error| error.to_string())?;
        found.push((name, to));
    }
    Ok(found)
}

fn env(name: &str) -> Result<String, String> {
    std::env::var(name).map_err(|_| format!("`{name}` is not set; this is a build script"))
}
