//! What every provider needs: requests with a length, the admitted file from host to host, answers read with a cap. A
//! panic would end the call without a word, so nothing here panics: every error is a failure with its message.

use serde::de::DeserializeOwned;
use wasip2::cli::stdout::get_stdout;
use wasip2::filesystem::preopens::get_directories;
use wasip2::filesystem::types::{DescriptorFlags, OpenFlags, PathFlags};
use wasip2::http::outgoing_handler::handle;
use wasip2::http::types::{Fields, IncomingBody, IncomingResponse, OutgoingBody, OutgoingRequest, Scheme};
use wasip2::io::streams::{InputStream, StreamError};

pub use wasip2::http::types::Method;

use crate::loadlock::upload::types::{AdmittedFile, Failure, FailureKind};

/// Bytes of a JSON answer.
const CAP: usize = 1 << 20;
const CHUNK: u64 = 1 << 20;

pub fn failure(kind: FailureKind, message: impl ToString) -> Failure {
    let message = message.to_string().chars().take(300).collect();
    Failure { kind, status: None, code: None, message, retry_after_ms: None, outcome_unknown: false }
}

fn internal(what: &str) -> Failure {
    failure(FailureKind::Internal, what)
}

/// The setting `base_url`.
pub struct Base {
    pub scheme: &'static str,
    pub authority: String,
    pub path: String,
}

impl Base {
    pub fn of_settings() -> Result<Self, Failure> {
        let url = std::env::var("LOADLOCK_SETTING_BASE_URL").unwrap_or("https://files.example.com/v1".to_owned());
        let (scheme, rest) = url
            .strip_prefix("https://")
            .map(|rest| ("https", rest))
            .or_else(|| url.strip_prefix("http://").map(|rest| ("http", rest)))
            .ok_or_else(|| internal("the setting `base_url` is not an http or https address"))?;
        let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
        Ok(Self { scheme, authority: authority.to_owned(), path: path.trim_end_matches('/').to_owned() })
    }

    pub fn origin(&self) -> String {
        format!("{}://{}", self.scheme, self.authority)
    }
}

/// One segment of a path, or one value of a query.
pub fn segment(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    let each = |byte| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") };
    text.bytes().map(each).collect()
}

fn kind_of(status: u16) -> FailureKind {
    match status {
        401 | 403 => FailureKind::Unauthorized,
        402 | 507 => FailureKind::QuotaExhausted,
        404 | 410 => FailureKind::NotFound,
        408 => FailureKind::Timeout,
        425 | 429 => FailureKind::RateLimited,
        501 => FailureKind::Unsupported,
        400..=499 => FailureKind::Rejected,
        0..=299 | 303 => FailureKind::Protocol,
        _ => FailureKind::Unavailable,
    }
}

/// A vendor's answer. Fields are dropped in this order, children before parents.
pub struct Answer {
    stream: InputStream,
    _incoming: IncomingBody,
    response: IncomingResponse,
    /// The request was taken whole, and stores something.
    sent_whole: bool,
    _body: Option<OutgoingBody>,
}

impl Answer {
    fn header(&self, name: &str) -> Option<String> {
        String::from_utf8(self.response.headers().get(name).into_iter().next()?).ok()
    }

    fn failure(&self, kind: FailureKind, message: impl ToString) -> Failure {
        let status = self.response.status();
        let retry_after = self.header("retry-after").and_then(|seconds| seconds.parse::<u32>().ok());
        Failure {
            status: Some(status),
            retry_after_ms: retry_after.map(|seconds| u64::from(seconds) * 1_000),
            // An unreadable success, or one that a gateway in between lost: the vendor may have stored the file.
            outcome_unknown: self.sent_whole && matches!(status, 200..=299 | 303 | 502 | 504 | 520 | 524),
            ..failure(kind, message)
        }
    }

    fn body(&self) -> Result<Vec<u8>, Failure> {
        let mut read = Vec::new();
        while read.len() <= CAP {
            match self.stream.blocking_read(CHUNK) {
                Ok(bytes) => read.extend(bytes),
                Err(StreamError::Closed) => return Ok(read),
                Err(_) => return Err(self.failure(FailureKind::Transport, "the answer broke off")),
            }
        }
        Err(self.failure(FailureKind::Protocol, format!("the answer is longer than {CAP} bytes")))
    }

    pub fn json<T: DeserializeOwned>(&self) -> Result<T, Failure> {
        let unexpected = |error| self.failure(FailureKind::Protocol, format!("the answer is not what was expected: {error}"));
        serde_json::from_slice(&self.body()?).map_err(unexpected)
    }

    /// Moves the body to standard output, host to host; answers how many bytes.
    pub fn pipe(&self) -> Result<u64, Failure> {
        let (output, mut moved) = (get_stdout(), 0);
        loop {
            match output.blocking_splice(&self.stream, CHUNK) {
                Ok(bytes) => moved += bytes,
                Err(StreamError::Closed) => break,
                Err(_) => return Err(self.failure(FailureKind::Transport, "the content broke off")),
            }
        }
        let flushed = output.blocking_flush();
        let declared = self.header("content-length").is_none_or(|declared| declared == moved.to_string());
        if flushed.is_err() || !declared {
            return Err(self.failure(FailureKind::Transport, format!("the content ended after {moved} bytes")));
        }
        Ok(moved)
    }
}

/// Sends one request, once; any status but 2xx is a failure.
pub fn send(method: Method, path: &str, file: Option<&AdmittedFile>) -> Result<Answer, Failure> {
    let base = Base::of_settings()?;
    let refused = |_| internal("the host refuses to build the request");
    let length = file.map_or(0, |file| file.size).to_string().into_bytes();
    let fields = Fields::from_list(&[("content-length".to_owned(), length)]).map_err(|_| refused(()))?;
    let request = OutgoingRequest::new(fields);
    let scheme = if base.scheme == "https" { Scheme::Https } else { Scheme::Http };
    request.set_method(&method).map_err(refused)?;
    request.set_scheme(Some(&scheme)).map_err(refused)?;
    request.set_authority(Some(&base.authority)).map_err(refused)?;
    request.set_path_with_query(Some(&format!("{}{path}", base.path))).map_err(refused)?;
    let body = request.body().map_err(refused)?;
    // Handed over before its body is written, which would wait for ever otherwise.
    let pending = handle(request, None).map_err(|code| failure(FailureKind::Transport, format!("not sent: {code:?}")))?;
    let whole = match file {
        Some(file) => write(&body, file)?,
        None => true,
    };
    let sent_whole = whole && matches!(method, Method::Post | Method::Put);
    let lost = |why: String| Failure {
        outcome_unknown: sent_whole,
        ..failure(FailureKind::Transport, format!("no answer: {why}"))
    };
    let body = match whole {
        true => OutgoingBody::finish(body, None).map(|()| None).map_err(|code| lost(format!("{code:?}")))?,
        false => Some(body),
    };
    pending.subscribe().block();
    let response = match pending.get() {
        Some(Ok(Ok(response))) => response,
        Some(Ok(Err(code))) => return Err(lost(format!("{code:?}"))),
        _ => return Err(lost("the host gave none".to_owned())),
    };
    let incoming = response.consume().map_err(|()| lost("it has no body".to_owned()))?;
    let stream = incoming.stream().map_err(|()| lost("it has no body".to_owned()))?;
    let answer = Answer { stream, _incoming: incoming, response, sent_whole, _body: body };
    match answer.response.status() {
        200..=299 => Ok(answer),
        status => {
            let said = answer.body().unwrap_or_default();
            let said = String::from_utf8_lossy(&said[..said.len().min(200)]).into_owned();
            Err(answer.failure(kind_of(status), format!("HTTP {status}: {said}")))
        }
    }
}

/// The admitted file into a request's body, from host to host; false if the vendor answered before its end.
fn write(body: &OutgoingBody, file: &AdmittedFile) -> Result<bool, Failure> {
    let unreadable = |error| internal(&format!("the admitted file cannot be read: {error:?}"));
    let directories = get_directories();
    let beneath = |name: &str| Some(file.path.strip_prefix(name)?.strip_prefix('/')?.to_owned());
    let found = directories.iter().find_map(|(root, name)| Some((root, beneath(name)?)));
    let (root, relative) = found.ok_or_else(|| internal("the admitted file is beneath no directory"))?;
    let opened = root.open_at(PathFlags::empty(), &relative, OpenFlags::empty(), DescriptorFlags::READ);
    let opened = opened.map_err(unreadable)?;
    let source = opened.read_via_stream(0).map_err(unreadable)?;
    let output = body.write().map_err(|()| internal("the host gives no stream for the body"))?;
    let mut left = file.size;
    while left > 0 {
        match output.blocking_splice(&source, left.min(CHUNK)) {
            Ok(moved) => left = left.saturating_sub(moved),
            Err(_) => return Ok(false),
        }
    }
    Ok(true)
}
