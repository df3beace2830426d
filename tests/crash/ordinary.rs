//! Nothing but the crash suite's own build has fault points.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::process::Command;

fn features_of(package: &str) -> String {
    let tree = Command::new(env!("CARGO"))
        .args(["tree", "--locked", "--offline", "--edges", "features"])
        .args(["--package", package])
        .output()
        .unwrap();
    assert!(tree.status.success(), "{tree:?}");
    String::from_utf8(tree.stdout).unwrap()
}

#[test]
fn no_default_of_any_crate_turns_them_on() {
    for package in ["loadlock", "loadlock-gateway", "loadlock-tests", "loadlock-crash"] {
        let features = features_of(package);
        assert!(features.contains("loadlock-gateway"), "{features}");
        assert!(!features.contains("fault-points"), "{package}:\n{features}");
    }
}
