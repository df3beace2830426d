//! `loadlock component ls`.

use loadlock_registry::Sha256Digest;

use super::shown::{object, signed_by};
use crate::cli::context::configuration;
use crate::cli::failure::{Failure, Status};
use crate::cli::globals::Globals;
use crate::cli::output::Output;
use crate::cli::table::Table;
use crate::cli::text::safe;

pub(super) fn run(globals: &Globals, output: &Output) -> Result<Status, Failure> {
    let config = configuration(globals)?;
    let mut table = Table::new(&["NAME", "VERSION", "ROLE", "STATE", "SIGNED BY", "SOURCE"])
        .whole(&["VERSION", "STATE"])
        .spare(&["ROLE", "SIGNED BY"]);
    let mut missing = false;
    for locked in &config.lock.components {
        let digest = hex::encode(locked.sha256);
        let path = config.component_store().join(format!("{digest}.wasm"));
        let state = match std::fs::read(path) {
            Ok(bytes) if Sha256Digest::of(&bytes).hex() == digest => "here",
            Ok(_) => "damaged",
            Err(_) => "missing",
        };
        missing |= state != "here";
        if output.json {
            let mut object = object(locked);
            object["state"] = state.into();
            output.object(&object)?;
        } else if output.quiet {
            output.line(safe(&locked.name))?;
        } else {
            let signed_by = signed_by(&config, locked);
            table.row([
                &locked.name,
                &locked.version,
                &locked.role,
                state,
                &signed_by,
                &locked.source,
            ]);
        }
    }
    table.print(output)?;
    if missing {
        output.note("fetch what is missing with `loadlock component pull`");
    }
    Ok(Status::Done)
}
