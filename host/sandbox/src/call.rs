//! Running one call under its limits.

use std::time::{Duration, Instant};

use wasmtime::{Store, UpdateDeadline};

use crate::budget::{CpuBudget, OutOfCpu};
use crate::component::Loaded;
use crate::error::CallError;
use crate::files::ReadReport;
use crate::limits::{Exhausted, Limits};
use crate::state::{CallState, StateParts};

/// What a call used.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct CallUsage {
    /// Processor time.
    pub cpu: Duration,
    /// Time from start to end, without waiting for a slot.
    pub wall: Duration,
    /// Most linear memory at once, in bytes.
    pub memory_peak: usize,
}

/// What came of one call, and what the host saw of it.
#[derive(Debug)]
pub struct CallReport<T> {
    /// The component's answer, or why there is none.
    pub outcome: Result<T, CallError>,
    /// What it used.
    pub usage: CallUsage,
    /// Lines on standard error.
    pub log: Vec<String>,
    /// Bytes of standard error beyond the cap, dropped.
    pub log_dropped: u64,
    /// What it read of the admitted file; `None` for calls without one.
    pub read: Option<ReadReport>,
    /// What it sent and received.
    pub egress: crate::egress::EgressReport,
}

impl<T> CallReport<T> {
    /// Writes what the component logged: as a warning where the call ended without an answer, whose cause is there or
    /// nowhere.
    pub fn write_log(&self, component: &str) {
        let died = self.outcome.is_err();
        for line in &self.log {
            match died {
                true => tracing::warn!(target: "loadlock::component", component, "{line}"),
                false => tracing::info!(target: "loadlock::component", component, "{line}"),
            }
        }
        if self.log_dropped > 0 {
            let bytes = self.log_dropped;
            tracing::warn!(target: "loadlock::component", component, bytes, "more log than is kept");
        }
    }

    /// No call was made.
    pub(crate) fn refused(error: CallError) -> Self {
        Self {
            outcome: Err(error),
            usage: CallUsage::default(),
            log: Vec::new(),
            log_dropped: 0,
            read: None,
            egress: crate::egress::EgressReport::default(),
        }
    }

    /// Judges the answer.
    pub(crate) fn and_then<U>(self, check: impl FnOnce(T) -> Result<U, CallError>) -> CallReport<U> {
        CallReport {
            outcome: self.outcome.and_then(check),
            usage: self.usage,
            log: self.log,
            log_dropped: self.log_dropped,
            read: self.read,
            egress: self.egress,
        }
    }
}

/// A store with its limits armed. The deadline is set before anything is instantiated, so a start function is covered.
pub(crate) fn armed_store(loaded: &Loaded, limits: &Limits, parts: StateParts<'_>) -> Store<CallState> {
    let mut store = Store::new(loaded.pre.component().engine(), CallState::new(parts));
    store.limiter(|state| &mut state.meter);
    store.set_hostcall_fuel(limits.hostcall_bytes);
    store.set_epoch_deadline(1);
    // Yield at every tick; `CpuBudget` does the counting between two yields.
    store.epoch_deadline_callback(|_| Ok(UpdateDeadline::Yield(1)));
    store
}

/// Runs `call` until it ends or meets a limit. After an error its store must be dropped.
pub(crate) async fn limited<T: Send>(
    limits: &Limits,
    call: impl Future<Output = wasmtime::Result<T>> + Send,
) -> (Result<T, CallError>, CallUsage) {
    let started = Instant::now();
    let (outcome, cpu) = match tokio::time::timeout(limits.wall, CpuBudget::new(limits.cpu, call)).await {
        Ok((Ok(Ok(value)), cpu)) => (Ok(value), cpu),
        Ok((Ok(Err(error)), cpu)) => {
            tracing::debug!(error = format!("{error:#}"), "call failed");
            (Err(CallError::of(&error)), cpu)
        }
        Ok((Err(OutOfCpu), cpu)) => (Err(CallError::Exhausted(Exhausted::Cpu)), cpu),
        Err(_) => (Err(CallError::Exhausted(Exhausted::Wall)), Duration::ZERO),
    };
    let usage = CallUsage {
        cpu,
        wall: started.elapsed(),
        memory_peak: 0,
    };
    (outcome, usage)
}

/// Adds what only the store knows: a guest that is refused memory aborts, so the trap is the symptom and the limit the
/// cause.
pub(crate) fn settled<T>(
    store: &Store<CallState>,
    (outcome, mut usage): (Result<T, CallError>, CallUsage),
) -> (Result<T, CallError>, CallUsage) {
    let meter = &store.data().meter;
    usage.memory_peak = meter.memory_peak;
    let outcome = match (outcome, meter.refused) {
        (Err(CallError::Trap(_)), Some(limit)) => Err(CallError::Exhausted(limit)),
        (outcome, _) => outcome,
    };
    (outcome, usage)
}
