//! What an upload costs in things that are the same on every machine: allocations, bytes read and written, system
//! calls, instructions.
//!
//! `make bench-check` compares them with `bench/counts.json` and fails when one has grown beyond its tolerance.

use std::collections::BTreeMap;
use std::path::Path;

use loadlock::{Gateway, Principal, Silent, UploadRequest};
use loadlock_estimate::{quantile, sorted};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::child::Listening;
use crate::client::{Client, whole_form};
use crate::place::Place;
use crate::resumable::Way;
use crate::run::Scope;
use crate::trace::{self, Call};
use crate::{Result, allocations, dedup, failed, instructions, others, shared};

/// Uploads that are counted, and those before that fill caches.
const UPLOADS: u64 = 60;
const WARM_UP: u64 = 20;

/// The store of the ledger, whose transactions uploads share.
const LEDGER: &str = "ledger.redb";

/// Bytes of a small file.
pub(crate) const SMALL: usize = 4 << 10;

/// Bytes of a large one.
const LARGE: u64 = 64 << 20;

/// What one count may be.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Reference {
    value: f64,
    /// Part by which it may be larger.
    tolerance: f64,
}

pub(crate) type Counts = BTreeMap<String, f64>;
type References = BTreeMap<String, Reference>;

/// Times that something is counted before it is too much.
const COUNTED: usize = 3;

/// Counts, and writes or checks the reference.
pub(crate) fn run(loadlock: &Path, reference: &Path, scratch: &Path, write: bool) -> Result<()> {
    let scope = Scope::new(loadlock, scratch, true)?;
    let known = if write { References::new() } else { read(reference)? };
    let runtime = tokio::runtime::Runtime::new().map_err(failed("runtime"))?;
    let counts = runtime.block_on(async {
        for (program, what) in [("strace", "system calls"), ("valgrind", "instructions")] {
            if !others::installed(program) {
                return Err(format!(
                    "`{program}` is needed to count {what}: install the package {program}"
                ));
            }
        }
        let mut counts = Counts::new();
        allocated(&scope, &mut counts).await?;
        moved(&scope, &mut counts).await?;
        shared::count(&scope, &mut counts).await?;
        scheduled(&scope, &mut counts, &known).await?;
        Ok(counts)
    })?;
    std::fs::remove_dir_all(&scope.scratch).map_err(failed("scratch"))?;
    if write {
        let references: References = counts
            .into_iter()
            .map(|(name, value)| {
                let tolerance = tolerance(&name);
                (name, Reference { value, tolerance })
            })
            .collect();
        let text = serde_json::to_string_pretty(&references).map_err(failed("reference"))?;
        return std::fs::write(reference, text + "\n").map_err(failed("reference"));
    }
    let problems = compare(&counts, &known);
    for (name, value) in &counts {
        let known = known.get(name).map_or(f64::NAN, |known| known.value);
        println!("{name}: {value} (reference {known})");
    }
    if problems.is_empty() {
        return Ok(());
    }
    Err(problems.join("\n"))
}

fn read(reference: &Path) -> Result<References> {
    let text = std::fs::read_to_string(reference).map_err(failed("reference"))?;
    serde_json::from_str(&text).map_err(failed("reference"))
}

/// What scheduling has a part in: the busier the machine is, the fewer uploads share a transaction, and the more probes
/// and upkeep, which go by the clock, are counted with them. What an upload costs is the least of a few counts.
async fn scheduled(scope: &Scope, counts: &mut Counts, known: &References) -> Result<()> {
    let mut least = Counts::new();
    for _ in 0..COUNTED {
        let mut counted = Counts::new();
        called(scope, &mut counted).await?;
        instructions::count(scope, &mut counted).await?;
        for (name, value) in counted {
            let least = least.entry(name).or_insert(value);
            *least = least.min(value);
        }
        if grown(&least, known).is_empty() {
            break;
        }
    }
    counts.append(&mut least);
    Ok(())
}

/// Scheduling decides how many reads a stream takes, and how many uploads share a transaction of the ledger: where none
/// do, each has two syncs of it. The other syncs are an upload's own, but for those of the audit log, which go by time.
fn tolerance(name: &str) -> f64 {
    if name.contains("round trips") {
        0.0
    } else if name.contains("ledger's syncs") {
        0.5
    } else if name.contains("syncs") {
        0.1
    } else if name == instructions::BODY {
        // 5.0 to 6.0 million: when a machine is slow or busy, fewer uploads share a transaction of the ledger.
        0.3
    } else if name.contains("instructions") {
        0.06
    } else if ["bytes read", "bytes written"].iter().any(|kind| name.contains(kind)) {
        0.05
    } else if name.contains("system calls") {
        0.25
    } else {
        0.15
    }
}

fn compare(counts: &Counts, references: &References) -> Vec<String> {
    let mut problems = grown(counts, references);
    for name in references.keys().filter(|name| !counts.contains_key(*name)) {
        problems.push(format!("{name}: in the reference, and was not counted"));
    }
    problems
}

/// What has grown beyond its tolerance, or is new.
fn grown(counts: &Counts, references: &References) -> Vec<String> {
    let mut problems = Vec::new();
    for (name, value) in counts {
        match references.get(name) {
            None => problems.push(format!("{name}: not in the reference; run `make bench-counts`")),
            // Counts of a few are whole numbers but for what a timer does meanwhile.
            Some(known) if *value > known.value * (1.0 + known.tolerance) + 0.1 => {
                problems.push(format!("{name}: {value}, and the reference is {}", known.value));
            }
            Some(_) => {}
        }
    }
    problems
}

/// Median of what one upload allocates in this process, the gateway's own threads included.
async fn allocated(scope: &Scope, counts: &mut Counts) -> Result<()> {
    let sink = Listening::sink(1).await?;
    let place = Place::make(&scope.scratch, "allocated", &sink.address)?;
    let (gateway, who) = place.open().await?;
    let mut small = Vec::new();
    for number in 0..WARM_UP + UPLOADS {
        let path = place.files.join(format!("{number}.bin"));
        // No two of one size: they are sent, not hashed first.
        std::fs::write(&path, content(number, SMALL + usize::try_from(number).unwrap_or(0))).map_err(failed("file"))?;
        small.push((path.clone(), upload(&gateway, &who, &path, false).await?));
    }
    note(
        counts,
        "a small upload by path",
        &small[WARM_UP_AT..].iter().map(|one| one.1).collect::<Vec<_>>(),
    );
    let mut hits = Vec::new();
    for (path, _) in &small {
        hits.push(upload(&gateway, &who, path, true).await?);
    }
    note(counts, "a dedup hit by path", &hits[WARM_UP_AT..]);
    let mut large = Vec::new();
    for number in 0..5 {
        let path = place.file("large.bin", LARGE - number)?;
        large.push(upload(&gateway, &who, &path, false).await?);
    }
    note(counts, "a 64 MiB upload by path", &large[1..]);
    drop((gateway, who));
    sink.stop().await
}

const WARM_UP_AT: usize = WARM_UP as usize;

fn note(counts: &mut Counts, what: &str, costs: &[(u64, u64)]) {
    let median =
        |of: fn(&(u64, u64)) -> u64| quantile(&sorted(costs.iter().map(|cost| of(cost) as f64).collect()), 0.5);
    counts.insert(format!("allocations of {what}"), median(|cost| cost.0));
    counts.insert(format!("bytes allocated by {what}"), median(|cost| cost.1));
}

async fn upload(gateway: &Gateway, who: &Principal, path: &Path, stored: bool) -> Result<(u64, u64)> {
    let before = allocations::so_far();
    let file = gateway.upload(who, UploadRequest::path(path), &Silent).await;
    let after = allocations::so_far();
    let file = file.map_err(failed("upload"))?;
    if file.deduplicated != stored {
        return Err(format!("{}: deduplicated is {}", path.display(), file.deduplicated));
    }
    Ok((after.0 - before.0, after.1 - before.1))
}

/// What the server reads and writes for each byte of a large file.
async fn moved(scope: &Scope, counts: &mut Counts) -> Result<()> {
    let sink = Listening::sink(1).await?;
    let place = Place::make(&scope.scratch, "moved", &sink.address)?;
    let token = place.token(&scope.loadlock).await?;
    let served = place.serve(&scope.loadlock).await?;
    let mut client = Client::connect(&served.address, Some(&token)).await?;
    client.upload(whole_form("first.bin", &content(0, SMALL))).await?;
    let path = place.file("large.bin", LARGE)?;
    // Times this old are relied on.
    tokio::time::sleep(dedup::AGE).await;
    let wish = json!({ "path": path, "purpose": "user_data" });
    let mut part = |name: &str, before: u64, after: u64| {
        let each = (after - before) as f64 / LARGE as f64;
        counts.insert(format!("bytes {name}"), (each * 1e4).round() / 1e4);
    };
    let before = served.io("rchar")?;
    client.post_json("/v1/files", &wish).await?;
    part("read for each byte of a file by path", before, served.io("rchar")?);
    // What this process noted is known to the next.
    served.stop().await?;
    let served = place.serve(&scope.loadlock).await?;
    let mut client = Client::connect(&served.address, Some(&token)).await?;
    client.upload(whole_form("second.bin", &content(2, SMALL))).await?;
    let before = served.io("rchar")?;
    let again = client.post_json("/v1/files", &wish).await?;
    if again["loadlock"]["deduplicated"] != json!(true) {
        return Err(format!("an unchanged file was sent again: {again}"));
    }
    part(
        "read for each byte of an unchanged file, after a restart",
        before,
        served.io("rchar")?,
    );
    let form = whole_form("body.bin", &content(1, usize::try_from(LARGE).unwrap_or(0)));
    let (read, written) = (served.io("rchar")?, served.io("wchar")?);
    client.upload(form).await?;
    part("read for each byte of a body", read, served.io("rchar")?);
    part("written for each byte of a body", written, served.io("wchar")?);
    for (number, way) in [(3, Way::Tus), (4, Way::Joined), (5, Way::Parts)] {
        let body = content(number, usize::try_from(LARGE).unwrap_or(0));
        let written = served.io("wchar")?;
        way.upload(&mut client, body.into()).await?;
        part(way.counted(), written, served.io("wchar")?);
    }
    served.stop().await?;
    sink.stop().await
}

/// System calls of one small upload: the difference of two runs leaves start and stop out.
async fn called(scope: &Scope, counts: &mut Counts) -> Result<()> {
    let uploads = [20, 120];
    let [few, many] = [
        trace_uploads(scope, uploads[0]).await?,
        trace_uploads(scope, uploads[1]).await?,
    ];
    let mut insert = |name: &str, counts_here: fn(&Call) -> bool| {
        let [few, many] = [&few, &many].map(|run| run.iter().filter(|call| counts_here(call)).count());
        let each = (many as f64 - few as f64) / (uploads[1] - uploads[0]) as f64;
        counts.insert(name.to_owned(), (each * 10.0).round() / 10.0);
    };
    insert("syncs of a small upload of a body", |call| {
        call.is_sync && call.file != LEDGER
    });
    insert("share of a small upload in the ledger's syncs", |call| {
        call.is_sync && call.file == LEDGER
    });
    let others = "system calls of a small upload of a body, waiting and the ledger's left out";
    insert(others, |call| call.file != LEDGER);
    Ok(())
}

async fn trace_uploads(scope: &Scope, uploads: u64) -> Result<Vec<Call>> {
    let sink = Listening::sink(1).await?;
    let place = Place::make(&scope.scratch, "traced", &sink.address)?;
    let token = place.token(&scope.loadlock).await?;
    let output = scope.scratch.join("strace");
    let serve = place.command(&scope.loadlock, &Place::SERVE);
    let served = Listening::start(trace::traced(&serve, &output)).await?;
    let mut client = Client::connect(&served.address, Some(&token)).await?;
    for number in 0..uploads {
        let form = whole_form(&format!("{number}.bin"), &content(number, SMALL));
        client.upload(form).await?;
    }
    served.stop_traced().await?;
    sink.stop().await?;
    trace::read(&output)
}

/// The same bytes in every run, and different ones for every number.
pub(crate) fn content(number: u64, bytes: usize) -> Vec<u8> {
    let mut content = vec![0; bytes];
    StdRng::seed_from_u64(number).fill_bytes(&mut content);
    content
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_grew_beyond_its_tolerance_is_a_problem() {
        let counts = |value| Counts::from([("allocations".to_owned(), value)]);
        let reference = Reference {
            value: 100.0,
            tolerance: 0.1,
        };
        let references = BTreeMap::from([("allocations".to_owned(), reference)]);
        assert!(compare(&counts(110.0), &references).is_empty());
        assert_eq!(compare(&counts(111.0), &references).len(), 1);
        assert_eq!(compare(&Counts::new(), &references).len(), 1);
        assert_eq!(compare(&counts(1.0), &BTreeMap::new()).len(), 1);
    }
}
