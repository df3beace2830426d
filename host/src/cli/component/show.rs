//! What a swap or a rollback has done, for a person or a program.

use loadlock::gateway::Swapped;

use crate::cli::failure::{Failure, Status};
use crate::cli::output::{Output, WARN, styled};
use crate::cli::text::safe;

/// Shows what runs from now on.
pub(super) fn said(output: &Output, swapped: &Swapped) -> Result<Status, Failure> {
    if output.json {
        output.object(swapped)?;
        return Ok(Status::Done);
    }
    if output.quiet {
        output.line(&swapped.after.sha256)?;
        return Ok(Status::Done);
    }
    let (key, after) = (safe(&swapped.component), &swapped.after);
    if !swapped.changed {
        output.line(format_args!("{key} runs {} already", safe(&after.source)))?;
        return Ok(Status::Done);
    }
    let before = swapped.before.as_ref().map_or("nothing", |before| &before.sha256);
    output.line(format_args!("{key} runs {}", safe(&after.source)))?;
    output.line(format_args!("  sha256 {}", after.sha256))?;
    output.line(format_args!("  before {before}"))?;
    output.line(format_args!("  probe  {}", safe(&swapped.probe)))?;
    for accepted in &swapped.accepted {
        output.line(format_args!(
            "  {}",
            styled(WARN, format!("accepted: {}", safe(accepted)))
        ))?;
    }
    if swapped.on_trial {
        output.note("if its first calls go wrong, the one before comes back by itself");
    }
    Ok(Status::Done)
}
