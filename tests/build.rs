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
    let examples = names(&tests.join("guests/examples"), "rs")?;
    let texts = names(&tests.join("guests/wat"), "wat")?;
    let mut code = String::from(
        "/// Bytes of a guest by its name.\npub fn guest(name: &str) -> &'static [u8] {\n    match name {\n",
    );
    for name in &examples {
        let path = built.join(format!("{name}.wasm"));
        let _ = writeln!(code, "        {name:?} => include_bytes!({path:?}),");
    }
    for name in &texts {
        let path = tests.join("guests/wat").join(format!("{name}.wat"));
        // Parsed by the suites and not here, where the parser would be built once more for build scripts.
        let _ = writeln!(
            code,
            "        {name:?} => {{\n            static BINARY: std::sync::LazyLock<Vec<u8>> = \
             std::sync::LazyLock::new(|| wat::parse_str(include_str!({path:?})).unwrap());\n            \
             &BINARY\n        }}"
        );
    }
    code.push_str("        other => panic!(\"there is no guest `{other}`\"),\n    }\n}\n\n");
    code.push_str(
        "/// Calls a macro with the name of every guest.\n#[macro_export]\nmacro_rules! foreach_guest \
         {\n    ($each:ident) => {\n",
    );
    for name in examples.iter().chain(&texts) {
        let _ = writeln!(code, "        $each!({name});");
    }
    code.push_str("    };\n}\n");
    std::fs::write(out.join("guests.rs"), code).map_err(|error| error.to_string())
}

/// Names of the files in a folder that end in `.extension`, without it, in order.
fn names(folder: &Path, extension: &str) -> Result<Vec<String>, String> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(|error| error.to_string())? {
        let path = entry.map_err(|error| error.to_string())?.path();
        if path.extension().is_some_and(|found| found == extension) {
            let name = path.file_stem().and_then(|stem| stem.to_str()).unwrap_or_default();
            found.push(name.to_owned());
        }
    }
    found.sort();
    Ok(found)
}

fn env(name: &str) -> Result<String, String> {
    std::env::var(name).map_err(|_| format!("`{name}` is not set; this is a build script"))
}
