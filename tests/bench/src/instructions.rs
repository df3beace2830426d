//! Instructions of the whole server, as callgrind counts them.
//!
//! Each count is the difference of two runs that differ in the number of uploads (or in the size of one), so start and
//! stop are left out. What callgrind runs is not quite what the machine would: it has no SHA instructions, no `openat2`
//! and no address space for pooled sandboxes, so digests are computed by ordinary instructions, paths are walked one
//! component at a time, and each call has a sandbox that is mapped for it. More work in the path is more instructions
//! all the same.

use std::path::Path;

use serde_json::json;
use tokio::process::Command;

use crate::child::Listening;
use crate::client::{Client, whole_form};
use crate::count::{Counts, SMALL, content};
use crate::place::Place;
use crate::run::Scope;
use crate::{Result, dedup, failed, trace};

/// Name of the count that depends on how many uploads share a transaction of the ledger.
pub(crate) const BODY: &str = "thousands of instructions of a small upload of a body";

/// Uploads in the shorter and in the longer run.
const UPLOADS: [u64; 2] = [20, 100];

/// Bytes of the file in the shorter and in the longer run.
const BYTES: [u64; 2] = [1 << 20, 9 << 20];

/// What the server is asked for.
#[derive(Clone, Copy)]
enum Work {
    /// So many different small bodies.
    Bodies(u64),
    /// A file by its path, and then so many times again.
    Hits(u64),
    /// A file of this size by its path.
    File(u64),
}

/// Counts instructions into `counts`.
pub(crate) async fn count(scope: &Scope, counts: &mut Counts) -> Result<()> {
    // Compiled code depends on the processor, and valgrind's is another one: this fills the cache, which the counted
    // runs only read.
    serve(scope, Work::Bodies(1), &["--tool=none"]).await?;
    let [few, many] = UPLOADS;
    let uploads = (many - few) as f64;
    let bodies = between(scope, Work::Bodies(few), Work::Bodies(many)).await? / uploads;
    let hits = between(scope, Work::Hits(few), Work::Hits(many)).await? / uploads;
    let [small, large] = BYTES;
    let bytes = between(scope, Work::File(small), Work::File(large)).await? / (large - small) as f64;
    // Thousands, so that the last digits that differ between two runs are not in the reference.
    let thousands = |instructions: f64| (instructions / 1e3).round();
    counts.insert(BODY.into(), thousands(bodies));
    counts.insert(
        "thousands of instructions of a dedup hit by path".into(),
        thousands(hits),
    );
    counts.insert(
        "instructions for each byte of a file by path".into(),
        (bytes * 10.0).round() / 10.0,
    );
    Ok(())
}

async fn between(scope: &Scope, less: Work, more: Work) -> Result<f64> {
    let counting = ["--tool=callgrind", "--callgrind-out-file=/dev/null"];
    let less = collected(&serve(scope, less, &counting).await?)?;
    let more = collected(&serve(scope, more, &counting).await?)?;
    Ok(more as f64 - less as f64)
}

/// Runs a server under valgrind until the work is done; answers what valgrind says at the end.
async fn serve(scope: &Scope, work: Work, tool: &[&str]) -> Result<String> {
    let sink = Listening::sink(1).await?;
    let place = Place::make(&scope.scratch, "instructions", &sink.address)?;
    let token = place.token(&scope.loadlock).await?;
    let log = scope.scratch.join("valgrind");
    let served = Listening::start(beneath_valgrind(
        &place.command(&scope.loadlock, &Place::SERVE),
        tool,
        &log,
    ))
    .await?;
    let mut client = Client::connect(&served.address, Some(&token)).await?;
    match work {
        Work::Bodies(count) => {
            for number in 0..count {
                let form = whole_form(&format!("{number}.bin"), &content(number, SMALL));
                client.upload(form).await?;
            }
        }
        Work::Hits(count) => {
            let path = place.files.join("hit.bin");
            std::fs::write(&path, content(0, SMALL)).map_err(failed("file"))?;
            // A digest of a file this old is relied on.
            tokio::time::sleep(dedup::AGE).await;
            for number in 0..=count {
                let wish = json!({ "path": path, "purpose": "user_data" });
                let answer = client.post_json("/v1/files", &wish).await?;
                if answer["loadlock"]["deduplicated"] != json!(number > 0) {
                    return Err(format!("upload {number} of one file: {answer}"));
                }
            }
        }
        Work::File(bytes) => {
            let path = place.file("large.bin", bytes)?;
            let wish = json!({ "path": path, "purpose": "user_data" });
            client.post_json("/v1/files", &wish).await?;
        }
    }
    served.stop_traced().await?;
    sink.stop().await?;
    std::fs::read_to_string(&log).map_err(failed("valgrind"))
}

/// `valgrind` around a command. `strace` around both answers every `prctl` with an error: one of them (`PR_GET_AUXV`,
/// since Linux 6.4) would say where the kernel's own functions are, and valgrind has removed them. The others only name
/// threads.
fn beneath_valgrind(command: &Command, tool: &[&str], log: &Path) -> Command {
    let mut tracer = Command::new("strace");
    tracer
        .args(["-f", "--seccomp-bpf", "-q", "-o", "/dev/null"])
        .args(["-e", "trace=prctl", "-e", "inject=prctl:error=EINVAL"])
        .arg("valgrind")
        .args(tool)
        // Sandboxes are code that appears while the program runs.
        .arg("--smc-check=all-non-file")
        .arg(format!("--log-file={}", log.display()));
    trace::beneath(tracer, command)
}

/// Instructions, from `==PID== Collected : 12345`.
fn collected(log: &str) -> Result<u64> {
    log.lines()
        .find_map(|line| {
            line.split_once("Collected :")?
                .1
                .split_whitespace()
                .next()?
                .parse()
                .ok()
        })
        .ok_or_else(|| format!("valgrind counted nothing: {log}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_summary_is_read() {
        let log = "==7== Events    : Ir\n==7== Collected : 123456\n==7== \n";
        assert_eq!(collected(log), Ok(123_456));
        assert!(collected("==7== Process terminating\n").is_err());
    }
}
