//! What a running gateway can take over is told from what waits for a restart.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use crate::support;

use support::Machine;

const BASE: &str = "[providers.kimi]\negress = [{ url = \"https://api.example.com/v1\", methods = [\"GET\"] }]\n\
    credential = { header = \"Authorization\", value = \"Bearer ${env:KEY}\" }\n";

#[test]
fn lines_that_move_are_no_difference_and_values_are() {
    let parse = |text: &str| Machine::new().parse(text).unwrap();
    let base = parse(BASE);
    for same in [
        BASE.to_owned(),
        format!("# a comment\n\n{BASE}"),
        format!("[[tenants]]\nname = \"acme\"\nmax_files = 1\n{BASE}"),
        format!("[[grants]]\nroot = \"/srv\"\n{BASE}"),
        format!("[auth]\nrevoked = [\"a\"]\n{BASE}"),
    ] {
        assert!(base.same_but_for_reload(&parse(&same)), "{same}");
    }
    for other in [
        BASE.replace("GET", "POST"),
        BASE.replace("KEY", "OTHER"),
        format!("[retry]\nattempts = 4\n{BASE}"),
        format!("{BASE}[providers.local]\n"),
        format!("[validator]\ndeny = [\"*.exe\"]\n{BASE}"),
    ] {
        assert!(!base.same_but_for_reload(&parse(&other)), "{other}");
    }
}
