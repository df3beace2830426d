//! `loadlock mcp`: the MCP tools on standard input and output, for the user of this machine.

use std::sync::Arc;

use futures::FutureExt;
use loadlock_server::serve_stdio;
use tokio_util::sync::CancellationToken;

use super::args::Globals;
use super::context::{self, configuration};
use super::failure::{Failure, Status};
use super::output::Output;
use super::serve::stop_on_signal;

/// Serves until the client closes standard input or a signal comes. Nothing but the protocol goes to standard output.
pub(crate) async fn run(globals: &Globals, output: &Output) -> Result<Status, Failure> {
    let session = context::open(configuration(globals)?, output).await?;
    let stop = CancellationToken::new();
    stop_on_signal(stop.clone())?;
    let gateway = session.gateway.clone();
    let identify = Arc::new(move || {
        let gateway = gateway.clone();
        async move { context::authenticate(&gateway).await }.boxed()
    });
    serve_stdio(session.gateway, identify, stop).await?;
    Ok(Status::Done)
}
