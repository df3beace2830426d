//! The doors of an open gateway for other commands on the same home, without a network: whoever holds the home answers
//! those who only look, so that nobody has to wait for it to be free.

use std::sync::Arc;
use std::time::Duration;

use hyper_util::server::graceful::GracefulShutdown;
use loadlock_gateway::Gateway;
use loadlock_policy::forwarding::TrustedProxies;
use loadlock_policy::web_origins::WebOrigins;
use tokio::net::UnixStream;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::local::LocalListener;
use super::{Acceptance, Came};
use crate::app::App;
use crate::mcp::Hosts;
use crate::router::router;

/// How long it waits after a connection that could not be accepted: out of descriptors, and those that end free some.
const OUT_OF_DESCRIPTORS: Duration = Duration::from_millis(50);

/// Long enough for the system to say who has connected already.
const LAST_CALL: Duration = Duration::from_millis(3);

/// A local socket that is served while this value lives; [`Beside::stop`] ends it in order.
#[must_use = "dropping it cuts off whoever is being answered"]
pub struct Beside {
    stop: CancellationToken,
    serving: JoinHandle<()>,
}

impl Beside {
    /// Serves at the socket of this name in the gateway's home. Within a tokio runtime.
    ///
    /// # Errors
    /// The system's reason, such as a path of more than 107 bytes.
    pub fn start(gateway: Gateway, name: &str, patience: Duration) -> std::io::Result<Self> {
        let listener = LocalListener::bind(gateway.home(), name)?;
        let stop = CancellationToken::new();
        let serving = tokio::spawn(serve(gateway, listener, stop.clone(), patience));
        Ok(Self { stop, serving })
    }

    /// Takes the socket away, lets those who had come by then be answered for as long as was said at the start, and
    /// cuts off the rest.
    pub async fn stop(self) {
        self.stop.cancel();
        let _ = self.serving.await;
    }
}

async fn serve(gateway: Gateway, listener: LocalListener, stop: CancellationToken, patience: Duration) {
    let stopping = CancellationToken::new();
    let app = App::new(gateway, stopping.clone(), Hosts::new(&[]));
    let acceptance = Arc::new(Acceptance::new(
        router(app.clone(), TrustedProxies::default(), WebOrigins::default()),
        None,
        TrustedProxies::default(),
    ));
    let graceful = GracefulShutdown::new();
    let take = |stream: UnixStream| {
        let (acceptance, watcher) = (acceptance.clone(), graceful.watcher());
        tokio::spawn(async move { acceptance.serve(Came::Local(stream), watcher).await });
    };
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = stop.cancelled() => break,
        };
        match accepted {
            Ok(stream) => take(stream),
            Err(_) => tokio::time::sleep(OUT_OF_DESCRIPTORS).await,
        }
    }
    // From here on nobody finds it; whoever found it before is still answered.
    listener.hide();
    while let Ok(Ok(stream)) = tokio::time::timeout(LAST_CALL, listener.accept()).await {
        take(stream);
    }
    drop(listener);
    let _ = tokio::time::timeout(patience, graceful.shutdown()).await;
    stopping.cancel();
    app.uploads().stop().await;
}
