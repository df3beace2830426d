//! `loadlock files`: list, show, delete, read.

use std::io::{IsTerminal, Write};
use std::path::{Path, PathBuf};

use loadlock::{Content, CopyStatus, Error, ErrorCode, File, ListRequest};
use loadlock_policy::model::ContentInfo;
use serde_json::json;
use tokio::signal::unix::{SignalKind, signal};

use super::args::{Files, FilesLs, Globals};
use super::asked::Asked;
use super::context::configuration;
use super::failure::{Failure, Status};
use super::hangup::Hangup;
use super::output::{About, BOLD, DIM, GOOD, Output, styled};
use super::receipt::receipt;
use super::table::Table;
use super::text::{counted, local_time, safe, size};
use super::turn::Wish;

/// Files asked for at a time by `--all`.
const PAGE: u32 = 1_000;

pub(crate) async fn run(globals: &Globals, output: &Output, command: Files) -> Result<Status, Failure> {
    if let Files::Content { output: None, .. } = command
        && output.json
    {
        return Err(Failure::usage(
            "--json and the content cannot share standard output",
            "name a file with `-o FILE`",
        ));
    }
    let wish = match command {
        Files::Rm { .. } | Files::Copy { .. } => Wish::Change,
        _ => Wish::Read,
    };
    let gateway = Asked::take(configuration(globals)?, wish, globals, output).await?;
    match command {
        Files::Ls(command) => list(&gateway, output, command).await,
        Files::Show { id } => show(&gateway, output, &id).await,
        Files::Copy { id, to, purpose } => copy_to(&gateway, output, &id, to, purpose).await,
        Files::Rm { ids, from } => remove(&gateway, output, &ids, from.as_deref()).await,
        Files::Content { id, output: to } => content(&gateway, output, &id, to.as_deref()).await,
    }
}

async fn list(gateway: &Asked, output: &Output, command: FilesLs) -> Result<Status, Failure> {
    let limit = if command.all { PAGE } else { command.limit };
    let mut request = ListRequest {
        cursor: command.cursor,
        limit,
        purpose: command.purpose,
        ascending: false,
    };
    let mut table = Table::new(&[
        "ID",
        "NAME",
        "SIZE",
        "TYPE",
        "PURPOSE",
        "PROVIDER",
        "CREATED",
        "REMOTE ID",
    ])
    .whole(&["SIZE", "CREATED"])
    .spare(&["REMOTE ID", "TYPE", "PURPOSE", "PROVIDER"]);
    let mut listed = 0;
    let next = loop {
        let page = gateway.list(request.clone()).await?;
        listed += page.files.len();
        for file in &page.files {
            if output.json {
                output.object(file)?;
            } else if output.quiet {
                output.line(&file.id)?;
            } else {
                let (bytes, created) = match output.terminal {
                    true => (size(file.bytes), local_time(&file.created_at)),
                    false => (file.bytes.to_string(), file.created_at.clone()),
                };
                table.row([
                    &file.id,
                    &file.filename,
                    &bytes,
                    &file.media_type,
                    &file.purpose,
                    &providers(file),
                    &created,
                    &file.remote_id,
                ]);
            }
        }
        match page.next {
            Some(next) if command.all => request.cursor = Some(next),
            next => break next,
        }
    };
    if output.json {
        if let Some(next) = next {
            output.object(&json!({ "next": next }))?;
        }
    } else if !output.quiet {
        if listed == 0 {
            output.note(styled(DIM, "no files"));
        } else {
            table.print(output)?;
        }
        if let Some(next) = next {
            output.note(styled(DIM, format_args!("more with `--all`, or `--cursor {next}`")));
        }
    }
    Ok(Status::Done)
}

/// Every provider that has it, the one that it is shown as first.
fn providers(file: &File) -> String {
    let mut names = vec![file.provider.as_str()];
    for copy in &file.copies {
        if copy.status != CopyStatus::Expired && !names.contains(&copy.provider.as_str()) {
            names.push(&copy.provider);
        }
    }
    names.join(",")
}

async fn copy_to(
    gateway: &Asked,
    output: &Output,
    id: &str,
    to: String,
    purpose: Option<String>,
) -> Result<Status, Failure> {
    let made = gateway.copy(id, to, purpose).await?;
    let file = &made.file;
    if output.json {
        output.object(file)?;
    } else if output.quiet {
        output.line(safe(&file.remote_id))?;
    } else {
        let what = match made.is_new {
            true => "copied",
            false => "already there",
        };
        output.line(format_args!("{} {}", styled(GOOD, what), safe(&file.filename)))?;
        receipt(output, file)?;
    }
    Ok(Status::Done)
}

async fn show(gateway: &Asked, output: &Output, id: &str) -> Result<Status, Failure> {
    let file = gateway.file(id).await?;
    if output.json {
        output.object(&file)?;
    } else if output.quiet {
        output.line(&file.id)?;
    } else {
        output.line(styled(BOLD, safe(&file.filename)))?;
        receipt(output, &file)?;
    }
    Ok(Status::Done)
}

async fn remove(gateway: &Asked, output: &Output, ids: &[String], from: Option<&str>) -> Result<Status, Failure> {
    let mut status = Status::Done;
    for id in ids {
        let deleted = match from {
            None => gateway.delete(id).await,
            Some(provider) => gateway.delete_copy(id, provider).await,
        };
        match deleted {
            Ok(()) if output.json && from.is_some() => {
                output.object(&json!({ "id": id, "provider": from, "deleted": true }))?;
            }
            Ok(()) if output.json => output.object(&json!({ "id": id, "deleted": true }))?,
            Ok(()) if output.quiet => output.line(safe(id))?,
            Ok(()) => output.line(format_args!("{} {}", styled(GOOD, "deleted"), safe(id)))?,
            Err(error) => {
                status = Status::Failed;
                output.error(&error, Some(About::Id(id)))?;
            }
        }
    }
    Ok(status)
}

async fn content(gateway: &Asked, output: &Output, id: &str, to: Option<&Path>) -> Result<Status, Failure> {
    let content = gateway.content(id).await?;
    let name = content.file.filename.clone();
    let Some(to) = to.filter(|to| *to != Path::new("-")) else {
        let mut sink = Stdout {
            terminal: std::io::stdout().is_terminal(),
            first: true,
        };
        copy(content, &mut sink).await?;
        return Ok(Status::Done);
    };
    let cannot = |error: std::io::Error| {
        Failure::from(
            Error::new(
                ErrorCode::RequestInvalid,
                format!("cannot write {}: {error}", to.display()),
            )
            .hint("name a file in a folder that you may write to"),
        )
    };
    let mut target = TargetFile::create(to).map_err(cannot)?;
    let info = copy(content, &mut target).await?;
    target.keep().map_err(cannot)?;
    let kind = serde_json::to_value(info.kind).unwrap_or_default();
    if output.json {
        let path = to.display().to_string();
        output.object(
            &json!({ "id": id, "path": path, "bytes": info.bytes, "media_type": info.media_type, "kind": kind }),
        )?;
    } else {
        let what = if kind == "extracted" {
            "text that the vendor extracted from "
        } else {
            ""
        };
        let (to, size) = (to.display().to_string(), counted(info.bytes, "byte"));
        output.note(format_args!("{} ({size}): {what}{}", safe(&to), safe(&name)));
    }
    Ok(Status::Done)
}

/// Writes the chunks; the content is good only when the gateway says so at the end.
async fn copy(mut content: Content, sink: &mut impl Sink) -> Result<ContentInfo, Failure> {
    let internal = |error: std::io::Error| Error::new(ErrorCode::Internal, error.to_string());
    let mut interrupt = signal(SignalKind::interrupt()).map_err(internal)?;
    let mut terminate = signal(SignalKind::terminate()).map_err(internal)?;
    let mut hangup = Hangup::listen().map_err(internal)?;
    loop {
        // Dropping the sink takes away what is not whole.
        let chunk = tokio::select! {
            chunk = content.chunks.recv() => chunk,
            _ = interrupt.recv() => return Err(interrupted()),
            _ = terminate.recv() => return Err(interrupted()),
            () = hangup.recv() => return Err(interrupted()),
        };
        match chunk {
            Some(chunk) => sink.take(&chunk)?,
            None => break,
        }
    }
    let info = content
        .end
        .await
        .map_err(|error| Error::new(ErrorCode::Internal, error.to_string()))??;
    sink.finish()?;
    Ok(info)
}

fn interrupted() -> Failure {
    Error::new(ErrorCode::Cancelled, "interrupted").into()
}

/// Where content goes.
trait Sink {
    fn take(&mut self, chunk: &[u8]) -> Result<(), Failure>;
    fn finish(&mut self) -> Result<(), Failure>;
}

struct Stdout {
    terminal: bool,
    first: bool,
}

impl Sink for Stdout {
    fn take(&mut self, chunk: &[u8]) -> Result<(), Failure> {
        if self.terminal && self.first && chunk.contains(&0) {
            return Err(Failure::usage(
                "this is not text, and standard output is a terminal",
                "name a file with `-o FILE`, or use a pipe",
            ));
        }
        self.first = false;
        Ok(std::io::stdout().lock().write_all(chunk)?)
    }

    fn finish(&mut self) -> Result<(), Failure> {
        Ok(std::io::stdout().lock().flush()?)
    }
}

/// A file that appears whole or not at all. What is there and no regular file of that name (a link, `/dev/stdout`, a
/// FIFO) is written to as it is, as a shell does.
struct TargetFile {
    file: std::fs::File,
    /// Temporary name and final name; `None` if written in place.
    rename: Option<(PathBuf, PathBuf)>,
}

impl TargetFile {
    fn create(to: &Path) -> std::io::Result<Self> {
        use std::os::unix::fs::OpenOptionsExt;
        if std::fs::symlink_metadata(to).is_ok_and(|found| !found.is_file()) {
            // Only a link that leads nowhere makes a file.
            let is_new = std::fs::metadata(to).is_err();
            let mut options = std::fs::OpenOptions::new();
            options.write(true).truncate(true).create(is_new).mode(0o600);
            return Ok(Self {
                file: options.open(to)?,
                rename: None,
            });
        }
        let name = to
            .file_name()
            .ok_or_else(|| std::io::Error::other("it is not a file name"))?;
        let mut temporary = std::ffi::OsString::from(".");
        temporary.push(name);
        temporary.push(format!(".{:08x}", rand::random::<u32>()));
        let temporary = to.with_file_name(temporary);
        // Somebody's content is its owner's alone, unless who may read the file was decided before.
        let file = std::fs::OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&temporary)?;
        let before = std::fs::metadata(to).map(|found| found.permissions());
        let target = Self {
            file,
            rename: Some((temporary, to.to_owned())),
        };
        if let Ok(permissions) = before {
            target.file.set_permissions(permissions)?;
        }
        Ok(target)
    }

    fn keep(mut self) -> std::io::Result<()> {
        match self.rename.take() {
            Some((temporary, to)) => std::fs::rename(temporary, to),
            None => Ok(()),
        }
    }
}

impl Sink for TargetFile {
    fn take(&mut self, chunk: &[u8]) -> Result<(), Failure> {
        self.file.write_all(chunk).map_err(|error| {
            Failure::from(
                Error::new(ErrorCode::RequestInvalid, format!("cannot write: {error}"))
                    .hint("free space, or write elsewhere"),
            )
        })
    }

    fn finish(&mut self) -> Result<(), Failure> {
        Ok(())
    }
}

impl Drop for TargetFile {
    fn drop(&mut self) {
        if let Some((temporary, _)) = self.rename.take() {
            let _ = std::fs::remove_file(temporary);
        }
    }
}
