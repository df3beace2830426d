//! The manual of the command line, made from the help texts.

use std::fmt::Write;
use std::path::Path;

use clap::{Command, CommandFactory};
use clap_mangen::Man;
use loadlock::{Error, ErrorCode};
use serde_json::json;

use super::args::Cli;
use super::failure::{Failure, Status};
use super::output::Output;

const INTRODUCTION: &str = "# The command line

This page is made by `loadlock manual` from the help texts; a test keeps it so.

Results go to standard output, everything else to standard error. On a terminal there are progress bars and colours
(`NO_COLOR` turns them off); in a pipe there are neither, tables are separated by tabs, and with `--json` there is one
object a line. A failure is `error[CODE]: what happened` and `hint: what to do`; [errors.md](errors.md) is the table of
codes.

| exit status | meaning |
|---|---|
| 0 | everything was done |
| 1 | something failed; the rest was still done |
| 2 | wrong usage or configuration; nothing was done |
| 130 | interrupted; what is not finished was reported as `cancelled` |
| 141 | the reader of standard output went away |

The command line is a principal of its own: it signs a token for one minute with the key of the installation and
presents it to the auth component, as tenant `local`. With `LOADLOCK_TOKEN` set it presents that token instead and acts
for the token's tenant.
";

pub(crate) fn show(output: &Output) -> Result<Status, Failure> {
    output.line(markdown().trim_end())?;
    Ok(Status::Done)
}

/// One man page for each command, in section 1.
pub(crate) fn write(output: &Output, folder: &Path) -> Result<Status, Failure> {
    let mut root = Cli::command().version(env!("CARGO_PKG_VERSION"));
    root.build();
    std::fs::create_dir_all(folder)
        .and_then(|()| pages(root, folder))
        .map_err(|error| {
            let message = format!("the man pages cannot be written to {}: {error}", folder.display());
            Error::new(ErrorCode::RequestInvalid, message).hint("name a folder that you may write to")
        })?;
    if output.json {
        output.object(&json!({ "folder": folder.display().to_string() }))?;
    } else {
        output.note(format_args!("the man pages are in {}", folder.display()));
    }
    Ok(Status::Done)
}

fn pages(command: Command, folder: &Path) -> std::io::Result<()> {
    for command in command.get_subcommands().filter(|command| !command.is_hide_set()) {
        pages(command.clone(), folder)?;
    }
    Man::new(command)
        .source(concat!("Loadlock ", env!("CARGO_PKG_VERSION")))
        .manual("Loadlock")
        .generate_to(folder)?;
    Ok(())
}

/// `docs/reference/command-line.md`.
pub(crate) fn markdown() -> String {
    let mut root = Cli::command().term_width(100);
    root.build();
    let mut text = INTRODUCTION.to_owned();
    section(&mut text, &root);
    text
}

fn section(text: &mut String, command: &Command) {
    let subcommands = || command.get_subcommands().filter(|command| !command.is_hide_set());
    // A group of commands says nothing that its commands do not say.
    if subcommands().next().is_none() || command.get_name() == "loadlock" {
        let name = command.get_bin_name().unwrap_or("loadlock");
        let help = without_globals(command).render_long_help().to_string();
        let lines: Vec<&str> = help.trim_end().lines().map(str::trim_end).collect();
        let _ = write!(text, "\n## {name}\n\n```text\n{}\n```\n", lines.join("\n"));
    }
    subcommands().for_each(|command| section(text, command));
}

/// What every command takes is said once, at the top.
fn without_globals(command: &Command) -> Command {
    if command.get_name() == "loadlock" {
        return command.clone();
    }
    command.clone().mut_args(|argument| {
        let everywhere = argument.is_global_set() || matches!(argument.get_id().as_str(), "help" | "version");
        argument.hide(everywhere)
    })
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::super::help::EXAMPLES;

    #[test]
    fn the_page_is_the_help() {
        let page = include_str!("../../../docs/reference/command-line.md");
        assert!(
            page == super::markdown(),
            "run `cargo run -- manual > docs/reference/command-line.md`"
        );
    }

    #[test]
    fn the_arguments_make_sense_and_every_command_has_examples() {
        let mut root = super::Cli::command();
        root.clone().debug_assert();
        root.build();
        let mut commands = vec![root];
        while let Some(command) = commands.pop() {
            let leaf = !command.has_subcommands();
            let examples = command
                .get_after_help()
                .is_some_and(|text| text.to_string().contains("Examples:"));
            assert!(!leaf || command.is_hide_set() || examples, "{}", command.get_name());
            // Wrapped, an example could not be pasted.
            let help = command.get_after_help().map(ToString::to_string).unwrap_or_default();
            let examples = help.split_once(EXAMPLES).map_or("", |(_, examples)| examples);
            let examples = examples.split("\n\n").next().unwrap_or_default();
            let longest = examples.lines().map(str::len).max().unwrap_or(0);
            assert!(
                longest <= 80,
                "{}: an example has {longest} columns",
                command.get_name()
            );
            commands.extend(command.get_subcommands().cloned());
        }
    }
}
