//! Every error that a user can meet: a stable code, what happened, what to do.

use loadlock_journal::JournalError;
use loadlock_policy::Millis;
use loadlock_policy::model::{FailureKind, MAX_RETRY_AFTER};
use loadlock_sandbox::CallError;
use loadlock_sandbox::tracker::Answer;
use serde::Serialize;

macro_rules! codes {
    ($($variant:ident = $name:literal, $status:literal, $cause:literal, $todo:literal;)*) => {
        /// A stable code. New codes may be added; a code never changes its meaning.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum ErrorCode { $(#[doc = $cause] $variant,)* }

        impl ErrorCode {
            /// All of them, in the order of the documentation.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// The code as users see it.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }

            /// HTTP status that front doors answer.
            pub const fn http_status(self) -> u16 {
                match self { $(Self::$variant => $status,)* }
            }

            /// What leads to it.
            pub const fn cause(self) -> &'static str {
                match self { $(Self::$variant => $cause,)* }
            }

            /// What to do, where the error itself does not say it better.
            pub const fn todo(self) -> &'static str {
                match self { $(Self::$variant => $todo,)* }
            }
        }
    };
}

codes! {
    PathNotAllowed = "path_not_allowed", 403, "The path is in no directory that is granted to this caller, or \
        leaves it through a link.",
        "Move the file into a granted directory, grant its directory with `[[grants]]`, or send the bytes instead of \
         the path.";
    PathNotFound = "path_not_found", 404, "The path is in a granted directory, but does not exist.",
        "Check the spelling; on this file system upper and lower case may differ.";
    NotARegularFile = "not_a_regular_file", 400, "The path is a directory, FIFO, socket or device.",
        "Name a file; `loadlock upload DIR` takes the files of a directory.";
    PathNotReadable = "path_not_readable", 403, "The file exists and is granted, but the system does not let Loadlock \
         read it.",
        "Give the user that runs Loadlock permission to read it.";
    FileRejected = "file_rejected", 422, "The validator refused the file: its name, type or content.",
        "Read the reason; rename the file, or change the rules under `[validator]`.";
    FileTooLarge = "file_too_large", 413, "The file is larger than a limit of Loadlock or of every provider that \
         could take it.",
        "Split the file, or configure a provider with a larger limit; `loadlock route FILE` shows each one's.";
    FileChanged = "file_changed", 409, "The file changed while it was being uploaded; nothing was kept.",
        "Upload it again when nothing writes to it.";
    NoProviderAvailable = "no_provider_available", 503, "No configured provider can take this file now.",
        "`loadlock route FILE` shows each provider's reason.";
    ProviderUnknown = "provider_unknown", 400, "There is no provider with that name.",
        "`loadlock providers ls` lists the names.";
    PurposeUnsupported = "purpose_unsupported", 400, "No provider that may take the file has this purpose.",
        "Leave the purpose out, or choose one that `loadlock providers inspect` shows.";
    ProviderFailed = "provider_failed", 502, "The provider refused the file or could not store it; nothing was \
         recorded.",
        "Read the provider's message.";
    ProviderRejected = "provider_rejected", 422, "The vendor says that it does not take this file; sending it again \
         cannot help.",
        "Read the vendor's message.";
    ProviderUnauthorized = "provider_unauthorized", 502, "The vendor does not accept the configured credential.",
        "Check the provider's `credential`.";
    ProviderQuotaExhausted = "provider_quota_exhausted", 429, "The vendor account's quota or balance is used up.",
        "Delete files, pay the bill, or add another provider to `order`.";
    ProviderRateLimited = "provider_rate_limited", 429, "The vendor asks to slow down for longer than this upload may \
         wait.",
        "Try again later.";
    ProviderUnreachable = "provider_unreachable", 503, "There is no connection to the provider; nothing was sent.",
        "Check what the message names: the host name and its DNS, the port, the certificate; and whether the vendor \
         has \
         an outage.";
    ProviderOutOfService = "provider_out_of_service", 503, "The provider could not be made ready: its component, its \
         credential or what it may reach; the others serve.",
        "`loadlock providers ls` shows why; correct it and reload the configuration.";
    ReceiptMismatch = "receipt_mismatch", 502, "What the provider says it stored is not what the host saw it read; \
         the remote file is deleted.",
        "Update the provider component, or stop using it.";
    ComponentFailed = "component_failed", 502, "The component trapped or used up a limit; this call alone is affected.",
        "Read the log; raise the limit under `sandbox` if the component is to be trusted with more.";
    OutcomeUnknown = "outcome_unknown", 504, "The provider's answer was lost and the provider cannot be asked whether \
         it stored the file.",
        "Look at the vendor's side before sending again.";
    DeadlineExceeded = "deadline_exceeded", 504, "The upload did not finish before its deadline.",
        "Try again, or raise `retry.deadline`.";
    Cancelled = "cancelled", 499, "The caller cancelled; nothing was recorded.",
        "Run the same command again to finish the rest.";
    SessionElsewhere = "session_elsewhere", 421, "The unfinished upload is at another gateway that shares the ledger.",
        "Send all requests of an upload to the gateway that began it; with `gateway_url` in its `tracker.settings` \
         clients are sent there.";
    FileNotFound = "file_not_found", 404, "The caller has no file with that id.",
        "`loadlock files ls` lists the ids.";
    ContentUnavailable = "content_unavailable", 409, "The provider does not return this file's content.",
        "Keep your own copy, or upload with a purpose whose content can be read.";
    NotAvailableThere = "not_available_there", 409, "The file has no usable copy at that provider, or none can be made: \
         no provider that has the file gives its bytes back.",
        "Copy it with `loadlock files copy ID --to PROVIDER`; where its bytes are not to be had, upload it again.";
    IdempotencyConflict = "idempotency_conflict", 409, "The idempotency key was used for another upload within the \
         last 24 hours.",
        "Use a new key for a new upload.";
    UploadConflict = "upload_conflict", 409, "The resumable upload is at another offset than the request, or a newer \
        request took over.",
        "Ask for the offset and go on from there.";
    UploadExpired = "upload_expired", 410, "The resumable upload was not finished in time and is gone.",
        "Start a new upload.";
    ChecksumMismatch = "checksum_mismatch", 460, "The bytes that arrived do not have the checksum that the client \
         gave; they were discarded.",
        "Send them again.";
    Unauthenticated = "unauthenticated", 401, "No credential, or one that is not accepted.",
        "`loadlock token issue` makes one.";
    Forbidden = "forbidden", 403, "The credential lacks the scope for this.",
        "Use a token with the scope that the message names.";
    QuotaExceeded = "quota_exceeded", 429, "The tenant's own files or bytes are used up.",
        "Delete files, or ask the operator for more (`[[tenants]]`).";
    RateLimited = "rate_limited", 429, "The caller asks too often, has too many uploads under way, or failed to \
         authenticate too often.",
        "Wait as long as `Retry-After` says.";
    RequestInvalid = "request_invalid", 400, "The request is not valid.",
        "Read the message.";
    EncodingUnsupported = "encoding_unsupported", 415, "The body, or a part of it, is encoded, such as with gzip or \
         base64.",
        "Send the bytes as they are.";
    NoSuchEndpoint = "no_such_endpoint", 404, "The gateway has nothing at this path.",
        "Check the URL.";
    MethodNotAllowed = "method_not_allowed", 405, "The path exists, but not for this method.",
        "Check the method.";
    Overloaded = "overloaded", 503, "Too many requests are under way.",
        "Try again later.";
    SpoolFull = "spool_full", 507, "There is no room to keep the body until it is uploaded.",
        "Try again later, raise `limits.spool_size`, or free space on the disk.";
    StateUnavailable = "state_unavailable", 503, "Loadlock's own state cannot be read or written; nothing was sent.",
        "Free space on the disk and check the permissions of `$LOADLOCK_HOME`.";
    HomeInUse = "home_in_use", 409, "Another process owns `$LOADLOCK_HOME`.",
        "Stop the other one, or use another `--home`.";
    AddressUnavailable = "address_unavailable", 500, "The address to listen on cannot be bound.",
        "Stop what listens there, or choose another with `--listen`.";
    EgressDenied = "egress_denied", 502, "The provider tried to reach something that the operator has not granted.",
        "Add the line that the message names to the provider's configuration, if it may.";
    ComponentRefused = "component_refused", 500, "A component is not loaded: it is missing, does not match its pin, \
         or imports what it may not.",
        "`loadlock providers inspect` shows its imports and why they are refused.";
    RegistryFailed = "registry_failed", 502, "A registry does not give or take a component: it cannot be reached, \
         refuses access, or sends something else than it announced. Nothing is kept of it.",
        "Read the message; `loadlock component` commands can be run again.";
    SignatureRefused = "signature_refused", 403, "A component from a registry is not signed as `[[components.trust]]` \
         asks for it: by nobody, by too few keys, by a revoked one, or for something else.",
        "The message names the keys that would do.";
    AcceptanceNeeded = "acceptance_needed", 409, "A new version of a component imports, asks for or limits more than the \
         one that is locked.",
        "Read what changes, then run the command again with `--accept`.";
    SwapRefused = "swap_refused", 409, "The component cannot take the other one's place: something would be less than \
         it was, it answers no probe, or there is none to go back to.",
        "Read what would be less; `--accept` (`accept` in the API) swaps all the same.";
    ConfigInvalid = "config_invalid", 500, "The configuration has a mistake; the message names file, line and key.",
        "Correct the line; `loadlock config check` shows all mistakes at once.";
    TrackerFailed = "tracker_failed", 503, "The tracker cannot answer.",
        "Read the message; uploads are kept and recorded later.";
    Internal = "internal", 500, "Loadlock is in a state that it should not be in.",
        "Report it, with the log.";
}

impl std::fmt::Display for ErrorCode {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Serialize for ErrorCode {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

/// A failure as every front door reports it.
///
/// ```
/// use loadlock_gateway::{Error, ErrorCode};
/// let error = Error::new(ErrorCode::PathNotFound, "/srv/docs/a.pdf does not exist");
/// assert_eq!(error.code.as_str(), "path_not_found");
/// assert!(!error.hint.is_empty());
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, thiserror::Error)]
#[error("{code}: {message}")]
pub struct Error {
    /// Stable.
    pub code: ErrorCode,
    /// What happened, one sentence. Never holds a secret.
    pub message: String,
    /// What to do, one sentence.
    pub hint: String,
    /// How long to wait before trying again, milliseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retry_after_ms: Option<u64>,
}

impl Error {
    /// With the code's own advice.
    pub fn new(code: ErrorCode, message: impl Into<String>) -> Self {
        Self {
            code,
            message: message.into(),
            hint: code.todo().to_owned(),
            retry_after_ms: None,
        }
    }

    /// With better advice than the code's.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = hint.into();
        self
    }

    /// With a time to wait, of which nobody is told more than [`MAX_RETRY_AFTER`].
    #[must_use]
    pub fn retry_after(mut self, milliseconds: Option<u64>) -> Self {
        self.retry_after_ms = milliseconds.map(|wait| wait.min(MAX_RETRY_AFTER.get()));
        self
    }
}

/// What the gateway's functions answer.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// The journal's failures, as a user reads them. None of them leaves anything sent.
impl From<JournalError> for Error {
    fn from(error: JournalError) -> Self {
        Self::new(ErrorCode::StateUnavailable, format!("the journal: {error}"))
    }
}

/// The tracker's answer, as a user reads its failures.
pub(crate) fn answered<T>(answer: Answer<T>) -> Result<T> {
    match answer {
        Ok(Ok(value)) => Ok(value),
        // The caller's own mistake: a cursor or a limit that the tracker cannot read.
        Ok(Err(failure)) if failure.kind == FailureKind::Rejected => {
            // The message of a cursor says what to do as well.
            let (what, todo) = failure
                .message
                .split_once("; ")
                .unwrap_or((&failure.message, "leave the cursor out"));
            Err(Error::new(ErrorCode::RequestInvalid, what).hint(todo))
        }
        Ok(Err(failure)) => {
            Err(Error::new(ErrorCode::TrackerFailed, failure.to_string())
                .retry_after(failure.retry_after.map(Millis::get)))
        }
        Err(error) => Err(Error::new(
            ErrorCode::TrackerFailed,
            format!("the tracker gave no answer: {error}"),
        )),
    }
}

/// A call of a component that gave no answer of the contract.
pub(crate) fn call_error(name: &str, error: &CallError) -> Error {
    Error::new(ErrorCode::ComponentFailed, format!("`{name}`: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_unique_and_explained() {
        let names: std::collections::HashSet<_> = ErrorCode::ALL.iter().map(|code| code.as_str()).collect();
        assert_eq!(names.len(), ErrorCode::ALL.len());
        for code in ErrorCode::ALL {
            assert!(code.cause().ends_with('.') && code.todo().ends_with('.'), "{code}");
            assert!((400..600).contains(&code.http_status()), "{code}");
        }
    }
}
