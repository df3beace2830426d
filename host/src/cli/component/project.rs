//! Errors of projects as the command line says them.

use loadlock::{Error, ErrorCode};
use loadlock_kit::project::ProjectError;

pub(super) fn project_error(error: &ProjectError) -> Error {
    let code = match error {
        ProjectError::Step(_) => ErrorCode::ComponentRefused,
        ProjectError::Name(_)
        | ProjectError::Exists(_)
        | ProjectError::NoTemplate(..)
        | ProjectError::Manifest(_)
        | ProjectError::Io { .. }
        | ProjectError::ToolMissing { .. } => ErrorCode::RequestInvalid,
    };
    Error::new(code, error.to_string()).hint(error.hint())
}
