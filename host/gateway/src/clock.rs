//! Time, as an argument: everything that decides gets it from here.

use std::time::{Instant, SystemTime, UNIX_EPOCH};

use loadlock_policy::Millis;

/// The two clocks of a process: monotonic for waiting, wall for records.
#[derive(Debug, Clone)]
pub struct Clock {
    started: Instant,
    /// How much faster than real time policy's clock runs; 1 outside of the chaos run.
    scale: u32,
    /// How far its wall clock is off; 0 outside of tests.
    off_by_ms: i64,
}

impl Default for Clock {
    fn default() -> Self {
        Self {
            started: Instant::now(),
            scale: 1,
            off_by_ms: 0,
        }
    }
}

impl Clock {
    /// A clock whose monotonic time runs `scale` times as fast as real time, so that minutes of cooling down pass in
    /// seconds.
    #[must_use]
    pub fn scaled(scale: u32) -> Self {
        Self {
            scale: scale.max(1),
            ..Self::default()
        }
    }

    /// The same with a wall clock that is off by so many milliseconds.
    #[must_use]
    pub fn off_by(self, ms: i64) -> Self {
        Self { off_by_ms: ms, ..self }
    }

    /// Monotonic time since the start of the process.
    pub fn now(&self) -> Millis {
        let real = u64::try_from(self.started.elapsed().as_micros()).unwrap_or(u64::MAX);
        Millis(real.saturating_mul(u64::from(self.scale)) / 1_000)
    }

    /// How long to wait in real time for `policy` time to pass.
    pub fn real(&self, policy: Millis) -> std::time::Duration {
        std::time::Duration::from_micros(policy.get().saturating_mul(1_000) / u64::from(self.scale))
    }

    /// How much policy time passes in so many real milliseconds.
    pub fn policy(&self, real_ms: u64) -> Millis {
        Millis(real_ms.saturating_mul(u64::from(self.scale)))
    }

    /// Milliseconds since 1970.
    pub fn wall_ms(&self) -> u64 {
        SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .ok()
            .and_then(|since| u64::try_from(since.as_millis()).ok())
            .unwrap_or_default()
            .saturating_add_signed(self.off_by_ms)
    }
}
