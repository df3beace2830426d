//! `fuzz TARGET [libFuzzer's arguments]`.
#![no_main]

use std::sync::OnceLock;

static RUN: OnceLock<fn(&[u8])> = OnceLock::new();

libfuzzer_sys::fuzz_target!(init: {
    let name = std::env::var("FUZZ_TARGET").unwrap_or_default();
    let Some(run) = loadlock_fuzz::target(&name) else {
        let names: Vec<_> = loadlock_fuzz::TARGETS.iter().map(|(name, _)| *name).collect();
        eprintln!("FUZZ_TARGET is {name:?}; there are {}", names.join(", "));
        std::process::exit(2);
    };
    let _ = RUN.set(run);
}, |data: &[u8]| {
    if let Some(run) = RUN.get() {
        run(data);
    }
});
