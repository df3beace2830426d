//! What the host itself saw of the upstream's answers, for checking what a component claims.
//!
//! A component says "the vendor gave me id X". The host believes it only when X occurs in a response that passed
//! through the host during that call.

use std::collections::VecDeque;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use http::StatusCode;
use loadlock_policy::egress::{Allowed, Method};

use crate::credential::decoded;
use crate::scrub::Pattern;

/// Bytes of response bodies kept per call: an upload's answer is a few hundred, a page of 100 files about 30 KiB.
pub const KEPT: usize = 256 * 1024;

/// Responses kept per call; a call that makes more has its oldest forgotten.
const RESPONSES: usize = 1_024;

/// Paths kept per call: of a multipart upload all but the last are its parts'.
const PATHS: usize = 16;

/// The most recent [`KEPT`] bytes of the successful responses of one call.
///
/// Only responses with a 2xx status count: an error message often quotes the id that was asked for, and a component
/// could then "prove" an id of its own invention by asking for it.
#[derive(Clone, Default)]
pub struct Seen(Arc<Mutex<Kept>>);

#[derive(Default)]
struct Kept {
    bodies: VecDeque<Body>,
    next: u64,
    bytes: usize,
    dropped: bool,
    /// Paths of PUT and POST that were answered with success, decoded.
    stored: VecDeque<Vec<u8>>,
}

struct Body {
    number: u64,
    bytes: VecDeque<u8>,
}

impl Seen {
    /// Nothing seen yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Starts a response; nothing when its status says that it proves nothing.
    pub fn response(&self, status: StatusCode) -> Option<Tap> {
        if !status.is_success() {
            return None;
        }
        let mut kept = self.lock();
        let number = kept.next;
        kept.next += 1;
        if kept.bodies.len() >= RESPONSES
            && let Some(oldest) = kept.bodies.pop_front()
        {
            kept.bytes -= oldest.bytes.len();
            kept.dropped |= !oldest.bytes.is_empty();
        }
        kept.bodies.push_back(Body {
            number,
            bytes: VecDeque::new(),
        });
        Some(Tap {
            seen: self.clone(),
            number,
        })
    }

    /// Takes note of where something was stored, for stores that answer with an empty body.
    pub(crate) fn answered(&self, request: &Allowed, status: StatusCode) {
        if !status.is_success() || !matches!(request.method, Method::Put | Method::Post) {
            return;
        }
        let path = request.path_and_query.split('?').next().unwrap_or_default();
        let mut kept = self.lock();
        if kept.stored.len() >= PATHS {
            kept.stored.pop_front();
        }
        kept.stored.push_back(decoded(path));
    }

    /// Whether something was stored at a path that ends in `id`, segment by segment.
    ///
    /// That proves less than [`contains`](Seen::contains): the component chose the path. It is proof only of an id that
    /// holds what the host chose for this very upload.
    pub fn stored_at(&self, id: &str) -> bool {
        let id = id.trim_matches('/').as_bytes();
        let kept = self.lock();
        !id.is_empty()
            && kept
                .stored
                .iter()
                .any(|path| path.strip_suffix(id).is_some_and(|before| before.ends_with(b"/")))
    }

    /// Does `id` occur as a word of its own in one of the responses?
    ///
    /// A word of its own: the characters beside it are none of `A-Z a-z 0-9 _ -`, so `file-1` is not found in
    /// `file-12`. JSON escapes and percent-encoding are understood. An empty id is never found.
    ///
    /// ```
    /// use http::StatusCode;
    /// use loadlock_egress::observe::Seen;
    ///
    /// let seen = Seen::new();
    /// if let Some(tap) = seen.response(StatusCode::OK) {
    ///     tap.push(br#"{"id":"file-12","object":"file"}"#);
    /// }
    /// assert!(seen.contains("file-12"));
    /// assert!(!seen.contains("file-1"));
    /// ```
    pub fn contains(&self, id: &str) -> bool {
        if id.is_empty() {
            return false;
        }
        let pattern = Pattern::encoded(id.as_bytes());
        let mut starts = [false; 256];
        for byte in pattern.starts() {
            starts[usize::from(byte)] = true;
        }
        let mut kept = self.lock();
        kept.bodies.iter_mut().any(|body| {
            let text: &[u8] = body.bytes.make_contiguous();
            text.iter()
                .enumerate()
                .filter(|&(_, &byte)| starts[usize::from(byte)])
                .any(|(at, _)| {
                    pattern
                        .at(text, at)
                        .until
                        .is_some_and(|end| !ends_word(text, at) && !text.get(end).is_some_and(is_word_byte))
                })
        })
    }

    /// True when more than [`KEPT`] bytes came, so that something is missing at the front.
    pub fn dropped(&self) -> bool {
        self.lock().dropped
    }

    fn push(&self, number: u64, chunk: &[u8]) {
        let mut kept = self.lock();
        let chunk = match chunk.len().checked_sub(KEPT) {
            None => chunk,
            Some(too_many) => {
                kept.dropped |= too_many > 0;
                chunk.get(too_many..).unwrap_or_default()
            }
        };
        kept.make_room(chunk.len());
        if let Some(body) = kept.bodies.iter_mut().find(|body| body.number == number) {
            body.bytes.extend(chunk);
            kept.bytes += chunk.len();
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Kept> {
        // A panic elsewhere leaves at worst a chunk half kept, which proves less, not more.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Kept {
    fn make_room(&mut self, wanted: usize) {
        let mut surplus = (self.bytes + wanted).saturating_sub(KEPT);
        self.dropped |= surplus > 0;
        for body in &mut self.bodies {
            let going = surplus.min(body.bytes.len());
            body.bytes.drain(..going);
            self.bytes -= going;
            surplus -= going;
            if surplus == 0 {
                break;
            }
        }
    }
}

impl fmt::Debug for Seen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kept = self.lock();
        write!(f, "Seen({} bytes of {} responses)", kept.bytes, kept.bodies.len())
    }
}

/// Where one response's body goes.
#[derive(Debug)]
pub struct Tap {
    seen: Seen,
    number: u64,
}

impl Tap {
    /// Keeps a chunk of the body.
    pub fn push(&self, chunk: &[u8]) {
        self.seen.push(self.number, chunk);
    }
}

fn is_word_byte(byte: &u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-')
}

/// Whether the byte before `at` belongs to a word; the letter of a JSON escape such as `\n` does not.
fn ends_word(text: &[u8], at: usize) -> bool {
    let escape = at >= 2 && text.get(at - 2) == Some(&b'\\');
    !escape
        && at
            .checked_sub(1)
            .and_then(|index| text.get(index))
            .is_some_and(is_word_byte)
}
