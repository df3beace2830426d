//! Errors to messages and exit statuses.

use std::io::{ErrorKind, Write};
use std::path::Path;
use std::process::ExitCode;

use clap::error::ErrorKind as Wrong;
use loadlock::config::{ConfigError, ConfigErrors, Provenance};
use loadlock::{Error, ErrorCode};
use serde::Serialize;

use super::output::Output;

/// How a command ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Status {
    /// Everything was done.
    Done,
    /// Something failed; the rest was done.
    Failed,
    /// Wrong usage or configuration: nothing was done.
    Wrong,
    /// Ctrl-C, by the convention of 128 and the signal's number.
    Interrupted,
    /// The reader of standard output went away, by the same convention.
    BrokenPipe,
}

impl From<Status> for ExitCode {
    fn from(status: Status) -> Self {
        Self::from(match status {
            Status::Done => 0u8,
            Status::Failed => 1,
            Status::Wrong => 2,
            Status::Interrupted => 130,
            Status::BrokenPipe => 141,
        })
    }
}

/// Why a command could not be carried out. What fails for one item of several is a result, not a failure.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The gateway's answer.
    Gateway(Error),
    /// Every mistake in the configuration.
    Config(Vec<ConfigError>),
    /// Standard output cannot be written.
    Output(std::io::Error),
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Gateway(error)
    }
}

impl From<ConfigErrors> for Failure {
    fn from(errors: ConfigErrors) -> Self {
        Self::Config(errors.into_iter().collect())
    }
}

impl From<std::io::Error> for Failure {
    fn from(error: std::io::Error) -> Self {
        Self::Output(error)
    }
}

impl Failure {
    /// As the answer to one of several questions.
    pub(crate) fn into_error(self) -> Error {
        match self {
            Self::Gateway(error) => error,
            Self::Config(errors) => errors.first().map_or_else(
                || Error::new(ErrorCode::ConfigInvalid, "the configuration has a mistake"),
                config_error,
            ),
            Self::Output(error) => Error::new(ErrorCode::Internal, format!("standard output: {error}")),
        }
    }

    /// Arguments that make no sense together.
    pub(crate) fn usage(message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self::Gateway(Error::new(ErrorCode::RequestInvalid, message).hint(hint))
    }

    /// Tells the user and answers the exit status.
    pub(crate) fn report(self, output: &Output) -> Status {
        let told = match &self {
            Self::Gateway(error) => output.error(error, None),
            Self::Config(errors) => report_config(output, errors),
            Self::Output(error) => {
                if error.kind() != ErrorKind::BrokenPipe {
                    eprintln!("error: cannot write to standard output: {error}");
                }
                Ok(())
            }
        };
        match (self, told) {
            (_, Err(error)) | (Self::Output(error), Ok(())) if error.kind() == ErrorKind::BrokenPipe => {
                Status::BrokenPipe
            }
            (Self::Gateway(error), _) => status_of(error.code),
            (Self::Config(_), _) => Status::Wrong,
            (Self::Output(_), _) => Status::Failed,
        }
    }
}

/// What an error that stops a whole command means for the exit status.
fn status_of(code: ErrorCode) -> Status {
    match code {
        ErrorCode::ConfigInvalid
        | ErrorCode::ComponentRefused
        | ErrorCode::RequestInvalid
        | ErrorCode::ProviderUnknown => Status::Wrong,
        ErrorCode::Cancelled => Status::Interrupted,
        _ => Status::Failed,
    }
}

/// One mistake as an object; the keys are in this order.
#[derive(Serialize)]
struct MistakeLine<'a> {
    error: &'a Error,
    path: Option<&'a Path>,
    line: Option<u32>,
    column: Option<u32>,
    key: &'a str,
    kind: &'static str,
}

/// One line for each mistake.
fn report_config(output: &Output, errors: &[ConfigError]) -> std::io::Result<()> {
    for error in errors {
        let said = config_error(error);
        if output.json {
            let place = error.origin.place();
            let line = MistakeLine {
                error: &said,
                path: place.map(|place| place.file.as_ref()),
                line: place.map(|place| place.line),
                column: place.map(|place| place.column),
                key: &error.key,
                kind: error.code.as_str(),
            };
            output.object(&line)?;
        } else {
            output.error(&said, None)?;
        }
    }
    Ok(())
}

/// Place, key and what is wrong in the message; what to do in the hint.
pub(crate) fn config_error(error: &ConfigError) -> Error {
    let place = match &error.origin {
        Provenance::File(place) => {
            format!("{}:{}:{}: ", place.file.display(), place.line, place.column)
        }
        Provenance::Env(name) => format!("environment variable {name}: "),
        Provenance::Default => String::new(),
    };
    let key = if error.key.is_empty() {
        String::new()
    } else {
        format!("`{}` ", error.key)
    };
    Error::new(ErrorCode::ConfigInvalid, format!("{place}{key}{}", error.what)).hint(error.hint.clone())
}

/// Arguments that cannot be parsed, and `--help` and `--version`, which are no errors.
pub(crate) fn usage(error: &clap::Error) -> ExitCode {
    let harmless = matches!(error.kind(), Wrong::DisplayHelp | Wrong::DisplayVersion);
    let json = std::env::args_os().any(|argument| argument == "--json");
    if !harmless && json {
        let text = error.to_string();
        let message = text
            .lines()
            .next()
            .unwrap_or_default()
            .trim_start_matches("error: ")
            .to_owned();
        let error = Error::new(ErrorCode::RequestInvalid, message).hint("see `loadlock --help`");
        let line = serde_json::json!({ "error": error });
        let _ = writeln!(std::io::stdout(), "{line}");
    } else {
        // A closed pipe is nobody's mistake.
        let _ = error.print();
    }
    if harmless {
        Status::Done.into()
    } else {
        Status::Wrong.into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wrong_usage_and_configuration_are_told_from_failures() {
        assert_eq!(status_of(ErrorCode::ConfigInvalid), Status::Wrong);
        assert_eq!(status_of(ErrorCode::ProviderUnknown), Status::Wrong);
        assert_eq!(status_of(ErrorCode::HomeInUse), Status::Failed);
        assert_eq!(status_of(ErrorCode::ProviderFailed), Status::Failed);
    }
}
