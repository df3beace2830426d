//! The bench: what Loadlock costs against what its user would have without it.
//!
//! Everything is compared within one run on one machine, ours and the other by turns, so that what the machine does
//! meanwhile meets both. Ratios are what the run is for; the absolute numbers beside them in `bench/results.json` are
//! of that machine on that day. `docs/explanation/performance.md` says what each row means.
//!
//! | module | one job |
//! |---|---|
//! | `run`, `report`, `table` | the rows in order; what a row is; the table |
//! | `place`, `child`, `client` | a home and a configuration; processes; HTTP as a client |
//! | `sink`, `dav`, `proxy`, `native` | the vendor; its WebDAV; the same proxy without a sandbox; the same upload without anything |
//! | `postgres`, `distance` | the shared ledger, and the way to it |
//! | `big`, `small`, `flight`, `dedup`, `ledger`, `shared`, `parts`, `memory`, `start`, `size`, `others`, `litellm`, `rclone` | the rows |
//! | `count`, `allocations`, `trace`, `instructions` | what does not depend on the machine: `make bench-check` |

mod allocations;
mod big;
mod child;
mod client;
mod count;
mod dav;
mod dedup;
mod distance;
mod flight;
mod instructions;
mod ledger;
mod litellm;
mod memory;
mod native;
mod others;
#[cfg(feature = "parts")]
mod parts;
mod place;
mod postgres;
mod proxy;
mod rclone;
mod report;
mod resumable;
mod run;
mod shared;
mod sink;
mod size;
mod small;
mod start;
mod table;
mod throttled;
mod trace;

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::{Parser, Subcommand};

/// What any step answers: an error is a sentence for whoever runs the bench.
pub(crate) type Result<T> = std::result::Result<T, String>;

#[derive(Debug, Parser)]
#[command(about = "Measures Loadlock against what its user would have without it")]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Measures every row.
    Run {
        /// The release binary.
        #[arg(long)]
        loadlock: PathBuf,
        /// Where the results go.
        #[arg(long)]
        output: PathBuf,
        /// A folder for files and state; emptied first.
        #[arg(long)]
        scratch: PathBuf,
        /// Fewer repetitions, and no rows that take long: under three minutes.
        #[arg(long)]
        quick: bool,
        /// Only the groups with these names.
        #[arg(long, value_delimiter = ',')]
        only: Vec<String>,
    },
    /// Counts what does not depend on the machine and compares it with a reference.
    Count {
        /// The release binary.
        #[arg(long)]
        loadlock: PathBuf,
        /// The reference.
        #[arg(long)]
        reference: PathBuf,
        /// A folder for files and state; emptied first.
        #[arg(long)]
        scratch: PathBuf,
        /// Writes the reference instead of comparing with it.
        #[arg(long)]
        write: bool,
    },
    /// Puts the table of the results between the markers of a page.
    Table {
        /// The results of a run.
        #[arg(long)]
        results: PathBuf,
        /// The page.
        #[arg(long)]
        page: PathBuf,
        /// Fails if the page does not hold the table already.
        #[arg(long)]
        check: bool,
    },
    /// Puts what gateways can do at a distance from their ledger between the markers of a page.
    Sizing {
        /// The results of a run.
        #[arg(long)]
        results: PathBuf,
        /// The page.
        #[arg(long)]
        page: PathBuf,
    },
    /// The vendor: takes every upload and keeps nothing.
    #[command(hide = true)]
    Sink {
        /// Answers none of this many uploads before all of them are there.
        #[arg(long, default_value_t = 1)]
        hold: usize,
        /// Takes each upload at the pace of a network.
        #[arg(long)]
        throttled: bool,
        /// Answers each upload so many milliseconds after its last byte.
        #[arg(long, default_value_t = 0)]
        delay: u64,
    },
    /// The same proxy without a sandbox.
    #[command(hide = true)]
    Proxy {
        /// The vendor.
        #[arg(long)]
        upstream: String,
        /// Where its log goes.
        #[arg(long)]
        log: PathBuf,
    },
}

fn main() -> ExitCode {
    let done = match Arguments::parse().command {
        Command::Run {
            loadlock,
            output,
            scratch,
            quick,
            only,
        } => run::run(&loadlock, &output, &scratch, quick, &only),
        Command::Count {
            loadlock,
            reference,
            scratch,
            write,
        } => count::run(&loadlock, &reference, &scratch, write),
        Command::Table { results, page, check } => table::run(&results, &page, check),
        Command::Sizing { results, page } => table::sizing(&results, &page),
        Command::Sink { hold, throttled, delay } => sink::run(hold, throttled, Duration::from_millis(delay)),
        Command::Proxy { upstream, log } => proxy::run(&upstream, &log),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("bench: {error}");
            ExitCode::FAILURE
        }
    }
}

/// An error with what was being done.
pub(crate) fn failed<E: std::fmt::Display>(what: &str) -> impl Fn(E) -> String {
    move |error| format!("{what}: {error}")
}
