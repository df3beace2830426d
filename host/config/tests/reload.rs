//! What a running gateway can take over is told from what waits for a restart.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use crate::support;

use support::Machine;

const BASE: &str = "[providers.kimi]\negress = [{ url = \"https://api.example.com/v1\", methods = [\"GET\"] }]\n\
    credential = { header = \"Authorization\", value = \"Bearer ${env:KEY}\" }\n";

#[test]
fn lines_that_move_are_no_difference_and_only_what_a_gateway_stands_on_waits() {
    let parse = |text: &str| Machine::new().parse(text).unwrap();
    let base = parse(BASE);
    for taken_over in [
        BASE.to_owned(),
        format!("# a comment\n\n{BASE}"),
        format!("[[tenants]]\nname = \"acme\"\nmax_files = 1\n{BASE}"),
        format!("[[grants]]\nroot = \"/srv\"\n{BASE}"),
        format!("[auth]\nrevoked = [\"a\"]\n{BASE}"),
        BASE.replace("GET", "POST"),
        BASE.replace("KEY", "OTHER"),
        format!("[retry]\nattempts = 4\n{BASE}"),
        format!("[limits]\nconcurrency = 3\n{BASE}"),
        format!("{BASE}[providers.local]\n"),
        format!("[validator]\ndeny = [\"*.exe\"]\n{BASE}"),
    ] {
        assert!(base.waits_for_restart(&parse(&taken_over)).is_empty(), "{taken_over}");
    }
    for (waits, keys) in [
        ("[limits]\nspool_size = \"1 GiB\"\n", ["limits.spool_size"]),
        ("[server]\ndrain = \"3s\"\n", ["server.drain"]),
        (
            "[tracker]\nsettings = { durable = true }\n",
            ["tracker.settings.durable"],
        ),
    ] {
        let latest = parse(&format!("{waits}{BASE}[retry]\nattempts = 2\n"));
        let found = base.waits_for_restart(&latest);
        assert!(keys.iter().all(|key| found.iter().any(|one| one == key)), "{found:?}");
        let reloaded = base.reloaded(&latest);
        assert_eq!(reloaded.limits.spool_size, base.limits.spool_size);
        assert_eq!((&reloaded.server, &reloaded.tracker), (&base.server, &base.tracker));
        assert_eq!(reloaded.retry, latest.retry);
        // What waited is not forgotten by the next reload.
        assert_eq!(reloaded.waits_for_restart(&latest), found);
    }
}

#[test]
fn a_provider_is_the_same_wherever_it_is_written() {
    let parse = |text: &str| Machine::new().parse(text).unwrap();
    let provider = |text: &str| parse(text).provider("kimi").unwrap().clone();
    let base = provider(BASE);
    assert!(base.is_same(&provider(&format!("# moved\n\n{BASE}"))));
    for other in [
        BASE.replace("GET", "POST"),
        BASE.replace("KEY", "OTHER"),
        format!("{BASE}account = \"x\"\n"),
    ] {
        assert!(!base.is_same(&provider(&other)), "{other}");
    }
}

#[test]
fn what_is_granted_to_a_built_in_component_by_default_is_granted_to_no_other() {
    use loadlock_config::{ComponentRef, ComponentSource, Egress};
    let base = Machine::new().parse("[providers.kimi]\n").unwrap();
    let built_in = base.provider("kimi").unwrap();
    assert_eq!(built_in.connection.egress, Egress::Declared);
    let file = ComponentRef::new(ComponentSource::File("/x.wasm".into()), None);
    assert!(built_in.with_component(file).connection.egress.is_none());
    let other = ComponentRef::new(ComponentSource::Builtin("openai".into()), None);
    assert_eq!(built_in.with_component(other).connection.egress, Egress::Declared);
}
