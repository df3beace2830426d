//! Every metric, once: recording, the documentation, the dashboard's test and the exporter's buckets are made from this
//! list.
//!
//! The gateway records through the facade `metrics` and exports nothing itself. What has a truth elsewhere (breakers,
//! backlog, tenants' use) is a gauge that [`Gateway::publish_gauges`](crate::Gateway::publish_gauges) sets when
//! somebody looks.

use std::sync::Arc;
use std::time::Duration;

use ::metrics::{Unit, counter, gauge, histogram};
use loadlock_policy::breaker::Label;
use loadlock_policy::swap::CallEnd;
use loadlock_sandbox::CallUsage;
use loadlock_sandbox::files::StateUse;

/// What a metric is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Only grows.
    Counter,
    /// Goes up and down.
    Gauge,
    /// Sum, count and buckets.
    Histogram,
}

impl Kind {
    /// As Prometheus says.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Counter => "counter",
            Self::Gauge => "gauge",
            Self::Histogram => "histogram",
        }
    }
}

/// One metric.
#[derive(Debug)]
#[non_exhaustive]
pub struct Metric {
    /// Its name; a unit is its last word but `total`.
    pub name: &'static str,
    /// What it is.
    pub kind: Kind,
    /// What it counts in.
    pub unit: Unit,
    /// Its labels. None is chosen by a caller: providers and limited tenants are configured, outcomes are codes.
    pub labels: &'static [&'static str],
    /// Upper bounds for an exporter; empty unless it is a histogram.
    pub buckets: &'static [f64],
    /// What it means.
    pub help: &'static str,
}

/// From a local file to a large one over a slow line.
const SECONDS: &[f64] = &[
    0.005, 0.02, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 1_800.0,
];
/// CPU of one sandboxed call; 30 s is the default limit.
const CPU: &[f64] = &[0.0001, 0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1.0, 5.0, 10.0, 30.0];
/// 1 to 256 MiB, which is the default limit, and beyond.
const MEMORY: &[f64] = &[
    1_048_576.0,
    4_194_304.0,
    16_777_216.0,
    67_108_864.0,
    268_435_456.0,
    1_073_741_824.0,
];

macro_rules! metrics {
    ($($constant:ident = $name:literal, $kind:ident, $unit:ident, [$($label:literal),*], $buckets:expr, $help:literal;)*) => {
        $(const $constant: &str = $name;)*

        /// All of them, in the order of the documentation.
        pub static METRICS: &[Metric] = &[$(Metric {
            name: $name,
            kind: Kind::$kind,
            unit: Unit::$unit,
            labels: &[$($label),*],
            buckets: $buckets,
            help: $help,
        },)*];
    };
}

metrics! {
    UPLOADS = "loadlock_uploads_total", Counter, Count, ["provider", "outcome"], &[],
        "Uploads that ended: `stored`, `deduplicated`, `cancelled` or an error code. The provider is empty where none \
         was asked.";
    UPLOAD_BYTES = "loadlock_uploaded_bytes_total", Counter, Bytes, ["provider"], &[],
        "Bytes of files that a provider stored.";
    UPLOAD_SECONDS = "loadlock_upload_duration_seconds", Histogram, Seconds, ["provider", "outcome"], SECONDS,
        "Time from the request to the answer, waits and retries included.";
    IN_FLIGHT = "loadlock_uploads_in_flight", Gauge, Count, [], &[],
        "Uploads under way.";
    PROVIDER_IN_FLIGHT = "loadlock_provider_attempts_in_flight", Gauge, Count, ["provider"], &[],
        "Attempts under way at a provider.";
    DEDUP = "loadlock_dedup_hits_total", Counter, Count, ["provider"], &[],
        "Uploads that found their content stored already.";
    DEDUP_BYTES = "loadlock_dedup_bytes_total", Counter, Bytes, ["provider"], &[],
        "Bytes that were not sent because of that.";
    CUT_THROUGH = "loadlock_cut_through_total", Counter, Count, ["outcome"], &[],
        "Bodies that were begun to be sent while they arrived: `sent`, or why they were put off until they were whole.";
    ATTEMPTS = "loadlock_attempts_total", Counter, Count, ["provider"], &[],
        "Attempts at a provider, retries included.";
    RETRIES = "loadlock_retries_total", Counter, Count, ["provider"], &[],
        "Waits before another attempt, or before looking for a lost one.";
    UNKNOWN = "loadlock_outcome_unknown_total", Counter, Count, ["provider"], &[],
        "Uploads with an unknown outcome: the vendor may have stored them.";
    BREAKER = "loadlock_breaker_state", Gauge, Count, ["provider"], &[],
        "0 closed, 1 half open, 2 open.";
    TRANSITIONS = "loadlock_breaker_transitions_total", Counter, Count, ["provider", "state"], &[],
        "Changes of a breaker to a state.";
    CPU_SECONDS = "loadlock_sandbox_cpu_seconds", Histogram, Seconds, ["provider"], CPU,
        "CPU time of one sandboxed call.";
    MEMORY_PEAK = "loadlock_sandbox_memory_peak_bytes", Histogram, Bytes, ["provider"], MEMORY,
        "Most linear memory of one sandboxed call.";
    CALL_FAILURES = "loadlock_sandbox_call_failures_total", Counter, Count, ["provider"], &[],
        "Sandboxed calls that trapped, met a limit, or gave no answer of the contract.";
    GENERATION_CALLS = "loadlock_component_calls_total", Counter, Count, ["component", "generation", "outcome"], &[],
        "Calls of a provider, the validator or the auth component by the `current` generation and by those that are \
         `draining`: `ok`; `bad` if it trapped, met a limit, broke the contract or gave a receipt that does not fit; \
         `neutral` if it says nothing about the component.";
    GENERATIONS = "loadlock_component_generations", Gauge, Count, ["component"], &[],
        "Generations of a component that are loaded: 2 while the one before drains or may come back.";
    SWAPS = "loadlock_component_swaps_total", Counter, Count, ["component", "outcome"], &[],
        "Changes of a component: `swapped`, `refused`, `rolled_back`, `returned` by itself after bad calls, or `kept` \
         after them because what it keeps could not be read by the one before.";
    FORWARDED = "loadlock_forwarded_requests_total", Counter, Count, ["provider", "outcome"], &[],
        "Requests of clients that were to go on to a vendor: the class of its answer, such as `2xx`, or an error code.";
    FORWARDING = "loadlock_forwarded_requests_in_flight", Gauge, Count, [], &[],
        "Requests of clients that are on at vendors, until the last byte of the answer.";
    DELETES = "loadlock_remote_deletes_total", Counter, Count, ["provider", "outcome"], &[],
        "Remote files that were to be deleted at the vendor: `ok` or `failed` (tried again later).";
    PATHS = "loadlock_path_decisions_total", Counter, Count, ["decision"], &[],
        "Paths that were asked for: `allowed`, or the error code of the refusal.";
    AUTHENTICATIONS = "loadlock_authentications_total", Counter, Count, ["outcome"], &[],
        "Credentials that were judged: `accepted`, or the code of the refusal.";
    LEGACY = "loadlock_legacy_authentications_total", Counter, Count, ["tenant", "subject"], &[],
        "Acceptances of credentials from before tokens: who still has to move before `auth.legacy_until`.";
    AUTH_BLOCKED = "loadlock_authentications_blocked_total", Counter, Count, ["by"], &[],
        "Credentials that were refused without a check after too many failures, by `address` or `key`.";
    TENANT_BYTES = "loadlock_tenant_used_bytes", Gauge, Bytes, ["tenant"], &[],
        "Bytes of the files of a tenant with limits.";
    TENANT_FILES = "loadlock_tenant_used_files", Gauge, Count, ["tenant"], &[],
        "Files of a tenant with limits.";
    TENANT_MAX_BYTES = "loadlock_tenant_limit_bytes", Gauge, Bytes, ["tenant"], &[],
        "Its `max_bytes`, if it has one.";
    TENANT_MAX_FILES = "loadlock_tenant_limit_files", Gauge, Count, ["tenant"], &[],
        "Its `max_files`, if it has one.";
    QUOTA_REFUSALS = "loadlock_quota_refusals_total", Counter, Count, ["limit"], &[],
        "Refusals by a tenant's limit: `bytes`, `files`, `requests`, `concurrent_uploads`.";
    BACKLOG = "loadlock_tracker_backlog_files", Gauge, Count, [], &[],
        "Files that a vendor accepted and the tracker does not know yet.";
    BACKLOG_AGE = "loadlock_tracker_backlog_age_seconds", Gauge, Seconds, [], &[],
        "Age of the oldest of them.";
    COORDINATION_FAILURES = "loadlock_coordination_failures_total", Counter, Count, [], &[],
        "Questions about other gateways that the ledger did not answer; uploads went on without an answer.";
    SPOOL = "loadlock_spool_bytes", Gauge, Bytes, [], &[],
        "Bytes of request bodies that are kept, on the disk or in memory.";
    STATE_BYTES = "loadlock_provider_state_bytes", Gauge, Bytes, ["provider"], &[],
        "Bytes in the provider's own directory since it wrote there, where `sandbox.state` limits it.";
    STATE_NAMES = "loadlock_provider_state_names", Gauge, Count, ["provider"], &[],
        "Files and folders in the provider's own directory, likewise.";
    STATE_REFUSALS = "loadlock_provider_state_refusals_total", Counter, Count, ["provider"], &[],
        "Changes of the provider's own directory that were refused, because it is full.";
    READING = "loadlock_content_reads_in_flight", Gauge, Count, [], &[],
        "Places for reading content that are taken.";
    READING_REFUSED = "loadlock_content_reads_refused_total", Counter, Count, [], &[],
        "Reads of content that found no place in time.";
    READING_ENDED = "loadlock_content_reads_gave_way_total", Counter, Count, [], &[],
        "Reads of content that were ended, because their clients had stalled while others waited.";
    WEBHOOKS = "loadlock_webhook_attempts_total", Counter, Count, ["webhook", "outcome"], &[],
        "Events that were sent to a receiver of `webhooks`: `delivered`, `failed` (sent again later) or `dead` (given \
         up). `loadlock webhooks ls` has its id.";
    WEBHOOKS_WAITING = "loadlock_webhook_waiting_events", Gauge, Count, ["webhook"], &[],
        "Events that a receiver has not taken yet.";
    WEBHOOKS_DEAD = "loadlock_webhook_dead_letters", Gauge, Count, ["webhook"], &[],
        "Events that were given up and are kept, to be sent again.";
    AUDIT_RECORDS = "loadlock_audit_records_total", Counter, Count, [], &[],
        "Records written into the audit log by this process.";
    AUDIT_FAILURES = "loadlock_audit_write_failures_total", Counter, Count, [], &[],
        "Writes of the audit log that failed; they are tried again.";
    AUDIT_FAILING = "loadlock_audit_failing", Gauge, Count, [], &[],
        "1 while the audit log cannot be written and everything that has to be recorded is refused.";
    REQUESTS = "loadlock_http_requests_total", Counter, Count, ["method", "route", "status"], &[],
        "Requests that were answered, by the pattern of their path (`none` if there is nothing there) and the status.";
    REQUEST_SECONDS = "loadlock_http_request_duration_seconds", Histogram, Seconds, ["method", "route"], SECONDS,
        "Time from the head of a request to the head of its answer.";
    REQUESTS_IN_FLIGHT = "loadlock_http_requests_in_flight", Gauge, Count, [], &[],
        "Requests that wait for the head of their answer.";
    BUILD = "loadlock_build_info", Gauge, Count, ["version"], &[],
        "1, labelled with the version that runs.";
    PROCESS_CPU = "process_cpu_seconds_total", Counter, Seconds, [], &[],
        "Processor time of the process, of its threads and of the system on their behalf.";
    PROCESS_MEMORY = "process_resident_memory_bytes", Gauge, Bytes, [], &[],
        "Resident memory of the process.";
    PROCESS_FDS = "process_open_fds", Gauge, Count, [], &[],
        "Descriptors that the process has open.";
    PROCESS_MAX_FDS = "process_max_fds", Gauge, Count, [], &[],
        "Descriptors that it may have open.";
    PROCESS_THREADS = "process_threads", Gauge, Count, [], &[],
        "Threads of the process.";
    PROCESS_START = "process_start_time_seconds", Gauge, Seconds, [], &[],
        "When the process started, since the Unix epoch.";
}

/// Tells the recorder what each metric is. Call it once, after a recorder is installed.
pub fn describe() {
    for metric in METRICS {
        let (name, unit, help) = (metric.name, metric.unit, metric.help);
        match metric.kind {
            Kind::Counter => ::metrics::describe_counter!(name, unit, help),
            Kind::Gauge => ::metrics::describe_gauge!(name, unit, help),
            Kind::Histogram => ::metrics::describe_histogram!(name, unit, help),
        }
    }
}

/// The table of `docs/reference/metrics.md`.
pub fn markdown() -> String {
    let mut table = String::from("| metric | type | labels | meaning |\n|---|---|---|---|\n");
    for metric in METRICS {
        let labels: Vec<String> = metric.labels.iter().map(|label| format!("`{label}`")).collect();
        table.push_str(&format!(
            "| `{}` | {} | {} | {} |\n",
            metric.name,
            metric.kind.as_str(),
            labels.join(", "),
            metric.help
        ));
    }
    table
}

/// Which version runs.
pub fn build_info(version: &'static str) {
    gauge!(BUILD, "version" => version).set(1.0);
}

/// A request was answered. `route` is the pattern of its path: nothing that a client chooses.
pub fn request_answered(method: &'static str, route: Arc<str>, status: u16, elapsed: Duration) {
    counter!(REQUESTS, "method" => method, "route" => route.clone(), "status" => status.to_string()).increment(1);
    histogram!(REQUEST_SECONDS, "method" => method, "route" => route).record(elapsed.as_secs_f64());
}

/// One of what is under way, while it lives.
#[derive(Debug)]
pub struct InFlight(&'static str);

impl InFlight {
    /// A request that has no answer yet.
    pub fn request() -> Self {
        Self::one(REQUESTS_IN_FLIGHT)
    }

    /// An upload.
    pub(crate) fn upload() -> Self {
        Self::one(IN_FLIGHT)
    }

    fn one(name: &'static str) -> Self {
        gauge!(name).increment(1);
        Self(name)
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        gauge!(self.0).decrement(1);
    }
}

/// What a process takes from its machine.
#[derive(Debug, Clone)]
pub struct ProcessUse {
    /// Processor time since it started, in whole seconds.
    pub cpu_seconds: u64,
    /// Resident memory.
    pub resident_bytes: u64,
    /// Descriptors that are open.
    pub open_fds: usize,
    /// Descriptors that may be open, if that is limited.
    pub max_fds: Option<u64>,
    /// Threads.
    pub threads: u64,
    /// When it started, in seconds since the Unix epoch.
    pub started_seconds: f64,
}

/// Sets what a process takes from its machine.
pub fn process(process: &ProcessUse) {
    counter!(PROCESS_CPU).absolute(process.cpu_seconds);
    gauge!(PROCESS_MEMORY).set(process.resident_bytes as f64);
    gauge!(PROCESS_FDS).set(process.open_fds as f64);
    if let Some(most) = process.max_fds {
        gauge!(PROCESS_MAX_FDS).set(most as f64);
    }
    gauge!(PROCESS_THREADS).set(process.threads as f64);
    gauge!(PROCESS_START).set(process.started_seconds);
}

/// The ledger did not say what other gateways do.
pub(crate) fn coordination_failed() {
    counter!(COORDINATION_FAILURES).increment(1);
}

/// What a breaker's state is now.
pub(crate) fn breaker(provider: &str, label: Label) {
    gauge!(BREAKER, "provider" => provider.to_owned()).set(breaker_value(label));
}

/// Attempts under way at a provider.
pub(crate) fn provider_in_flight(provider: &str, attempts: u32) {
    gauge!(PROVIDER_IN_FLIGHT, "provider" => provider.to_owned()).set(f64::from(attempts));
}

/// Places for reading content that are taken.
pub(crate) fn reading(places: u32) {
    gauge!(READING).set(f64::from(places));
}

/// A read of content found no place in time.
pub(crate) fn reading_refused() {
    counter!(READING_REFUSED).increment(1);
}

/// A read of content was ended for others.
pub(crate) fn reading_ended() {
    counter!(READING_ENDED).increment(1);
}

/// What a provider's component keeps in its own directory.
pub(crate) fn provider_state(provider: &str, used: &StateUse) {
    gauge!(STATE_BYTES, "provider" => provider.to_owned()).set(used.bytes as f64);
    gauge!(STATE_NAMES, "provider" => provider.to_owned()).set(used.names as f64);
    counter!(STATE_REFUSALS, "provider" => provider.to_owned()).absolute(used.refused);
}

/// A request of a client was answered by a vendor, or by an error.
pub(crate) fn forwarded(provider: &str, outcome: &'static str) {
    counter!(FORWARDED, "provider" => provider.to_owned(), "outcome" => outcome).increment(1);
}

/// Requests of clients that are on at vendors.
pub(crate) fn forwarding(requests: usize) {
    gauge!(FORWARDING).set(requests as f64);
}

/// Bytes of bodies that are kept.
pub(crate) fn spool(bytes: u64) {
    gauge!(SPOOL).set(bytes as f64);
}

/// What the tracker does not know yet.
pub(crate) fn backlog(files: u64, age: Duration) {
    gauge!(BACKLOG).set(files as f64);
    gauge!(BACKLOG_AGE).set(age.as_secs_f64());
}

/// An event was sent to a receiver, which took it; or did not, for the last time (`true`) or not.
pub(crate) fn webhook_sent(webhook: &str, dead: Option<bool>) {
    let outcome = match dead {
        None => "delivered",
        Some(false) => "failed",
        Some(true) => "dead",
    };
    counter!(WEBHOOKS, "webhook" => webhook.to_owned(), "outcome" => outcome).increment(1);
}

/// What waits for a receiver, and what was given up.
pub(crate) fn webhook(webhook: &str, waiting: u64, dead: u64) {
    gauge!(WEBHOOKS_WAITING, "webhook" => webhook.to_owned()).set(waiting as f64);
    gauge!(WEBHOOKS_DEAD, "webhook" => webhook.to_owned()).set(dead as f64);
}

/// The audit log's own counts.
pub(crate) fn audit_log(records: u64, failures: u64, failing: bool) {
    counter!(AUDIT_RECORDS).absolute(records);
    counter!(AUDIT_FAILURES).absolute(failures);
    gauge!(AUDIT_FAILING).set(if failing { 1.0 } else { 0.0 });
}

/// What a tenant has stored.
pub(crate) fn tenant_used(tenant: &str, files: u64, bytes: u64) {
    gauge!(TENANT_BYTES, "tenant" => tenant.to_owned()).set(bytes as f64);
    gauge!(TENANT_FILES, "tenant" => tenant.to_owned()).set(files as f64);
}

/// What a tenant may store.
pub(crate) fn tenant_limits(tenant: &str, files: Option<u64>, bytes: Option<u64>) {
    if let Some(max) = bytes {
        gauge!(TENANT_MAX_BYTES, "tenant" => tenant.to_owned()).set(max as f64);
    }
    if let Some(max) = files {
        gauge!(TENANT_MAX_FILES, "tenant" => tenant.to_owned()).set(max as f64);
    }
}

/// How an upload ended.
pub(crate) fn upload_ended(provider: &str, outcome: &'static str, elapsed: Duration) {
    counter!(UPLOADS, "provider" => provider.to_owned(), "outcome" => outcome).increment(1);
    histogram!(UPLOAD_SECONDS, "provider" => provider.to_owned(), "outcome" => outcome).record(elapsed.as_secs_f64());
    if outcome == crate::ErrorCode::OutcomeUnknown.as_str() {
        counter!(UNKNOWN, "provider" => provider.to_owned()).increment(1);
    }
}

/// A file is stored.
pub(crate) fn stored(provider: &str, bytes: u64, deduplicated: bool) {
    if deduplicated {
        counter!(DEDUP, "provider" => provider.to_owned()).increment(1);
        counter!(DEDUP_BYTES, "provider" => provider.to_owned()).increment(bytes);
    } else {
        counter!(UPLOAD_BYTES, "provider" => provider.to_owned()).increment(bytes);
    }
}

/// A body was sent while it arrived, or put off until it was whole.
pub(crate) fn cut_through(outcome: &'static str) {
    counter!(CUT_THROUGH, "outcome" => outcome).increment(1);
}

pub(crate) fn attempt(provider: &str) {
    counter!(ATTEMPTS, "provider" => provider.to_owned()).increment(1);
}

pub(crate) fn retry(provider: &str) {
    counter!(RETRIES, "provider" => provider.to_owned()).increment(1);
}

/// A breaker changed state.
pub(crate) fn transition(provider: &str, label: Label) {
    let state = format!("{label:?}").to_lowercase();
    counter!(TRANSITIONS, "provider" => provider.to_owned(), "state" => state).increment(1);
    gauge!(BREAKER, "provider" => provider.to_owned()).set(breaker_value(label));
}

/// A sandboxed call ended.
pub(crate) fn call(provider: &str, usage: &CallUsage, failed: bool) {
    histogram!(CPU_SECONDS, "provider" => provider.to_owned()).record(usage.cpu.as_secs_f64());
    histogram!(MEMORY_PEAK, "provider" => provider.to_owned()).record(usage.memory_peak as f64);
    if failed {
        counter!(CALL_FAILURES, "provider" => provider.to_owned()).increment(1);
    }
}

/// A call of one generation of a component ended.
pub(crate) fn generation_call(component: &str, draining: bool, end: CallEnd) {
    let generation = if draining { "draining" } else { "current" };
    let outcome = match end {
        CallEnd::Well => "ok",
        CallEnd::Bad => "bad",
        CallEnd::Neutral => "neutral",
    };
    counter!(GENERATION_CALLS, "component" => component.to_owned(), "generation" => generation, "outcome" => outcome)
        .increment(1);
}

/// Generations of a component that are loaded.
pub(crate) fn generations(component: &str, loaded: usize) {
    gauge!(GENERATIONS, "component" => component.to_owned()).set(loaded as f64);
}

/// A component was changed, or was not.
pub(crate) fn swap(component: &str, outcome: &'static str) {
    counter!(SWAPS, "component" => component.to_owned(), "outcome" => outcome).increment(1);
}

pub(crate) fn remote_delete(provider: &str, done: bool) {
    let outcome = if done { "ok" } else { "failed" };
    counter!(DELETES, "provider" => provider.to_owned(), "outcome" => outcome).increment(1);
}

pub(crate) fn path(decision: &'static str) {
    counter!(PATHS, "decision" => decision).increment(1);
}

pub(crate) fn authentication(outcome: &'static str) {
    counter!(AUTHENTICATIONS, "outcome" => outcome).increment(1);
}

pub(crate) fn legacy(tenant: &str, subject: &str) {
    counter!(LEGACY, "tenant" => tenant.to_owned(), "subject" => subject.to_owned()).increment(1);
}

pub(crate) fn auth_blocked(by: &'static str) {
    counter!(AUTH_BLOCKED, "by" => by).increment(1);
}

pub(crate) fn quota_refused(limit: &'static str) {
    counter!(QUOTA_REFUSALS, "limit" => limit).increment(1);
}

fn breaker_value(label: Label) -> f64 {
    match label {
        Label::Closed => 0.0,
        Label::HalfOpen => 1.0,
        Label::Open => 2.0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unique_and_say_what_they_count() {
        let names: std::collections::HashSet<_> = METRICS.iter().map(|metric| metric.name).collect();
        assert_eq!(names.len(), METRICS.len());
        for metric in METRICS {
            let name = metric.name;
            let ours = name.starts_with("loadlock_") || name.starts_with("process_");
            assert!(ours && metric.help.ends_with('.'), "{name}");
            assert_eq!(name.ends_with("_total"), metric.kind == Kind::Counter, "{name}");
            assert_eq!(!metric.buckets.is_empty(), metric.kind == Kind::Histogram, "{name}");
            let stem = name.trim_end_matches("_total");
            for (unit, word) in [(Unit::Bytes, "_bytes"), (Unit::Seconds, "_seconds")] {
                assert_eq!(stem.ends_with(word), metric.unit == unit, "{name}");
            }
        }
    }
}
