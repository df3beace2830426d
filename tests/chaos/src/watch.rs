//! Watches the breakers from outside: their transitions and probes are what the gateway logs as `[CIRCUIT]`.

use std::fmt::Debug;
use std::sync::{Arc, Mutex, PoisonError};

use loadlock_gateway::Clock;
use tokio::sync::watch;
use tracing::field::{Field, Visit};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::layer::{Context, Layer};

/// What a breaker did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Turn {
    /// It lets nothing in.
    Opened,
    /// It lets everything in.
    Closed,
    /// A probe of the gateway's own found the provider well.
    Probed,
}

/// When it did that.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Seen {
    /// Milliseconds of policy's clock.
    pub(crate) at: u64,
    pub(crate) provider: String,
    pub(crate) turn: Turn,
}

/// What was seen so far. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Watch {
    clock: Clock,
    seen: Arc<Mutex<Vec<Seen>>>,
    errors: Arc<Mutex<Vec<String>>>,
    changes: Arc<watch::Sender<usize>>,
}

impl Watch {
    pub(crate) fn new(clock: Clock) -> Self {
        Self {
            clock,
            seen: Arc::default(),
            errors: Arc::default(),
            changes: Arc::new(watch::Sender::new(0)),
        }
    }

    /// Everything so far, in order.
    pub(crate) fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// What was logged as an error: each is a promise that was not kept.
    pub(crate) fn errors(&self) -> Vec<String> {
        self.errors.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Waits until `found` answers something about what was seen.
    pub(crate) async fn until<T>(&self, mut found: impl FnMut(&[Seen]) -> Option<T>) -> Option<T> {
        let mut changes = self.changes.subscribe();
        loop {
            changes.mark_unchanged();
            if let Some(answer) = found(&self.seen()) {
                return Some(answer);
            }
            changes.changed().await.ok()?;
        }
    }
}

impl<S: Subscriber> Layer<S> for Watch {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let circuit = event.metadata().target() == "loadlock::circuit";
        let error = *event.metadata().level() == Level::ERROR;
        if !circuit && !error {
            return;
        }
        let mut fields = Fields::default();
        event.record(&mut fields);
        if error {
            self.errors
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .push(fields.text);
            return;
        }
        let turn = match (fields.state.as_str(), fields.healthy) {
            ("Open", _) => Turn::Opened,
            ("Closed", _) => Turn::Closed,
            (_, Some(true)) => Turn::Probed,
            _ => return,
        };
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).push(Seen {
            at: self.clock.now().get(),
            provider: fields.provider,
            turn,
        });
        self.changes.send_modify(|count| *count += 1);
    }
}

#[derive(Default)]
struct Fields {
    provider: String,
    state: String,
    healthy: Option<bool>,
    text: String,
}

impl Visit for Fields {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        match field.name() {
            "provider" => self.provider = format!("{value:?}"),
            "state" => self.state = format!("{value:?}"),
            _ => {}
        }
        self.text.push_str(&format!("{}={value:?} ", field.name()));
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        if field.name() == "healthy" {
            self.healthy = Some(value);
        }
    }
}
