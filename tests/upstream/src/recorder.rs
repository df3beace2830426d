//! What the fake saw.

use std::sync::{Arc, Mutex};

use serde::Serialize;
use tokio::sync::watch;

use crate::{Operation, locked};

/// One request, updated while it goes on.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Recorded {
    /// Counts from 1 in the order of arrival.
    pub number: u64,
    /// The connection that it came on, counted from 1.
    pub connection: u64,
    /// `HTTP/1.1` or `HTTP/2.0`.
    pub version: String,
    /// The method, upper case.
    pub method: String,
    /// Path and query as they were sent.
    pub target: String,
    /// What the request asks for, if the vendor has such an operation.
    pub operation: Option<Operation>,
    /// Header names (lower case) and values in order of arrival, the credential too.
    pub headers: Vec<(String, String)>,
    /// Bytes of body that arrived.
    pub body_bytes: u64,
    /// Whether the body arrived whole.
    pub body_complete: bool,
    /// SHA-256 of the whole body, hexadecimal; of a broken body nothing.
    pub body_sha256: Option<String>,
    /// The parts of a multipart body, in order.
    pub fields: Vec<FieldFacts>,
    /// The fault that was injected, as text.
    pub fault: Option<String>,
    /// The status that was answered; absent while unanswered or if the connection was cut instead.
    pub status: Option<u16>,
}

impl Recorded {
    /// The first value of a header, by lower-case name.
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut values = self.headers.iter().filter(|(known, _)| known == name);
        values.next().map(|(_, value)| value.as_str())
    }

    /// The value of a small text field of a multipart body.
    pub fn field(&self, name: &str) -> Option<&FieldFacts> {
        self.fields.iter().find(|field| field.name == name)
    }
}

/// One part of a multipart body.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FieldFacts {
    /// The form's name for it.
    pub name: String,
    /// Present in file parts.
    pub filename: Option<String>,
    /// The part's own content type.
    pub content_type: Option<String>,
    /// Size of its value.
    pub bytes: u64,
    /// SHA-256 of its value, hexadecimal.
    pub sha256: String,
    /// The value itself, of parts without a file name.
    pub text: Option<String>,
}

/// The recorded requests. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Requests {
    log: Arc<Mutex<Vec<Recorded>>>,
    changes: Arc<watch::Sender<u64>>,
    enabled: bool,
}

impl Requests {
    pub(crate) fn new(enabled: bool) -> Self {
        Self {
            log: Arc::default(),
            changes: Arc::new(watch::Sender::new(0)),
            enabled,
        }
    }

    /// Every request so far.
    pub fn all(&self) -> Vec<Recorded> {
        locked(&self.log).clone()
    }

    /// Requests of one operation.
    pub fn of(&self, operation: Operation) -> Vec<Recorded> {
        let mut all = self.all();
        all.retain(|request| request.operation == Some(operation));
        all
    }

    /// How many there were.
    pub fn len(&self) -> usize {
        locked(&self.log).len()
    }

    /// Whether there were none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Forgets what was recorded; numbers go on.
    pub fn clear(&self) {
        locked(&self.log).clear();
    }

    /// Waits until the record satisfies `until`: for tests that must act while a request is under way.
    pub async fn wait(&self, mut until: impl FnMut(&[Recorded]) -> bool) {
        let mut changes = self.changes.subscribe();
        loop {
            changes.mark_unchanged();
            if until(&locked(&self.log)) {
                return;
            }
            if changes.changed().await.is_err() {
                return;
            }
        }
    }

    pub(crate) fn begin(&self, request: Recorded) {
        if self.enabled {
            locked(&self.log).push(request);
            self.bump();
        }
    }

    pub(crate) fn update(&self, number: u64, change: impl FnOnce(&mut Recorded)) {
        if !self.enabled {
            return;
        }
        // The one that is under way is near the end.
        let found = locked(&self.log)
            .iter_mut()
            .rev()
            .find(|request| request.number == number)
            .map(change)
            .is_some();
        if found {
            self.bump();
        }
    }

    fn bump(&self) {
        self.changes.send_modify(|version| *version += 1);
    }
}
