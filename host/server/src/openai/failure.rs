//! A refusal that names the parameter that is wrong.

use axum::response::{IntoResponse, Response};
use loadlock_gateway::{Error, ErrorCode};

use crate::answer;

/// What every handler of this door answers.
pub(crate) type Answer<T = Response> = Result<T, Failure>;

/// A refused request.
#[derive(Debug, Clone)]
pub(crate) struct Failure {
    pub(crate) error: Error,
    pub(crate) param: Option<&'static str>,
}

impl Failure {
    /// A parameter that makes no sense.
    pub(crate) fn param(param: &'static str, message: impl Into<String>) -> Self {
        Self {
            error: Error::new(ErrorCode::RequestInvalid, message),
            param: Some(param),
        }
    }

    /// A body that makes no sense.
    pub(crate) fn body(message: impl Into<String>) -> Self {
        Self {
            error: Error::new(ErrorCode::RequestInvalid, message),
            param: None,
        }
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        let param = match error.code {
            ErrorCode::PurposeUnsupported => Some("purpose"),
            ErrorCode::ProviderUnknown => Some("provider"),
            ErrorCode::FileTooLarge | ErrorCode::FileRejected => Some("file"),
            ErrorCode::PathNotAllowed
            | ErrorCode::PathNotFound
            | ErrorCode::PathNotReadable
            | ErrorCode::NotARegularFile => Some("path"),
            _ => None,
        };
        Self { error, param }
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        answer::respond(&self.error, self.param)
    }
}
