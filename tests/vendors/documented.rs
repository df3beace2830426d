//! The configurations of the documentation work.

use loadlock_gateway::Gateway;
use loadlock_tests::{Logs, World};

const PAGE: &str = include_str!("../../docs/how-to/providers.md");
const README: &str = include_str!("../../README.md");

fn blocks(page: &'static str) -> Vec<&'static str> {
    let rests = page.split("```toml\n").skip(1);
    rests.map(|rest| rest.split("```").next().unwrap()).collect()
}

/// Each starts with its keys set, and grants all that its component asks for.
#[tokio::test]
async fn every_block_of_the_pages_starts_and_lacks_no_grant() {
    assert!(blocks(PAGE).len() >= 8 && blocks(README).len() == 1);
    for block in [blocks(PAGE), blocks(README)].concat() {
        let world = World::new().config(block);
        let logs = Logs::start();
        let mut setup = world.setup();
        setup.env = |name| {
            let is_secret = ["KEY", "KEY_ID", "SECRET"].iter().any(|end| name.ends_with(end));
            is_secret.then(|| "id.secret".to_owned())
        };
        let gateway = Gateway::open(setup)
            .await
            .unwrap_or_else(|error| panic!("{block}\n{error}"));
        let log = logs.take();
        assert!(!log.contains("not granted"), "{block}\n{log}");
        assert!(!log.contains("id.secret"), "{log}");
        drop(gateway);
    }
}

/// A variable that is not set is named.
#[tokio::test]
async fn a_missing_variable_is_named() {
    let world = World::new().config(blocks(PAGE)[0]);
    let mut setup = world.setup();
    setup.env = |_| None;
    let error = Gateway::open(setup).await.err().unwrap();
    assert!(error.message.contains("KIMI_API_KEY"), "{error}");
}
