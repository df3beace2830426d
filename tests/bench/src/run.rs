//! The rows in order.

use std::io::{Seek, Write};
use std::path::{Path, PathBuf};
use std::time::Instant;

use loadlock_estimate::{estimate, quantile, sorted};

use crate::report::{Group, Results, Setting};
use crate::{Result, big, dedup, failed, flight, ledger, memory, others, shared, size, small, start, table};

/// The modules that measure, in the order of the table.
const GROUPS: [&str; 11] = [
    "big", "small", "flight", "dedup", "ledger", "shared", "parts", "memory", "start", "size", "others",
];

/// What every row needs to know.
pub(crate) struct Scope {
    pub(crate) loadlock: PathBuf,
    pub(crate) scratch: PathBuf,
    pub(crate) quick: bool,
}

impl Scope {
    pub(crate) fn new(loadlock: &Path, scratch: &Path, quick: bool) -> Result<Self> {
        if scratch.exists() {
            std::fs::remove_dir_all(scratch).map_err(failed("scratch"))?;
        }
        std::fs::create_dir_all(scratch).map_err(failed("scratch"))?;
        let absolute = |path: &Path| path.canonicalize().map_err(failed(&path.display().to_string()));
        Ok(Self {
            loadlock: absolute(loadlock)?,
            scratch: absolute(scratch)?,
            quick,
        })
    }

    /// Microseconds of one `fdatasync` of 4 KiB on the disk where homes are, median of a few now.
    pub(crate) fn sync_us(&self) -> Result<f64> {
        Ok(quantile(&sorted(self.syncs(25)?), 0.5))
    }

    fn syncs(&self, count: usize) -> Result<Vec<f64>> {
        let mut file = std::fs::File::create(self.scratch.join("sync")).map_err(failed("sync"))?;
        let block = [0x5a; 4_096];
        let mut times = Vec::with_capacity(count);
        for number in 0..count {
            // Over what is there already, as a journal does: no block is allocated.
            if number > 0 {
                file.rewind().map_err(failed("sync"))?;
            }
            let started = Instant::now();
            file.write_all(&block)
                .and_then(|()| file.sync_data())
                .map_err(failed("sync"))?;
            times.push(started.elapsed().as_secs_f64() * 1e6);
        }
        Ok(times.split_off(1))
    }
}

/// Measures, prints the table and writes the results.
pub(crate) fn run(loadlock: &Path, output: &Path, scratch: &Path, quick: bool, only: &[String]) -> Result<()> {
    if let Some(unknown) = only.iter().find(|only| !GROUPS.contains(&only.as_str())) {
        return Err(format!("there is no group `{unknown}`, but {}", GROUPS.join(", ")));
    }
    let scope = Scope::new(loadlock, scratch, quick)?;
    let runtime = tokio::runtime::Runtime::new().map_err(failed("runtime"))?;
    let began = Instant::now();
    let sync_us = estimate(&scope.syncs(200)?);
    let mut all = Group::default();
    for name in GROUPS {
        if !only.is_empty() && !only.iter().any(|only| only == name) {
            continue;
        }
        if quick && ["others", "shared"].contains(&name) && only.is_empty() {
            all.skip(
                if name == "others" {
                    "other programs"
                } else {
                    "the shared ledger"
                },
                format!("a quick run leaves it out unless it is named (`ONLY={name}`)"),
            );
            continue;
        }
        eprintln!("{name} … ({:.0} s)", began.elapsed().as_secs_f64());
        let group = match name {
            "big" => runtime.block_on(big::measure(&scope)),
            "small" => runtime.block_on(small::measure(&scope)),
            "flight" => runtime.block_on(flight::measure(&scope)),
            "dedup" => runtime.block_on(dedup::measure(&scope)),
            "ledger" => runtime.block_on(ledger::measure(&scope)),
            "shared" => runtime.block_on(shared::measure(&scope)),
            #[cfg(feature = "parts")]
            "parts" => crate::parts::measure(&scope, &runtime),
            #[cfg(not(feature = "parts"))]
            "parts" => Err("built without the feature `parts`: `make bench` has it".into()),
            "memory" => runtime.block_on(memory::measure(&scope)),
            "start" => runtime.block_on(start::measure(&scope)),
            "size" => size::measure(&scope),
            _ => runtime.block_on(others::measure(&scope)),
        }
        .map_err(failed(name))?;
        all.rows.extend(group.rows);
        all.skipped.extend(group.skipped);
    }
    let results = Results {
        setting: Setting {
            cores: std::thread::available_parallelism().map_or(0, usize::from),
            quick,
            took_s: began.elapsed().as_secs_f64(),
            sync_us,
        },
        rows: all.rows,
        skipped: all.skipped,
    };
    if let Some(folder) = output.parent() {
        std::fs::create_dir_all(folder).map_err(failed("output"))?;
    }
    let text = serde_json::to_string_pretty(&results).map_err(failed("results"))?;
    std::fs::write(output, text + "\n").map_err(failed("results"))?;
    println!("{}", table::markdown(&results));
    std::fs::remove_dir_all(&scope.scratch).map_err(failed("scratch"))
}
