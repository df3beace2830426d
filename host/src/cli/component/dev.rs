//! `loadlock component dev`: build, test and swap whenever a source changes.

use std::path::Path;
use std::time::Duration;

use loadlock::gateway::SwapRequest;
use loadlock_kit::project::{Manifest, recipe, watch};
use loadlock_server::SOCKET;

use super::authoring_args::ComponentDev;
use super::project::project_error;
use super::show::said;
use super::swap::source_of;
use super::test::{TestBench, vendor_of};
use crate::cli::args::Globals;
use crate::cli::context::{configuration, patiently};
use crate::cli::failure::{Failure, Status};
use crate::cli::output::Output;
use crate::cli::running::Running;

/// How often the sources are looked at.
const LOOK: Duration = Duration::from_millis(300);

pub(crate) async fn run(globals: &Globals, output: &Output, command: ComponentDev) -> Result<Status, Failure> {
    let folder = command.folder.as_path();
    let manifest = Manifest::read(folder).map_err(|error| project_error(&error))?;
    let with = vendor_of(command.with.clone(), &manifest);
    let bench = TestBench::new(globals)?;
    let interrupted = tokio::signal::ctrl_c();
    tokio::pin!(interrupted);
    loop {
        let before = watch::sources(folder);
        let round = async {
            let component = build(folder).await?;
            let report = bench.test(output, &component, folder, &with).await?;
            match &command.swap {
                Some(name) if report.is_passed() => swap_in(globals, output, &command, name, &component).await,
                _ => Ok(()),
            }
        };
        tokio::select! {
            done = round => if let Err(failure) = done {
                // The next change may mend it.
                failure.report(output);
            },
            _ = &mut interrupted => return Ok(Status::Done),
        }
        output.note("waiting for a change; stop with Ctrl-C");
        tokio::select! {
            () = changed(folder, &before) => {}
            _ = &mut interrupted => return Ok(Status::Done),
        }
    }
}

/// Puts the component into the gateway that serves; none is started for it.
async fn swap_in(
    globals: &Globals,
    output: &Output,
    command: &ComponentDev,
    name: &str,
    component: &Path,
) -> Result<(), Failure> {
    let config = configuration(globals)?;
    let Some(gateway) = Running::on(&config, SOCKET).await else {
        let message = format!("no gateway serves on {}", config.home.display());
        let hint = "start one in another terminal, with `loadlock serve` and the same `--config` and `--home`";
        return Err(Failure::usage(message, hint));
    };
    let request = SwapRequest {
        source: source_of(&component.display().to_string())?,
        sha256: None,
        accept: command.accept,
    };
    let swapping = gateway.swap(name, &request);
    said(output, &patiently(output, "preparing the component", swapping).await?)?;
    Ok(())
}

async fn build(folder: &Path) -> Result<std::path::PathBuf, Failure> {
    let folder = folder.to_owned();
    let built = tokio::task::spawn_blocking(move || recipe::build(&folder)).await;
    let built = built.map_err(std::io::Error::other)?;
    built.map_err(|error| project_error(&error).into())
}

async fn changed(folder: &Path, before: &watch::Sources) {
    let mut looks = tokio::time::interval(LOOK);
    loop {
        looks.tick().await;
        if watch::sources(folder) != *before {
            return;
        }
    }
}
