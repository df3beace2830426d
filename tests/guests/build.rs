//! Tells the component linker to leave the versions of imports alone.
//!
//! By default it merges compatible imports into the highest version, and a guest written against
//! `wasi:filesystem@0.2.0` would import whatever version a linked crate knows. With this, the standard library imports
//! 0.2.0 beside what the guest itself chose.

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    if std::env::var("CARGO_CFG_TARGET_FAMILY").as_deref() == Ok("wasm") {
        println!("cargo::rustc-link-arg=--merge-imports-based-on-semver=false");
    }
}
