//! `loadlock upload`: files, directories and patterns; several files at a time, one result for each, in order.

use std::ffi::OsString;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use futures::{Stream, StreamExt};
use loadlock::config::Config;
use loadlock::{CancellationToken, Error, ErrorCode, File, Silent};
use tokio::sync::{Semaphore, mpsc};
use tokio::task::JoinHandle;

use super::args::{Globals, Upload};
use super::asked::Asked;
use super::context::{configuration, known_provider};
use super::failure::{Failure, Status};
use super::output::Output;
use super::turn::Wish;

mod bars;
mod interrupt;
mod items;
mod report;
mod request;

use bars::Bars;
use interrupt::watch_for_interrupt;
use items::{Item, Skipped, for_each_item, is_many};
use report::{Tally, show};
pub(crate) use request::{advised, target};
use request::{check, request};

/// Items that the walk may be ahead of the uploads.
const AHEAD: usize = 64;

/// Items whose uploads may be done before an earlier one is: results come in order, and one slow file must not hold up
/// the others.
const WINDOW: usize = 1_024;

pub(crate) async fn run(globals: &Globals, output: &Output, command: Upload) -> Result<Status, Failure> {
    check(&command)?;
    let config = configuration(globals)?;
    known_provider(&config, &command.choice.to)?;
    let alone = matches!(command.files.as_slice(), [one] if !is_many(one));
    let interrupted = watch_for_interrupt(output);
    let gateway = tokio::select! {
        gateway = Asked::take(config.clone(), Wish::Change, globals, output) => Some(gateway?),
        () = interrupted.cancelled() => None,
    };
    let (items, walk) = walked(command.files.clone());
    let batch = Arc::new(Batch {
        gateway,
        config,
        bars: output
            .watched()
            .then(|| Bars::new(output, (!alone).then_some(&command.files), &interrupted)),
        places: Semaphore::new(usize::from(command.jobs)),
        current_dir: std::env::current_dir().ok(),
        command,
        interrupted,
    });
    let mut results = std::pin::pin!(items.map(|item| batch.clone().one(item)).buffered(WINDOW));
    let mut tally = Tally::default();
    let mut unheard = None;
    while let Some((shown, result)) = results.next().await {
        tally.count(&result);
        // Nobody can be told any more, such as after the end of the terminal: what is under way ends in order first.
        if unheard.is_none()
            && let Err(error) = show(output, &result, &shown, alone)
        {
            batch.interrupted.cancel();
            unheard = Some(error);
        }
    }
    if let Some(bars) = &batch.bars {
        bars.finish();
    }
    if let Some(error) = unheard {
        return Err(error);
    }
    let failed = tally.failed > 0;
    if !alone {
        tally.summary(output, walk.await.unwrap_or_default())?;
    }
    Ok(match () {
        () if batch.interrupted.is_cancelled() => Status::Interrupted,
        () if failed => Status::Failed,
        () => Status::Done,
    })
}

/// What the uploads of one command share.
struct Batch {
    /// None if Ctrl-C came before the gateway was open.
    gateway: Option<Asked>,
    config: Config,
    command: Upload,
    current_dir: Option<PathBuf>,
    bars: Option<Bars>,
    /// Uploads that may be under way.
    places: Semaphore,
    interrupted: CancellationToken,
}

impl Batch {
    /// Uploads one item when a place is free.
    async fn one(self: Arc<Self>, item: Item) -> (String, Result<File, Error>) {
        let shown = item.shown();
        let path = match item {
            Item::Wrong(_, error) => return (shown, Err(error)),
            Item::Stdin => None,
            Item::File(path) => Some(path),
        };
        let _place = self.places.acquire().await;
        let (batch, name) = (self.clone(), shown.clone());
        // A task of its own, so that hashing uses every core.
        let work = tokio::spawn(async move { batch.upload(path, &name).await });
        let result = work
            .await
            .unwrap_or_else(|error| Err(Error::new(ErrorCode::Internal, error.to_string())));
        (shown, result)
    }

    async fn upload(&self, path: Option<PathBuf>, shown: &str) -> Result<File, Error> {
        let Some(gateway) = &self.gateway else {
            return Err(Error::new(ErrorCode::Cancelled, "cancelled before it was begun"));
        };
        let request = request(&self.command, path, self.current_dir.clone(), self.interrupted.clone());
        let result = match &self.bars {
            Some(bars) => {
                let bar = bars.begin(shown);
                let result = gateway.upload(request, &bar).await;
                bar.done(result.as_ref().ok());
                result
            }
            None => gateway.upload(request, &Silent).await,
        };
        result.map_err(|error| advised(&self.config, Path::new(shown), error))
    }
}

/// The items as a thread finds them, and what it skipped.
fn walked(arguments: Vec<OsString>) -> (impl Stream<Item = Item>, JoinHandle<Skipped>) {
    let (sender, receiver) = mpsc::channel(AHEAD);
    let walk = tokio::task::spawn_blocking(move || {
        let mut skipped = Skipped::default();
        let _ = for_each_item(&arguments, &mut skipped, &mut |item| {
            match sender.blocking_send(item) {
                Ok(()) => ControlFlow::Continue(()),
                // Nobody reads the results any more.
                Err(_) => ControlFlow::Break(()),
            }
        });
        skipped
    });
    let items = futures::stream::unfold(receiver, |mut receiver| async move {
        receiver.recv().await.map(|item| (item, receiver))
    });
    (items, walk)
}
