//! From an item to what the gateway is asked, and from its answer to advice that fits the command line.

use std::path::{Path, PathBuf};

use futures::StreamExt;
use loadlock::config::{Config, Provenance};
use loadlock::{Body, CancellationToken, Error, ErrorCode, Source, Target, UploadRequest};
use loadlock_server::UploadOptions;
use tokio_util::io::ReaderStream;

use super::super::args::{Choice, Upload};
use super::super::failure::Failure;
use super::items::{STDIN, is_many};

/// Bytes read from standard input at a time.
const CHUNK: usize = 64 << 10;

/// What is asked for each file.
fn options(command: &Upload) -> UploadOptions {
    let options = UploadOptions {
        name: command.name.clone(),
        media_type: None,
        purpose: command.choice.purpose.clone(),
        provider: None,
        expires_in_s: command.expires_in.map(|duration| duration.as_secs()),
        idempotency_key: command.idempotency_key.clone(),
        ..UploadOptions::default()
    };
    options.to(command.choice.to.clone())
}

/// What clap cannot know.
pub(super) fn check(command: &Upload) -> Result<(), Failure> {
    let inputs = command.files.iter().filter(|file| *file == STDIN).count();
    if inputs > 1 {
        return Err(Failure::usage(
            "`-` is given twice, but there is one standard input",
            "give it once",
        ));
    }
    if inputs == 1 && command.name.is_none() {
        return Err(Failure::usage(
            "standard input has no name",
            "give it one: `loadlock upload - --name report.pdf`",
        ));
    }
    // Once, and not for each file.
    options(command).check().map_err(|bad| Failure::Gateway(bad.error))?;
    let several = command.files.len() > 1 || command.files.iter().any(|file| is_many(file));
    if several {
        let option = [
            (command.name.is_some(), "--name"),
            (command.idempotency_key.is_some(), "--idempotency-key"),
        ];
        if let Some((_, option)) = option.into_iter().find(|(given, _)| *given) {
            return Err(Failure::usage(
                format!("{option} is for one file, and there are several"),
                format!("upload the files one by one, or leave {option} out"),
            ));
        }
    }
    Ok(())
}

/// What the gateway is asked for one file; without a path it is standard input.
pub(super) fn request(
    command: &Upload,
    path: Option<PathBuf>,
    current_dir: Option<PathBuf>,
    cancel: CancellationToken,
) -> UploadRequest {
    let options = options(command);
    let source = if let Some(path) = path {
        Source::Path { path, current_dir }
    } else {
        Source::Body(Body {
            stream: ReaderStream::with_capacity(tokio::io::stdin(), CHUNK).boxed(),
            name: options.name.clone().unwrap_or_default(),
            media_type: None,
        })
    };
    UploadRequest {
        cancel,
        ..options.request(source)
    }
}

pub(crate) fn target(choice: &Choice) -> Target {
    UploadOptions::default().to(choice.to.clone()).target()
}

/// How the gateway's message about a path beneath no grant ends.
const NOT_GRANTED: &str = "no directory that is granted to this caller";

/// Says what to do where the command line knows better than the gateway.
pub(crate) fn advised(config: &Config, path: &Path, error: Error) -> Error {
    if matches!(error.code, ErrorCode::PathNotAllowed | ErrorCode::NotARegularFile) && path.is_dir() {
        return error.hint("this is a directory: name the files in it, such as `loadlock upload DIRECTORY/*`");
    }
    // Every other refusal of a path says by itself what to do.
    if error.code != ErrorCode::PathNotAllowed || !error.message.ends_with(NOT_GRANTED) {
        return error;
    }
    if config.grants.is_empty() {
        let why = if config.notes.is_empty() {
            "no directory is granted".to_owned()
        } else {
            config.notes.join(" ")
        };
        return error.hint(why);
    }
    if config.grants.iter().all(|grant| grant.origin == Provenance::Default) {
        return error.hint(
            "without `grants` in a configuration only the current directory is granted: change to the file's folder, \
             or send the bytes with `loadlock upload - --name NAME < FILE`",
        );
    }
    error
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
mod tests {
    use std::ops::ControlFlow;

    use clap::Parser;

    use super::super::super::args::{Cli, Command};
    use super::super::items::{Item, Skipped, for_each_item};
    use super::*;

    fn upload(arguments: &[&str]) -> Upload {
        let cli = Cli::try_parse_from(["loadlock", "upload"].iter().chain(arguments)).unwrap();
        match cli.command {
            Command::Upload(command) => command,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn standard_input_needs_a_name_and_comes_once() {
        assert!(check(&upload(&["-"])).is_err());
        assert!(check(&upload(&["-", "--name", "a.txt"])).is_ok());
        assert!(check(&upload(&["-", "-", "--name", "a.txt"])).is_err());
    }

    #[test]
    fn what_is_for_one_file_is_refused_for_several() {
        assert!(check(&upload(&["a", "b", "--name", "c"])).is_err());
        assert!(check(&upload(&["a", "b", "--idempotency-key", "c"])).is_err());
        assert!(check(&upload(&["*.txt", "--name", "c"])).is_err());
        assert!(check(&upload(&["/", "--idempotency-key", "c"])).is_err());
        assert!(check(&upload(&["a", "b", "--purpose", "c", "--expires-in", "30d"])).is_ok());
    }

    #[test]
    fn a_file_that_is_called_dash_can_be_named() {
        let command = upload(&["./-"]);
        assert!(check(&command).is_ok());
        let mut items = Vec::new();
        let _ = for_each_item(&command.files, &mut Skipped::default(), &mut |item| {
            items.push(item);
            ControlFlow::Continue(())
        });
        assert!(matches!(items.as_slice(), [Item::File(path)] if path == Path::new("./-")));
    }
}
