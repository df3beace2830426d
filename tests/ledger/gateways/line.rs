//! A line to the ledger, one for each gateway: it can be cut, takes as long as a distance does, counts the functions that
//! are called over it, and loses answers.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

/// What a request to call a function begins with.
const CALL: &[u8] = b"POST /rpc/";

/// A line to one server.
pub struct Line {
    pub address: SocketAddr,
    cut: Arc<watch::Sender<bool>>,
    calls: Arc<Calls>,
}

#[derive(Default)]
struct Calls {
    asked: Mutex<BTreeMap<String, usize>>,
    connections: AtomicUsize,
    /// Of which function how many answers are lost: the server has answered, and the connection breaks.
    lost: Mutex<BTreeMap<String, usize>>,
    /// One way.
    delay: Duration,
}

impl Calls {
    /// Takes note of a call; whether its answer is to be lost.
    fn note(&self, function: &str) -> bool {
        *self.asked().entry(function.to_owned()).or_default() += 1;
        let mut lost = self.lost.lock().unwrap_or_else(PoisonError::into_inner);
        match lost.get_mut(function) {
            Some(left) if *left > 0 => {
                *left -= 1;
                true
            }
            _ => false,
        }
    }

    fn asked(&self) -> std::sync::MutexGuard<'_, BTreeMap<String, usize>> {
        self.asked.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Line {
    pub async fn to(port: u16) -> Self {
        Self::as_far_as(port, Duration::ZERO).await
    }

    /// A line on which a question and its answer take so long.
    pub async fn as_far_as(port: u16, round_trip: Duration) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (cut, is_cut) = watch::channel(false);
        let calls = Arc::new(Calls {
            delay: round_trip / 2,
            ..Calls::default()
        });
        let seen = calls.clone();
        tokio::spawn(async move {
            loop {
                let Ok((here, _)) = listener.accept().await else {
                    // A client that was quicker to go away; the next one is no worse for it.
                    continue;
                };
                let (mut is_cut, calls) = (is_cut.clone(), seen.clone());
                calls.connections.fetch_add(1, Ordering::Relaxed);
                tokio::spawn(async move {
                    tokio::select! {
                        _ = carry(here, port, &calls) => {}
                        _ = is_cut.wait_for(|cut| *cut) => {}
                    }
                });
            }
        });
        Self {
            address,
            cut: Arc::new(cut),
            calls,
        }
    }

    /// Ends every connection, and every new one at once.
    pub fn cut(&self) {
        self.cut.send_replace(true);
    }

    pub fn mend(&self) {
        self.cut.send_replace(false);
    }

    /// Loses the next answers of a function, so many of them.
    pub fn lose(&self, function: &str, answers: usize) {
        let mut lost = self.calls.lost.lock().unwrap_or_else(PoisonError::into_inner);
        lost.insert(function.to_owned(), answers);
    }

    /// Connections that were ever made.
    pub fn connections(&self) -> usize {
        self.calls.connections.load(Ordering::Relaxed)
    }

    /// How often a function was called since the counts were taken.
    pub fn asked(&self, function: &str) -> usize {
        self.calls.asked().get(function).copied().unwrap_or_default()
    }

    /// What was called since the counts were taken, besides what a gateway says now and then.
    pub fn take(&self) -> BTreeMap<String, usize> {
        let mut asked = std::mem::take(&mut *self.calls.asked());
        for now_and_then in ["ledger_open", "beat", "audit_counts", "usage"] {
            asked.remove(now_and_then);
        }
        asked
    }
}

async fn carry(here: TcpStream, port: u16, calls: &Calls) -> std::io::Result<()> {
    let there = TcpStream::connect(("127.0.0.1", port)).await?;
    let (_, _) = (here.set_nodelay(true), there.set_nodelay(true));
    let (mut from_here, mut to_here) = here.into_split();
    let (mut from_there, mut to_there) = there.into_split();
    let is_lost = AtomicBool::new(false);
    let out = async {
        let (mut chunk, mut seen) = (vec![0; 64 << 10], Vec::new());
        loop {
            let read = from_here.read(&mut chunk).await?;
            if read == 0 {
                to_there.shutdown().await?;
                return Ok::<(), std::io::Error>(());
            }
            seen.extend_from_slice(&chunk[..read]);
            while let Some(function) = next_call(&mut seen) {
                is_lost.fetch_or(calls.note(&function), Ordering::SeqCst);
            }
            tokio::time::sleep(calls.delay).await;
            to_there.write_all(&chunk[..read]).await?;
        }
    };
    let back = async {
        let mut chunk = vec![0; 64 << 10];
        loop {
            let read = from_there.read(&mut chunk).await?;
            if read == 0 || is_lost.load(Ordering::SeqCst) {
                return Ok::<(), std::io::Error>(());
            }
            tokio::time::sleep(calls.delay).await;
            to_here.write_all(&chunk[..read]).await?;
        }
    };
    tokio::select! {
        ended = back => ended,
        ended = async { out.await?; std::future::pending().await } => ended,
    }
}

/// Takes the next function that is called out of what was sent; what is looked through goes, save its last bytes.
fn next_call(seen: &mut Vec<u8>) -> Option<String> {
    let at = seen.windows(CALL.len()).position(|some| some == CALL);
    let Some(at) = at else {
        let keep = seen.len().min(CALL.len());
        seen.drain(..seen.len() - keep);
        return None;
    };
    let name = &seen[at + CALL.len()..];
    let end = name.iter().position(|byte| *byte == b' ')?;
    let function = String::from_utf8_lossy(&name[..end]).into_owned();
    seen.drain(..at + CALL.len() + end);
    Some(function)
}
