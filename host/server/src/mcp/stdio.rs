//! The tools on standard input and output, for the user of this machine.

use loadlock_gateway::{Error, ErrorCode, Gateway, Result};
use rmcp::service::serve_server_with_ct;
use rmcp::transport::stdio;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::identify::Identify;
use super::origin::Hosts;
use super::server::{Caller, McpServer};
use crate::app::App;

/// Serves one MCP client on standard input and output until it closes its end or `stop` is cancelled. Uploads under way
/// are cancelled then, and end in order.
///
/// # Errors
/// [`ErrorCode::RequestInvalid`] if the client does not begin as the protocol asks.
pub async fn serve_stdio(gateway: Gateway, identify: Identify, stop: CancellationToken) -> Result<()> {
    let calls = TaskTracker::new();
    let app = App::new(gateway, stop.child_token(), Hosts::default());
    let server = McpServer::new(app.clone(), Caller::Local(identify), calls.clone());
    let service = match serve_server_with_ct(server, stdio(), stop.clone()).await {
        Ok(service) => service,
        // Nobody there, or told to stop before anybody was.
        Err(
            rmcp::service::ServerInitializeError::ConnectionClosed(_) | rmcp::service::ServerInitializeError::Cancelled,
        ) => return Ok(()),
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
    Ok(())
}
