//! `loadlock completions`: what a shell completes.

use clap::CommandFactory;
use clap_complete::{Shell, generate};

use super::args::{Cli, ShellName};
use super::failure::{Failure, Status};
use super::output::Output;

pub(crate) fn show(output: &Output, shell: ShellName) -> Result<Status, Failure> {
    let shell = match shell {
        ShellName::Bash => Shell::Bash,
        ShellName::Zsh => Shell::Zsh,
        ShellName::Fish => Shell::Fish,
    };
    let mut script = Vec::new();
    generate(shell, &mut Cli::command(), "loadlock", &mut script);
    output.line(String::from_utf8_lossy(&script).trim_end())?;
    Ok(Status::Done)
}
