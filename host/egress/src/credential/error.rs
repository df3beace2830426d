//! What can be wrong with a credential.

use std::path::PathBuf;

/// Why a credential cannot be used. Says which variable or file is concerned; never holds a value.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CredentialError {
    /// The variable is unset or empty.
    #[error(
        "credential_missing: provider `{provider}` needs the environment variable `{variable}` for its header \
         `{header}`, and it is unset or empty; set it and start again"
    )]
    VariableMissing {
        /// Provider as configured.
        provider: String,
        /// Header of the template.
        header: String,
        /// Name of the variable.
        variable: String,
    },
    /// The file cannot be read, is empty, too large or not a regular file.
    #[error(
        "credential_missing: provider `{provider}` needs the file `{}` for its header `{header}`: {reason}; put the \
         credential there, readable for this process", path.display()
    )]
    FileMissing {
        /// Provider as configured.
        provider: String,
        /// Header of the template.
        header: String,
        /// Path as configured.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// The value cannot be part of a header, or is not of the form that its mode needs.
    #[error(
        "credential_invalid: provider `{provider}`, header `{header}`, {reference}: {reason}; correct the value, it is \
         not shown here"
    )]
    Invalid {
        /// Provider as configured.
        provider: String,
        /// Header of the template.
        header: String,
        /// `${env:NAME}` or `${file:PATH}`.
        reference: String,
        /// What is wrong, without the value.
        reason: String,
    },
    /// The endpoint that gives the credential cannot be reached, or answers nothing usable. It is asked again.
    #[error(
        "credential_unavailable: provider `{provider}` cannot fetch {what} from {endpoint}: {reason}; it is asked again \
         at the next request"
    )]
    Unavailable {
        /// Provider as configured.
        provider: String,
        /// `a token` or `keys`.
        what: &'static str,
        /// The endpoint, without a query.
        endpoint: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The endpoint that gives the credential does not give it to us.
    #[error(
        "credential_refused: provider `{provider}`: {endpoint} does not give {what}: {reason}; correct the credential \
         of the provider, or what it may do"
    )]
    Refused {
        /// Provider as configured.
        provider: String,
        /// `a token` or `keys`.
        what: &'static str,
        /// The endpoint, without a query.
        endpoint: String,
        /// Its status and code.
        reason: String,
    },
    /// The same header is configured twice.
    #[error("credential_invalid: provider `{provider}` has two templates for the header `{header}`; remove one")]
    Duplicate {
        /// Provider as configured.
        provider: String,
        /// The header.
        header: String,
    },
}
