//! What a client is told to do. The gateway's own advice is for whoever keeps it: commands, settings, its log. A client
//! has requests, and an operator to ask.

use loadlock_gateway::{Door, Error, ErrorCode};

use crate::request_id;

/// The error with advice for whoever asks: unchanged on this machine's socket, where the command line does.
pub(crate) fn for_reader(error: &Error) -> Error {
    match request_id::door() {
        Door::Local => error.clone(),
        Door::Network => for_client(error.clone()),
    }
}

/// The error with advice for a client.
pub(crate) fn for_client(error: Error) -> Error {
    let general = error.hint == error.code.todo();
    if general || names_a_command(&error.hint) {
        let todo = todo(error.code);
        return error.hint(todo);
    }
    error
}

/// Whether the advice says more than the message.
pub(crate) fn is_worth_saying(error: &Error) -> bool {
    !error.hint.is_empty() && error.hint != CORRECT && error.hint != error.code.todo()
}

fn names_a_command(hint: &str) -> bool {
    hint.contains("`loadlock ") || hint.contains("`--")
}

const CORRECT: &str = "Correct the request and send it again.";
const OPERATOR: &str = "Ask the operator of the gateway to look at its log.";

/// What to do where the error does not say it.
fn todo(code: ErrorCode) -> &'static str {
    use ErrorCode as C;
    match code {
        C::PathNotAllowed => "Send the bytes instead of the path, or ask the operator to grant its folder.",
        C::PathNotFound => "Check the spelling; upper and lower case may differ.",
        C::PathNotReadable => "Ask the operator to let the gateway read it.",
        C::NotARegularFile => "Name a file.",
        C::FileRejected => "Rename the file, or ask the operator to change the rules.",
        C::FileTooLarge => "Split the file, or ask the operator for a larger limit.",
        C::FileChanged => "Upload it again when nothing writes to it.",
        C::NoProviderAvailable => "Try again later, or ask the operator for each provider's reason.",
        C::ProviderUnknown => "Leave the provider out to let the gateway choose.",
        C::PurposeUnsupported => "Leave the purpose out, or choose one that a provider has.",
        C::ProviderUnauthorized => "Ask the operator to check the provider's credential.",
        C::ProviderQuotaExhausted => "Delete files, or ask the operator to look at the vendor's account.",
        C::ProviderRateLimited | C::Overloaded | C::SpoolFull | C::DeadlineExceeded | C::TrackerFailed => {
            "Try again later."
        }
        C::OutcomeUnknown => "Ask the operator to look at the vendor's side before sending it again.",
        C::Cancelled => "Send the request again if the file is still wanted.",
        C::SessionElsewhere => "Send all requests of an upload to the gateway that began it.",
        C::FileNotFound => "`GET /v1/files` lists the ids.",
        C::ContentUnavailable => "Keep your own copy, or upload with a purpose whose content can be read.",
        C::NotAvailableThere => {
            "Copy it with `POST /v1/loadlock/files/{id}/copies`; where its bytes are not to be had, upload it again."
        }
        C::IdempotencyConflict => "Use a new key for a new upload.",
        C::UploadConflict => "Ask for the offset and go on from there.",
        C::UploadExpired => "Start a new upload.",
        C::ChecksumMismatch => "Send the bytes again.",
        C::Unauthenticated => "Send a valid token as `Authorization: Bearer TOKEN`; the operator issues them.",
        C::Forbidden => "Ask the operator for a token with the scope that the message names.",
        C::QuotaExceeded => "Delete files, or ask the operator for more.",
        C::RateLimited => "Wait as long as `Retry-After` says.",
        C::EncodingUnsupported => "Send the bytes as they are.",
        C::NoSuchEndpoint => "Check the URL.",
        C::MethodNotAllowed => "Check the method.",
        C::StateUnavailable => "Try again later; nothing was sent.",
        C::RequestInvalid | C::ProviderFailed | C::ProviderRejected => CORRECT,
        _ => OPERATOR,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_client_is_told_a_command_a_setting_or_to_read_what_it_reads() {
        for code in ErrorCode::ALL {
            let told = for_client(Error::new(*code, "it happened")).hint;
            assert!(told.ends_with('.'), "{code}: {told}");
            for word in [
                "loadlock ",
                "--",
                "Read the",
                "limits.",
                "retry.",
                "sandbox",
                "[[",
                "_HOME",
            ] {
                assert!(!told.contains(word), "{code}: {told}");
            }
        }
        let special = Error::new(ErrorCode::RequestInvalid, "x").hint("the parameters are `after`");
        assert_eq!(for_client(special.clone()), special);
        let command = Error::new(ErrorCode::ProviderUnknown, "x").hint("`loadlock providers ls` lists the names");
        assert_eq!(for_client(command).hint, todo(ErrorCode::ProviderUnknown));
    }
}
