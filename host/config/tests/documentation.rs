//! The reference page is the table of settings.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use crate::support;

use loadlock_config::{SETTINGS, documentation};
use support::Machine;

#[test]
fn the_page_is_up_to_date() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/reference/configuration.md");
    let page = std::fs::read_to_string(path).unwrap_or_default();
    assert!(
        page == documentation(),
        "run `cargo run -p loadlock-config --example documentation > docs/reference/configuration.md`"
    );
}

#[test]
fn every_setting_is_on_the_page() {
    let page = documentation();
    for setting in SETTINGS {
        for place in setting.places {
            assert!(page.contains(&format!("`{place}`")), "{place}");
        }
    }
}

#[test]
fn the_examples_are_valid() {
    let page = documentation();
    let examples: Vec<&str> = page
        .split("```toml\n")
        .skip(1)
        .map(|rest| rest.split("```").next().unwrap())
        .collect();
    assert_eq!(examples.len(), 4);
    for example in examples {
        let config = Machine::new().accept(example);
        assert!(config.notes.is_empty(), "{:?}", config.notes);
        assert!(
            config
                .providers
                .iter()
                .any(|provider| !provider.connection.egress.is_none())
        );
    }
}
