//! The file of a form, sent on while it arrives where that can be: its size follows from the request's length, and
//! everything else that is asked for stands before it. The form's end says whether all of that was so.

use futures::StreamExt;
use http::HeaderMap;
use loadlock_gateway::{Allotment, ArrivalWriter, Body, Error, File, Principal, Result, Source, Staged, ended_early};
use tokio_util::sync::DropGuard;

use super::form::FilePart;
use super::options::{of_form, respond_async};
use crate::app::App;
use crate::upload_options::UploadOptions;
use crate::uploads::{Started, ended};

/// What became of a form's file when its bytes had come.
pub(super) enum TakenFile {
    /// It is in the spool, and nothing else.
    Whole(Staged),
    /// An upload has sent all of it but its last byte.
    Sending(Box<SendingForm>),
}

/// What taking a form's file needs.
pub(super) struct TakingFile {
    pub(super) app: App,
    pub(super) who: Principal,
    pub(super) headers: HeaderMap,
    /// Room that is held for it.
    pub(super) allotment: Option<Allotment>,
}

/// An upload under way that waits for the form's end. Dropped, it is cancelled, and nothing is stored.
pub(super) struct SendingForm {
    writer: ArrivalWriter,
    started: Started,
    cancels: DropGuard,
    /// As the fields before the file say.
    options: UploadOptions,
}

impl TakingFile {
    pub(super) async fn take(self, part: FilePart) -> Result<TakenFile> {
        match self.sendable(&part) {
            Some((options, bytes)) => self.send(part.body, options, bytes).await,
            None => {
                let staged = self.app.gateway().stage(&self.who, part.body).await?;
                Ok(TakenFile::Whole(match self.allotment {
                    Some(allotment) => staged.allotted(allotment),
                    None => staged,
                }))
            }
        }
    }

    /// What it is to be sent with, and its size, if both are known by now. A form without a field before its file may
    /// have any behind it.
    fn sendable(&self, part: &FilePart) -> Option<(UploadOptions, u64)> {
        let gateway = self.app.gateway();
        let bytes = part
            .bytes_if_last
            .filter(|bytes| *bytes >= gateway.cut_through_from())?;
        if part.fields.is_empty() || respond_async(&self.headers) {
            return None;
        }
        let options = of_form(&self.headers, part.fields.clone()).ok()?;
        let known = gateway.require_provider(&options.target()).is_ok() && options.idempotency_key.is_none();
        known.then_some((options, bytes))
    }

    async fn send(self, body: Body, options: UploadOptions, bytes: u64) -> Result<TakenFile> {
        let gateway = self.app.gateway();
        let (mut arrival, mut writer) = gateway.arrive(&self.who, body.name, body.media_type, bytes)?;
        if let Some(allotment) = self.allotment {
            arrival = arrival.allotted(allotment);
        }
        let request = options.request(Source::Arriving(arrival));
        let mut started = self.app.uploads().start(self.who, request)?;
        let cancels = started.cancel.clone().drop_guard();
        let mut stream = body.stream;
        loop {
            tokio::select! {
                biased;
                // Refused by a vendor, or for want of one: what still comes is in vain.
                early = &mut started.end => return Err(early_end(early)),
                chunk = stream.next() => match chunk {
                    None => break,
                    Some(Ok(chunk)) => {
                        if let Err(error) = writer.write(chunk).await {
                            writer.fail(error.clone());
                            return Err(error);
                        }
                    }
                    Some(Err(error)) => {
                        let error = ended_early(error);
                        writer.fail(error.clone());
                        return Err(error);
                    }
                },
            }
        }
        Ok(TakenFile::Sending(Box::new(SendingForm {
            writer,
            started,
            cancels,
            options,
        })))
    }
}

impl SendingForm {
    /// The form was read to its end, and says this: the last byte leaves, or the body is to be uploaded otherwise.
    pub(super) async fn end(self, app: &App, options: &UploadOptions) -> Result<std::result::Result<File, Staged>> {
        let Self {
            writer,
            started,
            cancels,
            options: begun,
        } = self;
        if *options == begun {
            writer.finish().await?;
            return ended(started.end).await.map(Ok);
        }
        // First: what waits for the whole body must not begin with what the form has contradicted.
        drop(cancels);
        let staged = app.gateway().take_back(writer).await?;
        // What was begun holds room, and a place for an equal upload.
        let _ = ended(started.end).await;
        Ok(Err(staged))
    }
}

/// An upload that ended before its body did.
fn early_end(end: std::result::Result<Result<File>, tokio::task::JoinError>) -> Error {
    match end {
        Ok(Err(error)) => error,
        Ok(Ok(_)) => Error::new(
            loadlock_gateway::ErrorCode::Internal,
            "an upload was stored before its body was whole",
        ),
        Err(error) => Error::new(
            loadlock_gateway::ErrorCode::Internal,
            format!("the upload's task ended: {error}"),
        ),
    }
}
