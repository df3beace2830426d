//! `loadlock doctor`: everything that a start needs, and what vendors answer, one line each.
//!
//! | module | one job |
//! |---|---|
//! | `machine` | what this machine has: home, disk, descriptors, address, certificate |
//! | `gateway` | what a gateway says: components, start, ledger, vendors |
//! | `line` | how a check is shown |

mod gateway;
mod line;
mod machine;

use super::args::{Doctor, Globals};
use super::context::{configuration, missing_credentials};
use super::failure::{Failure, Status, config_error};
use super::output::Output;
use line::{CheckHealth, Checkup};

pub(crate) async fn run(globals: &Globals, output: &Output, command: Doctor) -> Result<Status, Failure> {
    let mut checkup = Checkup::new(output);
    let config = match configuration(globals) {
        Ok(config) => config,
        Err(Failure::Config(errors)) => {
            for error in &errors {
                checkup.failed("configuration", &config_error(error))?;
            }
            return Ok(checkup.status());
        }
        Err(other) => return Err(other),
    };
    let file = config.file.as_ref().map(|file| file.display().to_string());
    checkup.good(
        "configuration",
        file.unwrap_or_else(|| "no file: everything is as by default".to_owned()),
    )?;
    for note in &config.notes {
        checkup.line("configuration", CheckHealth::Weak, note, None)?;
    }
    let missing = missing_credentials(&config);
    for error in &missing {
        checkup.failed("credential", &config_error(error))?;
    }
    machine::look(&mut checkup, &config)?;
    gateway::look(&mut checkup, &config, globals, output, &command).await?;
    Ok(checkup.status())
}
