//! The tools on standard input and output, for the user of this machine.

use std::time::Duration;

use loadlock_gateway::{Error, ErrorCode, Gateway, Result};
use rmcp::service::serve_server_with_ct;
use tokio::io::BufReader;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::identify::Identify;
use super::lines::StdioLines;
use super::origin::Hosts;
use super::server::{Caller, McpServer};
use crate::app::App;

/// For the last answers to be read.
const LAST_ANSWERS: Duration = Duration::from_secs(10);

/// Serves one MCP client on standard input and output until it closes its end or `stop` is cancelled. Uploads under way
/// are cancelled then, and end in order.
///
/// # Errors
/// [`ErrorCode::RequestInvalid`] if the client does not begin as the protocol asks.
pub async fn serve_stdio(gateway: Gateway, identify: Identify, stop: CancellationToken) -> Result<()> {
    let calls = TaskTracker::new();
    let app = App::new(gateway, stop.child_token(), Hosts::default());
    let server = McpServer::new(app.clone(), Caller::Local(identify), calls.clone());
    let (lines, writing) = StdioLines::new(BufReader::new(tokio::io::stdin()), tokio::io::stdout());
    let service = match serve_server_with_ct(server, lines, stop.clone()).await {
        Ok(service) => service,
        // Nobody there, or told to stop before anybody was.
        Err(
            rmcp::service::ServerInitializeError::ConnectionClosed(_) | rmcp::service::ServerInitializeError::Cancelled,
        ) => {
            let _ = tokio::time::timeout(LAST_ANSWERS, writing).await;
            return Ok(());
        }
        Err(error) => {
            return Err(Error::new(
                ErrorCode::RequestInvalid,
                format!("the MCP client did not open a session: {error}"),
            ));
        }
    };
    let _ = service.waiting().await;
    app.stopping().cancel();
    app.uploads().stop().await;
    calls.close();
    calls.wait().await;
    let _ = tokio::time::timeout(LAST_ANSWERS, writing).await;
    Ok(())
}
