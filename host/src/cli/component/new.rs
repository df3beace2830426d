//! `loadlock component new`.

use loadlock_kit::project::create;
use serde_json::json;

use super::authoring_args::ComponentNew;
use super::project::project_error;
use crate::cli::failure::{Failure, Status};
use crate::cli::output::Output;
use crate::cli::text::safe;

pub(crate) fn run(output: &Output, command: &ComponentNew) -> Result<Status, Failure> {
    let made = create(
        &command.place,
        &command.name,
        command.language.into(),
        command.role.into(),
    );
    let folder = made.map_err(|error| project_error(&error))?.display().to_string();
    if output.json {
        output.object(&json!({ "project": folder }))?;
        return Ok(Status::Done);
    }
    output.line(safe(&folder))?;
    output.note(format_args!(
        "go on with `cd {}`, `loadlock component build` and `loadlock component test`; README.md says more",
        safe(&folder)
    ));
    Ok(Status::Done)
}
