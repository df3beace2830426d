//! One function for each parser that faces the network or a component: it takes any bytes, and panics if a promise is broken.
//!
//! `make fuzz` runs each under libFuzzer; the test below replays the kept corpus, so that what was found once stays found.

mod targets;

/// A target: its name, which is its folder's in `corpus/`, and the function.
pub type Target = (&'static str, fn(&[u8]));

/// All of them.
pub const TARGETS: &[Target] = &[("egress_url", targets::egress_url)];

/// The target of that name.
pub fn target(name: &str) -> Option<fn(&[u8])> {
    let found = TARGETS.iter().find(|(known, _)| *known == name);
    found.map(|(_, run)| *run)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
mod tests {
    use std::path::Path;

    use super::*;

    #[test]
    fn the_corpus_holds() {
        let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus");
        for (name, run) in TARGETS {
            let inputs: Vec<_> = std::fs::read_dir(corpus.join(name))
                .unwrap_or_else(|error| panic!("{name}: {error}"))
                .collect();
            assert!(!inputs.is_empty(), "{name} has no corpus");
            for input in inputs {
                run(&std::fs::read(input.unwrap().path()).unwrap());
            }
            run(b"");
        }
    }
}
