//! The answer to a request.

use std::io::Read;
use std::time::SystemTime;

use serde::de::DeserializeOwned;

use super::exchange::{Exchange, Stream};
use crate::failure::may_have_stored;
use crate::retry_after;
use crate::types::Failure;

/// Most bytes of a JSON answer that are read, unless the caller says otherwise: 1 MiB. A list of a thousand files has
/// some 300 KB.
pub const JSON_BYTES: u64 = 1 << 20;

/// An answer whose head has arrived and whose body has not been read.
///
/// Dropping it ends the exchange. The request's own body is kept open until then, because closing it early can make a
/// host drop the connection that the answer is still coming on.
pub struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) sent_whole: bool,
    pub(crate) stores: bool,
    // Fields are dropped in this order, children before parents.
    pub(crate) stream: Stream,
    #[allow(dead_code, reason = "kept alive for the body's sake")]
    pub(crate) exchange: Exchange,
}

impl Answer {
    /// The HTTP status.
    pub fn status(&self) -> u16 {
        self.status
    }

    /// Whether the status is 2xx.
    pub fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }

    /// A header by its lower-case name; the first if there are several, and none if it is not text.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(header, _)| header == name)
            .map(|(_, value)| value.as_str())
    }

    /// The media type without its parameters.
    pub fn media_type(&self) -> Option<&str> {
        let value = self.header("content-type")?;
        Some(value.split(';').next().unwrap_or(value).trim()).filter(|value| !value.is_empty())
    }

    /// The length that the answer declares for its body, if its bytes are not encoded in transit.
    pub fn content_length(&self) -> Option<u64> {
        match self.header("content-encoding") {
            None | Some("identity") => self.header("content-length")?.trim().parse().ok(),
            Some(_) => None,
        }
    }

    /// How long the vendor asks to wait, in milliseconds, at most an hour.
    pub fn retry_after_ms(&self) -> Option<u64> {
        retry_after::parse(|name| self.header(name).map(str::to_owned), SystemTime::now())
    }

    /// Whether the vendor may have stored the file although this answer cannot be taken for a success: the request was
    /// sent whole, and the answer is an unreadable success or comes from a gateway that lost the vendor's.
    pub fn outcome_unknown(&self) -> bool {
        self.stores && self.sent_whole && may_have_stored(self.status)
    }

    /// Fills in what this answer knows about a failure: status, wait and whether the outcome is unknown.
    pub fn describe(&self, failure: Failure) -> Failure {
        let unknown = self.outcome_unknown();
        failure
            .with_status(self.status)
            .with_retry_after_ms(self.retry_after_ms())
            .with_outcome_unknown(unknown)
    }

    /// The body, at most `cap` bytes.
    ///
    /// # Errors
    /// `protocol` if it is longer; `transport` if the connection broke.
    pub fn bytes(&mut self, cap: u64) -> Result<Vec<u8>, Failure> {
        let mut body = Vec::new();
        let read = (&mut self.stream).take(cap.saturating_add(1)).read_to_end(&mut body);
        if let Err(error) = read {
            let failure = crate::file::of_io(&error, "the answer broke off");
            return Err(self.describe(failure));
        }
        if body.len() as u64 > cap {
            let failure =
                Failure::protocol(format!("the answer is longer than {cap} bytes")).with_code("answer-too-long");
            return Err(self.describe(failure));
        }
        Ok(body)
    }

    /// The body as JSON, at most `cap` bytes; [`JSON_BYTES`] suits most answers. For a body that holds a long text, as
    /// it is parsed while it arrives and is never in memory twice.
    ///
    /// # Errors
    /// `protocol` if it is not JSON of this shape or too long; `transport` if the connection broke.
    pub fn json<T: DeserializeOwned>(&mut self, cap: u64) -> Result<T, Failure> {
        let mut capped = std::io::BufReader::with_capacity(64 << 10, (&mut self.stream).take(cap));
        let parsed = serde_json::from_reader(&mut capped);
        let spent = capped.into_inner().limit() == 0;
        parsed.map_err(|error| {
            let failure = match error.io_error_kind() {
                Some(kind) => crate::file::of_io(&kind.into(), "the answer broke off"),
                None if spent => {
                    Failure::protocol(format!("the answer is longer than {cap} bytes")).with_code("answer-too-long")
                }
                None => Failure::protocol(format!("the answer is not the expected JSON: {error}")),
            };
            self.describe(failure)
        })
    }

    pub(crate) fn stream(&self) -> &Stream {
        &self.stream
    }
}
