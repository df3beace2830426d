//! The books as an operator would check them: `loadlock fsck` of the release binary, in a process of its own.

use std::path::Path;

use serde::Serialize;
use serde_json::Value;
use tokio::process::Command;

/// What `fsck` said.
#[derive(Debug, Default, Serialize)]
pub(crate) struct Sheet {
    /// Its exit status: 0 if the books balance.
    pub(crate) status: Option<i32>,
    /// Its lines, as it prints them.
    pub(crate) lines: Value,
    /// What does not balance, and what was left where a complete run leaves nothing; empty in a good run.
    pub(crate) problems: Vec<String>,
}

/// Lines that count something that a run which was settled to its end has none of, though `fsck` only notes it.
const NOTHING_LEFT: [&str; 6] = [
    "uploads under way",
    "accepted, not recorded yet",
    "pending deletes",
    "spooled bodies in use",
    "dying and still listed",
    "to be deleted and still listed",
];

/// At a vendor that only this run uses, `fsck` cannot know that a file which nobody recorded is an orphan; here it is.
const ORPHANS: &str = "recorded by nobody here";

/// Runs it after the gateway has let go of its state directory, while the vendors can still be listed.
/// `vendors` are those whose account nothing else uses.
pub(crate) async fn check(program: &Path, home: &Path, config: &Path, vendors: &[&str]) -> Result<Sheet, String> {
    let failed = |error: &dyn std::fmt::Display| format!("{}: {error}", program.display());
    let mut command = Command::new(program);
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("LOADLOCK_") {
            command.env_remove(name);
        }
    }
    let output = command
        .args(["fsck", "--json", "--home"])
        .arg(home)
        .arg("--config")
        .arg(config)
        .output()
        .await
        .map_err(|error| failed(&error))?;
    let said = String::from_utf8_lossy(&output.stdout);
    let sheet: Value = serde_json::from_str(&said).map_err(|error| {
        let complaint = String::from_utf8_lossy(&output.stderr);
        failed(&format!("{error}: {said}{complaint}"))
    })?;
    Ok(judge(output.status.code(), &sheet, vendors))
}

fn judge(status: Option<i32>, sheet: &Value, vendors: &[&str]) -> Sheet {
    let mut problems = Vec::new();
    if status != Some(0) {
        problems.push(format!("fsck exits with {status:?}"));
    }
    for line in sheet["lines"].as_array().into_iter().flatten() {
        let name = line["name"].as_str().unwrap_or_default();
        let exclusive = line["provider"].as_str();
        let exclusive = exclusive.is_some_and(|name| vendors.contains(&name));
        let left = NOTHING_LEFT.contains(&name) || name == ORPHANS && exclusive;
        if line["finding"] == "unbalanced" || left && line["count"] != 0 {
            problems.push(format!("fsck: {line}"));
        }
    }
    for one in sheet["not_listed"].as_array().into_iter().flatten() {
        if one["reason"] != "cannot_list" {
            problems.push(format!("fsck: no list of {one}"));
        }
    }
    Sheet {
        status,
        lines: sheet["lines"].clone(),
        problems,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_does_not_balance_is_a_problem() {
        let sheet = |finding: &str, name: &str, count: u32| {
            let line = json!({ "name": name, "count": count, "finding": finding });
            json!({ "lines": [line], "not_listed": [] })
        };
        let problems = |status, sheet: &Value| judge(Some(status), sheet, &["a"]).problems.len();
        assert_eq!(problems(0, &sheet("balanced", "live remote files", 3)), 0);
        assert_eq!(problems(1, &sheet("unbalanced", "live remote files", 3)), 2);
        assert_eq!(problems(0, &sheet("note", "unknown outcomes", 1)), 0);
        assert_eq!(problems(0, &sheet("note", "pending deletes", 0)), 0);
        assert_eq!(problems(0, &sheet("note", "pending deletes", 1)), 1);
        let orphan = |provider: &str| {
            let line = json!({ "name": ORPHANS, "provider": provider, "count": 1, "finding": "note" });
            json!({ "lines": [line], "not_listed": [] })
        };
        assert_eq!(problems(0, &orphan("a")), 1);
        assert_eq!(problems(0, &orphan("shared")), 0);
        let silent = json!({ "lines": [], "not_listed": [{ "provider": "a", "reason": "failed" }] });
        assert_eq!(problems(0, &silent), 1);
    }
}
