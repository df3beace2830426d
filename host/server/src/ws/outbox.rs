//! The queue of one socket between the task that fills it and the one that empties it.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

use super::close::Close;
use super::queue::{Queue, QueueItem};
use crate::notice::Notice;

/// What the writer does next.
pub(super) enum Order {
    Send(QueueItem),
    Ping,
    Close(Close),
}

/// Shared by reader and writer of one socket.
#[derive(Default)]
pub(super) struct Outbox {
    state: Mutex<State>,
    filled: Notify,
    emptied: Notify,
}

#[derive(Default)]
struct State {
    queue: Queue,
    ping: bool,
    close: Option<Close>,
}

impl Outbox {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn change(&self, change: impl FnOnce(&mut State)) {
        change(&mut self.lock());
        self.filled.notify_one();
    }

    pub(super) fn answer(&self, text: String) {
        self.change(|state| state.queue.answer(text));
    }

    pub(super) fn event(&self, notice: Arc<Notice>) {
        self.change(|state| state.queue.event(notice));
    }

    pub(super) fn lag(&self) {
        self.change(|state| state.queue.lag());
    }

    pub(super) fn ping(&self) {
        self.change(|state| state.ping = true);
    }

    /// Closes after the answers that wait.
    pub(super) fn close(&self, close: Close) {
        self.change(|state| state.close = Some(close));
    }

    pub(super) fn has_room(&self) -> bool {
        self.lock().queue.has_room()
    }

    /// Returns when there may be room.
    pub(super) async fn room(&self) {
        self.emptied.notified().await;
    }

    /// Waits for something to do.
    pub(super) async fn order(&self) -> Order {
        loop {
            let filled = self.filled.notified();
            if let Some(order) = self.take() {
                self.emptied.notify_one();
                return order;
            }
            filled.await;
        }
    }

    fn take(&self) -> Option<Order> {
        let mut state = self.lock();
        if std::mem::take(&mut state.ping) {
            return Some(Order::Ping);
        }
        match (state.queue.next(), state.close) {
            (Some(next @ QueueItem::Answer(_)), _) => Some(Order::Send(next)),
            (_, Some(close)) => Some(Order::Close(close)),
            (next, None) => next.map(Order::Send),
        }
    }
}
