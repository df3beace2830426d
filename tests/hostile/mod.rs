//! Hostile guests: each costs its own call, tells nothing of others, and stops nobody.
//!
//! Every guest of `tests/guests` has a function of its name here; one without does not compile.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod content;
mod cpu;
mod files;
mod gateway;
mod load;
mod memory;
mod network;
mod receipts;
mod roles;
mod streams;

use content::*;
use cpu::*;
use files::*;
use load::*;
use memory::*;
use network::*;
use receipts::*;
use roles::*;
use streams::*;

macro_rules! needs_a_test {
    ($name:ident) => {
        #[allow(unused_imports, reason = "that the name resolves is the point")]
        use self::$name as _;
    };
}
loadlock_tests::foreach_guest!(needs_a_test);

/// The table of limits names tests that there are.
#[test]
fn every_test_that_the_documentation_names_is_there() {
    let page = include_str!("../../docs/explanation/sandbox.md");
    let tests = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut named = 0;
    for name in page.split('`').skip(1).step_by(2) {
        let Some((suite, path)) = name
            .split_once("::")
            .filter(|(suite, _)| ["hostile", "path_allowlist"].contains(suite))
        else {
            continue;
        };
        let (module, function) = path.split_once("::").unwrap();
        let source = std::fs::read_to_string(tests.join(suite).join(format!("{module}.rs"))).unwrap();
        assert!(source.contains(&format!("async fn {function}()")), "{name}");
        named += 1;
    }
    assert!(named >= 25, "{named}");
}
