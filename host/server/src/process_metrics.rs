//! What this process takes from its machine, under the names that every Prometheus client library uses.

use loadlock_gateway::metrics::{self, ProcessUse};

/// Sets the gauges. Without `/proc` (another system, a closed sandbox) there are none.
pub(crate) fn publish() {
    if let Some(process) = look() {
        metrics::process(&process);
    }
}

#[cfg(target_os = "linux")]
fn look() -> Option<ProcessUse> {
    use procfs::process::{LimitValue, Process};

    let process = Process::myself().ok()?;
    let stat = process.stat().ok()?;
    let ticks = procfs::ticks_per_second();
    let max_fds = match process.limits().ok()?.max_open_files.soft_limit {
        LimitValue::Value(most) => Some(most),
        LimitValue::Unlimited => None,
    };
    Some(ProcessUse {
        cpu_seconds: (stat.utime + stat.stime) / ticks,
        resident_bytes: stat.rss.saturating_mul(procfs::page_size()),
        open_fds: process.fd_count().ok()?,
        max_fds,
        threads: u64::try_from(stat.num_threads).ok()?,
        started_seconds: procfs::boot_time_secs().ok()? as f64 + stat.starttime as f64 / ticks as f64,
    })
}

#[cfg(not(target_os = "linux"))]
fn look() -> Option<ProcessUse> {
    None
}
