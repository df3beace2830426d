//! The calls of the interface, each with what it may use, and what is checked of its answer.

use std::sync::PoisonError;
use std::time::Duration;

use bytes::Bytes;
use loadlock_policy::model::{ContentInfo, Deletion, Failure, Operation, Profile, RemoteFile, RemotePage, RemoteRef};
use tokio::sync::mpsc;

use super::{CallSetup, FileDescription, ListQuery, LostUpload, Provider, UploadOptions};
use crate::call::CallReport;
use crate::error::CallError;
use crate::files::{AdmittedInput, FilesCtx};
use crate::limits::{CPU_PER_BYTE, Exhausted};
use crate::log::ContentPipe;

/// Chunks of content that wait for a slow client; 256 KiB each.
const CONTENT_DEPTH: usize = 4;

impl Provider {
    /// What the provider takes, checked. It has no network and no files.
    pub async fn profile(&self) -> CallReport<Result<Profile, Failure>> {
        let setup = CallSetup {
            files: FilesCtx::default(),
            content: None,
            operation: None,
            wall: Some(Duration::from_secs(10)),
            more_cpu: Duration::ZERO,
        };
        self.call(setup, |calls, store| calls.profile(store))
            .await
            .and_then(|answer| {
                if let Ok(profile) = &answer {
                    profile.check().map_err(|error| CallError::Answer(error.to_string()))?;
                }
                Ok(answer)
            })
    }

    /// Uploads an admitted file. `wall` shortens the time limit to what is left of the upload's deadline.
    pub async fn upload(
        &self,
        input: &AdmittedInput,
        file: &FileDescription,
        options: &UploadOptions,
        wall: Option<Duration>,
    ) -> CallReport<Result<RemoteFile, Failure>> {
        let granted = self.roots.read().unwrap_or_else(PoisonError::into_inner).clone();
        let relative = match input.check(&granted) {
            Ok(relative) => relative,
            Err(error) => return CallReport::refused(error.into()),
        };
        let path = format!("{}/{relative}", crate::files::FILES);
        let setup = CallSetup {
            files: FilesCtx {
                admitted: Some((input.clone(), relative)),
                ..FilesCtx::default()
            },
            wall,
            more_cpu: cpu_for(file.size),
            operation: Some((Operation::Upload, Some(options.mark.clone()))),
            ..CallSetup::of(Operation::Upload, None)
        };
        let (file, options) = (file.clone(), options.clone());
        let mut report = self
            .call(setup, move |calls, store| calls.upload(store, &file, path, &options))
            .await
            .and_then(checked_file)
            .judged();
        let (watch, handle, size) = (input.watch.clone(), input.file.clone(), input.identity.size);
        report.read = if watch.is_whole(size) {
            watch.finish(&handle, size).ok()
        } else {
            tokio::task::spawn_blocking(move || watch.finish(&handle, size))
                .await
                .ok()
                .and_then(Result::ok)
        };
        report
    }

    /// Finds a lost upload by the id that was chosen for it.
    pub async fn locate(&self, upload: &LostUpload) -> CallReport<Result<RemoteFile, Failure>> {
        let asked = upload.clone();
        let setup = CallSetup {
            operation: Some((Operation::Locate, Some(upload.mark.clone()))),
            ..CallSetup::of(Operation::Locate, None)
        };
        let mark = upload.mark.clone();
        self.call(setup, move |calls, store| calls.locate(store, &asked))
            .await
            .and_then(checked_file)
            .and_then(move |answer| match answer {
                Ok(file) if mark.is_empty() || !file.id.contains(&mark) => Err(CallError::Answer(format!(
                    "it located `{}`, whose id does not hold the mark of the upload",
                    file.id
                ))),
                answer => Ok(answer),
            })
            .judged()
    }

    /// Looks one remote file up.
    pub async fn stat(&self, remote: &RemoteRef) -> CallReport<Result<RemoteFile, Failure>> {
        let asked = remote.clone();
        self.call(CallSetup::of(Operation::Stat, Some(remote)), move |calls, store| {
            calls.stat(store, &asked)
        })
        .await
        .and_then(checked_file)
        .judged()
    }

    /// One page of the account's files.
    pub async fn list(&self, query: &ListQuery) -> CallReport<Result<RemotePage, Failure>> {
        let asked = query.clone();
        let limit = query.limit as usize;
        self.call(CallSetup::of(Operation::Listing, None), move |calls, store| {
            calls.list(store, &asked)
        })
        .await
        .and_then(|answer| match answer {
            Ok(page) if page.files.len() > limit => Err(CallError::Answer(format!(
                "the page has {} files; at most {limit} were asked for",
                page.files.len()
            ))),
            Ok(page) => {
                for file in &page.files {
                    file.check().map_err(|error| CallError::Answer(error.to_string()))?;
                }
                Ok(Ok(page))
            }
            Err(failure) => Ok(Err(failure)),
        })
        .judged()
    }

    /// Deletes one remote file.
    pub async fn delete(&self, remote: &RemoteRef) -> CallReport<Result<Deletion, Failure>> {
        let asked = remote.clone();
        self.call(CallSetup::of(Operation::Delete, Some(remote)), move |calls, store| {
            calls.delete(store, &asked)
        })
        .await
        .judged()
    }

    /// Streams the content into `sink`, in order. The report says whether the stream was whole; a sink whose receiver
    /// is dropped ends the call.
    pub async fn content(
        &self,
        remote: &RemoteRef,
        sink: mpsc::Sender<Bytes>,
    ) -> CallReport<Result<ContentInfo, Failure>> {
        let pipe = ContentPipe::new(sink, self.grants.limits.stdout_bytes);
        let asked = remote.clone();
        let setup = CallSetup {
            content: Some(pipe.clone()),
            ..CallSetup::of(Operation::Content, Some(remote))
        };
        let mut report = self.call(setup, move |calls, store| calls.content(store, &asked)).await;
        let (written, over) = pipe.written();
        if over {
            report.outcome = Err(CallError::Exhausted(Exhausted::Stdout));
        }
        let report = report.and_then(|answer| match answer {
            Ok(info) if info.bytes != written => Err(CallError::Answer(format!(
                "it says that it wrote {} bytes of content, but wrote {written}",
                info.bytes
            ))),
            answer => Ok(answer),
        });
        report.judged()
    }

    /// Depth of the channel to give [`Provider::content`].
    pub fn content_channel() -> (mpsc::Sender<Bytes>, mpsc::Receiver<Bytes>) {
        mpsc::channel(CONTENT_DEPTH)
    }

    /// Asks the vendor for something cheap.
    pub async fn probe(&self) -> CallReport<Result<String, Failure>> {
        self.call(CallSetup::of(Operation::Probe, None), |calls, store| calls.probe(store))
            .await
            .and_then(|answer| Ok(answer.map(one_line)))
            .judged()
    }
}

impl<T> CallReport<Result<T, Failure>> {
    /// A failure with what the host saw of the call's requests.
    fn judged(mut self) -> Self {
        let egress = &self.egress;
        self.outcome = self
            .outcome
            .map(|answer| answer.map_err(|failure| egress.judge(failure)));
        self
    }
}

fn checked_file(answer: Result<RemoteFile, Failure>) -> Result<Result<RemoteFile, Failure>, CallError> {
    if let Ok(file) = &answer {
        file.check().map_err(|error| CallError::Answer(error.to_string()))?;
    }
    Ok(answer)
}

fn cpu_for(bytes: u64) -> Duration {
    let nanos = u128::from(bytes) * CPU_PER_BYTE.as_nanos();
    Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
}

/// A line for a person: at most 200 characters, no control characters.
fn one_line(text: String) -> String {
    text.chars().filter(|c| !c.is_control()).take(200).collect()
}
