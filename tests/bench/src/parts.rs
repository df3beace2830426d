//! The parts of an upload, each alone, by criterion.

use std::hint::black_box;
use std::path::Path;
use std::time::Duration;

use criterion::Criterion;
use loadlock_estimate::Estimate;
use loadlock_sandbox::auth::{Auth, AuthPolicy, Key, SignatureAlgorithm};
use loadlock_sandbox::provider::{Provider, ProviderGrants};
use loadlock_sandbox::tracker::Tracker;
use loadlock_sandbox::validator::{FileCandidate, HEAD_BYTES, ValidationRules, Validator};
use serde_json::Value;
use tokio::runtime::Runtime;

use crate::ledger::{answered, built_in, open, record, sandbox};
use crate::place::Place;
use crate::report::{Group, Measured, Row};
use crate::run::Scope;
use crate::{Result, failed};

const GROUP: &str = "parts";

/// Records that the ledger holds meanwhile.
const ROWS: u64 = 10_000;

struct Parts {
    provider: Provider,
    validator: Validator,
    rules: ValidationRules,
    auth: Auth,
    token: String,
    tracker: Tracker,
}

/// `runtime` is not entered: criterion blocks.
pub(crate) fn measure(scope: &Scope, runtime: &Runtime) -> Result<Group> {
    let parts = runtime.block_on(prepare(scope))?;
    let output = scope.scratch.join("criterion");
    let time = Duration::from_millis(if scope.quick { 700 } else { 5_000 });
    let mut criterion = Criterion::default()
        .output_directory(&output)
        .without_plots()
        .sample_size(if scope.quick { 20 } else { 100 })
        .warm_up_time(time / 4)
        .measurement_time(time);
    let now = 1_800_000_000_000;
    criterion.bench_function("instantiate", |bencher| {
        bencher.iter(|| black_box(runtime.block_on(parts.provider.profile()).outcome.is_ok()));
    });
    criterion.bench_function("authenticate", |bencher| {
        bencher.iter(|| {
            let token = Some(parts.token.clone());
            black_box(runtime.block_on(parts.auth.authenticate(token, seconds())).is_ok())
        });
    });
    criterion.bench_function("inspect", |bencher| {
        bencher.iter(|| {
            let verdict = parts.validator.inspect(candidate(), &parts.rules);
            black_box(runtime.block_on(verdict).is_ok())
        });
    });
    let mut number = 0;
    criterion.bench_function("find", |bencher| {
        bencher.iter(|| {
            number = (number + 7_919) % ROWS;
            black_box(runtime.block_on(parts.tracker.find(record(number).key, now)).is_ok())
        });
    });
    let mut next = ROWS;
    criterion.bench_function("record", |bencher| {
        bencher.iter(|| {
            next += 1;
            black_box(runtime.block_on(parts.tracker.record_many(vec![record(next)])).is_ok())
        });
    });
    rows(&output, scope.sync_us()?)
}

async fn prepare(scope: &Scope) -> Result<Parts> {
    let sandbox = sandbox(scope)?;
    let place = Place::make(&scope.scratch, "parts", "127.0.0.1:9")?;
    let token = place.token(&scope.loadlock).await?;
    let material = std::fs::read(place.home.join("keys/local.key")).map_err(failed("local.key"))?;
    let policy = AuthPolicy {
        keys: vec![Key {
            kid: "local".into(),
            algorithm: SignatureAlgorithm::Hs256,
            material,
            issuers: vec!["loadlock".into()],
            tenants: vec!["*".into()],
        }],
        audiences: vec!["loadlock".into()],
        leeway_s: 60,
        legacy: Vec::new(),
        legacy_until: None,
        revoked: Vec::new(),
    };
    let provider = built_in("local")?;
    let provider = Provider::load(&sandbox, &provider, ProviderGrants::default()).await;
    let auth = Auth::load(&sandbox, &built_in("auth")?, policy).await;
    let validator = Validator::load(&sandbox, &built_in("validator")?).await;
    let tracker = open(scope, &sandbox, "parts-ledger").await?;
    answered(tracker.record_many((0..ROWS).map(record).collect()).await)?;
    let parts = Parts {
        provider: provider.map_err(failed("provider"))?,
        validator: validator.map_err(failed("validator"))?,
        rules: ValidationRules {
            max_bytes: None,
            allow_empty: false,
            allow: Vec::new(),
            deny: Vec::new(),
            deny_types: Vec::new(),
            deny_secrets: true,
            deny_mismatch: true,
        },
        auth: auth.map_err(failed("auth"))?,
        token,
        tracker,
    };
    // What is measured must be the success.
    let identity = parts.auth.authenticate(Some(parts.token.clone()), seconds()).await;
    identity.map_err(failed("auth"))?.map_err(|denial| denial.message)?;
    let verdict = parts.validator.inspect(candidate(), &parts.rules).await;
    verdict
        .map_err(failed("validator"))?
        .map_err(|refusal| refusal.reason)?;
    let profile = parts.provider.profile().await.outcome;
    profile.map_err(failed("provider"))?.map_err(failed("provider"))?;
    Ok(parts)
}

fn seconds() -> u64 {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    now.unwrap_or_default().as_secs()
}

fn candidate() -> FileCandidate {
    FileCandidate {
        name: b"report.txt".to_vec(),
        folder: Vec::new(),
        size: HEAD_BYTES as u64,
        head: vec![b'a'; HEAD_BYTES],
        declared_type: None,
    }
}

/// What criterion found, in two syncs: what a small upload has to pay anyway.
fn rows(output: &Path, sync_us: f64) -> Result<Group> {
    let mut group = Group::default();
    let what = [
        ("instantiate", "time of a fresh sandbox and a call into it"),
        ("authenticate", "time of a token, in the auth component"),
        ("inspect", "time of a verdict, in the validator component"),
        ("find", "time of a lookup by content, in the tracker component"),
        ("record", "time of a record, in the tracker component"),
    ];
    for (name, what) in what {
        let path = output.join(name).join("new/estimates.json");
        let text = std::fs::read_to_string(&path).map_err(failed(&path.display().to_string()))?;
        let found: Value = serde_json::from_str(&text).map_err(failed(name))?;
        let us = |part: &Value| part.as_f64().unwrap_or_default() / 1e3;
        let median = &found["median"];
        let interval = &median["confidence_interval"];
        let [middle, low, high] = [
            us(&median["point_estimate"]),
            us(&interval["lower_bound"]),
            us(&interval["upper_bound"]),
        ];
        let scale = 1.0 / (2.0 * sync_us);
        group.rows.push(Row {
            group: GROUP.into(),
            what: what.into(),
            against: "two syncs".into(),
            ratio: Estimate {
                median: middle * scale,
                low: low * scale,
                high: high * scale,
            },
            bound: None,
            measured: vec![Measured {
                name: name.into(),
                unit: "µs".into(),
                median: middle,
                quartiles: [low, high],
                samples: 0,
            }],
        });
    }
    Ok(group)
}
