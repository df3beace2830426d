//! The end of the terminal, for commands that are no servers.

use tokio::signal::unix::{Signal, SignalKind, signal};

/// SIGHUP, unless whoever started the program had it ignored: `nohup` means that it goes on.
pub(super) struct Hangup(Option<Signal>);

impl Hangup {
    /// Listens from now on.
    ///
    /// # Errors
    /// The system's.
    pub(super) fn listen() -> std::io::Result<Self> {
        if is_ignored() {
            return Ok(Self(None));
        }
        signal(SignalKind::hangup()).map(Some).map(Self)
    }

    /// Waits for the next one; for ever where it is ignored.
    pub(super) async fn recv(&mut self) {
        match &mut self.0 {
            Some(signal) => {
                signal.recv().await;
            }
            None => std::future::pending().await,
        }
    }
}

/// As Linux tells it; other systems do not.
fn is_ignored() -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let ignored = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    // The first bit is the signal of number 1.
    ignored.is_some_and(|mask| u64::from_str_radix(mask.trim(), 16).is_ok_and(|mask| mask & 1 == 1))
}
