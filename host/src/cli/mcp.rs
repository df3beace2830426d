//! `loadlock mcp`: the MCP tools on standard input and output, for the user of this machine.
//!
//! Where a gateway serves on the same home its tools are used, through `bridge`. Else this process opens one, and
//! serves other commands as `loadlock serve` does for as long as its client stays.

use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt;
use loadlock_server::{Beside, SOCKET, serve_stdio};
use tokio_util::sync::CancellationToken;

use super::args::Globals;
use super::bridge::Bridge;
use super::context::{self, configuration};
use super::failure::{Failure, Status};
use super::hangup::Hangup;
use super::output::Output;
use super::serve::stop_on_signal;
use super::turn::{Whom, Wish, take};

/// How long commands that were being answered may go on once the client has gone.
const LAST_ANSWERS: Duration = Duration::from_secs(10);

/// Serves until the client closes standard input or a signal comes. Nothing but the protocol goes to standard output.
pub(crate) async fn run(globals: &Globals, output: &Output) -> Result<Status, Failure> {
    let config = configuration(globals)?;
    let session = match take(&config, Wish::Change, globals, output).await? {
        Whom::Running(running) => {
            let stop = any_signal()?;
            Bridge::new(config, globals, output, running).run(stop).await?;
            return Ok(Status::Done);
        }
        Whom::Own(session) => session,
    };
    let stop = any_signal()?;
    let beside = serve_commands(&session.gateway);
    let gateway = session.gateway.clone();
    let identify = Arc::new(move || {
        let gateway = gateway.clone();
        async move { context::authenticate(&gateway).await }.boxed()
    });
    let served = serve_stdio(session.gateway, identify, stop).await;
    if let Some(beside) = beside {
        beside.stop().await;
    }
    served?;
    Ok(Status::Done)
}

/// Serves every command on the same home, by the gateway of this process.
pub(super) fn serve_commands(gateway: &loadlock::Gateway) -> Option<Beside> {
    Beside::start(gateway.clone(), SOCKET, LAST_ANSWERS)
        .inspect_err(|error| tracing::warn!(%error, "no local socket: other commands cannot ask this gateway"))
        .ok()
}

/// Any signal that ends it does so at once.
fn any_signal() -> Result<CancellationToken, Failure> {
    let stop = stop_on_signal()?;
    let mut hangup = Hangup::listen()?;
    let both = CancellationToken::new();
    let cancel = both.clone();
    tokio::spawn(async move {
        tokio::select! {
            () = stop.now.cancelled() => {}
            () = stop.leave.cancelled() => {}
            () = hangup.recv() => {}
        }
        cancel.cancel();
    });
    Ok(both)
}
