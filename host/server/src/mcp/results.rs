//! Results and errors as tools answer them.

use loadlock_gateway::{Error, ErrorCode};
use rmcp::model::{CallToolResult, ContentBlock};
use serde::Serialize;
use serde_json::json;

use crate::advice;

/// A success: structured, and the same as text for clients that read only that.
pub(super) fn done(result: &impl Serialize) -> Result<CallToolResult, Error> {
    serde_json::to_value(result)
        .map(CallToolResult::structured)
        .map_err(|error| Error::new(ErrorCode::Internal, format!("a result is not JSON: {error}")))
}

/// A failure that the model reads: code, what happened, what to do. It is text alone, since clients hold whatever is
/// structured against the tool's output schema, in a failure as well.
pub(super) fn failed(error: Error) -> CallToolResult {
    let text = json!({ "error": advised(error) }).to_string();
    CallToolResult::error(vec![ContentBlock::text(text)])
}

/// The gateway's general advice names commands; a model has tools.
pub(super) fn advised(error: Error) -> Error {
    if error.hint != error.code.todo() {
        return advice::for_client(error);
    }
    let hint = match error.code {
        ErrorCode::PathNotAllowed => {
            "Send the content with `upload_bytes`, or ask the operator to grant the directory."
        }
        ErrorCode::FileNotFound => "`list_files` shows the ids.",
        ErrorCode::NoProviderAvailable => "`provider_health` shows what each provider takes and whether it answers.",
        ErrorCode::ProviderUnknown => "`provider_health` lists the names; leave `to` out to let the gateway choose.",
        ErrorCode::PurposeUnsupported => "Leave `purpose` out, or choose one that `provider_health` shows.",
        ErrorCode::NotARegularFile => "Name a file; use `upload_many` for the files of a directory.",
        ErrorCode::Unauthenticated | ErrorCode::Forbidden => {
            "Ask the operator for a token with the scope that the message names."
        }
        ErrorCode::Cancelled => "Call the tool again if the file is still wanted.",
        _ => return advice::for_client(error),
    };
    error.hint(hint)
}
