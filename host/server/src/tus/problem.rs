//! A refused request: the gateway's error, with tus's status where that is another.

use axum::response::{IntoResponse, Response};
use http::header::ALLOW;
use http::{HeaderValue, Method, StatusCode};
use loadlock_gateway::{Error, ErrorCode};

use super::protocol::{TUS_VERSION, UPLOAD_OFFSET, VERSION};
use crate::answer::Refusal;

/// Why a request is refused.
#[derive(Debug, Clone)]
pub(crate) struct Problem {
    error: Error,
    /// Another status than the error's own.
    status: Option<StatusCode>,
    /// Where the upload really is.
    offset: Option<u64>,
    /// The methods that the path knows.
    allow: Option<&'static str>,
}

impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        Self {
            error,
            status: None,
            offset: None,
            allow: None,
        }
    }
}

impl Problem {
    pub(crate) fn code(&self) -> ErrorCode {
        self.error.code
    }

    fn with(code: ErrorCode, status: StatusCode, message: impl Into<String>) -> Self {
        Self {
            status: Some(status),
            ..Error::new(code, message).into()
        }
    }

    /// A request that makes no sense: 400.
    pub(crate) fn invalid(message: impl Into<String>) -> Self {
        Error::new(ErrorCode::RequestInvalid, message).into()
    }

    /// The path knows other methods: 405.
    pub(crate) fn method(asked: &Method, known: &'static str) -> Self {
        let message = format!("this path does not accept the method {asked}");
        Self {
            allow: Some(known),
            ..Error::new(ErrorCode::MethodNotAllowed, message).into()
        }
    }

    /// There is no such upload for this caller: 404.
    pub(crate) fn not_found() -> Self {
        Error::new(ErrorCode::FileNotFound, "there is no such upload")
            .hint("start a new upload with `POST /v1/tus`")
            .into()
    }

    /// It was not finished in time: 410.
    pub(crate) fn expired() -> Self {
        Error::new(
            ErrorCode::UploadExpired,
            "the upload was not finished in time and is gone",
        )
        .into()
    }

    /// Another version of the protocol: 412.
    pub(crate) fn version(asked: Option<&str>) -> Self {
        let message = match asked {
            None => "`Tus-Resumable` is missing".to_owned(),
            Some(_) => format!("only version {VERSION} of tus is supported"),
        };
        Self::with(ErrorCode::RequestInvalid, StatusCode::PRECONDITION_FAILED, message)
    }

    /// A body of another type: 415.
    pub(crate) fn media_type() -> Self {
        let message = format!("`Content-Type` must be `{}`", super::protocol::OFFSET_OCTETS);
        Self::with(ErrorCode::RequestInvalid, StatusCode::UNSUPPORTED_MEDIA_TYPE, message)
    }

    /// A final upload takes no bytes: 403, as the protocol says.
    pub(crate) fn final_upload() -> Self {
        let message = "a final upload consists of its parts and accepts no bytes";
        Self::with(ErrorCode::RequestInvalid, StatusCode::FORBIDDEN, message)
    }

    /// More bytes than there may be: 413.
    pub(crate) fn too_large(message: impl Into<String>) -> Self {
        Error::new(ErrorCode::FileTooLarge, message)
            .hint("send no more than `Upload-Length`, which is at most `Tus-Max-Size`")
            .into()
    }

    /// Bytes for another place than the end: 409, with where the end is.
    pub(crate) fn offset(asked: u64, is: u64) -> Self {
        let message = format!("the upload is at offset {is}, not {asked}");
        Self {
            offset: Some(is),
            ..Error::new(ErrorCode::UploadConflict, message).into()
        }
    }

    /// A newer request of the same upload goes first, or an older one does not end: 423.
    pub(crate) fn locked(message: impl Into<String>) -> Self {
        let mut problem = Self::with(ErrorCode::UploadConflict, StatusCode::LOCKED, message);
        problem.error.retry_after_ms = Some(1_000);
        problem
    }

    /// Other bytes than the client hashed: 460.
    pub(crate) fn checksum() -> Self {
        Error::new(
            ErrorCode::ChecksumMismatch,
            "the bytes do not have the checksum of `Upload-Checksum`; they were discarded",
        )
        .into()
    }

    /// The client sent nothing for too long: 408. What came is kept.
    pub(crate) fn idle(seconds: u64) -> Self {
        let message = format!("no byte arrived for {seconds} s; what had arrived is kept");
        Self::with(ErrorCode::RequestInvalid, StatusCode::REQUEST_TIMEOUT, message)
    }

    /// Too many uploads of one tenant wait to be finished: 429.
    pub(crate) fn too_many(open: usize) -> Self {
        let mut problem = Self::with(
            ErrorCode::Overloaded,
            StatusCode::TOO_MANY_REQUESTS,
            format!("the tenant has {open} unfinished uploads"),
        );
        problem.error = problem.error.hint("finish or delete some, or wait until they expire");
        problem
    }

    /// The disk does not do what it should.
    pub(crate) fn disk(error: &std::io::Error) -> Self {
        let code = if error.kind() == std::io::ErrorKind::StorageFull {
            ErrorCode::SpoolFull
        } else {
            ErrorCode::StateUnavailable
        };
        Error::new(code, format!("cannot keep the upload: {error}")).into()
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut response = Refusal(self.error).into_response();
        if let Some(status) = self.status {
            *response.status_mut() = status;
        }
        let headers = response.headers_mut();
        if let Some(offset) = self.offset {
            headers.insert(UPLOAD_OFFSET, offset.into());
        }
        if self.status == Some(StatusCode::PRECONDITION_FAILED) {
            headers.insert(TUS_VERSION, HeaderValue::from_static(VERSION));
        }
        if let Some(methods) = self.allow {
            headers.insert(ALLOW, HeaderValue::from_static(methods));
        }
        response
    }
}
