//! What happened to uploads, in bounded memory: uploads write to it, and streams of events read it and wait for more.

mod history;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rand::RngExt;
use tokio::sync::watch;

use self::history::History;
pub(crate) use self::history::{FeedPosition, Since, Whose};
use crate::notice::Notice;

/// Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Feed(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    /// Of this process: numbers begin anew with each.
    epoch: String,
    history: Mutex<History>,
    changed: watch::Sender<()>,
}

impl Default for Feed {
    fn default() -> Self {
        Self(Arc::new(Shared {
            epoch: hex::encode(rand::rng().random::<[u8; 6]>()),
            history: Mutex::default(),
            changed: watch::Sender::default(),
        }))
    }
}

impl Feed {
    fn history(&self) -> MutexGuard<'_, History> {
        self.0.history.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Something happened.
    pub(crate) fn tell(&self, tenant: &str, at_ms: u64, notice: Arc<Notice>) {
        self.history().record(tenant, at_ms, notice);
        self.0.changed.send_replace(());
    }

    /// Is told whenever something happens from now on.
    pub(crate) fn wait(&self) -> watch::Receiver<()> {
        self.0.changed.subscribe()
    }

    /// Where a stream begins that wants what happens next, and its newest event's id.
    pub(crate) fn end(&self, whose: &Whose) -> (FeedPosition, String) {
        let history = self.history();
        (history.end(whose), self.id(whose, history.number(whose)))
    }

    /// Where a stream begins that wants all that is kept.
    pub(crate) fn begin(&self, whose: &Whose) -> FeedPosition {
        self.history().begin(whose)
    }

    /// Where a stream goes on that had the event of this id last; `None` if nobody can tell, because it was another
    /// process, or another kind of stream.
    pub(crate) fn behind(&self, whose: &Whose, id: &str) -> Option<FeedPosition> {
        self.history().behind(whose, self.number(whose, id)?)
    }

    /// What came since a position, which moves behind it.
    pub(crate) fn since(&self, whose: &Whose, position: &mut FeedPosition, most: usize) -> Since {
        self.history().since(whose, position, most)
    }

    /// An event's id: the process, the kind of stream, the number.
    pub(crate) fn id(&self, whose: &Whose, number: u64) -> String {
        format!("{}-{}-{number}", self.0.epoch, kind(whose))
    }

    fn number(&self, whose: &Whose, id: &str) -> Option<u64> {
        let mut parts = id.split('-');
        let (epoch, of, number, end) = (parts.next()?, parts.next()?, parts.next()?, parts.next());
        let here = epoch == self.0.epoch && of == kind(whose) && end.is_none();
        here.then(|| number.parse().ok())?
    }
}

fn kind(whose: &Whose) -> &'static str {
    match whose {
        Whose::All => "all",
        Whose::Tenant(_) => "own",
    }
}
