//! What waits for a client that reads slowly. Pure: the outbox puts a lock and a wake-up around it.
//!
//! Byte counts of one upload overwrite each other while they wait. Other events are kept up to a limit; beyond it all
//! of them go and the client is told that it lags, with a snapshot instead of what it missed. Answers are never
//! dropped: while there are too many, no further call is read.

use std::collections::VecDeque;
use std::sync::Arc;

use crate::notice::{Notice, What};

/// Events that wait.
pub(super) const EVENTS: usize = 256;
/// Answers that wait before calls are left unread.
pub(super) const ANSWERS: usize = 16;

/// What to send next.
#[derive(Debug)]
pub(super) enum QueueItem {
    Answer(String),
    Event(Arc<Notice>),
    /// Events were dropped: a snapshot is due.
    Lagged,
}

/// Waiting messages of one socket.
#[derive(Debug, Default)]
pub(super) struct Queue {
    answers: VecDeque<String>,
    events: VecDeque<Arc<Notice>>,
    lagged: bool,
}

impl Queue {
    /// Queues an answer.
    pub(super) fn answer(&mut self, text: String) {
        self.answers.push_back(text);
    }

    /// Queues an event, or drops it if a snapshot is due anyway.
    pub(super) fn event(&mut self, notice: Arc<Notice>) {
        if self.lagged {
            return;
        }
        if matches!(notice.what, What::Bytes { .. }) {
            let last = self
                .events
                .iter_mut()
                .rev()
                .find(|queued| queued.upload == notice.upload);
            if let Some(last) = last
                && matches!(last.what, What::Bytes { .. })
            {
                *last = notice;
                return;
            }
        }
        if self.events.len() >= EVENTS {
            self.lag();
        } else {
            self.events.push_back(notice);
        }
    }

    /// Events were missed: a snapshot replaces those that wait.
    pub(super) fn lag(&mut self) {
        self.events.clear();
        self.lagged = true;
    }

    /// Answers first: a client that waits for one would otherwise wait behind every event.
    pub(super) fn next(&mut self) -> Option<QueueItem> {
        if let Some(answer) = self.answers.pop_front() {
            return Some(QueueItem::Answer(answer));
        }
        // Cleared before the snapshot is taken, so that what happens meanwhile follows it.
        if std::mem::take(&mut self.lagged) {
            return Some(QueueItem::Lagged);
        }
        self.events.pop_front().map(QueueItem::Event)
    }

    /// Whether another call may be read.
    pub(super) fn has_room(&self) -> bool {
        self.answers.len() < ANSWERS
    }
}

#[cfg(test)]
#[allow(clippy::panic)]
mod tests {
    use super::*;

    fn bytes(upload: &str, sent: u64) -> Arc<Notice> {
        Arc::new(Notice {
            upload: upload.into(),
            what: What::Bytes { sent },
        })
    }

    fn queued(upload: &str) -> Arc<Notice> {
        Arc::new(Notice {
            upload: upload.into(),
            what: What::Queued { session: None },
        })
    }

    #[test]
    fn byte_counts_overwrite_each_other_per_upload_and_not_across_other_events() {
        let mut queue = Queue::default();
        for notice in [
            bytes("a", 1),
            bytes("b", 1),
            bytes("a", 2),
            queued("a"),
            bytes("a", 3),
            bytes("a", 4),
        ] {
            queue.event(notice);
        }
        let mut seen = Vec::new();
        while let Some(QueueItem::Event(notice)) = queue.next() {
            seen.push(match &notice.what {
                What::Bytes { sent } => format!("{}{sent}", notice.upload),
                _ => notice.upload.clone(),
            });
        }
        assert_eq!(seen, ["a2", "b1", "a", "a4"]);
    }

    #[test]
    fn too_many_events_become_one_snapshot_and_what_follows_it_is_kept() {
        let mut queue = Queue::default();
        for _ in 0..=EVENTS {
            queue.event(queued("a"));
        }
        queue.event(queued("b"));
        queue.answer("x".into());
        assert!(matches!(queue.next(), Some(QueueItem::Answer(_))));
        assert!(matches!(queue.next(), Some(QueueItem::Lagged)));
        queue.event(queued("c"));
        assert!(matches!(queue.next(), Some(QueueItem::Event(notice)) if notice.upload == "c"));
        assert!(queue.next().is_none());
    }

    #[test]
    fn answers_are_kept_and_fill_the_room() {
        let mut queue = Queue::default();
        for number in 0..ANSWERS {
            assert!(queue.has_room());
            queue.answer(number.to_string());
        }
        assert!(!queue.has_room());
        assert!(matches!(queue.next(), Some(QueueItem::Answer(first)) if first == "0"));
        assert!(queue.has_room());
    }
}
