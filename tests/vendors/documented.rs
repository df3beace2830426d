//! The configurations of the documentation work.

use loadlock_gateway::Gateway;
use loadlock_tests::{Logs, World};

const PAGE: &str = include_str!("../../docs/providers.md");

/// Each starts with its keys set, and grants all that its component asks for.
#[tokio::test]
async fn every_block_of_the_page_starts_and_lacks_no_grant() {
    let blocks: Vec<&str> = PAGE
        .split("```toml\n")
        .skip(1)
        .map(|rest| rest.split("```").next().unwrap())
        .collect();
    assert!(blocks.len() >= 8, "{}", blocks.len());
    for block in blocks {
        let world = World::new().config(block);
        let logs = Logs::start();
        let mut setup = world.setup();
        setup.env = |name| name.ends_with("_API_KEY").then(|| "id.secret".to_owned());
        let config = setup.config.clone();
        let gateway = Gateway::open(setup)
            .await
            .unwrap_or_else(|error| panic!("{block}\n{error}"));
        let log = logs.take();
        assert!(!log.contains("not granted"), "{block}\n{log}");
        assert!(!log.contains("id.secret"), "{log}");
        assert_eq!(config.providers.len(), 1);
        drop(gateway);
    }
}

/// A variable that is not set is named.
#[tokio::test]
async fn a_missing_variable_is_named() {
    let block = PAGE
        .split("```toml\n")
        .nth(1)
        .unwrap()
        .split("```")
        .next()
        .unwrap();
    let world = World::new().config(block);
    let mut setup = world.setup();
    setup.env = |_| None;
    let error = Gateway::open(setup).await.err().unwrap();
    assert!(error.message.contains("KIMI_API_KEY"), "{error}");
}
