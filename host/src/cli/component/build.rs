//! `loadlock component build`.

use std::path::Path;

use loadlock_kit::project::recipe;
use serde_json::json;

use super::project::project_error;
use crate::cli::failure::{Failure, Status};
use crate::cli::output::Output;
use crate::cli::text::safe;

pub(crate) fn run(output: &Output, folder: &Path) -> Result<Status, Failure> {
    let component = recipe::build(folder).map_err(|error| project_error(&error))?;
    let component = component.display().to_string();
    if output.json {
        output.object(&json!({ "component": component }))?;
    } else {
        output.line(safe(&component))?;
    }
    Ok(Status::Done)
}
