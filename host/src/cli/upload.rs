//! `loadlock upload`: several files at a time, one result for each, in the order given.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use futures::StreamExt;
use loadlock::config::{Config, Origin};
use loadlock::{
    Body, Error, ErrorCode, File, Gateway, Principal, Silent, Source, Target, UploadRequest,
};
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::io::ReaderStream;
use tokio_util::sync::CancellationToken;

use super::args::{AUTO, Choice, Globals, Upload};
use super::bars::Bar;
use super::context::{configuration, known_provider, open};
use super::failure::{Failure, Status};
use super::output::{DIM, Output, styled};
use super::receipt::show;
use super::text::counted;

/// Files under way at a time: enough to hide a vendor's latency, few enough not to trip its limits.
const AT_A_TIME: usize = 4;

/// The word for standard input.
const STDIN: &str = "-";

/// Bytes read from standard input at a time.
const CHUNK: usize = 64 << 10;

pub(crate) async fn run(
    globals: &Globals,
    output: &Output,
    command: Upload,
) -> Result<Status, Failure> {
    check(&command)?;
    let config = configuration(globals)?;
    known_provider(&config, &command.choice.to)?;
    let current_dir = std::env::current_dir().ok();
    let files = command.files.clone();
    let command = Arc::new(command);
    let interrupted = watch_for_interrupt(output);
    let opened = tokio::select! {
        session = open(config, output) => Some(session?),
        () = interrupted.cancelled() => None,
    };
    let Some(session) = opened.map(Arc::new) else {
        for file in &files {
            show(output, &Err(not_begun()), &file.to_string_lossy(), false)?;
        }
        return Ok(Status::Interrupted);
    };

    let uploads = files.iter().map(|file| {
        let (session, command, output, interrupted) = (
            session.clone(),
            command.clone(),
            output.clone(),
            interrupted.clone(),
        );
        let (file, current_dir) = (file.clone(), current_dir.clone());
        // Called only when a place is free; a task of its own, so that hashing uses every core.
        async move {
            let work = async move {
                let request = request(&command, &file, current_dir);
                one(
                    &session.gateway,
                    &session.who,
                    request,
                    &file.to_string_lossy(),
                    &output,
                    &interrupted,
                )
                .await
            };
            tokio::spawn(work)
                .await
                .unwrap_or_else(|error| Err(Error::new(ErrorCode::Internal, error.to_string())))
        }
    });
    let mut results = futures::stream::iter(uploads)
        .buffered(AT_A_TIME)
        .zip(futures::stream::iter(&files));
    let mut tally = Tally::default();
    while let Some((result, file)) = results.next().await {
        let result =
            result.map_err(|error| advised(session.gateway.config(), Path::new(file), error));
        tally.count(&result);
        show(output, &result, &file.to_string_lossy(), files.len() == 1)?;
    }
    if files.len() > 1 {
        output.note(tally.summary());
    }
    Ok(match () {
        () if interrupted.is_cancelled() => Status::Interrupted,
        () if tally.failed > 0 => Status::Failed,
        () => Status::Done,
    })
}

/// What clap cannot know.
fn check(command: &Upload) -> Result<(), Failure> {
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
    if command.files.len() > 1 {
        let option = [
            (command.name.is_some(), "--name"),
            (command.idempotency_key.is_some(), "--idempotency-key"),
        ];
        if let Some((_, option)) = option.into_iter().find(|(given, _)| *given) {
            return Err(Failure::usage(
                format!(
                    "{option} is for one file, and there are {}",
                    command.files.len()
                ),
                format!("upload the files one by one, or leave {option} out"),
            ));
        }
    }
    Ok(())
}

/// What the gateway is asked for one file.
fn request(command: &Upload, file: &OsStr, current_dir: Option<PathBuf>) -> UploadRequest {
    let (source, name) = if file == STDIN {
        let name = command.name.clone().unwrap_or_default();
        let stream = ReaderStream::with_capacity(tokio::io::stdin(), CHUNK).boxed();
        (
            Source::Body(Body {
                stream,
                name,
                media_type: None,
            }),
            None,
        )
    } else {
        (
            Source::Path {
                path: file.into(),
                current_dir,
            },
            command.name.clone(),
        )
    };
    UploadRequest {
        target: target(&command.choice),
        purpose: command.choice.purpose.clone(),
        name,
        idempotency_key: command.idempotency_key.clone(),
        expires_in_s: command.expires_in.map(|duration| duration.as_secs()),
        ..UploadRequest::from(source)
    }
}

pub(crate) fn target(choice: &Choice) -> Target {
    if choice.to == AUTO {
        Target::Auto
    } else {
        Target::Pinned(choice.to.clone())
    }
}

async fn one(
    gateway: &Gateway,
    who: &Principal,
    request: UploadRequest,
    shown: &str,
    output: &Output,
    interrupted: &CancellationToken,
) -> Result<File, Error> {
    if interrupted.is_cancelled() {
        return Err(not_begun());
    }
    let upload = async {
        if output.watched() {
            gateway.upload(who, request, &Bar::new(output, shown)).await
        } else {
            gateway.upload(who, request, &Silent).await
        }
    };
    tokio::select! {
        result = upload => result,
        () = interrupted.cancelled() => Err(Error::new(ErrorCode::Cancelled, "interrupted while it was under way")),
    }
}

fn not_begun() -> Error {
    Error::new(ErrorCode::Cancelled, "interrupted before it was begun")
}

/// Cancelled by the first Ctrl-C or SIGTERM; the second ends the program at once.
fn watch_for_interrupt(output: &Output) -> CancellationToken {
    let token = CancellationToken::new();
    // Registered here and not in the task: a signal that comes before the task runs is not lost.
    let (Ok(mut interrupt), Ok(mut terminate)) = (
        signal(SignalKind::interrupt()),
        signal(SignalKind::terminate()),
    ) else {
        output.note("signals cannot be caught: Ctrl-C ends the program at once");
        return token;
    };
    let (cancel, output) = (token.clone(), output.clone());
    tokio::spawn(async move {
        let mut either = async || {
            tokio::select! {
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
            }
        };
        either().await;
        output.note(styled(DIM, "stopping; once more to stop at once"));
        cancel.cancel();
        either().await;
        std::process::exit(130);
    });
    token
}

/// How the gateway's message about a path beneath no grant ends.
const NOT_GRANTED: &str = "no directory that is granted to this caller";

/// Says what to do where the command line knows better than the gateway.
pub(crate) fn advised(config: &Config, path: &Path, error: Error) -> Error {
    if matches!(
        error.code,
        ErrorCode::PathNotAllowed | ErrorCode::NotARegularFile
    ) && path.is_dir()
    {
        return error.hint(
            "this is a directory: name the files in it, such as `loadlock upload DIRECTORY/*`",
        );
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
    if config
        .grants
        .iter()
        .all(|grant| grant.origin == Origin::Default)
    {
        return error.hint(
            "without `grants` in a configuration only the current directory is granted: change to the file's folder, or send the bytes with `loadlock upload - --name NAME < FILE`",
        );
    }
    error
}

#[derive(Debug, Default)]
struct Tally {
    stored: usize,
    deduplicated: usize,
    failed: usize,
}

impl Tally {
    fn count(&mut self, result: &Result<File, Error>) {
        match result {
            Ok(file) if file.deduplicated => self.deduplicated += 1,
            Ok(_) => self.stored += 1,
            Err(_) => self.failed += 1,
        }
    }

    fn summary(&self) -> String {
        let all = self.stored + self.deduplicated + self.failed;
        format!(
            "{}: {} stored, {} already there, {} failed",
            counted(all, "file"),
            self.stored,
            self.deduplicated,
            self.failed
        )
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
mod tests {
    use clap::Parser;

    use super::super::args::{Cli, Command};
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
        assert!(
            check(&upload(&[
                "a",
                "b",
                "--purpose",
                "c",
                "--expires-in",
                "30d"
            ]))
            .is_ok()
        );
    }

    #[test]
    fn a_file_that_is_called_dash_can_be_named() {
        let command = upload(&["./-"]);
        assert!(check(&command).is_ok());
        assert!(matches!(
            request(&command, &command.files[0], None).source,
            Source::Path { .. }
        ));
    }
}
