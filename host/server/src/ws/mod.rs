//! `/v1/ws`: live progress and calls over WebSocket.
//!
//! | module | one job |
//! |---|---|
//! | `refused` | a request that is no handshake |
//! | `credential` | where a client may put its token, which it never gets back |
//! | `methods` | what each method does |
//! | `interest` | which uploads a socket hears of |
//! | `queue`, `outbox` | what waits for a client that reads slowly, bounded |
//! | `liveness` | when to ping, when to give up |
//! | `close` | close codes |
//! | `sockets` | how many there are, and waiting for the last one |
//! | `socket` | one connection from upgrade to close |

mod close;
mod credential;
#[cfg(feature = "fuzzing")]
pub(crate) mod fuzzing;
mod interest;
mod liveness;
mod methods;
mod outbox;
mod queue;
mod refused;
mod socket;
mod sockets;

use axum::Router;
use axum::extract::ws::WebSocketUpgrade;
use axum::extract::{FromRequestParts, Request, State};
use axum::response::Response;
use axum::routing::any;
use loadlock_gateway::ErrorCode;
use zeroize::Zeroizing;

use crate::answer::Refusal;
use crate::app::App;
use crate::identity::present;
use crate::query;

pub(crate) use sockets::{Seat, Sockets};

/// The subprotocol that is spoken, and the only one that is ever answered.
const PROTOCOL: &str = "loadlock.v1";

/// Bytes of one message from a client. Calls are a few hundred; contents do not travel here.
const MESSAGE_BYTES: usize = 64 << 10;

/// Bytes that may wait inside the connection for a client that does not read; more than the largest answer.
const WRITE_BYTES: usize = 16 << 20;

/// The routes below its prefix.
pub(crate) fn routes(_: &App) -> Router<App> {
    Router::new().route("/", any(open))
}

/// Authenticates, and only then looks at what is asked.
async fn open(State(app): State<App>, request: Request) -> Result<Response, Refusal> {
    let (mut parts, _) = request.into_parts();
    let credential = credential::of(&parts.headers).map(Zeroizing::new);
    let who = present(&app, credential.as_deref().map(String::as_str))
        .await
        .map_err(|error| {
            // A query ends up in logs and histories: it is never looked at, and a client that tried gets told.
            if error.code == ErrorCode::Unauthenticated && credential.is_none() {
                error.hint(
                    "send the token as `Authorization: Bearer TOKEN`, or offer the subprotocols `loadlock.v1, \
                     loadlock.bearer.TOKEN`; never in the query",
                )
            } else {
                error
            }
        })?;
    query::only(&parts.uri, &[])?;
    let upgrade = match WebSocketUpgrade::from_request_parts(&mut parts, &app).await {
        Ok(upgrade) => upgrade,
        Err(rejection) => return Ok(refused::answer(&parts, &rejection)),
    };
    let upgrade = upgrade
        .protocols([PROTOCOL])
        .max_message_size(MESSAGE_BYTES)
        .max_frame_size(MESSAGE_BYTES)
        .max_write_buffer_size(WRITE_BYTES);
    // A client that offers subprotocols and is answered none has to hang up (RFC 6455 §4.1).
    if upgrade.requested_protocols().next().is_some() && upgrade.selected_protocol().is_none() {
        return Err(Refusal::invalid(format!(
            "the only supported subprotocol is `{PROTOCOL}`"
        )));
    }
    let seat = app.sockets().sit(who.tenant());
    Ok(upgrade.on_upgrade(move |socket| socket::run(socket, app, who, credential, seat)))
}
