//! The first calls of a new generation.

/// How a call ended, as far as the component is to blame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CallEnd {
    /// It did what it should; the vendor may have refused all the same.
    Well,
    /// It trapped, met a limit, broke the contract, or gave a receipt that does not fit what the host saw.
    Bad,
    /// It says nothing about the component: cut off, never begun, or the host's own failure.
    Neutral,
}

/// When a generation has failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TrialPolicy {
    /// Calls that are watched. With so many of them over, the generation stays.
    pub calls: u32,
    /// It fails with no fewer bad calls than this.
    pub least: u32,
    /// It fails when more than this part of its calls were bad, in percent.
    pub percent: u32,
}

impl Default for TrialPolicy {
    fn default() -> Self {
        Self {
            calls: 20,
            least: 2,
            percent: 20,
        }
    }
}

/// What follows a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TrialStep {
    /// It goes on, or was over before.
    Goes,
    /// It has just passed.
    Passed,
    /// It has just failed.
    Failed,
}

/// A generation on trial. Over once it has passed or failed: each of the two is answered once at the most.
///
/// ```
/// use loadlock_policy::swap::{CallEnd, Trial, TrialPolicy, TrialStep};
/// let mut trial = Trial::new(TrialPolicy::default());
/// assert_eq!(trial.on(CallEnd::Bad), TrialStep::Goes);
/// assert_eq!(trial.on(CallEnd::Bad), TrialStep::Failed);
/// assert_eq!(trial.on(CallEnd::Bad), TrialStep::Goes);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Trial {
    policy: TrialPolicy,
    ended: u32,
    bad: u32,
    is_over: bool,
}

impl Trial {
    /// One that begins.
    pub const fn new(policy: TrialPolicy) -> Self {
        Self {
            policy,
            ended: 0,
            bad: 0,
            is_over: false,
        }
    }

    /// Calls that count, and those of them that were bad.
    pub const fn counted(&self) -> (u32, u32) {
        (self.ended, self.bad)
    }

    /// A call of the generation has ended.
    pub fn on(&mut self, end: CallEnd) -> TrialStep {
        if self.is_over || end == CallEnd::Neutral {
            return TrialStep::Goes;
        }
        self.ended = self.ended.saturating_add(1);
        if end == CallEnd::Bad {
            self.bad = self.bad.saturating_add(1);
        }
        if self.has_failed() {
            self.is_over = true;
            return TrialStep::Failed;
        }
        if self.ended >= self.policy.calls {
            self.is_over = true;
            return TrialStep::Passed;
        }
        TrialStep::Goes
    }

    fn has_failed(&self) -> bool {
        self.bad >= self.policy.least.max(1)
            && u64::from(self.bad) * 100 > u64::from(self.ended) * u64::from(self.policy.percent)
    }
}
