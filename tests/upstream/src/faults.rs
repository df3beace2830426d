//! Misbehaviour on command.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use serde::{Deserialize, Serialize};

use tokio::sync::Semaphore;

use crate::{Operation, locked};

/// An answer in the vendor's error shape.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Answer {
    /// HTTP status.
    pub status: u16,
    /// The vendor's own code (GLM: the business code).
    #[serde(default)]
    pub code: Option<String>,
    /// The `type` of vendors that have one.
    #[serde(default)]
    pub kind: Option<String>,
    /// The text; one that names the status if empty.
    #[serde(default)]
    pub message: String,
    /// Additional headers.
    #[serde(default)]
    pub headers: Vec<(String, String)>,
}

impl Answer {
    /// A status and nothing else.
    pub fn status(status: u16) -> Self {
        Self {
            status,
            code: None,
            kind: None,
            message: String::new(),
            headers: Vec::new(),
        }
    }

    /// With the vendor's code.
    #[must_use]
    pub fn code(mut self, code: impl Into<String>) -> Self {
        self.code = Some(code.into());
        self
    }

    /// With the vendor's type.
    #[must_use]
    pub fn kind(mut self, kind: impl Into<String>) -> Self {
        self.kind = Some(kind.into());
        self
    }

    /// With a text.
    #[must_use]
    pub fn message(mut self, message: impl Into<String>) -> Self {
        self.message = message.into();
        self
    }

    /// With one more header.
    #[must_use]
    pub fn header(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.headers.push((name.into(), value.into()));
        self
    }
}

/// What goes wrong with one request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fault {
    /// The body is read whole, nothing is done, this is answered.
    Answer(Answer),
    /// The request is carried out, and this is answered instead of its success.
    StoredAnswer(Answer),
    /// This is answered after so many bytes of the body, while the rest still comes; nothing is done.
    EarlyAnswer {
        /// Bytes of body to read before.
        after_bytes: u64,
        /// Whether the rest is read and dropped. If not, the connection closes under the client's writes.
        linger: bool,
        /// The answer.
        answer: Answer,
    },
    /// A wait before the body is read; then all goes well.
    Delay {
        /// Milliseconds.
        ms: u64,
    },
    /// The body is read, nothing is done and nothing is ever answered.
    Hang,
    /// Nothing happens until [`Faults::release`]; then all goes well.
    Hold,
    /// The request is carried out, and its answer is kept back until [`Faults::release`]. [`crate::Recorded::status`]
    /// says when it was carried out.
    HoldAnswer,
    /// The request is carried out, and nothing is ever answered. [`crate::Recorded::status`] says so: it is the status
    /// that is kept back.
    HangAfter,
    /// The connection is reset before the body is read.
    ResetBefore,
    /// The connection is reset within the body.
    ResetMiddle {
        /// Bytes of body to read before.
        after_bytes: u64,
    },
    /// The request is carried out, and the connection is reset instead of an answer.
    ResetAfter,
    /// The request is carried out, and the connection is reset within the answer.
    ResetInAnswer,
    /// The body is read slowly; then all goes well.
    SlowRead {
        /// Bytes a second.
        rate: u64,
    },
    /// The request is carried out, and half of the JSON is answered as if it were all.
    TruncatedJson,
    /// The request is carried out, and something that is not JSON is answered.
    InvalidJson,
    /// The request is carried out, and the answer does not end before so many bytes.
    Endless {
        /// Size of the answer.
        bytes: u64,
    },
    /// A redirect; nothing is done.
    Redirect {
        /// 301, 302, 303, 307 or 308.
        status: u16,
        /// Where to.
        location: String,
    },
    /// An error whose body and `x-echo` header repeat the credential's header; nothing is done.
    EchoSecret {
        /// The error's status.
        status: u16,
    },
}

impl Fault {
    /// Any status, nothing stored.
    pub fn status(status: u16) -> Self {
        Self::Answer(Answer::status(status))
    }

    /// 429 with `Retry-After`.
    pub fn rate_limited(seconds: u32) -> Self {
        let answer = Answer::status(429).header("retry-after", seconds.to_string());
        Self::Answer(answer.code("rate_limit_exceeded"))
    }

    /// A redirect to the address where clouds keep their credentials.
    pub fn metadata_redirect() -> Self {
        Self::Redirect {
            status: 302,
            location: "http://169.254.169.254/latest/meta-data/".to_owned(),
        }
    }

    /// An answer of 10 GB.
    pub fn endless() -> Self {
        Self::Endless { bytes: 10_000_000_000 }
    }

    /// An early 413 after 64 KiB of body, read to its end.
    pub fn too_large_early() -> Self {
        Self::EarlyAnswer {
            after_bytes: 64 * 1024,
            linger: true,
            answer: Answer::status(413),
        }
    }
}

/// Faults by chance. The same seed and the same order of requests give the same faults.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Chaos {
    /// Seed of the random numbers.
    pub seed: u64,
    /// Part of the requests that meet a fault, 0 to 1.
    pub probability: f64,
    /// Operations that may; empty: all.
    #[serde(default)]
    pub operations: Vec<Operation>,
    /// One of these, each as likely as the others.
    pub faults: Vec<Fault>,
}

/// A fault that was injected.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Injected {
    /// [`crate::Recorded::number`] of the request.
    pub request: u64,
    /// What it asked for.
    pub operation: Operation,
    /// What it met.
    pub fault: Fault,
}

#[derive(Default)]
struct Plan {
    queue: VecDeque<(Option<Operation>, Fault)>,
    always: Vec<(Option<Operation>, Fault)>,
    chaos: Option<(Chaos, StdRng)>,
    paused: bool,
    injected: Vec<Injected>,
}

/// The faults of one fake. Cheap to clone.
#[derive(Clone)]
pub struct Faults(Arc<Mutex<Plan>>, Arc<Semaphore>);

impl Default for Faults {
    fn default() -> Self {
        Self(Arc::default(), Arc::new(Semaphore::new(0)))
    }
}

impl Faults {
    /// The next request of this operation meets this fault, after those that were pushed before. `None` is any
    /// operation.
    pub fn push(&self, operation: impl Into<Option<Operation>>, fault: Fault) {
        locked(&self.0).queue.push_back((operation.into(), fault));
    }

    /// As [`Faults::push`], so many times.
    pub fn push_times(&self, operation: impl Into<Option<Operation>>, fault: &Fault, times: usize) {
        let operation = operation.into();
        for _ in 0..times {
            self.push(operation, fault.clone());
        }
    }

    /// Every request of this operation meets this fault until [`Faults::clear`]. Queued faults come first.
    pub fn always(&self, operation: impl Into<Option<Operation>>, fault: Fault) {
        locked(&self.0).always.push((operation.into(), fault));
    }

    /// Requests that meet neither queued nor constant faults meet one by chance.
    pub fn chaos(&self, chaos: Chaos) {
        let random = StdRng::seed_from_u64(chaos.seed);
        locked(&self.0).chaos = Some((chaos, random));
    }

    /// From now on all goes well.
    pub fn clear(&self) {
        let mut plan = locked(&self.0);
        plan.queue.clear();
        plan.always.clear();
        plan.chaos = None;
    }

    /// Holds back the faults by chance, or lets them come again. The chances that passed in between stay unused.
    pub fn pause(&self, paused: bool) {
        locked(&self.0).paused = paused;
    }

    /// Takes back what [`Faults::always`] ordered; the queue and chance stay as they are.
    pub fn lift(&self) {
        locked(&self.0).always.clear();
    }

    /// How many queued faults wait.
    pub fn waiting(&self) -> usize {
        locked(&self.0).queue.len()
    }

    /// Lets so many requests go on that are held by [`Fault::Hold`] or [`Fault::HoldAnswer`], now or later.
    pub fn release(&self, requests: usize) {
        self.1.add_permits(requests);
    }

    pub(crate) async fn released(&self) {
        if let Ok(permit) = self.1.acquire().await {
            permit.forget();
        }
    }

    /// Every fault so far.
    pub fn injected(&self) -> Vec<Injected> {
        locked(&self.0).injected.clone()
    }

    pub(crate) fn take(&self, request: u64, operation: Operation) -> Option<Fault> {
        let mut plan = locked(&self.0);
        let fault = plan.choose(operation)?;
        plan.injected.push(Injected {
            request,
            operation,
            fault: fault.clone(),
        });
        Some(fault)
    }
}

impl Plan {
    fn choose(&mut self, operation: Operation) -> Option<Fault> {
        let fits = |wanted: &Option<Operation>| wanted.is_none_or(|wanted| wanted == operation);
        if let Some(at) = self.queue.iter().position(|(wanted, _)| fits(wanted)) {
            return self.queue.remove(at).map(|(_, fault)| fault);
        }
        if let Some((_, fault)) = self.always.iter().find(|(wanted, _)| fits(wanted)) {
            return Some(fault.clone());
        }
        if self.paused {
            return None;
        }
        let (chaos, random) = self.chaos.as_mut()?;
        let eligible = chaos.operations.is_empty() || chaos.operations.contains(&operation);
        if !eligible || chaos.faults.is_empty() || random.random::<f64>() >= chaos.probability {
            return None;
        }
        let at = random.random_range(0..chaos.faults.len());
        chaos.faults.get(at).cloned()
    }
}
