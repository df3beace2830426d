//! The command line: reads arguments, asks the gateway, shows the answers. It decides nothing about files.
//!
//! | module | one job |
//! |---|---|
//! | `args`, `tracker_args` | what can be written |
//! | `context` | configuration, open gateway, principal |
//! | `turn` | several commands, one home: whom a command asks, and how long it waits |
//! | `asked` | the questions, whoever answers them |
//! | `bridge` | from an MCP client on standard input to the gateway that runs |
//! | `terminal` | whether the terminal of a server has gone |
//! | `running` | the gateway that another process runs on the same home |
//! | `output`, `text`, `table`, `receipt`, `profile` | what a person or a program sees |
//! | `toml_text`, `new_config` | a configuration as text, in a new file |
//! | `help` | help texts, wrapped once |
//! | `failure` | errors to messages and exit statuses |
//! | `upload`, `files`, `providers`, `inspect`, `route`, `component`, `reconcile`, `fsck`, `serve`, `mcp`, `config`, `backup`, `init`, `doctor`, `import_settings`, `token`, `audit`, `tracker`, `errors`, `manual`, `completions` | the commands |

mod args;
mod asked;
mod audit;
mod backup;
mod bridge;
mod completions;
mod component;
mod config;
mod context;
mod doctor;
mod duration;
mod errors;
mod failure;
mod files;
mod fsck;
mod globals;
mod hangup;
mod help;
mod import_settings;
mod init;
mod inspect;
mod listen;
mod logging;
mod manual;
mod mcp;
mod new_config;
mod output;
mod profile;
mod providers;
mod receipt;
mod reconcile;
mod route;
mod running;
mod serve;
mod table;
mod terminal;
mod text;
mod token;
mod toml_text;
mod tracker;
mod tracker_args;
mod turn;
mod upload;
mod webhooks;
mod webhooks_args;

use std::process::ExitCode;

use clap::error::{ContextKind, ContextValue};
use clap::{CommandFactory, FromArgMatches};

use args::{COMPILE_COMMAND, Cli, Command};
use failure::{Failure, Status};
use logging::Reader;
use output::Output;

/// Runs one command.
pub(crate) fn main() -> ExitCode {
    // Before anything else: it works on standard input and output alone, with hostile bytes, under tight limits.
    if std::env::args_os().nth(1).is_some_and(|first| first == COMPILE_COMMAND) {
        return match loadlock::sandbox::compile_child() {
            Ok(()) => ExitCode::SUCCESS,
            Err(reason) => {
                eprintln!("{reason}");
                ExitCode::FAILURE
            }
        };
    }
    let cli = match parse() {
        Ok(cli) => cli,
        Err(mut error) => {
            without_hidden(&mut error);
            return failure::usage(&error);
        }
    };
    let output = Output::new(&cli.globals);
    let reader = match &cli.command {
        Command::Serve(_) => Reader::Operator,
        Command::Component(command) if component::shows_log(command) => Reader::Author,
        _ => Reader::Caller,
    };
    logging::start(&cli.globals, &output, reader);
    let status = match run(cli, &output) {
        Ok(status) => status,
        Err(failure) => failure.report(&output),
    };
    status.into()
}

/// The command line. Every part of it is called by the program's name, and `loadlock help COMMAND` is what it is
/// elsewhere.
fn parse() -> Result<Cli, clap::Error> {
    fn named(command: clap::Command) -> clap::Command {
        command.display_name("loadlock").mut_subcommands(named)
    }
    let mut command = named(Cli::command());
    let arguments = help::as_flag(std::env::args_os().collect());
    let mut matches = command.try_get_matches_from_mut(arguments)?;
    Cli::from_arg_matches_mut(&mut matches).map_err(|error| error.format(&mut command))
}

/// Commands that nobody is to type are not offered.
fn without_hidden(error: &mut clap::Error) {
    if let Some(ContextValue::Strings(known)) = error.get(ContextKind::ValidSubcommand) {
        let command = Cli::command();
        let is_hidden = |name: &String| command.find_subcommand(name).is_some_and(clap::Command::is_hide_set);
        let shown = known.iter().filter(|name| !is_hidden(name)).cloned().collect();
        error.insert(ContextKind::ValidSubcommand, ContextValue::Strings(shown));
    }
}

fn run(cli: Cli, output: &Output) -> Result<Status, Failure> {
    let globals = cli.globals;
    match cli.command {
        Command::Errors(table) => errors::show(output, table.markdown),
        Command::Manual { man: None } => manual::show(output),
        Command::Manual { man: Some(folder) } => manual::write(output, &folder),
        Command::Completions { shell } => completions::show(output, shell),
        Command::Config(command) => asynchronous(config::run(&globals, output, &command)),
        Command::Backup { folder } => asynchronous(backup::run(&globals, output, &folder)),
        Command::Restore(command) => backup::put_back(&globals, output, &command),
        Command::Init(command) => init::run(&globals, output, command),
        Command::Doctor(command) => asynchronous(doctor::run(&globals, output, command)),
        Command::ImportSettings(command) => import_settings::run(output, command),
        Command::Token(command) => token::run(&globals, output, command),
        Command::Audit(command) => audit::run(&globals, output, command),
        Command::Serve(command) => asynchronous(serve::run(&globals, output, command)),
        Command::Mcp => asynchronous(mcp::run(&globals, output)),
        Command::Upload(command) => asynchronous(upload::run(&globals, output, command)),
        Command::Files(command) => asynchronous(files::run(&globals, output, command)),
        Command::Component(command) => asynchronous(component::run(&globals, output, command)),
        Command::Providers(command) => asynchronous(providers::run(&globals, output, command)),
        Command::Webhooks(command) => asynchronous(webhooks::run(&globals, output, command)),
        Command::Route(command) => asynchronous(route::run(&globals, output, command)),
        Command::Reconcile(command) => asynchronous(reconcile::run(&globals, output, command)),
        Command::Tracker(command) => asynchronous(tracker::run(&globals, output, command)),
        Command::Fsck { deep } => asynchronous(fsck::run(&globals, output, deep)),
    }
}

fn asynchronous(work: impl Future<Output = Result<Status, Failure>>) -> Result<Status, Failure> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| {
            loadlock::Error::new(loadlock::ErrorCode::Internal, format!("cannot start threads: {error}"))
                .hint("raise the limit of processes (`ulimit -u`)")
        })?;
    logging::otlp::send_on(runtime.handle());
    let result = runtime.block_on(async {
        let result = work.await;
        context::close().await;
        result
    });
    logging::finish();
    // A thread that waits for standard input cannot be joined.
    runtime.shutdown_background();
    result
}
