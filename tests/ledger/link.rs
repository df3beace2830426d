//! The way to a server, which a test can cut.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;

/// What happens to connections.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// They go through.
    Open,
    /// They are closed at once, and those that were open are too.
    Cut,
    /// They are taken, and nothing ever comes back.
    Silent,
}

/// A port in front of another.
pub struct Link {
    pub url: String,
    way: watch::Sender<Way>,
    /// Connections that were taken.
    taken: Arc<Mutex<usize>>,
    _tasks: JoinSet<()>,
}

impl Link {
    pub async fn to(server: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let (way, seen) = watch::channel(Way::Open);
        let taken = Arc::new(Mutex::new(0));
        let counted = taken.clone();
        let mut tasks = JoinSet::new();
        tasks.spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((client, _)) = listener.accept().await {
                *counted.lock().unwrap_or_else(PoisonError::into_inner) += 1;
                connections.spawn(carry(client, server, seen.clone()));
            }
        });
        Self {
            url,
            way,
            taken,
            _tasks: tasks,
        }
    }

    pub fn set(&self, way: Way) {
        self.way.send_replace(way);
    }

    pub fn taken(&self) -> usize {
        *self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn carry(mut client: TcpStream, server: SocketAddr, mut way: watch::Receiver<Way>) {
    if *way.borrow_and_update() == Way::Silent {
        let _ = way.changed().await;
        return;
    }
    if *way.borrow() == Way::Cut {
        return;
    }
    let Ok(mut server) = TcpStream::connect(server).await else {
        return;
    };
    tokio::select! {
        _ = copy_bidirectional(&mut client, &mut server) => {}
        _ = way.changed() => {}
    }
    if *way.borrow() == Way::Silent {
        let _ = way.changed().await;
    }
}
