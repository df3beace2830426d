//! Leaves repeated lines out of the log, and says how many. What to leave out is decided in `sample`.

use std::fmt::{Debug, Write};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use loadlock_policy::human;
use tracing::field::{Field, Visit};
use tracing::{Event, Level, Metadata, Subscriber};
use tracing_subscriber::layer::{Context, Filter};

use super::sample::{LeftOut, Line, Sampler, WINDOW};

/// Where lines come from that are written each time: what became of each upload, and whoever was refused entrance, a
/// file or a host. How often the latter can come is limited where they are refused; what is refused without a limit, a
/// path, is in the audit log each time.
const EACH_TIME: [&str; 4] = [
    "loadlock::upload",
    "loadlock::audit",
    "loadlock::auth",
    "loadlock::egress",
];
/// Where the counts are told.
const OURS: &str = "loadlock::log";
/// Of a line, to recognise it by.
const SHOWN: usize = 120;

/// A filter of events. Cheap to clone; the clones count together.
#[derive(Debug, Clone)]
pub(super) struct Sampled(Arc<Mutex<Sampler>>);

impl Sampled {
    pub(super) fn new() -> Self {
        Self(Arc::new(Mutex::new(Sampler::new(Instant::now()))))
    }

    /// Tells what was left out, from a thread of its own, for as long as the process lives.
    pub(super) fn tell_from_now_on(&self) {
        let sampled = self.clone();
        let telling = move || {
            loop {
                std::thread::sleep(WINDOW);
                sampled.tell(false);
            }
        };
        // Without it the counts are told at the end.
        let _ = std::thread::Builder::new().name("log".to_owned()).spawn(telling);
    }

    /// Tells what was left out in a window that is over.
    pub(super) fn tell(&self, at_the_end: bool) {
        let left_out = self.lock().turn(Instant::now(), at_the_end);
        for LeftOut { like, count } in left_out {
            tracing::warn!(target: OURS, count, "left out in {}: {count} more like \"{like}\"", human(WINDOW));
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Sampler> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn each_time(metadata: &Metadata<'_>) -> bool {
    let target = metadata.target();
    *metadata.level() == Level::ERROR || target == OURS || EACH_TIME.contains(&target)
}

impl<S: Subscriber> Filter<S> for Sampled {
    fn enabled(&self, _: &Metadata<'_>, _: &Context<'_, S>) -> bool {
        true
    }

    fn event_enabled(&self, event: &Event<'_>, _: &Context<'_, S>) -> bool {
        let metadata = event.metadata();
        if each_time(metadata) {
            return true;
        }
        let mut said = Said::default();
        event.record(&mut said);
        let mut place = DefaultHasher::new();
        metadata.callsite().hash(&mut place);
        let line = Line {
            place: place.finish(),
            text: said.hash.finish(),
        };
        self.lock().writes(line, || said.message)
    }
}

/// What an event says.
#[derive(Default)]
struct Said {
    hash: DefaultHasher,
    message: String,
}

impl Visit for Said {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        field.name().hash(&mut self.hash);
        let _ = write!(Hashed(&mut self.hash), "{value:?}");
        if field.name() == "message" {
            let _ = write!(LineStart(&mut self.message), "{value:?}");
        }
    }
}

/// Hashes what is written.
struct Hashed<'a>(&'a mut DefaultHasher);

impl Write for Hashed<'_> {
    fn write_str(&mut self, text: &str) -> std::fmt::Result {
        self.0.write(text.as_bytes());
        Ok(())
    }
}

/// Keeps the beginning of what is written.
struct LineStart<'a>(&'a mut String);

impl Write for LineStart<'_> {
    fn write_str(&mut self, text: &str) -> std::fmt::Result {
        let left = SHOWN.saturating_sub(self.0.chars().count());
        self.0.extend(text.chars().take(left));
        Ok(())
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use tracing_subscriber::Layer;
    use tracing_subscriber::layer::SubscriberExt;

    use super::*;

    #[derive(Clone, Default)]
    struct Kept(Arc<Mutex<Vec<u8>>>);

    impl std::io::Write for Kept {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().write_all(bytes)?;
            Ok(bytes.len())
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn repeated_lines_are_left_out_and_told_but_no_upload_error_or_refusal() {
        let (kept, sampled) = (Kept::default(), Sampled::new());
        let sink = kept.clone();
        let log = tracing_subscriber::fmt::layer()
            .with_ansi(false)
            .with_writer(move || sink.clone());
        let subscriber = tracing_subscriber::registry().with(log.with_filter(sampled.clone()));
        tracing::subscriber::with_default(subscriber, || {
            for number in 0..300 {
                tracing::warn!("the same");
                tracing::warn!(number, "another each time");
                tracing::error!("an error");
                tracing::info!(target: "loadlock::upload", "an upload");
                tracing::warn!(target: "loadlock::auth", "a refusal");
            }
            sampled.tell(true);
        });
        let log = String::from_utf8(kept.0.lock().unwrap().clone()).unwrap();
        let count = |text: &str| log.matches(text).count();
        assert_eq!(
            (count("an error"), count("an upload"), count("a refusal")),
            (300, 300, 300)
        );
        assert_eq!((count("the same"), count("another each time")), (5 + 1, 100 + 1));
        assert!(log.contains("295 more like \"the same\""), "{log}");
        assert!(log.contains("200 more like \"another each time\""), "{log}");
    }
}
