//! `loadlock errors`: the table of codes.

use loadlock::ErrorCode;
use serde_json::json;

use super::failure::{Failure, Status};
use super::output::{BOLD, DIM, Output, styled};

const INTRODUCTION: &str = "# Errors

This page is made by `loadlock errors --markdown`; a test keeps it so.

Every front door reports a failure as a stable code, one sentence that says what happened, and a hint that says what to
do. New codes may be added; a code never changes its meaning. The status is the one that HTTP front doors answer with.

On the command line the exit status is 1 if something failed, and 2 if the usage or the configuration is wrong
(`config_invalid`, `component_refused`, `provider_unknown` and `request_invalid`, where they stop the whole command).
";

pub(crate) fn show(output: &Output, as_markdown: bool) -> Result<Status, Failure> {
    if as_markdown {
        output.line(markdown().trim_end())?;
        return Ok(Status::Done);
    }
    for code in ErrorCode::ALL {
        if output.json {
            output.object(&json!({
                "code": code, "http_status": code.http_status(), "cause": code.cause(), "todo": code.todo(),
            }))?;
        } else if output.terminal {
            let (name, status) = (styled(BOLD, code), styled(DIM, code.http_status()));
            output.line(format_args!(
                "{name}  {status}\n  {}\n  {}",
                code.cause(),
                styled(DIM, code.todo())
            ))?;
        } else {
            output.line(format_args!(
                "{code}\t{}\t{}\t{}",
                code.http_status(),
                code.cause(),
                code.todo()
            ))?;
        }
    }
    Ok(Status::Done)
}

/// `docs/reference/errors.md`.
pub(crate) fn markdown() -> String {
    let mut text = format!("{INTRODUCTION}\n| code | status | cause | what to do |\n|---|---|---|---|\n");
    for code in ErrorCode::ALL {
        let cells = [code.cause(), code.todo()].map(|cell| cell.replace('|', "\\|"));
        text.push_str(&format!(
            "| `{code}` | {} | {} | {} |\n",
            code.http_status(),
            cells[0],
            cells[1]
        ));
    }
    text
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_page_is_the_table() {
        let page = include_str!("../../../docs/reference/errors.md");
        assert!(
            page == super::markdown(),
            "run `cargo run -- errors --markdown > docs/reference/errors.md`"
        );
    }
}
