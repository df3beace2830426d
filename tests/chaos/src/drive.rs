//! Uploads the plan through the gateway, several at a time.

use std::collections::VecDeque;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use futures::StreamExt;
use loadlock::{Body, Event, File, Gateway, Principal, Source, Target, UploadRequest};
use loadlock_gateway::{ArrivalWriter, Clock, ErrorCode};
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::plan::{Aim, By, Planned};

/// Files wait this long, in deletes, before they go: other uploads can share them meanwhile.
const DELETE_LATER: usize = 8;

/// What became of an upload.
#[derive(Clone, Debug)]
pub(crate) struct Done {
    pub(crate) planned: Planned,
    /// Milliseconds of policy's clock.
    pub(crate) started: u64,
    pub(crate) ended: u64,
    /// The provider and the time of each attempt.
    pub(crate) attempts: Vec<(String, u64)>,
    pub(crate) end: Result<File, (ErrorCode, String)>,
}

/// What became of everything.
#[derive(Debug, Default)]
pub(crate) struct Driven {
    pub(crate) done: Vec<Done>,
    /// Ids of files that were deleted.
    pub(crate) deleted: Vec<String>,
    /// Deletes that were refused, which none should be.
    pub(crate) undeleted: Vec<String>,
}

/// What the tasks share.
struct Shared {
    gateway: Gateway,
    who: Principal,
    clock: Clock,
    plan: Vec<Planned>,
    next: AtomicUsize,
    begun: watch::Sender<usize>,
    doomed: Mutex<VecDeque<String>>,
    files: std::path::PathBuf,
}

/// Runs the plan with so many uploads under way at a time. `files` is a granted directory; `begun` counts.
pub(crate) async fn drive(
    gateway: &Gateway,
    who: &Principal,
    clock: &Clock,
    plan: Vec<Planned>,
    files: &Path,
    concurrency: usize,
    begun: watch::Sender<usize>,
) -> Result<Driven, String> {
    let shared = Arc::new(Shared {
        gateway: gateway.clone(),
        who: who.clone(),
        clock: clock.clone(),
        plan,
        next: AtomicUsize::new(0),
        begun,
        doomed: Mutex::default(),
        files: files.to_owned(),
    });
    let mut tasks = JoinSet::new();
    for _ in 0..concurrency {
        tasks.spawn(work(shared.clone()));
    }
    let mut driven = Driven::default();
    while let Some(one) = tasks.join_next().await {
        let one = one.map_err(|error| format!("an upload's task: {error}"))??;
        driven.done.extend(one.done);
        driven.deleted.extend(one.deleted);
        driven.undeleted.extend(one.undeleted);
    }
    while let Some(id) = shared.doomed(0) {
        shared.delete(id, &mut driven).await;
    }
    driven.done.sort_by_key(|done| done.planned.index);
    Ok(driven)
}

async fn work(shared: Arc<Shared>) -> Result<Driven, String> {
    let mut driven = Driven::default();
    loop {
        let index = shared.next.fetch_add(1, Ordering::Relaxed);
        let Some(planned) = shared.plan.get(index).copied() else {
            return Ok(driven);
        };
        shared.begun.send_modify(|begun| *begun += 1);
        let done = shared.upload(planned).await?;
        if let (Ok(file), true) = (&done.end, planned.delete) {
            shared
                .doomed
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .push_back(file.id.clone());
        }
        driven.done.push(done);
        if let Some(id) = shared.doomed(DELETE_LATER) {
            shared.delete(id, &mut driven).await;
        }
    }
}

impl Shared {
    async fn upload(&self, planned: Planned) -> Result<Done, String> {
        let name = format!("file-{}.{}", planned.index, planned.content.extension);
        let content = planned.content.generate();
        let path = self.files.join(&name);
        let mut writing = None;
        let source = match planned.by {
            By::Arriving => {
                let arrived = self.gateway.arrive(&self.who, name.clone(), None, content.len() as u64);
                let (arrival, writer) = arrived.map_err(|error| error.to_string())?;
                writing = Some((writer, body(&name, content)));
                Source::Arriving(arrival)
            }
            By::Body => Source::Body(body(&name, content)),
            By::Path => {
                std::fs::write(&path, content).map_err(|error| format!("{}: {error}", path.display()))?;
                Source::Path {
                    path: path.clone(),
                    current_dir: None,
                }
            }
        };
        let mut request = UploadRequest::from(source);
        request.target = match planned.aim {
            Aim::Auto => Target::Auto,
            Aim::Pinned(name) => Target::Pinned(name.to_owned()),
            Aim::Local => Target::Pinned("local".to_owned()),
        };
        let attempts = Mutex::new(Vec::new());
        let progress = |event: Event| {
            if let Event::Attempt { provider, .. } = event {
                attempts
                    .lock()
                    .unwrap_or_else(PoisonError::into_inner)
                    .push((provider, self.clock.now().get()));
            }
        };
        let started = self.clock.now().get();
        let coming = async {
            if let Some((writer, body)) = writing {
                come(writer, body).await;
            }
        };
        let (end, ()) = tokio::join!(self.gateway.upload(&self.who, request, &progress), coming);
        let ended = self.clock.now().get();
        if planned.by == By::Path {
            std::fs::remove_file(&path).map_err(|error| format!("{}: {error}", path.display()))?;
        }
        Ok(Done {
            planned,
            started,
            ended,
            attempts: attempts.into_inner().unwrap_or_else(PoisonError::into_inner),
            end: end.map_err(|error| (error.code, error.message)),
        })
    }

    /// The file that has waited longest, if more than `keep` wait.
    fn doomed(&self, keep: usize) -> Option<String> {
        let mut doomed = self.doomed.lock().unwrap_or_else(PoisonError::into_inner);
        if doomed.len() > keep { doomed.pop_front() } else { None }
    }

    async fn delete(&self, id: String, driven: &mut Driven) {
        match self.gateway.delete(&self.who, &id).await {
            Ok(()) => driven.deleted.push(id),
            Err(error) => driven.undeleted.push(format!("{id}: {error}")),
        }
    }
}

/// Bytes as a request body, in pieces.
/// Writes a body that is sent on meanwhile. If it cannot be written, its upload says why.
async fn come(mut writer: ArrivalWriter, mut body: Body) {
    while let Some(Ok(chunk)) = body.stream.next().await {
        if let Err(error) = writer.write(chunk).await {
            writer.fail(error);
            return;
        }
    }
    // As above.
    let _ = writer.finish().await;
}

pub(crate) fn body(name: &str, content: Vec<u8>) -> Body {
    let content = bytes::Bytes::from(content);
    let starts = (0..content.len()).step_by(64 << 10);
    let pieces: Vec<_> = starts
        .map(|at| Ok(content.slice(at..content.len().min(at + (64 << 10)))))
        .collect();
    Body {
        stream: futures::stream::iter(pieces).boxed(),
        name: name.to_owned(),
        media_type: None,
    }
}
