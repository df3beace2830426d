//! A small HTTP client over `wasi:http`, for guests that need the network.

use wasip2::filesystem::preopens::get_directories;
use wasip2::filesystem::types::{DescriptorFlags, OpenFlags, PathFlags};
use wasip2::http::outgoing_handler;
use wasip2::http::types::{ErrorCode, Fields, FutureIncomingResponse, Method, OutgoingBody, OutgoingRequest, Scheme};
use wasip2::io::streams::{InputStream, OutputStream, StreamError};

use crate::settings::setting;
use crate::words::*;

/// How much one splice may move. The host may move less.
const SPLICE: u64 = 256 * 1024;

/// Responses are read up to here: guests only look for an id in them.
const RESPONSE: usize = 64 * 1024;

/// Where `LOADLOCK_SETTING_TARGET` points.
pub struct Target {
    secure: bool,
    authority: String,
    path: String,
}

/// An answer, whatever its status.
pub struct Answer {
    /// The status code.
    pub status: u16,
    /// The first 64 KiB of the body.
    pub body: Vec<u8>,
}

/// The setting `TARGET`: `http://host:port/path` or `https://…`.
///
/// # Errors
/// `internal` if it is missing or has another scheme.
pub fn target() -> Result<Target, Failure> {
    let text = setting("TARGET").unwrap_or_default();
    let (secure, rest) = match (text.strip_prefix("http://"), text.strip_prefix("https://")) {
        (Some(rest), _) => (false, rest),
        (_, Some(rest)) => (true, rest),
        _ => {
            return Err(crate::failure(
                FailureKind::Internal,
                "set TARGET to http://host:port/path",
            ));
        }
    };
    let (authority, path) = match rest.split_once('/') {
        Some((authority, path)) => (authority, format!("/{path}")),
        None => (rest, "/".to_owned()),
    };
    Ok(Target {
        secure,
        authority: authority.to_owned(),
        path,
    })
}

/// The need to POST to `TARGET` during uploads; none if it is not set.
pub fn egress_to_target() -> Vec<EgressNeed> {
    let Ok(target) = target() else {
        return Vec::new();
    };
    let scheme = if target.secure { "https" } else { "http" };
    let path = target.path.split('?').next().unwrap_or("/");
    vec![EgressNeed {
        origin: format!("{scheme}://{}", target.authority),
        path_prefix: path.to_owned(),
        methods: vec!["POST".to_owned()],
        operations: vec![Operation::Upload],
    }]
}

/// Posts a file's bytes to `target`, raw, host to host, handing the request over before its body.
///
/// # Errors
/// `transport` with the host's error code, in kebab case, as `code`.
pub fn post_file(target: &Target, file: &AdmittedFile) -> Result<Answer, Failure> {
    let input = open(&file.path)?;
    post(target, &[], Some(file.size), |output| {
        splice(output, &input);
    })
}

/// Posts what `write` writes to `target`, with additional headers.
///
/// # Errors
/// `transport` with the host's error code, in kebab case, as `code`; `internal` if a header is refused.
pub fn post(
    target: &Target,
    headers: &[(String, Vec<u8>)],
    length: Option<u64>,
    write: impl FnOnce(&OutputStream),
) -> Result<Answer, Failure> {
    let fields = Fields::new();
    let typed = [("content-type".to_owned(), b"application/octet-stream".to_vec())];
    let length = length.map(|bytes| ("content-length".to_owned(), bytes.to_string().into_bytes()));
    for (name, value) in typed.iter().chain(&length).chain(headers) {
        fields.append(name, value).map_err(|error| refused("header", &error))?;
    }
    let request = OutgoingRequest::new(fields);
    let scheme = if target.secure { Scheme::Https } else { Scheme::Http };
    let set = request
        .set_method(&Method::Post)
        .and_then(|()| request.set_scheme(Some(&scheme)))
        .and_then(|()| request.set_authority(Some(&target.authority)))
        .and_then(|()| request.set_path_with_query(Some(&target.path)));
    let body = set
        .and_then(|()| request.body())
        .map_err(|()| crate::failure(FailureKind::Internal, "the request was refused"))?;
    let response = outgoing_handler::handle(request, None).map_err(|code| refused("request", &code))?;
    if let Ok(output) = body.write() {
        write(&output);
        drop(output);
    }
    // A server that answers early closes the stream: its answer counts, not this error.
    let _ = OutgoingBody::finish(body, None);
    answer(&response).map_err(|code| {
        let mut failure = refused("request", &code);
        // These say that nothing was sent; after any other error the target may have the file.
        failure.outcome_unknown = !matches!(
            code,
            ErrorCode::ConnectionRefused
                | ErrorCode::HttpRequestDenied
                | ErrorCode::DestinationNotFound
                | ErrorCode::DestinationIpProhibited
                | ErrorCode::DnsError(_)
        );
        failure
    })
}

/// Opens a file of a preopen for reading.
///
/// # Errors
/// `internal` if no preopen has it.
pub fn open(path: &str) -> Result<InputStream, Failure> {
    let mut last = "no preopen holds it".to_owned();
    for (directory, root) in get_directories() {
        let below = path
            .strip_prefix(root.as_str())
            .map(|below| below.trim_start_matches('/'));
        let Some(below) = below.filter(|below| !below.is_empty()) else {
            continue;
        };
        let opened = directory.open_at(PathFlags::empty(), below, OpenFlags::empty(), DescriptorFlags::READ);
        // The descriptor may go: the stream keeps the file.
        match opened.and_then(|file| file.read_via_stream(0)) {
            Ok(stream) => return Ok(stream),
            Err(code) => last = crate::report::kebab(&code),
        }
    }
    Err(crate::failure(
        FailureKind::Internal,
        format!("cannot open {path}: {last}"),
    ))
}

/// Moves everything from `input` to `output` until one of them ends.
pub fn splice(output: &OutputStream, input: &InputStream) {
    while output.blocking_splice(input, SPLICE).is_ok() {}
    let _ = output.blocking_flush();
}

/// The `id` of a JSON answer, else the trimmed body.
pub fn id_in(body: &[u8]) -> String {
    let text = String::from_utf8_lossy(body);
    text.split_once("\"id\"")
        .and_then(|(_, rest)| rest.split_once('"'))
        .and_then(|(_, rest)| rest.split_once('"'))
        .map_or_else(|| text.trim().to_owned(), |(id, _)| id.to_owned())
}

fn answer(response: &FutureIncomingResponse) -> Result<Answer, ErrorCode> {
    response.subscribe().block();
    let response = match response.get() {
        Some(Ok(answered)) => answered?,
        _ => return Err(ErrorCode::InternalError(None)),
    };
    let status = response.status();
    let mut body = Vec::new();
    if let Ok(incoming) = response.consume()
        && let Ok(stream) = incoming.stream()
    {
        read(&stream, &mut body);
    }
    Ok(Answer { status, body })
}

fn read(stream: &InputStream, body: &mut Vec<u8>) {
    while body.len() < RESPONSE {
        match stream.blocking_read(SPLICE) {
            Ok(bytes) => body.extend(bytes),
            Err(StreamError::Closed | StreamError::LastOperationFailed(_)) => break,
        }
    }
}

fn refused(what: &str, code: &impl std::fmt::Debug) -> Failure {
    let word = crate::report::kebab(code);
    let text = crate::report::cut(format!("{what} refused: {code:?}"));
    let mut failure = crate::failure(FailureKind::Transport, text);
    failure.code = Some(word);
    failure
}
