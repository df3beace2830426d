//! Bytes of the program and of each component in it.

use crate::report::{Group, Row};
use crate::run::Scope;
use crate::{Result, failed};

pub(crate) fn measure(scope: &Scope) -> Result<Group> {
    let program = std::fs::metadata(&scope.loadlock).map_err(failed("loadlock"))?.len() as f64;
    let mut group = Group::default();
    let mut row = |what: String, bytes: f64, known: f64, against: &str| {
        let row = Row::of_bound(("size", what, against), &[bytes], (known, "B"), None);
        group.rows.push(row);
    };
    row("bytes of the program".into(), program, f64::from(1 << 20), "1 MiB");
    for (name, bytes) in loadlock::builtins() {
        row(
            format!("bytes of the component {name}"),
            bytes.len() as f64,
            program,
            "the program",
        );
    }
    Ok(group)
}
