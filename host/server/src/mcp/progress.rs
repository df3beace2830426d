//! Progress notifications, for a client that asked for them.

use std::time::Duration;

use rmcp::RoleServer;
use rmcp::model::{ProgressNotificationParam, ProgressToken};
use rmcp::service::{Peer, RequestContext};
use tokio::sync::Mutex;
use tokio::time::Instant;

use crate::notice::What;

/// Between two notifications that only count bytes.
const PACE: Duration = Duration::from_millis(100);
/// The protocol wants every value to be more than the one before; an event without a byte counts so much of one.
const STEP: f64 = 0.001;

/// Reports one call's progress: in bytes for one file, in files for many.
pub(super) struct Reporter(Option<Active>);

struct Active {
    peer: Peer<RoleServer>,
    token: ProgressToken,
    state: Mutex<Meter>,
}

/// How far each file is.
struct Meter {
    files: Vec<FileProgress>,
    last: f64,
    told: Option<Instant>,
}

#[derive(Clone, Default)]
struct FileProgress {
    bytes: Option<u64>,
    sent: u64,
    ended: bool,
}

impl Reporter {
    /// For so many files; silent if the client gave no token.
    pub(super) fn new(context: &RequestContext<RoleServer>, files: usize) -> Self {
        Self(context.meta.get_progress_token().map(|token| Active {
            peer: context.peer.clone(),
            token,
            state: Mutex::new(Meter::new(files)),
        }))
    }

    /// Something happened to one of the files.
    pub(super) async fn event(&self, file: usize, what: &What) {
        let Some(active) = &self.0 else { return };
        // Held while the notification is handed over, so that values arrive in order.
        let mut meter = active.state.lock().await;
        let Some((value, total, message)) = meter.event(file, what, Instant::now()) else {
            return;
        };
        let mut params = ProgressNotificationParam::new(active.token.clone(), value).with_message(message);
        params.total = total;
        // A client that is gone is told nothing; the call ends by itself.
        let _ = active.peer.notify_progress(params).await;
    }
}

impl Meter {
    fn new(files: usize) -> Self {
        Self {
            files: vec![FileProgress::default(); files],
            last: 0.0,
            told: None,
        }
    }

    /// Value, total and message of the notification, if one is due.
    fn event(&mut self, file: usize, what: &What, now: Instant) -> Option<(f64, Option<f64>, String)> {
        let only_bytes = matches!(what, What::Bytes { .. });
        let message = self.files.get_mut(file)?.event(what);
        if only_bytes && self.told.is_some_and(|told| now < told + PACE) {
            return None;
        }
        self.told = Some(now);
        let (value, total) = match self.files.as_slice() {
            [one] => (one.sent as f64, one.bytes.map(|bytes| bytes as f64)),
            many => (many.iter().map(FileProgress::fraction).sum(), Some(many.len() as f64)),
        };
        // A second attempt begins at the first byte again; progress does not.
        self.last = if value > self.last { value } else { self.last + STEP };
        Some((self.last, total, message))
    }
}

impl FileProgress {
    fn event(&mut self, what: &What) -> String {
        match what {
            What::Queued { .. } => "queued".to_owned(),
            What::Admitted { bytes, .. } => {
                self.bytes = Some(*bytes);
                format!("accepted, {bytes} bytes")
            }
            What::Routed { providers } => format!("to {}", providers.join(", then ")),
            What::Attempt { provider, attempt } => {
                format!("attempt {attempt}: sending to {provider}")
            }
            What::Bytes { sent } => {
                self.sent = *sent;
                match self.bytes {
                    Some(bytes) => format!("{sent} of {bytes} bytes sent"),
                    None => format!("{sent} bytes sent"),
                }
            }
            What::Retry { provider, after_ms, .. } => format!("{provider} failed, trying again in {after_ms} ms"),
            What::Fallback { provider, reason, next } => format!("{provider}: {reason}; {next} takes the file"),
            What::Circuit { provider, state } => format!("the breaker of {provider} is {state}"),
            What::Done { .. } => {
                self.ended = true;
                self.sent = self.bytes.unwrap_or(self.sent);
                "stored".to_owned()
            }
            What::Failed { error } => {
                self.ended = true;
                format!("failed: {}", error.code)
            }
        }
    }

    fn fraction(&self) -> f64 {
        match self.bytes {
            _ if self.ended => 1.0,
            Some(bytes) if bytes > 0 => (self.sent as f64 / bytes as f64).min(1.0),
            _ => 0.0,
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn bytes(sent: u64) -> What {
        What::Bytes { sent }
    }

    #[test]
    fn values_always_grow_and_byte_counts_are_paced() {
        let mut meter = Meter::new(1);
        let start = Instant::now();
        let admitted = What::Admitted {
            filename: "a".into(),
            bytes: 100,
        };
        let mut values = Vec::new();
        for (what, after) in [
            (What::Queued { session: None }, 0),
            (admitted, 0),
            (bytes(60), 200),
            (bytes(70), 201),
            (bytes(10), 500),
            (bytes(90), 900),
        ] {
            let now = start + Duration::from_millis(after);
            values.push(meter.event(0, &what, now).map(|(value, total, _)| (value, total)));
        }
        assert_eq!(values.remove(3), None, "too soon after the one before");
        let values: Vec<_> = values.into_iter().map(Option::unwrap).collect();
        assert!(values.windows(2).all(|pair| pair[0].0 < pair[1].0), "{values:?}");
        assert_eq!(values.last(), Some(&(90.0, Some(100.0))));
    }

    #[test]
    fn many_files_count_as_files() {
        let mut meter = Meter::new(4);
        let now = Instant::now();
        let error = loadlock_gateway::Error::new(loadlock_gateway::ErrorCode::Cancelled, "x");
        let (value, total, _) = meter.event(2, &What::Failed { error }, now).unwrap();
        assert_eq!((value, total), (1.0, Some(4.0)));
    }
}
