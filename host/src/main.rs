//! The `loadlock` binary: a command line over the library of the same name.

mod cli;
mod ledger_schema;

fn main() -> std::process::ExitCode {
    cli::main()
}
