//! Writing content to standard output, which is what the `content` operation answers with.
//!
//! The host caps, digests and counts what is written; the count that the component reports must be exact.

use wasip2::cli::stdout::get_stdout;
use wasip2::io::error::Error as Fault;
use wasip2::io::streams::{InputStream, OutputStream, StreamError};

use crate::http::{Answer, of_stream};
use crate::types::{ContentInfo, ContentKind, Failure, FailureKind};

/// Most bytes asked of one splice.
const SPLICE_BYTES: u64 = 4 << 20;

/// `blocking-write-and-flush` takes no more than this, by its definition.
const WRITE_BYTES: usize = 4_096;

/// Splices without a byte after which a stream counts as ended.
const IDLE_SPLICES: u32 = 64;

/// Pipes the body of a successful answer, host to host.
///
/// `media_type` stands in where the answer has none.
///
/// # Errors
/// `transport` if either side broke off, or the answer is shorter than it declared.
pub fn pipe_answer(answer: &Answer, kind: ContentKind, media_type: &str) -> Result<ContentInfo, Failure> {
    let media_type = answer.media_type().unwrap_or(media_type).to_owned();
    let bytes = pipe(&answer.stream().0, None, of_stream)?;
    if let Some(declared) = answer.content_length()
        && declared != bytes
    {
        return Err(Failure::new(
            FailureKind::Transport,
            format!("the content ended after {bytes} of {declared} bytes"),
        )
        .with_status(answer.status()));
    }
    Ok(ContentInfo {
        media_type,
        bytes,
        kind,
    })
}

/// Pipes a stream to its end, or at most `limit` bytes of it; answers how many bytes were moved.
///
/// # Errors
/// `transport` if either side broke off.
pub fn pipe_stream(input: &InputStream, limit: Option<u64>) -> Result<u64, Failure> {
    pipe(input, limit, plain)
}

/// What an error of a stream means. A parameter, so that a provider without network does not import `wasi:http` for its
/// errors.
type Describe = fn(&Fault) -> Failure;

fn plain(error: &Fault) -> Failure {
    let text = error.to_debug_string();
    Failure::new(FailureKind::Transport, text.lines().next().unwrap_or_default())
}

fn pipe(input: &InputStream, limit: Option<u64>, describe: Describe) -> Result<u64, Failure> {
    let output = get_stdout();
    let mut moved = 0u64;
    let mut idle = 0;
    loop {
        let left = limit.map_or(SPLICE_BYTES, |limit| limit.saturating_sub(moved).min(SPLICE_BYTES));
        if left == 0 {
            break;
        }
        match output.blocking_splice(input, left) {
            Ok(0) if idle < IDLE_SPLICES => idle += 1,
            Ok(0) => break,
            Ok(count) => {
                idle = 0;
                moved += count;
            }
            // Either end may have closed; only the output can be asked.
            Err(StreamError::Closed) if output.check_write().is_ok() => break,
            Err(error) => return Err(broke_off(&error, moved, describe)),
        }
    }
    flush(&output, moved)
}

/// Writes bytes that the component holds, for example a text taken out of a JSON answer.
///
/// # Errors
/// `transport` if the reader is gone.
pub fn write_bytes(bytes: &[u8]) -> Result<u64, Failure> {
    let output = get_stdout();
    let mut moved = 0;
    for chunk in bytes.chunks(WRITE_BYTES) {
        output
            .blocking_write_and_flush(chunk)
            .map_err(|error| broke_off(&error, moved, plain))?;
        moved += chunk.len() as u64;
    }
    flush(&output, moved)
}

fn flush(output: &OutputStream, moved: u64) -> Result<u64, Failure> {
    output
        .blocking_flush()
        .map_err(|error| broke_off(&error, moved, plain))?;
    Ok(moved)
}

fn broke_off(error: &StreamError, moved: u64, describe: Describe) -> Failure {
    let cause = match error {
        StreamError::Closed => Failure::new(FailureKind::Transport, "the reader is gone"),
        StreamError::LastOperationFailed(error) => describe(error),
    };
    Failure {
        message: format!("the content broke off after {moved} bytes: {}", cause.message),
        ..cause
    }
}
