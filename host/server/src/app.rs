//! What every front door shares.

use std::sync::Arc;

use loadlock_gateway::Gateway;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

use crate::mcp::Hosts;
use crate::openai::Places;
use crate::page::PageSessions;
use crate::uploads::Uploads;
use crate::ws::Sockets;

/// Orders that are uploaded at once; the others wait on the disk.
const ORDERS: usize = 16;

/// The state of all handlers. Cheap to clone.
#[derive(Clone)]
pub(crate) struct App(Arc<Shared>);

struct Shared {
    gateway: Gateway,
    uploads: Uploads,
    sockets: Sockets,
    hosts: Hosts,
    places: Places,
    page_sessions: PageSessions,
    orders: Semaphore,
    leaving: CancellationToken,
    stopping: CancellationToken,
}

impl App {
    pub(crate) fn new(gateway: Gateway, stopping: CancellationToken, hosts: Hosts) -> Self {
        Self(Arc::new(Shared {
            uploads: Uploads::new(gateway.clone(), stopping.clone()),
            sockets: Sockets::default(),
            hosts,
            places: Places::default(),
            page_sessions: PageSessions::default(),
            orders: Semaphore::new(ORDERS),
            gateway,
            leaving: CancellationToken::new(),
            stopping,
        }))
    }

    /// The gateway behind all doors.
    pub(crate) fn gateway(&self) -> &Gateway {
        &self.0.gateway
    }

    /// Uploads under way. Every door uploads through it.
    pub(crate) fn uploads(&self) -> &Uploads {
        &self.0.uploads
    }

    /// Names that it answers to.
    pub(crate) fn hosts(&self) -> &Hosts {
        &self.0.hosts
    }

    /// WebSocket connections.
    pub(crate) fn sockets(&self) -> &Sockets {
        &self.0.sockets
    }

    /// Where pages of files ended.
    pub(crate) fn places(&self) -> &Places {
        &self.0.places
    }

    /// Who got into the page.
    pub(crate) fn page_sessions(&self) -> &PageSessions {
        &self.0.page_sessions
    }

    /// Room for orders that are carried out.
    pub(crate) fn orders(&self) -> &Semaphore {
        &self.0.orders
    }

    /// Cancelled when the server is about to stop, and not ready any more for that.
    pub(crate) fn leaving(&self) -> &CancellationToken {
        &self.0.leaving
    }

    /// Cancelled when the server stops: long-lived connections say goodbye, nothing new begins.
    pub(crate) fn stopping(&self) -> &CancellationToken {
        &self.0.stopping
    }
}
