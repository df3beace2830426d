//! The way to the shared ledger: as long as it is to be, and with a count of the calls that went over it.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use crate::{Result, failed};

/// What a call begins with, but for those that a gateway makes by the clock.
const CALL: &[u8] = b"POST /rpc/";
const BY_THE_CLOCK: [&[u8]; 4] = [b"beat ", b"audit_counts ", b"ledger_open ", b"usage "];

/// Chunks that are on their way at once.
const UNDER_WAY: usize = 64;

/// A port in front of another.
pub(crate) struct Distance {
    pub(crate) address: SocketAddr,
    calls: Arc<AtomicU64>,
    listening: JoinHandle<()>,
}

impl Drop for Distance {
    fn drop(&mut self) {
        self.listening.abort();
    }
}

impl Distance {
    /// A way on which a question and its answer take `round_trip` together.
    pub(crate) async fn to(port: u16, round_trip: Duration) -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await.map_err(failed("distance"))?;
        let address = listener.local_addr().map_err(failed("distance"))?;
        let calls = Arc::new(AtomicU64::new(0));
        let counted = calls.clone();
        let listening = tokio::spawn(async move {
            while let Ok((here, _)) = listener.accept().await {
                tokio::spawn(carry(here, port, round_trip / 2, counted.clone()));
            }
        });
        Ok(Self {
            address,
            calls,
            listening,
        })
    }

    /// Calls so far.
    pub(crate) fn calls(&self) -> u64 {
        self.calls.load(Ordering::Relaxed)
    }
}

async fn carry(here: TcpStream, port: u16, one_way: Duration, calls: Arc<AtomicU64>) {
    let Ok(there) = TcpStream::connect(("127.0.0.1", port)).await else {
        return;
    };
    if here.set_nodelay(true).is_err() || there.set_nodelay(true).is_err() {
        return;
    }
    let (from_here, to_here) = here.into_split();
    let (from_there, to_there) = there.into_split();
    tokio::select! {
        _ = pass(from_here, to_there, one_way, Some(&calls)) => {}
        _ = pass(from_there, to_here, one_way, None) => {}
    }
}

/// Each chunk arrives `one_way` after it left, whatever is on its way before it.
async fn pass(
    mut from: impl AsyncRead + Unpin,
    mut to: impl AsyncWrite + Unpin,
    one_way: Duration,
    calls: Option<&AtomicU64>,
) -> std::io::Result<()> {
    let (leaves, mut arrives) = mpsc::channel::<(Instant, Vec<u8>)>(UNDER_WAY);
    let leaving = async move {
        let mut chunk = vec![0; 256 << 10];
        loop {
            let read = from.read(&mut chunk).await?;
            if read == 0 {
                return Ok(());
            }
            if let Some(calls) = calls {
                calls.fetch_add(count(&chunk[..read]), Ordering::Relaxed);
            }
            if leaves
                .send((Instant::now() + one_way, chunk[..read].to_vec()))
                .await
                .is_err()
            {
                return Ok(());
            }
        }
    };
    let arriving = async {
        while let Some((at, chunk)) = arrives.recv().await {
            until(at).await;
            to.write_all(&chunk).await?;
        }
        Ok(())
    };
    tokio::try_join!(leaving, arriving).map(|_| ())
}

/// A thread sleeps to within a tenth of a millisecond; the runtime's timer is up to one late, four times an upload.
async fn until(at: Instant) {
    let ahead = at.saturating_duration_since(Instant::now());
    if !ahead.is_zero() {
        tokio::task::spawn_blocking(move || std::thread::sleep(ahead))
            .await
            .ok();
    }
}

/// A head is written at once, so it is never cut in two.
fn count(chunk: &[u8]) -> u64 {
    let heads = chunk.windows(CALL.len()).enumerate().filter(|(_, some)| *some == CALL);
    let counted = heads.filter(|(at, _)| {
        let name = &chunk[at + CALL.len()..];
        !BY_THE_CLOCK.iter().any(|other| name.starts_with(other))
    });
    counted.count() as u64
}
