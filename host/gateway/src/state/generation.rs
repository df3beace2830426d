//! What is loaded in the place of one component, and its trial while it is new.

use std::sync::{Arc, Mutex, PoisonError};

use loadlock_policy::swap::{CallEnd, Trial, TrialPolicy, TrialStep};
use loadlock_sandbox::{CallError, Inspection};

/// One loading of a component. Generations of one component are told apart by their number; those of the same bytes
/// have the same digest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Generation {
    /// From 1 since this process opened the gateway.
    pub(crate) number: u64,
    /// `builtin:NAME` or a path.
    pub(crate) source: String,
    /// SHA-256 of the component, lower-case hexadecimal.
    pub(crate) sha256: String,
    /// Version of what it keeps, as it states.
    pub(crate) state_version: Option<String>,
    /// Whether a command put it there, and not the configuration.
    pub(crate) by_command: bool,
}

impl Generation {
    pub(crate) fn of(source: &str, inspection: &Inspection) -> Self {
        Self {
            number: 1,
            source: source.to_owned(),
            sha256: inspection.sha256.clone(),
            state_version: inspection.state_version.clone(),
            by_command: false,
        }
    }
}

/// What a failed trial has happen. Called in the middle of whatever called the component: must not block.
pub(crate) type GiveWay<U> = Box<dyn FnOnce(Arc<U>) + Send>;

/// The trial of one generation, with the one before at hand. Nothing is held once it is over.
pub(crate) struct OnTrial<U>(Mutex<Option<RunningTrial<U>>>);

struct RunningTrial<U> {
    trial: Trial,
    before: Arc<U>,
    give_way: GiveWay<U>,
}

impl<U> Default for OnTrial<U> {
    /// None is under way.
    fn default() -> Self {
        Self(Mutex::new(None))
    }
}

impl<U> OnTrial<U> {
    /// Begins it: should it fail, `give_way` gets the generation before.
    pub(crate) fn begin(&self, before: Arc<U>, give_way: GiveWay<U>) {
        let trial = Trial::new(TrialPolicy::default());
        let running = RunningTrial {
            trial,
            before,
            give_way,
        };
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(running);
    }

    /// Ends it without a verdict.
    pub(crate) fn end(&self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    /// A call of the generation has ended.
    pub(crate) fn on(&self, end: CallEnd) {
        let over = {
            let mut running = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            let step = running.as_mut().map(|running| running.trial.on(end));
            match step {
                None | Some(TrialStep::Goes) => return,
                Some(step) => running.take().map(|running| (step, running)),
            }
        };
        // Outside of the lock: what follows looks at generations.
        if let Some((TrialStep::Failed, running)) = over {
            (running.give_way)(running.before);
        }
    }
}

/// How a call ended, as far as its component is to blame. What a vendor refused was asked for as it should be.
pub(crate) fn call_end<T>(outcome: &Result<T, CallError>) -> CallEnd {
    match outcome {
        Ok(_) => CallEnd::Well,
        Err(CallError::Trap(_) | CallError::Exhausted(_) | CallError::Answer(_)) => CallEnd::Bad,
        Err(CallError::Overloaded | CallError::Host(_) | CallError::NotReady(_) | CallError::Input(_)) => {
            CallEnd::Neutral
        }
    }
}
