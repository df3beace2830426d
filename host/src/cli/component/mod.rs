//! `loadlock component`: make, test, sign, share and lock components.
//!
//! | module | one job |
//! |---|---|
//! | `args`, `authoring_args`, `sharing_args` | what can be written |
//! | `project` | errors of projects to errors of the command line |
//! | `new`, `build`, `test`, `dev` | the commands of authors |
//! | `access` | from arguments and configuration to a registry; its errors as a user reads them |
//! | `trusted` | whose signatures do, by the configuration |
//! | `resolve` | a component in a registry whose signature and contract are right |
//! | `examined` | what a component that was fetched imports and asks for |
//! | `tested` | reports of tests that are pushed with a component |
//! | `changes` | what differs between two versions of one |
//! | `lock_file` | the lock, written by one process at a time |
//! | `shown` | a locked component for a person and a program |
//! | `swapping_args`, `swap`, `rollback`, `show` | what runs is changed |
//! | `keygen`, `sign`, `verify`, `push`, `pull`, `add`, `update`, `ls`, `rm` | the commands that sign and share |

mod access;
mod add;
pub(crate) mod args;
mod authoring_args;
mod build;
mod changes;
mod dev;
mod examined;
mod keygen;
mod lock_file;
mod ls;
mod new;
mod project;
mod pull;
mod push;
mod resolve;
mod rm;
mod rollback;
mod sharing_args;
mod show;
mod shown;
mod sign;
mod swap;
mod swapping_args;
mod test;
mod tested;
mod trusted;
mod update;
mod verify;

use super::failure::{Failure, Status};
use super::globals::Globals;
use super::output::Output;
use args::Component;
use authoring_args::Authoring;
use sharing_args::Sharing;
use swapping_args::Swapping;

pub(crate) async fn run(globals: &Globals, output: &Output, command: Component) -> Result<Status, Failure> {
    match command {
        Component::Authoring(command) => author(globals, output, command).await,
        Component::Sharing(command) => share(globals, output, command).await,
        Component::Swapping(Swapping::Swap(command)) => swap::run(globals, output, command).await,
        Component::Swapping(Swapping::Rollback(command)) => rollback::run(globals, output, command).await,
    }
}

/// Whether what the component logs is wanted of this command.
pub(crate) fn shows_log(command: &Component) -> bool {
    matches!(command, Component::Authoring(Authoring::Dev(_)))
}

async fn author(globals: &Globals, output: &Output, command: Authoring) -> Result<Status, Failure> {
    match command {
        Authoring::New(command) => new::run(output, &command),
        Authoring::Build { folder } => build::run(output, &folder),
        Authoring::Test(command) => test::run(globals, output, command).await,
        Authoring::Dev(command) => dev::run(globals, output, command).await,
    }
}

async fn share(globals: &Globals, output: &Output, command: Sharing) -> Result<Status, Failure> {
    match command {
        Sharing::Keygen(command) => keygen::run(output, &command),
        Sharing::Sign(command) => sign::run(output, &command).await,
        Sharing::Verify(command) => verify::run(globals, output, &command).await,
        Sharing::Push(command) => push::run(output, &command).await,
        Sharing::Pull(command) => pull::run(globals, output, &command).await,
        Sharing::Add(command) => add::run(globals, output, &command).await,
        Sharing::Update(command) => update::run(globals, output, &command).await,
        Sharing::Ls => ls::run(globals, output),
        Sharing::Rm { names } => rm::run(globals, output, &names),
    }
}
