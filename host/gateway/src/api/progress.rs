//! Progress of one upload, for whoever is watching.

/// What happens to an upload, in order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// Admitted: name and size are known.
    Admitted {
        /// Display name.
        name: String,
        /// Bytes.
        bytes: u64,
    },
    /// Where it is sent, in this order until one has it. One whose content is stored already is sent nowhere.
    Routed {
        /// Providers.
        providers: Vec<String>,
    },
    /// An attempt begins.
    Attempt {
        /// Provider.
        provider: String,
        /// From 1, over all providers.
        attempt: u32,
        /// SHA-256 of the component that makes it, lower-case hexadecimal.
        component: String,
    },
    /// So many bytes have left the disk for the current attempt.
    Sent {
        /// Bytes.
        bytes: u64,
    },
    /// The attempt failed; another follows.
    Retry {
        /// Provider.
        provider: String,
        /// What happened.
        reason: String,
        /// How long is waited, milliseconds.
        after_ms: u64,
    },
    /// Another provider takes the file.
    Fallback {
        /// The provider that does not.
        provider: String,
        /// Why, one sentence.
        reason: String,
        /// The one that is tried now.
        next: String,
    },
    /// A breaker changed state.
    Circuit {
        /// Provider.
        provider: String,
        /// New state.
        state: String,
    },
}

/// Receives events. Called from the upload's own task: must not block.
pub trait Progress: Send + Sync {
    /// One event.
    fn event(&self, event: Event);
}

/// Ignores everything.
#[derive(Debug, Clone, Copy, Default)]
pub struct Silent;

impl Progress for Silent {
    fn event(&self, _: Event) {}
}

impl<F: Fn(Event) + Send + Sync> Progress for F {
    fn event(&self, event: Event) {
        self(event);
    }
}
