//! The embedded ledger alone: how its answers slow down as it fills.

use std::sync::Arc;
use std::time::Instant;

use loadlock_sandbox::tracker::{DedupKey, FileRecord, FilesQuery, Tracker, TrackerGrants};
use loadlock_sandbox::{CompileOptions, EngineOptions, Limits, Sandbox, Source};
use std::time::Duration;

use crate::report::{Group, Measured, Row};
use crate::run::Scope;
use crate::{Result, failed};

const TENANT: &str = "bench";
/// Records in one transaction while it fills.
const BATCH: u64 = 10_000;

/// The sandbox with what is compiled kept in `scratch`.
pub(crate) fn sandbox(scope: &Scope) -> Result<Sandbox> {
    let cache = scope.scratch.join("cache");
    std::fs::create_dir_all(&cache).map_err(failed("cache"))?;
    let compile = CompileOptions {
        cache: Some(cache),
        ..CompileOptions::default()
    };
    Sandbox::new(&EngineOptions::default(), compile).map_err(failed("sandbox"))
}

/// A built-in component.
pub(crate) fn built_in(name: &str) -> Result<Source> {
    let bytes = loadlock::builtins().get(name).copied();
    let bytes = bytes.ok_or_else(|| format!("there is no built-in {name}"))?;
    Ok(Source::built_in(format!("builtin:{name}"), bytes))
}

/// An empty ledger in a directory of its own.
pub(crate) async fn open(scope: &Scope, sandbox: &Sandbox, name: &str) -> Result<Tracker> {
    let directory = scope.scratch.join(name);
    if directory.exists() {
        std::fs::remove_dir_all(&directory).map_err(failed(name))?;
    }
    std::fs::create_dir_all(&directory).map_err(failed(name))?;
    let state = std::fs::File::open(&directory).map_err(failed(name))?;
    let grants = TrackerGrants {
        state: Some(Arc::new(state)),
        // Filling it takes more of one call than serving does.
        limits: Limits {
            cpu: Duration::from_secs(60),
            memory_bytes: 256 << 20,
            ..Limits::default()
        },
        ..TrackerGrants::default()
    };
    Tracker::load(sandbox, &built_in("tracker-local")?, grants)
        .await
        .map_err(failed("tracker"))
}

/// The `number`th record.
pub(crate) fn record(number: u64) -> FileRecord {
    FileRecord {
        id: format!("file-{:016x}{number:016x}", number.wrapping_mul(0x9e37_79b9_7f4a_7c15)),
        key: DedupKey {
            tenant: TENANT.into(),
            account: "vendor".into(),
            purpose: "user_data".into(),
            treatment: "bin".into(),
            sha256: format!("{number:064x}"),
        },
        filename: format!("{number}.bin"),
        bytes: 1_024 + number % 4_096,
        media_type: "application/octet-stream".into(),
        provider: "vendor".into(),
        remote_id: format!("remote-{number}"),
        address: Default::default(),
        deduplicated: false,
        attempts: 1,
        created_at_ms: 1_700_000_000_000 + number,
        expires_at_ms: None,
    }
}

pub(crate) async fn measure(scope: &Scope) -> Result<Group> {
    let sandbox = sandbox(scope)?;
    let tracker = open(scope, &sandbox, "ledger").await?;
    let sizes: &[(u64, &str)] = match scope.quick {
        true => &[(1_000, "1 k"), (100_000, "100 k")],
        false => &[(1_000, "1 k"), (100_000, "100 k"), (1_000_000, "1 M")],
    };
    let mut group = Group::default();
    let mut first: Option<[Vec<f64>; 2]> = None;
    let mut rows = 0;
    for &(size, label) in sizes {
        while rows < size {
            let next = (rows + BATCH).min(size);
            let batch = (rows..next).map(record).collect();
            answered(tracker.record_many(batch).await)?;
            rows = next;
        }
        let times = times(&tracker, size, if scope.quick { 200 } else { 2_000 }).await?;
        let base = first.get_or_insert_with(|| times.clone());
        let names = ["time to find by content", "time to list a page of 100"];
        for ((name, times), base) in names.iter().zip(&times).zip(base.iter()) {
            let median = Measured::of("", "", base).median;
            let ratios: Vec<f64> = times.iter().map(|time| time / median).collect();
            if size > sizes[0].0 {
                group.rows.push(Row::of_pairs(
                    ("ledger", format!("{name}, {label} rows"), "the same with 1 k rows"),
                    &ratios,
                    None,
                    vec![Measured::of(label, "µs", times), Measured::of("1 k", "µs", base)],
                ));
            }
        }
    }
    Ok(group)
}

/// Microseconds of finding and of listing, each spread over the whole ledger.
async fn times(tracker: &Tracker, rows: u64, count: u64) -> Result<[Vec<f64>; 2]> {
    let mut times = [Vec::new(), Vec::new()];
    let mut cursor = None;
    for turn in 0..count {
        let key = record(turn.wrapping_mul(7_919) % rows).key;
        let started = Instant::now();
        let found = answered(tracker.find(key, 1_800_000_000_000).await)?;
        times[0].push(started.elapsed().as_secs_f64() * 1e6);
        if found.is_none() {
            return Err("the ledger lost a record".into());
        }
        let query = FilesQuery {
            tenant: TENANT.into(),
            cursor: cursor.take(),
            limit: 100,
            purpose: None,
            ascending: false,
            now_ms: 1_800_000_000_000,
        };
        let started = Instant::now();
        let page = answered(tracker.list(query).await)?;
        times[1].push(started.elapsed().as_secs_f64() * 1e6);
        cursor = page.next;
    }
    Ok(times)
}

/// A tracker's answer.
pub(crate) fn answered<T>(answer: loadlock_sandbox::tracker::Answer<T>) -> Result<T> {
    answer.map_err(failed("tracker"))?.map_err(failed("tracker"))
}
