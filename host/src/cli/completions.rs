//! `loadlock completions`: what a shell completes.

use clap::{CommandFactory, ValueEnum};
use clap_complete::{Shell, generate};

use super::args::Cli;
use super::failure::{Failure, Status};
use super::output::Output;

/// A shell that completions are made for.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum ShellName {
    /// GNU Bash with bash-completion
    Bash,
    /// Z shell
    Zsh,
    /// fish
    Fish,
}

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
