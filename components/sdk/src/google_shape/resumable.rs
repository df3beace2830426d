//! Google's resumable uploads, in one call: start, chunks, and after one that broke a question where the upload stands.
//!
//! The address of a session opens it to whoever has it, without a key. It is used only beneath the address that was
//! granted for uploads, and is in no message.

use serde_json::Value;

use super::failure;
use crate::file::AdmittedReader;
use crate::http::{Answer, Base, Request};
use crate::log_info;
use crate::types::{Failure, FailureKind};

/// Bytes of one request; every one but the last has to be a multiple of the granularity that the server names, which
/// divides this.
const CHUNK_BYTES: u64 = 8 << 20;
/// How often the server is asked where an upload stands after a request that broke, before a byte more has arrived.
const RESUMES: u32 = 3;

/// An upload that was started.
pub struct Session<'a> {
    base: &'a Base,
    /// Path and query beneath the base.
    below: String,
}

/// What the server says about a session.
enum Standing {
    /// So many bytes have arrived.
    At(u64),
    /// It is over: the file is stored.
    Final,
}

impl<'a> Session<'a> {
    /// Starts one at `path`, for a file of so many bytes that `describes` tells of.
    ///
    /// # Errors
    /// A classified failure; `protocol` if the server names an address that is not at `path`.
    pub fn start(base: &'a Base, path: &str, describes: &Value, bytes: u64, media_type: &str) -> Result<Self, Failure> {
        let request = Request::post(base, path)
            .json(describes)
            .header("x-goog-upload-protocol", "resumable")
            .header("x-goog-upload-command", "start")
            .header("x-goog-upload-header-content-length", bytes.to_string())
            .header("x-goog-upload-header-content-type", media_type)
            .stores_nothing();
        let mut answer = request.send()?;
        if !answer.is_success() {
            return Err(taken(failure(&mut answer, false)));
        }
        let below = answer
            .header("x-goog-upload-url")
            .and_then(|url| beneath(base, path, url));
        let below = below.ok_or_else(|| {
            Failure::protocol("the vendor names no address for the upload, or one outside of what is granted")
        })?;
        Ok(Self { base, below })
    }

    /// Sends the file, and goes on after a request that broke as long as bytes arrive; the answer to the last request.
    ///
    /// # Errors
    /// A classified failure; `outcome_unknown` if the file may be stored.
    pub fn send(&self, reader: &AdmittedReader) -> Result<Answer, Failure> {
        let (mut offset, mut resumes) = (0, 0);
        loop {
            let sent = self.chunk(reader, offset);
            let failure = match sent {
                Ok(Some(stored)) => return Ok(stored),
                Ok(None) => {
                    (offset, resumes) = (offset + CHUNK_BYTES, 0);
                    continue;
                }
                Err(failure) => failure,
            };
            if !can_resume(&failure) || resumes == RESUMES {
                return Err(failure);
            }
            match self.query() {
                // Its answer is lost. The host finds the file by the id that was chosen.
                Ok(Standing::Final) => return Err(failure.with_outcome_unknown(true)),
                Ok(Standing::At(arrived)) if arrived <= reader.size() => {
                    log_info!("the upload goes on at byte {arrived}: {}", failure.message);
                    resumes = if arrived > offset { 0 } else { resumes + 1 };
                    offset = arrived;
                }
                _ => return Err(failure),
            }
        }
    }

    /// One request; its answer if it was the last.
    fn chunk(&self, reader: &AdmittedReader, offset: u64) -> Result<Option<Answer>, Failure> {
        let range = reader.range(offset, CHUNK_BYTES);
        let is_last = offset + range.bytes() == reader.size();
        let request = self
            .command(if is_last { "upload, finalize" } else { "upload" })
            .header("x-goog-upload-offset", offset.to_string())
            .raw(range, "application/octet-stream");
        let mut answer = if is_last { request } else { request.stores_nothing() }.send()?;
        if !answer.is_success() {
            return Err(taken(failure(&mut answer, false)));
        }
        match (is_last, answer.header("x-goog-upload-status")) {
            (false, Some("active")) => Ok(None),
            (true, Some("final")) => Ok(Some(answer)),
            (_, Some("cancelled")) => Err(Failure::new(FailureKind::Unavailable, "the vendor ended the upload")),
            (_, status) => {
                let status = status.unwrap_or("without a status");
                let message = format!("the upload is {status} after a request that was answered well");
                Err(answer.describe(Failure::protocol(message)))
            }
        }
    }

    fn query(&self) -> Result<Standing, Failure> {
        let mut answer = self.command("query").stores_nothing().send()?;
        if !answer.is_success() {
            return Err(failure(&mut answer, false));
        }
        let arrived = answer
            .header("x-goog-upload-size-received")
            .and_then(|bytes| bytes.parse().ok());
        match (answer.header("x-goog-upload-status"), arrived) {
            (Some("final"), _) => Ok(Standing::Final),
            (Some("active"), Some(arrived)) => Ok(Standing::At(arrived)),
            _ => Err(Failure::protocol("the vendor does not say where the upload stands")),
        }
    }

    fn command(&self, command: &str) -> Request<'a> {
        Request::post(self.base, &self.below).header("x-goog-upload-command", command)
    }
}

/// What of the address of a session comes after the base, if it lies where uploads may go.
fn beneath(base: &Base, path: &str, url: &str) -> Option<String> {
    let rest = url.strip_prefix(&base.origin())?.strip_prefix(&base.path_of(""))?;
    let more = rest.strip_prefix(path)?;
    (more.is_empty() || more.starts_with(['?', '/'])).then(|| rest.to_owned())
}

/// The id was chosen for this upload alone: if it is taken, an earlier attempt has stored the file.
fn taken(failure: Failure) -> Failure {
    let is_taken = failure.status == Some(409);
    if is_taken {
        failure.with_outcome_unknown(true)
    } else {
        failure
    }
}

/// Whether the session may be there still: the connection broke, or the server was not well.
fn can_resume(failure: &Failure) -> bool {
    let broke = matches!(failure.kind, FailureKind::Transport | FailureKind::Timeout);
    broke || (failure.kind == FailureKind::Unavailable && failure.status.is_some_and(|status| status >= 500))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_session_lies_where_uploads_may_go() {
        let base = Base::parse("https://h.example/proxy").unwrap();
        let beneath = |url: &str| beneath(&base, "/upload/v1/files", url);
        let at = "https://h.example/proxy/upload/v1/files";
        for rest in ["?upload_id=a&upload_protocol=resumable", "/x?upload_id=a", ""] {
            let below = format!("/upload/v1/files{rest}");
            assert_eq!(beneath(&format!("{at}{rest}")), Some(below));
        }
        for url in [
            "https://elsewhere.example/proxy/upload/v1/files?upload_id=a",
            "https://h.example.org/proxy/upload/v1/files?upload_id=a",
            "https://h.example:8443/proxy/upload/v1/files?upload_id=a",
            "https://h.example@evil.example/proxy/upload/v1/files",
            "http://h.example/proxy/upload/v1/files?upload_id=a",
            "https://h.example/proxy/upload/v1/filesystem?upload_id=a",
            "https://h.example/proxy/v1/files?upload_id=a",
            "/upload/v1/files?upload_id=a",
            "",
        ] {
            assert_eq!(beneath(url), None, "{url}");
        }
    }
}
