//! A vendor that takes any bytes: an HTTP server on loopback, as slow as a test wants it.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::task::JoinHandle;

/// One request, read whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Received {
    pub head: String,
    pub body: Vec<u8>,
}

/// Answers each request with `{"id":"file-N"}` once it has the whole body.
pub struct Sink {
    pub url: String,
    received: Arc<Mutex<Vec<Received>>>,
    task: JoinHandle<()>,
}

impl Drop for Sink {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Sink {
    pub async fn start() -> Self {
        Self::paced(None).await
    }

    /// Reads at most so many bytes, then waits so long.
    pub async fn slow(bytes: usize, pause: Duration) -> Self {
        Self::paced(Some((bytes, pause))).await
    }

    async fn paced(pace: Option<(usize, Duration)>) -> Self {
        let socket = TcpSocket::new_v4().unwrap();
        if pace.is_some() {
            // What waits in the kernel is not slow.
            socket.set_recv_buffer_size(64 << 10).unwrap();
        }
        socket.bind(([127, 0, 0, 1], 0).into()).unwrap();
        let listener = socket.listen(16).unwrap();
        let url = format!("http://{}/files", listener.local_addr().unwrap());
        let received = Arc::default();
        let task = tokio::spawn(serve(listener, pace, Arc::clone(&received)));
        Self { url, received, task }
    }

    /// The requests so far.
    pub fn received(&self) -> Vec<Received> {
        self.received.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Configuration that lets a provider post to it.
    pub fn egress(&self) -> String {
        format!(
            "egress = [{{ url = {:?}, methods = [\"POST\"], private = true }}]",
            self.url
        )
    }

    /// A provider's settings and grant to post to it.
    pub fn config(&self) -> String {
        format!("settings = {{ target = {:?} }}\n{}", self.url, self.egress())
    }
}

async fn serve(listener: TcpListener, pace: Option<(usize, Duration)>, received: Arc<Mutex<Vec<Received>>>) {
    while let Ok((stream, _)) = listener.accept().await {
        tokio::spawn(answer(stream, pace, Arc::clone(&received)));
    }
}

async fn answer(
    mut stream: TcpStream,
    pace: Option<(usize, Duration)>,
    received: Arc<Mutex<Vec<Received>>>,
) -> Option<()> {
    let mut bytes = Vec::new();
    let (step, pause) = pace.unwrap_or((64 << 10, Duration::ZERO));
    let mut buffer = vec![0; step];
    loop {
        let head_end = bytes.windows(4).position(|window| window == b"\r\n\r\n");
        if let Some(end) = head_end {
            let head = String::from_utf8_lossy(&bytes[..end]).to_lowercase();
            let length: usize = head
                .lines()
                .find_map(|line| line.strip_prefix("content-length: "))?
                .trim()
                .parse()
                .ok()?;
            if bytes.len() >= end + 4 + length {
                let body = bytes[end + 4..].to_vec();
                let number = {
                    let mut all = received.lock().unwrap_or_else(PoisonError::into_inner);
                    all.push(Received { head, body });
                    all.len()
                };
                let answer = format!("{{\"id\":\"file-{number}\"}}");
                let response = format!(
                    "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\nconnection: close\r\n\
                     \r\n{answer}",
                    answer.len()
                );
                return stream.write_all(response.as_bytes()).await.ok();
            }
        }
        match stream.read(&mut buffer).await.ok()? {
            0 => return None,
            read => bytes.extend_from_slice(&buffer[..read]),
        }
        if !pause.is_zero() {
            tokio::time::sleep(pause).await;
        }
    }
}
