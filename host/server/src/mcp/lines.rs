//! Messages as lines on standard input and output. One that cannot be read is answered: its sender would wait for ever.

use std::io::{Error, ErrorKind};

use rmcp::RoleServer;
use rmcp::service::{RxJsonRpcMessage, TxJsonRpcMessage};
use rmcp::transport::Transport;
use tokio::io::{AsyncBufRead, AsyncBufReadExt, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use super::body::BODY_BYTES;
use super::malformed;

/// Messages that wait for a client that does not read.
const AHEAD: usize = 64;

/// Both directions of one client.
pub(super) struct StdioLines<R> {
    input: R,
    /// What has come of the message at hand. A reader that is not waited for any more leaves its part here.
    line: Vec<u8>,
    is_too_long: bool,
    output: mpsc::Sender<String>,
}

impl<R: AsyncBufRead + Unpin + Send> StdioLines<R> {
    /// The lines, and the task that writes the answers; it ends when everybody who sends has gone.
    pub(super) fn new<W: AsyncWrite + Unpin + Send + 'static>(input: R, output: W) -> (Self, JoinHandle<()>) {
        let (sender, receiver) = mpsc::channel(AHEAD);
        let writing = tokio::spawn(write(output, receiver));
        let lines = Self {
            input,
            line: Vec::new(),
            is_too_long: false,
            output: sender,
        };
        (lines, writing)
    }

    /// Completes the line at hand; false at the end of the input.
    async fn complete(&mut self) -> bool {
        while !self.line.ends_with(b"\n") {
            if self.line.len() > BODY_BYTES {
                self.is_too_long = true;
                self.line.clear();
            }
            let room = u64::try_from(BODY_BYTES + 1 - self.line.len()).unwrap_or(1);
            let read = (&mut self.input).take(room).read_until(b'\n', &mut self.line).await;
            if !read.is_ok_and(|read| read > 0) {
                return !self.line.is_empty();
            }
        }
        true
    }
}

async fn write<W: AsyncWrite + Unpin>(mut output: W, mut messages: mpsc::Receiver<String>) {
    while let Some(mut message) = messages.recv().await {
        message.push('\n');
        if output.write_all(message.as_bytes()).await.is_err() || output.flush().await.is_err() {
            return;
        }
    }
}

impl<R: AsyncBufRead + Unpin + Send> Transport<RoleServer> for StdioLines<R> {
    type Error = Error;

    fn send(
        &mut self,
        item: TxJsonRpcMessage<RoleServer>,
    ) -> impl Future<Output = Result<(), Self::Error>> + Send + 'static {
        let output = self.output.clone();
        async move {
            let message = serde_json::to_string(&item).map_err(Error::from)?;
            let gone = |_| Error::from(ErrorKind::BrokenPipe);
            output.send(message).await.map_err(gone)
        }
    }

    async fn receive(&mut self) -> Option<RxJsonRpcMessage<RoleServer>> {
        while self.complete().await {
            let line = self.line.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(&self.line);
            let line = line.trim_ascii();
            let answer = if self.is_too_long {
                Some(malformed::too_long(BODY_BYTES))
            } else if line.is_empty() {
                None
            } else {
                match serde_json::from_slice(line) {
                    Ok(message) => {
                        self.line.clear();
                        return Some(message);
                    }
                    Err(_) => malformed::answer(line),
                }
            };
            // Order: the line is kept until its answer has a place, since whoever waits here may stop at any time.
            let place = self.output.reserve().await.ok()?;
            if let Some(answer) = answer {
                place.send(answer);
            }
            self.line.clear();
            self.is_too_long = false;
        }
        None
    }

    async fn close(&mut self) -> Result<(), Self::Error> {
        Ok(())
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_cannot_be_read_is_answered_and_what_follows_is_read() {
        let long = vec![b'x'; BODY_BYTES + 10];
        let ping = br#"{"jsonrpc":"2.0","id":7,"method":"ping"}"#;
        let input = [&b"{bad\n\n"[..], &long, b"\n", ping].concat();
        let (client, output) = tokio::io::duplex(1 << 16);
        let (mut lines, writing) = StdioLines::new(&input[..], output);
        assert!(lines.receive().await.is_some());
        assert!(lines.receive().await.is_none());
        drop(lines);
        writing.await.unwrap();
        let mut answers = String::new();
        let mut client = client;
        client.read_to_string(&mut answers).await.unwrap();
        let codes: Vec<_> = answers
            .lines()
            .map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap()["error"]["code"].as_i64())
            .collect();
        assert_eq!(codes, [Some(-32_700), Some(-32_600)]);
    }
}
