//! Whether anybody is there: the port itself goes away and comes back.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::net::{TcpListener, TcpSocket, TcpStream};

/// What a client finds at the port.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Presence {
    /// The fake.
    There,
    /// Nobody listens: connections are refused.
    Refusing,
    /// Nothing answers, neither yes nor no.
    BlackHole,
}

/// Connections that wait to be accepted, as most servers have it.
const BACKLOG: u32 = 1_024;

/// How long a connection of our own may take before the queue counts as full.
const FULL: Duration = Duration::from_millis(20);

/// The port. It is never given back, so that nobody else gets it.
pub(crate) enum Port {
    There(TcpListener),
    /// Bound and not listening.
    Refusing(TcpSocket),
    /// A queue of the shortest length, filled with connections that nobody accepts: the system drops what comes next.
    BlackHole {
        _queue: TcpListener,
        _filling: Vec<TcpStream>,
    },
}

impl Port {
    /// Binds and listens.
    pub(crate) fn open(address: SocketAddr) -> io::Result<Self> {
        Ok(Self::There(bound(address)?.listen(BACKLOG)?))
    }

    pub(crate) fn address(&self) -> io::Result<SocketAddr> {
        match self {
            Self::There(listener) => listener.local_addr(),
            Self::Refusing(socket) => socket.local_addr(),
            Self::BlackHole { _queue: queue, .. } => queue.local_addr(),
        }
    }

    /// The same port, found otherwise.
    pub(crate) async fn turned(self, presence: Presence) -> io::Result<Self> {
        let address = self.address()?;
        let socket = match self {
            Self::Refusing(socket) => socket,
            other => {
                drop(other);
                bound(address)?
            }
        };
        Ok(match presence {
            Presence::There => Self::There(socket.listen(BACKLOG)?),
            Presence::Refusing => Self::Refusing(socket),
            Presence::BlackHole => {
                let queue = socket.listen(0)?;
                let mut filling = Vec::new();
                while let Ok(Ok(stream)) = tokio::time::timeout(FULL, TcpStream::connect(address)).await {
                    filling.push(stream);
                }
                Self::BlackHole {
                    _queue: queue,
                    _filling: filling,
                }
            }
        })
    }

    /// The next client; none ever while nobody is there.
    pub(crate) async fn accept(&self) -> io::Result<TcpStream> {
        match self {
            Self::There(listener) => listener.accept().await.map(|(stream, _)| stream),
            Self::Refusing(_) | Self::BlackHole { .. } => std::future::pending().await,
        }
    }
}

fn bound(address: SocketAddr) -> io::Result<TcpSocket> {
    let socket = TcpSocket::new_v4()?;
    // The connections of before may still be on their way out.
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    Ok(socket)
}
