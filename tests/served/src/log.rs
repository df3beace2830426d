//! The server's log, as events that a test can await.

use std::sync::{Arc, Mutex};

use tokio::io::{AsyncBufReadExt, AsyncRead, BufReader};
use tokio::sync::watch;

/// Lines so far, and a signal for each further one.
#[derive(Clone)]
pub struct Log {
    lines: Arc<Mutex<Vec<String>>>,
    count: watch::Receiver<usize>,
}

impl Log {
    pub(crate) fn of(stream: impl AsyncRead + Unpin + Send + 'static) -> Self {
        let lines: Arc<Mutex<Vec<String>>> = Arc::default();
        let (counter, count) = watch::channel(0);
        let kept = lines.clone();
        tokio::spawn(async move {
            let mut stream = BufReader::new(stream).lines();
            while let Ok(Some(line)) = stream.next_line().await {
                // Shown with a failing test.
                eprintln!("server: {line}");
                kept.lock().unwrap().push(line);
                counter.send_modify(|count| *count += 1);
            }
        });
        Self { lines, count }
    }

    /// All lines so far.
    pub fn lines(&self) -> Vec<String> {
        self.lines.lock().unwrap().clone()
    }

    /// Waits for the first line from the `from`th on that holds `text`; answers its index.
    pub async fn wait_for(&self, from: usize, text: &str) -> usize {
        let mut count = self.count.clone();
        loop {
            let found = self.lines().iter().skip(from).position(|line| line.contains(text));
            if let Some(index) = found {
                return from + index;
            }
            count
                .changed()
                .await
                .unwrap_or_else(|_| panic!("the server ended without logging {text:?}"));
        }
    }
}
