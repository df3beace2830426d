//! The server's life.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use thiserror::Error;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::sync::{mpsc, oneshot};
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::io::{Connection, Cuttable};
use crate::presence::Port;
use crate::s3::S3State;
use crate::{Faults, Files, Options, Presence, Requests, S3Options, Vendor, service, tls};

/// Why a fake does not start.
#[derive(Debug, Error)]
pub enum StartError {
    /// The port is taken: choose another, or 0.
    #[error("cannot listen on 127.0.0.1:{port}: {source}")]
    Listen {
        /// The port that was asked for.
        port: u16,
        /// What the system said.
        source: io::Error,
    },
    /// The certificate could not be made.
    #[error("cannot make a certificate: {0}")]
    Certificate(#[from] rcgen::Error),
    /// The certificate was refused.
    #[error("cannot use the certificate: {0}")]
    Tls(#[from] rustls::Error),
}

/// What the requests share.
pub(crate) struct State {
    pub(crate) vendor: Vendor,
    pub(crate) options: Options,
    pub(crate) files: Files,
    pub(crate) faults: Faults,
    pub(crate) requests: Requests,
    pub(crate) numbers: AtomicU64,
    pub(crate) s3: S3State,
}

/// A running fake. Dropping it stops it without waiting.
pub struct Upstream {
    state: Arc<State>,
    address: SocketAddr,
    ca_pem: Option<String>,
    stop: CancellationToken,
    tasks: TaskTracker,
    turns: mpsc::UnboundedSender<Turn>,
}

/// The presence that is asked for, and where to say that it is so.
type Turn = (Presence, oneshot::Sender<io::Result<()>>);

impl Upstream {
    /// Starts a fake on the current tokio runtime.
    ///
    /// # Errors
    /// See [`StartError`].
    pub async fn start(vendor: Vendor, options: Options) -> Result<Self, StartError> {
        let port = options.port;
        let listen = |source| StartError::Listen { port, source };
        let opened = Port::open((Ipv4Addr::LOCALHOST, port).into()).map_err(listen)?;
        let address = opened.address().map_err(listen)?;
        let (acceptor, ca_pem) = if options.tls {
            let (acceptor, pem) = tls::acceptor()?;
            (Some(acceptor), Some(pem))
        } else {
            (None, None)
        };
        let state = Arc::new(State {
            vendor,
            files: Files::default(),
            faults: Faults::default(),
            requests: Requests::new(options.record),
            numbers: AtomicU64::new(0),
            s3: S3State::new(S3Options {
                secret: options.keys.first().cloned().unwrap_or_default(),
                ..S3Options::default()
            }),
            options,
        });
        let stop = CancellationToken::new();
        let tasks = TaskTracker::new();
        let (turns, asked) = mpsc::unbounded_channel();
        tasks.spawn(accept(
            opened,
            asked,
            acceptor,
            Arc::clone(&state),
            stop.clone(),
            tasks.clone(),
        ));
        Ok(Self {
            state,
            address,
            ca_pem,
            stop,
            tasks,
            turns,
        })
    }

    /// From now on clients find this at the port. Whoever is connected is cut off; what is stored stays.
    ///
    /// # Errors
    /// What the system said about the port.
    pub async fn be(&self, presence: Presence) -> io::Result<()> {
        let (done, told) = oneshot::channel();
        self.turns.send((presence, done)).map_err(io::Error::other)?;
        told.await.map_err(io::Error::other)?
    }

    /// What a vendor's SDK takes as its base URL, without a trailing slash: `http://127.0.0.1:41234/v1`.
    pub fn base_url(&self) -> String {
        format!("{}{}", self.origin(), self.state.vendor.base_path())
    }

    /// Scheme, host and port.
    pub fn origin(&self) -> String {
        let scheme = if self.ca_pem.is_some() { "https" } else { "http" };
        format!("{scheme}://{}", self.address)
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The certificate of the authority that a client must trust, if this is HTTPS.
    pub fn ca_pem(&self) -> Option<&str> {
        self.ca_pem.as_deref()
    }

    /// What it holds.
    pub fn files(&self) -> Files {
        self.state.files.clone()
    }

    /// Keys of uploads in parts that nobody completed or ended, for which S3 charges.
    pub fn unfinished(&self) -> Vec<String> {
        self.state.s3.unfinished()
    }

    /// What goes wrong.
    pub fn faults(&self) -> Faults {
        self.state.faults.clone()
    }

    /// What it saw.
    pub fn requests(&self) -> Requests {
        self.state.requests.clone()
    }

    /// Closes every connection and waits until nothing runs any more.
    pub async fn stop(self) {
        self.stop.cancel();
        self.tasks.close();
        self.tasks.wait().await;
    }
}

impl Drop for Upstream {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

async fn accept(
    mut port: Port,
    mut turns: mpsc::UnboundedReceiver<Turn>,
    acceptor: Option<TlsAcceptor>,
    state: Arc<State>,
    stop: CancellationToken,
    tasks: TaskTracker,
) {
    let numbers = AtomicU64::new(0);
    let mut present = stop.child_token();
    loop {
        let stream = tokio::select! {
            () = stop.cancelled() => return,
            Some((presence, done)) = turns.recv() => {
                present.cancel();
                present = stop.child_token();
                match port.turned(presence).await {
                    Ok(turned) => port = turned,
                    Err(error) => {
                        let _ = done.send(Err(error));
                        return;
                    }
                }
                let _ = done.send(Ok(()));
                continue;
            }
            accepted = port.accept() => match accepted {
                Ok(stream) => stream,
                // Out of descriptors, or gone before we looked: neither ends the listener.
                Err(_) => {
                    tokio::task::yield_now().await;
                    continue;
                }
            },
        };
        let number = numbers.fetch_add(1, Ordering::Relaxed) + 1;
        let connection = Connection::new(number);
        let (state, acceptor, gone) = (Arc::clone(&state), acceptor.clone(), present.clone());
        let rest = tasks.clone();
        tasks.spawn(async move {
            let done = connect(stream, acceptor, state, connection, rest);
            tokio::select! {
                () = gone.cancelled() => {}
                () = done => {}
            }
        });
    }
}

async fn connect(
    stream: TcpStream,
    acceptor: Option<TlsAcceptor>,
    state: Arc<State>,
    connection: Arc<Connection>,
    tasks: TaskTracker,
) {
    // Small answers must not wait for the client's acknowledgement.
    let _ = stream.set_nodelay(true);
    let stream = Cuttable::new(stream, Arc::clone(&connection));
    match acceptor {
        None => serve(stream, state, connection, tasks).await,
        Some(acceptor) => {
            if let Ok(stream) = acceptor.accept(stream).await {
                serve(stream, state, connection, tasks).await;
            }
        }
    }
}

async fn serve(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    state: Arc<State>,
    connection: Arc<Connection>,
    tasks: TaskTracker,
) {
    let service = service_fn(move |request| {
        let (state, connection) = (Arc::clone(&state), Arc::clone(&connection));
        service::answer(state, connection, tasks.clone(), request)
    });
    // A client that goes away, a fault that cuts: both end here.
    let _ = auto::Builder::new(TokioExecutor::new())
        .serve_connection(TokioIo::new(stream), service)
        .await;
}
