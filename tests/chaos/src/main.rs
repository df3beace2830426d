//! The chaos run: thousands of uploads through the release pipeline while everything around it fails.
//!
//! Real are the components, the sockets, the journal, the tracker and the disk. The vendors are fakes in processes of
//! their own. Only the clock that is handed to policy runs faster, so that minutes of an open breaker pass in a second.
//!
//! The seed fixes the uploads, their contents and order, the spells of bad weather, and the sequence of faults at each
//! fake. It does not fix how the uploads that are under way at one time interleave, nor the jitter of the waits.
//!
//! | module | one job |
//! |---|---|
//! | `run` | one run from beginning to end |
//! | `plan` | what is uploaded |
//! | `weather` | what goes wrong, and when |
//! | `names` | resolves the vendors' names, or not |
//! | `vendor` | a fake in its process |
//! | `drive` | uploads the plan |
//! | `watch` | notes what the breakers do |
//! | `overhead` | what the resilience stages cost |
//! | `metrics` | the numbers |
//! | `truth` | compares what was said with what is there |
//! | `fsck` | the books by `loadlock fsck` |
//! | `leaks` | what is left |
//! | `report` | the table and the verdict |

mod drive;
mod fsck;
mod leaks;
mod metrics;
mod names;
mod overhead;
mod plan;
mod report;
mod run;
mod truth;
mod vendor;
mod watch;
mod weather;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;

/// Uploads a seeded plan through a gateway while its vendors fail, and checks every promise afterwards.
#[derive(Debug, Parser)]
struct Arguments {
    /// Seed of plan and weather.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Uploads; 5,000 at the least for the bounds to mean something.
    #[arg(long, default_value_t = 30_000)]
    uploads: usize,
    /// Uploads under way at a time.
    #[arg(long, default_value_t = 16)]
    concurrency: usize,
    /// How many times as fast as real time policy's clock runs.
    #[arg(long, default_value_t = 100)]
    scale: u32,
    /// Pairs of uploads that the overhead is measured with.
    #[arg(long, default_value_t = 500)]
    pairs: usize,
    /// The `loadlock` whose `fsck` checks the books.
    #[arg(long)]
    loadlock: PathBuf,
    /// The program of the fakes.
    #[arg(long)]
    upstream: PathBuf,
    /// Where report and log go; also what the run needs meanwhile.
    #[arg(long)]
    output: PathBuf,
}

#[tokio::main]
async fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let report = match run::run(&arguments).await {
        Ok(report) => report,
        Err(error) => {
            eprintln!("chaos: {error}");
            return ExitCode::FAILURE;
        }
    };
    println!("{}", report.markdown());
    for broken in &report.broken {
        println!("BROKEN: {broken}");
    }
    let details = report.truth.lies.iter().chain(&report.leaks.found);
    let details = details.chain(&report.fsck.problems);
    for detail in details.chain(&report.logged).take(40) {
        println!("  {detail}");
    }
    println!(
        "{} failures, each with its reason: {}\nAgain: make chaos SEED={} UPLOADS={}",
        report.failures.len(),
        arguments.output.join("report.json").display(),
        arguments.seed,
        arguments.uploads
    );
    if report.broken.is_empty() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}
