//! What the resilience stages cost an upload that meets no fault.
//!
//! Two providers of one gateway use one component and one fake without faults; they differ in nothing but that retries
//! and breaker are on for one and off for the other. Uploads to them alternate (ABBA), and each pair is compared with
//! itself. Wall time holds two disk syncs and other programs of the machine, whose noise is larger than the bound; so
//! processor time of this process is compared too, and the stages themselves are timed alone.

use std::hint::black_box;
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use loadlock::{File, Gateway, Principal, Silent, Source, Target, UploadRequest};
use loadlock_gateway::Clock;
use loadlock_policy::breaker::{Breaker, BreakerPolicy, Outcome};
use loadlock_policy::budget::{BudgetPolicy, RetryBudget};
use loadlock_policy::model::VerifyMethod;
use loadlock_policy::retry::{Event, Inputs, Leg, RetryLoop, RetryPolicy, RoutePolicy};
use rustix::time::{ClockId, clock_gettime};
use serde::Serialize;

use crate::drive::body;
use loadlock_estimate::{Estimate, estimate, median, quantile, sorted};

/// Provider with retries and breaker.
pub(crate) const ON: &str = "stages-on";
/// The same without.
pub(crate) const OFF: &str = "stages-off";

/// Pairs of uploads before anything is counted.
const WARM_UP: usize = 20;
/// Bytes of each upload: small, so that the stages' share is as large as it gets.
const BYTES: usize = 1_024;
/// Runs of the stages alone.
const STAGE_RUNS: u32 = 200_000;

/// What was measured.
#[derive(Debug, Serialize)]
pub(crate) struct Overhead {
    pub(crate) pairs: usize,
    /// Microseconds: median, first and third quartile.
    pub(crate) wall_on_us: [f64; 3],
    pub(crate) wall_off_us: [f64; 3],
    /// Microseconds of processor time of one upload, median.
    pub(crate) cpu_off_us: f64,
    /// Paired difference in percent of the median without the stages.
    pub(crate) wall_percent: Estimate,
    pub(crate) cpu_percent: Estimate,
    /// Nanoseconds that the stages take for one upload without a fault.
    pub(crate) stages_ns: f64,
    /// That in percent of the median upload's wall time without the stages.
    pub(crate) stages_percent: f64,
}

/// One upload's cost in microseconds: wall time, processor time.
type Cost = (f64, f64);

/// Uploads `pairs` pairs, one upload at a time; answers what was stored, too.
pub(crate) async fn measure(
    gateway: &Gateway,
    who: &Principal,
    clock: &Clock,
    pairs: usize,
) -> Result<(Overhead, Vec<File>), String> {
    let mut files = Vec::new();
    let (mut on, mut off) = (Vec::new(), Vec::new());
    for pair in 0..WARM_UP + pairs {
        let first_on = pair % 2 == 0;
        let mut both = [(0.0, 0.0); 2];
        for second in [false, true] {
            let is_on = first_on != second;
            let provider = if is_on { ON } else { OFF };
            let (cost, file) = upload(gateway, who, provider, pair).await?;
            files.push(file);
            both[usize::from(is_on)] = cost;
        }
        if pair >= WARM_UP {
            off.push(both[0]);
            on.push(both[1]);
        }
    }
    let walls = |costs: &[Cost]| sorted(costs.iter().map(|cost| cost.0).collect());
    let cpus = |costs: &[Cost]| sorted(costs.iter().map(|cost| cost.1).collect());
    let (wall_on, wall_off, cpu_off) = (walls(&on), walls(&off), cpus(&off));
    let percent = |of: fn(&Cost) -> f64, base: f64| {
        let differences = on.iter().zip(&off).map(|(on, off)| of(on) - of(off));
        estimate(&differences.map(|us| us / base * 100.0).collect::<Vec<_>>())
    };
    let stages_ns = stages(clock);
    let quartiles = |sorted: &[f64]| [0.5, 0.25, 0.75].map(|part| quantile(sorted, part));
    let overhead = Overhead {
        pairs,
        wall_on_us: quartiles(&wall_on),
        wall_off_us: quartiles(&wall_off),
        cpu_off_us: median(&cpu_off),
        wall_percent: percent(|cost| cost.0, median(&wall_off)),
        cpu_percent: percent(|cost| cost.1, median(&cpu_off)),
        stages_ns,
        stages_percent: stages_ns / 1_000.0 / median(&wall_off) * 100.0,
    };
    Ok((overhead, files))
}

async fn upload(gateway: &Gateway, who: &Principal, provider: &str, pair: usize) -> Result<(Cost, File), String> {
    let name = format!("{provider}-{pair}.txt");
    let content = format!("{:<BYTES$}", name).into_bytes();
    let mut request = UploadRequest::from(Source::Body(body(&name, content)));
    request.target = Target::Pinned(provider.to_owned());
    let (wall, cpu) = (Instant::now(), cpu_us());
    let end = gateway.upload(who, request, &Silent).await;
    let cost = (wall.elapsed().as_secs_f64() * 1e6, cpu_us() - cpu);
    match end {
        Ok(file) if file.attempts == 1 => Ok((cost, file)),
        Ok(file) => Err(format!("{provider}: {} attempts", file.attempts)),
        Err(error) => Err(format!("{provider}: {error}")),
    }
}

/// Processor time of this process, all threads.
fn cpu_us() -> f64 {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    time.tv_sec as f64 * 1e6 + time.tv_nsec as f64 / 1e3
}

/// Everything that retry, breaker and budget do for an upload that succeeds at once, as the pipeline does it.
fn stages(clock: &Clock) -> f64 {
    let policy = BreakerPolicy::default();
    let budget_policy = BudgetPolicy::default();
    let breaker = Mutex::new(Breaker::new());
    let budget = Mutex::new(RetryBudget::new(&budget_policy, clock.now()));
    let leg = Leg {
        verify: VerifyMethod::Mark,
        retry: RetryPolicy::default(),
    };
    let started = Instant::now();
    for _ in 0..STAGE_RUNS {
        let deadline = clock.now() + loadlock_policy::Millis::from_secs(3_600);
        let mut machine = RetryLoop::new(RoutePolicy::default(), [leg], deadline);
        let lock = |breaker: &Mutex<Breaker>, act: &mut dyn FnMut(&mut Breaker)| {
            act(&mut breaker.lock().unwrap_or_else(PoisonError::into_inner));
        };
        lock(&breaker, &mut |breaker| {
            black_box(breaker.eligibility(&policy, clock.now()));
        });
        let mut permit = None;
        lock(&breaker, &mut |breaker| {
            permit = breaker.acquire(&policy, clock.now()).ok();
        });
        let _ = black_box(machine.start(clock.now()));
        budget
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .deposit(&budget_policy);
        lock(&breaker, &mut |breaker| {
            if let Some(permit) = permit.take() {
                black_box(breaker.report(&policy, permit, Outcome::Success, clock.now()));
            }
        });
        let mut inputs = Inputs {
            now: clock.now(),
            random: 0.0,
            budget: &mut || true,
        };
        let _ = black_box(machine.on(Event::AttemptSucceeded, &mut inputs));
    }
    started.elapsed().as_secs_f64() * 1e9 / f64::from(STAGE_RUNS)
}
