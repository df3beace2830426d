//! Whether the terminal that a server was started in has gone.
//!
//! SIGHUP says two things: "read your configuration again", which a service hears, and "your terminal has gone", which
//! the kernel and shells tell whatever ran in it. The two are told apart by the terminal itself: a process that had a
//! controlling terminal when it started, and has none when the signal comes, has lost it. One that was started with the
//! signal ignored (`nohup`) is meant to stay.

use std::fs::File;

/// The terminal of this process as it was at the start.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Terminal {
    /// It ends with its terminal.
    bound: bool,
}

impl Terminal {
    /// Call it before the signal is listened for: that is no longer ignored then.
    pub(crate) fn at_start() -> Self {
        let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
        Self {
            bound: has_one() && !ignores_hangup(&status),
        }
    }

    /// Whether it was there and is not any more.
    pub(crate) fn has_gone(self) -> bool {
        self.bound && !has_one()
    }
}

/// `/dev/tty` is the controlling terminal; without one it cannot be opened.
fn has_one() -> bool {
    File::open("/dev/tty").is_ok()
}

/// Whether SIGHUP, the first signal, is among the ignored ones (proc_pid_status(5)).
fn ignores_hangup(status: &str) -> bool {
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok())
        .is_some_and(|mask| mask & 1 == 1)
}

#[cfg(test)]
mod tests {
    use super::ignores_hangup;

    #[test]
    fn what_nohup_ignores_is_seen() {
        assert!(ignores_hangup("Name:\tx\nSigIgn:\t0000000000001001\nSigCgt:\t0\n"));
        assert!(!ignores_hangup("Name:\tx\nSigIgn:\t0000000000001000\n"));
        assert!(!ignores_hangup(""));
    }
}
