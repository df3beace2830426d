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
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::io::{Connection, Cuttable};
use crate::{Faults, Files, Options, Requests, Vendor, service, tls};

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
}

/// A running fake. Dropping it stops it without waiting.
pub struct Upstream {
    state: Arc<State>,
    address: SocketAddr,
    ca_pem: Option<String>,
    stop: CancellationToken,
    tasks: TaskTracker,
}

impl Upstream {
    /// Starts a fake on the current tokio runtime.
    ///
    /// # Errors
    /// See [`StartError`].
    pub async fn start(vendor: Vendor, options: Options) -> Result<Self, StartError> {
        let port = options.port;
        let listen = |source| StartError::Listen { port, source };
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await.map_err(listen)?;
        let address = listener.local_addr().map_err(listen)?;
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
            options,
        });
        let stop = CancellationToken::new();
        let tasks = TaskTracker::new();
        tasks.spawn(accept(
            listener,
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
        })
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
    listener: TcpListener,
    acceptor: Option<TlsAcceptor>,
    state: Arc<State>,
    stop: CancellationToken,
    tasks: TaskTracker,
) {
    let numbers = AtomicU64::new(0);
    loop {
        let stream = tokio::select! {
            () = stop.cancelled() => return,
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => stream,
                // Out of descriptors, or gone before we looked: neither ends the listener.
                Err(_) => {
                    tokio::task::yield_now().await;
                    continue;
                }
            },
        };
        let number = numbers.fetch_add(1, Ordering::Relaxed) + 1;
        let connection = Connection::new(number);
        let (state, acceptor, stop) = (Arc::clone(&state), acceptor.clone(), stop.clone());
        let rest = tasks.clone();
        tasks.spawn(async move {
            let done = connect(stream, acceptor, state, connection, rest);
            tokio::select! {
                () = stop.cancelled() => {}
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
