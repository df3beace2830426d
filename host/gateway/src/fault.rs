//! Places where the crash suite kills this process.
//!
//! Without the feature `fault-points`, which only the crash suite's own build has, [`at`] is an empty function and no
//! name is compiled in. With it, `LOADLOCK_FAULT=NAME[:N]` ends the process by SIGKILL when it comes to that place for
//! the Nth time (1 if left out), and `LOADLOCK_FAULT_TRACE=FILE` appends the name of every place that it passes.
//! `LOADLOCK_POWER=synced` or `current`, with `LOADLOCK_POWER_HOME` and `LOADLOCK_POWER_IMAGE`, writes first what a
//! power loss at that moment would leave of the home.

macro_rules! points {
    ($($point:ident = $name:literal,)*) => {
        /// A place.
        #[derive(Debug, Clone, Copy)]
        pub(crate) enum Point { $($point,)* }

        /// The name of every place.
        #[cfg(feature = "fault-points")]
        pub const FAULT_POINTS: &[&str] = &[$($name,)*];

        #[cfg(feature = "fault-points")]
        impl Point {
            const fn name(self) -> &'static str {
                match self { $(Self::$point => $name,)* }
            }
        }
    };
}

points! {
    // A body on its way into the spool.
    SpoolCreated = "spool.created",
    SpoolWritten = "spool.written",
    Admitted = "admitted",
    // A body that is sent on while it arrives.
    ArrivalCreated = "arrival.created",
    ReleaseBefore = "release.before",
    ReleaseAfter = "release.after",
    // Intent and sent.
    BeginBefore = "begin.before",
    BeginAfter = "begin.after",
    SendingBefore = "sending.before",
    SendingAfter = "sending.after",
    // The provider's call.
    CallBefore = "call.before",
    CallAfter = "call.after",
    // The vendor works on what it has.
    ProcessingAsked = "processing.asked",
    BreakerKept = "breaker.kept",
    VerifyBefore = "verify.before",
    VerifyAfter = "verify.after",
    // Ends.
    AcceptedBefore = "accepted.before",
    AcceptedAfter = "accepted.after",
    FailedBefore = "failed.before",
    FailedAfter = "failed.after",
    UnknownBefore = "unknown.before",
    UnknownAfter = "unknown.after",
    // The tracker.
    RecordBefore = "record.before",
    RecordAfter = "record.after",
    Recorded = "recorded",
    ReferenceBefore = "reference.before",
    ReferenceAfter = "reference.after",
    ClaimedAfter = "claimed.after",
    // A caller who gave up and was not told how it ended.
    GivenUpBefore = "given-up.before",
    GivenUpAfter = "given-up.after",
    // Settling.
    SettleBefore = "settle.before",
    SettleUnknown = "settle.unknown",
    SettleAccepted = "settle.accepted",
    SettleFailed = "settle.failed",
    SettleDelivered = "settle.delivered",
    SettleSwept = "settle.swept",
    // A remote file that is not wanted.
    DiscardAsking = "discard.asking",
    DiscardAnswered = "discard.answered",
    // A file that is deleted.
    TombstoneBefore = "tombstone.before",
    TombstoneAfter = "tombstone.after",
    BuryBefore = "bury.before",
    BuryJournalled = "bury.journalled",
    BuryAsking = "bury.asking",
    BuryAnswered = "bury.answered",
    BuryForgotten = "bury.forgotten",
    // A component that takes another one's place.
    SwapKept = "swap.kept",
    SwapRecorded = "swap.recorded",
    SwapInForce = "swap.in-force",
    // Either of the two.
    DeleteConfirmed = "delete.confirmed",
}

/// This process is at a place.
#[cfg(not(feature = "fault-points"))]
pub(crate) const fn at(_: Point) {}

/// This process is at a place.
#[cfg(feature = "fault-points")]
pub(crate) fn at(point: Point) {
    armed::pass(point.name());
}

#[cfg(feature = "fault-points")]
pub use armed::{MODELLED_ELSEWHERE, die};

#[cfg(feature = "fault-points")]
mod armed {
    use std::io::Write;
    use std::path::PathBuf;
    use std::sync::OnceLock;
    use std::sync::atomic::{AtomicU64, Ordering};

    use loadlock_durable::power::Names;

    /// What of the home has a model of its own, in its own tests.
    pub const MODELLED_ELSEWHERE: &[&str] = &["journal", "audit", "lock"];

    /// Where to end: name and how many passings before.
    static FATAL: OnceLock<Option<(String, u64)>> = OnceLock::new();
    static PASSED: AtomicU64 = AtomicU64::new(0);

    pub(super) fn pass(name: &str) {
        if let Some(trace) = std::env::var_os("LOADLOCK_FAULT_TRACE")
            && let Ok(mut file) = std::fs::OpenOptions::new().append(true).create(true).open(trace)
        {
            let _ = writeln!(file, "{name}");
        }
        let fatal = FATAL.get_or_init(|| {
            let text = std::env::var("LOADLOCK_FAULT").ok()?;
            let (name, nth) = text.split_once(':').unwrap_or((&text, "1"));
            Some((name.to_owned(), nth.parse().ok()?))
        });
        if let Some((fatal, nth)) = fatal
            && fatal == name
            && PASSED.fetch_add(1, Ordering::Relaxed) + 1 == *nth
        {
            die();
        }
    }

    /// Ends this process: no destructor runs and nothing is flushed.
    pub fn die() -> ! {
        if let Some((home, image, names)) = power() {
            let _ = loadlock_durable::power::image(&home, &image, names, MODELLED_ELSEWHERE, kill);
        }
        kill()
    }

    fn kill() -> ! {
        let _ = rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::KILL);
        loop {
            std::thread::park();
        }
    }

    fn power() -> Option<(PathBuf, PathBuf, Names)> {
        let names = match std::env::var("LOADLOCK_POWER").ok()?.as_str() {
            "synced" => Names::Synced,
            "current" => Names::Current,
            _ => return None,
        };
        let path = |name| std::env::var_os(name).map(PathBuf::from);
        Some((path("LOADLOCK_POWER_HOME")?, path("LOADLOCK_POWER_IMAGE")?, names))
    }
}
