//! A socket, and the answers that came out of it.

use loadlock_served::Served;
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// One answer as it stood on the wire.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) body: String,
}

impl Reply {
    /// `error.code`; empty if the body is none of our errors, such as that of the HTTP layer itself.
    pub(crate) fn code(&self) -> String {
        let body: Value = serde_json::from_str(&self.body).unwrap_or_default();
        body["error"]["code"].as_str().unwrap_or_default().to_owned()
    }
}

pub(crate) async fn connect(served: &Served) -> TcpStream {
    TcpStream::connect(&served.address).await.unwrap()
}

/// Sends bytes as they are and reads until the server closes, which it does by itself once nothing more comes.
pub(crate) async fn exchange(served: &Served, bytes: impl AsRef<[u8]>) -> Vec<Reply> {
    let mut stream = connect(served).await;
    // A server that has refused already may reset what still comes.
    let _ = stream.write_all(bytes.as_ref()).await;
    until_closed(stream).await
}

/// What comes until the server closes.
pub(crate) async fn until_closed(mut stream: TcpStream) -> Vec<Reply> {
    let mut answer = Vec::new();
    // A reset after the answer is an end as well.
    let _ = stream.read_to_end(&mut answer).await;
    replies(&answer)
}

/// Takes answers apart by their `content-length`; everything that this gateway says here has one.
fn replies(mut bytes: &[u8]) -> Vec<Reply> {
    let mut found = Vec::new();
    while !bytes.is_empty() {
        let end = bytes
            .windows(4)
            .position(|four| four == b"\r\n\r\n")
            .unwrap_or_else(|| panic!("no head: {:?}", String::from_utf8_lossy(bytes)));
        let head = std::str::from_utf8(&bytes[..end]).unwrap();
        let mut lines = head.split("\r\n");
        let status = lines.next().unwrap();
        assert!(status.starts_with("HTTP/1."), "{head}");
        let status: u16 = status[9..12].parse().unwrap();
        let length = lines
            .filter_map(|line| line.split_once(':'))
            .find(|(name, _)| name.eq_ignore_ascii_case("content-length"))
            .map_or(0, |(_, value)| value.trim().parse().unwrap());
        let body = &bytes[end + 4..];
        let length = std::cmp::min(length, body.len());
        if status != 100 {
            found.push(Reply {
                status,
                body: String::from_utf8_lossy(&body[..length]).into_owned(),
            });
        }
        if status == 101 {
            // From here on it is another protocol.
            break;
        }
        bytes = &body[length..];
    }
    found
}

/// Most resident memory of the server so far, KiB.
pub(crate) fn peak_kib(served: &Served) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", served.pid())).unwrap();
    let line = status.lines().find(|line| line.starts_with("VmHWM"));
    let value = line.unwrap().split_whitespace().nth(1).unwrap();
    value.parse().unwrap()
}
