//! Builds components for `wasm32-wasip2` from a build script, so that `cargo build` and `cargo test` of a fresh clone
//! are all it takes.

use std::path::{Path, PathBuf};
use std::process::Command;

/// The target that components are built for. `rust-toolchain.toml` names it too, so rustup installs it by itself.
pub const TARGET: &str = "wasm32-wasip2";

/// Instructions that guests may use beyond what the target has by itself: 128-bit vectors, part of WebAssembly since
/// 2.0. A search of a file's first bytes takes half as long with them.
const RUSTFLAGS: &str = "-C target-feature=+simd128";

/// What to build.
#[derive(Debug, Clone, Copy)]
pub enum Guests<'a> {
    /// The library of each of these packages, by the profile `guest`: small and fast.
    Packages(&'a [&'a str]),
    /// Every example of one package, by the profile `test-guest`: quick to build.
    ExamplesOf(&'a str),
}

/// Builds guests into `target` (a folder of its own: the outer cargo holds the lock of the usual one) and answers the
/// folder with the `.wasm` files.
///
/// # Errors
/// A sentence that says what failed and what to do.
pub fn build(workspace: &Path, target: &Path, guests: Guests<'_>) -> Result<PathBuf, String> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    let profile = match guests {
        Guests::Packages(_) => "guest",
        Guests::ExamplesOf(_) => "test-guest",
    };
    command
        .current_dir(workspace)
        .args([
            "build",
            "--profile",
            profile,
            "--target",
            TARGET,
            "--locked",
            "--target-dir",
        ])
        .arg(target);
    match guests {
        Guests::Packages(packages) => {
            command
                .env("CARGO_TARGET_WASM32_WASIP2_RUSTFLAGS", RUSTFLAGS)
                .args(packages.iter().flat_map(|package| ["--package", package]));
        }
        Guests::ExamplesOf(package) => {
            command.args(["--package", package, "--examples"]);
        }
    }
    // Flags, wrappers and features of the outer build are about the host.
    for (name, _) in std::env::vars_os() {
        let outer = name.to_str().is_some_and(|name| {
            name.starts_with("CARGO_FEATURE_")
                || name.starts_with("CARGO_CFG_")
                || name.starts_with("CARGO_PROFILE_")
                || matches!(
                    name,
                    "CARGO_ENCODED_RUSTFLAGS"
                        | "RUSTFLAGS"
                        | "RUSTC"
                        | "RUSTC_WRAPPER"
                        | "RUSTC_WORKSPACE_WRAPPER"
                        | "RUSTDOC"
                        | "CARGO_TARGET_DIR"
                        | "CARGO_BUILD_TARGET"
                        | "CLIPPY_ARGS"
                        | "TARGET"
                        | "HOST"
                        | "OPT_LEVEL"
                        | "DEBUG"
                        | "PROFILE"
                        | "OUT_DIR"
                        | "NUM_JOBS"
                )
        });
        if outer {
            command.env_remove(name);
        }
    }
    let status = command
        .status()
        .map_err(|error| format!("cannot run cargo for {TARGET}: {error}"))?;
    if !status.success() {
        return Err(format!(
            "building the components failed ({status}); if the target is missing, run `rustup target add {TARGET}`"
        ));
    }
    let folder = target.join(TARGET).join(profile);
    Ok(match guests {
        Guests::Packages(_) => folder,
        Guests::ExamplesOf(_) => folder.join("examples"),
    })
}
