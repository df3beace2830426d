//! Request out, answer in, over WASI.

use std::io::{self, Read};

use wasip2::http::outgoing_handler;
use wasip2::http::types::{
    ErrorCode, Fields, FutureIncomingResponse, IncomingBody, IncomingResponse, Method as WasiMethod, OutgoingBody,
    OutgoingRequest, Scheme,
};
use wasip2::io::poll::{Pollable, poll};
use wasip2::io::streams::{InputStream, OutputStream, StreamError};

use super::codes::{lost, of_code, of_stream};
use super::{Answer, Method, Request, ambient_credential};
use crate::file::FileRange;
use crate::log_warn;
use crate::types::{Failure, FailureKind};

/// Most bytes asked of one splice. Hosts move less at a time; the ask only must not be what limits them.
pub(crate) const SPLICE_BYTES: u64 = 4 << 20;

/// `blocking-write-and-flush` takes no more than this, by its definition.
const WRITE_BYTES: usize = 4_096;

/// Splices without a byte after which a stream counts as ended. A host may return nothing now and then, not for ever.
const IDLE_SPLICES: u32 = 64;

/// A file of so many bytes is there as soon as it is asked for: waiting for it is not worth a call of the host.
const AT_HAND: u64 = 64 << 10;

/// Bytes of one read of an answer.
const READ_BYTES: u64 = 64 << 10;

/// What an exchange keeps alive while its answer is read; dropped in this order.
pub(crate) struct Exchange {
    _body: IncomingBody,
    _response: IncomingResponse,
    _request_body: Option<OutgoingBody>,
}

/// An answer's body.
pub(crate) struct Stream(pub(crate) InputStream);

impl Read for Stream {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let most = READ_BYTES.min(buffer.len() as u64);
        loop {
            match self.0.blocking_read(most) {
                Ok(bytes) if bytes.is_empty() && most > 0 => {}
                Ok(bytes) => {
                    // The host gives no more than was asked for, so this copies everything.
                    let count = bytes.len().min(buffer.len());
                    buffer[..count].copy_from_slice(&bytes[..count]);
                    return Ok(count);
                }
                Err(StreamError::Closed) => return Ok(0),
                Err(StreamError::LastOperationFailed(error)) => {
                    let failure = of_stream(&error);
                    let kind = match failure.kind {
                        FailureKind::Timeout => io::ErrorKind::TimedOut,
                        _ => io::ErrorKind::ConnectionAborted,
                    };
                    return Err(io::Error::new(kind, failure.message));
                }
            }
        }
    }
}

/// How the body ended.
enum Sent {
    /// Every byte was taken.
    Whole,
    /// The server answered, or closed, before.
    CutShort,
}

pub(crate) fn exchange(mut request: Request<'_>) -> Result<Answer, Failure> {
    let length = request.content_length();
    let outgoing = OutgoingRequest::new(fields(&mut request, length)?);
    let (body, output) =
        describe(&outgoing, &request).map_err(|()| Failure::internal("the host refused to build the request"))?;
    let response = outgoing_handler::handle(outgoing, None).map_err(|code| of_code(&code))?;

    let mut early = Early::watch(&response);
    let sent = match write(&output, &request, &mut early) {
        Ok(sent) => sent,
        Err(failure) => {
            // Dropping the body unfinished aborts the request: a server never takes the part for the whole.
            drop(output);
            drop(body);
            return Err(failure);
        }
    };
    drop(output);
    let (sent_whole, body) = match sent {
        Sent::Whole => match OutgoingBody::finish(body, None) {
            Ok(()) => (true, None),
            // Every byte was taken, whatever the host says about their number.
            Err(code) => return Err(lost(&code, request.stores)),
        },
        Sent::CutShort => (false, Some(body)),
    };
    answer(early, body, sent_whole, request.stores)
}

/// What `wasi:http` gives for a request: a response or why there is none.
type Outcome = Result<IncomingResponse, ErrorCode>;

/// Watches for an answer while the body goes out.
struct Early<'a> {
    // The pollable is a child of the future and goes first.
    ready: Pollable,
    response: &'a FutureIncomingResponse,
    outcome: Option<Outcome>,
}

impl<'a> Early<'a> {
    fn watch(response: &'a FutureIncomingResponse) -> Self {
        Self {
            ready: response.subscribe(),
            response,
            outcome: None,
        }
    }

    /// Whether the rest of the body is in vain: whoever refuses 8 GB says so at the start. A success may come early
    /// too, from a server that reads on; then the body goes on.
    fn refuses(&mut self) -> bool {
        if self.outcome.is_none() && self.ready.ready() {
            self.outcome = Some(self.take());
        }
        match &self.outcome {
            Some(Ok(response)) => response.status() >= 300,
            Some(Err(_)) => true,
            None => false,
        }
    }

    /// Waits until there is more to send, or an answer: bytes that have not come yet must not hide it.
    fn or(&self, more: &Pollable) {
        if self.outcome.is_none() {
            poll(&[more, &self.ready]);
        }
    }

    /// Waits for the answer.
    fn wait(mut self) -> Outcome {
        match self.outcome.take() {
            Some(outcome) => outcome,
            None => {
                self.ready.block();
                self.take()
            }
        }
    }

    fn take(&self) -> Outcome {
        match self.response.get() {
            Some(Ok(outcome)) => outcome,
            Some(Err(())) | None => Err(ErrorCode::InternalError(Some("the host gave no answer".to_owned()))),
        }
    }
}

fn fields(request: &mut Request<'_>, length: Option<u64>) -> Result<Fields, Failure> {
    let mut headers = std::mem::take(&mut request.headers);
    if let Some(length) = length {
        headers.push(("content-length".to_owned(), length.to_string()));
    }
    headers.push(("accept-encoding".to_owned(), "identity".to_owned()));
    headers.extend(ambient_credential(std::env::var("LOADLOCK_AUTH_HEADER").ok()));
    let fields = Fields::new();
    for (name, value) in headers {
        fields
            .append(&name, value.as_bytes())
            .map_err(|error| Failure::internal(format!("the host refused the header `{name}`: {error:?}")))?;
    }
    Ok(fields)
}

fn describe(outgoing: &OutgoingRequest, request: &Request<'_>) -> Result<(OutgoingBody, OutputStream), ()> {
    let method = match request.method {
        Method::Get => WasiMethod::Get,
        Method::Head => WasiMethod::Head,
        Method::Post => WasiMethod::Post,
        Method::Put => WasiMethod::Put,
        Method::Delete => WasiMethod::Delete,
    };
    let scheme = if request.base.is_secure() {
        Scheme::Https
    } else {
        Scheme::Http
    };
    outgoing.set_method(&method)?;
    outgoing.set_scheme(Some(&scheme))?;
    outgoing.set_authority(Some(request.base.authority()))?;
    outgoing.set_path_with_query(Some(&request.path))?;
    let body = outgoing.body()?;
    let output = body.write()?;
    Ok((body, output))
}

fn write(output: &OutputStream, request: &Request<'_>, early: &mut Early<'_>) -> Result<Sent, Failure> {
    if let Sent::CutShort = write_bytes(output, &request.prefix, early)? {
        return Ok(Sent::CutShort);
    }
    if let Some(file) = &request.file
        && let Sent::CutShort = write_file(output, file, early)?
    {
        return Ok(Sent::CutShort);
    }
    write_bytes(output, &request.suffix, early)
}

fn write_bytes(output: &OutputStream, bytes: &[u8], early: &mut Early<'_>) -> Result<Sent, Failure> {
    for chunk in bytes.chunks(WRITE_BYTES) {
        if early.refuses() {
            return Ok(Sent::CutShort);
        }
        match output.blocking_write_and_flush(chunk) {
            Ok(()) => {}
            Err(error) => return output_ended(&error),
        }
    }
    Ok(Sent::Whole)
}

/// Moves the file from host to host, without a copy in the guest.
fn write_file(output: &OutputStream, file: &FileRange<'_>, early: &mut Early<'_>) -> Result<Sent, Failure> {
    let input = file.stream()?;
    let more = input.subscribe();
    let mut left = file.bytes();
    let mut idle = 0;
    while left > 0 {
        if left > AT_HAND {
            early.or(&more);
        }
        if early.refuses() {
            return Ok(Sent::CutShort);
        }
        match output.blocking_splice(&input, left.min(SPLICE_BYTES)) {
            Ok(0) if idle < IDLE_SPLICES => idle += 1,
            Ok(moved) if moved > 0 => {
                idle = 0;
                left = left.saturating_sub(moved);
            }
            // Either end may have closed; only the output can be asked.
            Ok(_) | Err(StreamError::Closed) if output.check_write().is_ok() => {
                return Err(Failure::internal(format!(
                    "the admitted file ended {left} bytes early; it changed while it was read"
                ))
                .with_code("file-changed"));
            }
            Ok(_) => return Ok(Sent::CutShort),
            Err(error) => return output_ended(&error),
        }
    }
    Ok(Sent::Whole)
}

/// A body stream that takes no more: the connection is gone or the server has answered. The response tells which.
fn output_ended(error: &StreamError) -> Result<Sent, Failure> {
    let StreamError::LastOperationFailed(error) = error else {
        return Ok(Sent::CutShort);
    };
    match wasip2::filesystem::types::filesystem_error_code(error) {
        Some(code) => Err(Failure::internal(format!(
            "cannot read the admitted file: {}",
            code.name()
        ))),
        None => {
            log_warn!("the body was cut short: {}", of_stream(error).message);
            Ok(Sent::CutShort)
        }
    }
}

fn answer(
    early: Early<'_>,
    request_body: Option<OutgoingBody>,
    sent_whole: bool,
    stores: bool,
) -> Result<Answer, Failure> {
    let stored = stores && sent_whole;
    let response = early.wait().map_err(|code| lost(&code, stored))?;
    let status = response.status();
    let headers = response.headers().entries().into_iter();
    let headers = headers
        .filter_map(|(name, value)| Some((name.to_ascii_lowercase(), String::from_utf8(value).ok()?)))
        .collect();
    let opened = response.consume().and_then(|body| {
        let stream = body.stream()?;
        Ok((body, stream))
    });
    let (body, stream) = opened.map_err(|()| {
        Failure::new(FailureKind::Transport, "the host gave no body for the answer").with_outcome_unknown(stored)
    })?;
    Ok(Answer {
        status,
        headers,
        sent_whole,
        stores,
        stream: Stream(stream),
        exchange: Exchange {
            _body: body,
            _response: response,
            _request_body: request_body,
        },
    })
}
