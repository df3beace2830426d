//! Masks a secret in whatever comes back: response bodies, header values, trailers, log lines.
//!
//! A vendor's error page, a debugging proxy or an echo service may return the credential that it was sent. It is
//! replaced by as many mask characters as it had bytes, so lengths (`Content-Length`, offsets, ranges) stay true.
//!
//! Found: the secret as it is; with any of its bytes percent-encoded or JSON-escaped, in any mixture; and its base64 at
//! each of the three alignments, in both alphabets. Not found: other encodings, compression (which is why
//! [`Transport`](crate::Transport) asks for `identity` and refuses a compressed answer), a secret shorter than
//! [`SHORTEST`] bytes, or a secret that a hostile vendor spells in a way of its own: the vendor knows its key anyway.

mod base64;
mod pattern;
mod stream;

use std::borrow::Cow;
use std::fmt;

use http::HeaderValue;

pub(crate) use self::pattern::Pattern;
pub use self::stream::Stream;
use crate::Secret;

/// Secrets shorter than this are not looked for: masking every `none` or `ollama` in a document would damage it, and
/// such a word protects nothing.
pub const SHORTEST: usize = 8;

/// The secrets to look for. Immutable and shared; [`Stream`] holds the state for one body.
pub struct Scrubber {
    patterns: Vec<Pattern>,
    /// For each byte, which patterns may begin with it: pattern `n` has bit `n % 64`.
    starts: [u64; 256],
    mask: u8,
}

impl Scrubber {
    /// Looks for every secret of at least [`SHORTEST`] bytes.
    pub fn new<'a>(secrets: impl IntoIterator<Item = &'a Secret>) -> Self {
        let mut patterns = Vec::new();
        for secret in secrets {
            let bytes = secret.expose().as_bytes();
            if bytes.len() < SHORTEST {
                continue;
            }
            patterns.push(Pattern::encoded(bytes));
            patterns.extend(base64::forms(bytes).iter().map(|form| Pattern::literal(form)));
        }
        let mut starts = [0; 256];
        for (number, pattern) in patterns.iter().enumerate() {
            for byte in pattern.starts() {
                starts[usize::from(byte)] |= bit(number);
            }
        }
        Self {
            mask: mask_for(&patterns),
            patterns,
            starts,
        }
    }

    /// True when there is nothing to look for.
    pub fn is_empty(&self) -> bool {
        self.patterns.is_empty()
    }

    /// The most bytes that a [`Stream`] ever holds back.
    pub fn held_at_most(&self) -> usize {
        self.patterns
            .iter()
            .map(Pattern::longest)
            .max()
            .map_or(0, |longest| longest - 1)
    }

    /// Masks the secrets in a text.
    ///
    /// ```
    /// use loadlock_egress::{Secret, scrub::Scrubber};
    ///
    /// let key = Secret::new("sk-0123/4567".to_owned());
    /// let scrubber = Scrubber::new([&key]);
    /// assert_eq!(scrubber.text("key sk-0123/4567!"), "key ************!");
    /// assert_eq!(scrubber.text("?key=sk-0123%2F4567"), "?key=**************");
    /// assert_eq!(scrubber.text("nothing here"), "nothing here");
    /// ```
    pub fn text<'t>(&self, text: &'t str) -> Cow<'t, str> {
        match self.bytes(text.as_bytes()) {
            None => Cow::Borrowed(text),
            Some(masked) => Cow::Owned(String::from_utf8_lossy(&masked).into_owned()),
        }
    }

    /// Masks the secrets in a header's value; the value itself when it holds none.
    pub fn header(&self, value: &HeaderValue) -> HeaderValue {
        self.bytes(value.as_bytes())
            .map_or_else(|| Ok(value.clone()), |masked| HeaderValue::from_bytes(&masked))
            // A mask of printable ASCII cannot make a value invalid; were it so, nothing is better than the secret.
            .unwrap_or_else(|_| HeaderValue::from_static("[redacted]"))
    }

    /// The masked bytes, or nothing when there is nothing to mask.
    pub fn bytes(&self, text: &[u8]) -> Option<Vec<u8>> {
        let found = self.scan(text, true);
        if found.matches.is_empty() {
            return None;
        }
        let mut masked = text.to_vec();
        found.mask(&mut masked, self.mask);
        Some(masked)
    }

    /// Finds the secrets in `text`. When more text may follow, `held` is where the undecided rest begins.
    fn scan(&self, text: &[u8], end: bool) -> Found {
        let mut matches: Vec<(usize, usize)> = Vec::new();
        let mut at = 0;
        while let Some(&byte) = text.get(at) {
            let candidates = self.starts[usize::from(byte)];
            if candidates == 0 {
                at += 1;
                continue;
            }
            let mut until = None;
            for (number, pattern) in self.patterns.iter().enumerate() {
                if candidates & bit(number) == 0 {
                    continue;
                }
                let found = pattern.at(text, at);
                if found.undecided && !end {
                    return Found { matches, held: at };
                }
                until = until.max(found.until);
            }
            match until {
                Some(index) => {
                    matches.push((at, index));
                    at = index;
                }
                None => at += 1,
            }
        }
        Found {
            matches,
            held: text.len(),
        }
    }
}

impl fmt::Debug for Scrubber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Scrubber({} patterns)", self.patterns.len())
    }
}

struct Found {
    matches: Vec<(usize, usize)>,
    held: usize,
}

impl Found {
    fn mask(&self, text: &mut [u8], mask: u8) {
        for &(start, end) in &self.matches {
            if let Some(part) = text.get_mut(start..end) {
                part.fill(mask);
            }
        }
    }
}

const fn bit(number: usize) -> u64 {
    1 << (number % 64)
}

/// A character that no pattern holds, so that masks can never join their surroundings to a new match.
fn mask_for(patterns: &[Pattern]) -> u8 {
    const CHOICES: &[u8] = b"*#-_.~xX0123456789abcdefghijklmnopqrstuvwyzABCDEFGHIJKLMNOPQRSTUVWYZ";
    CHOICES
        .iter()
        .copied()
        .find(|choice| patterns.iter().all(|pattern| !pattern.bytes().contains(choice)))
        .unwrap_or(b'*')
}
