//! The author's own vendor, as a process beside the test.

use std::process::Stdio;
use std::time::Duration;

use http::Uri;
use thiserror::Error;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};

/// Longest that a vendor takes to say where it is: its command may compile it first.
const START: Duration = Duration::from_secs(180);
/// Lines that it may print before.
const LINES: usize = 1_000;

/// Why there is no vendor.
#[derive(Debug, Error)]
pub enum VendorError {
    /// The command.
    #[error("cannot start the vendor `{command}`: {source}")]
    Start {
        /// As given.
        command: String,
        /// The system's answer.
        source: std::io::Error,
    },
    /// It ended, or went on without a word.
    #[error("the vendor `{0}` printed no base URL")]
    NoUrl(String),
    /// Not on this machine, or no URL.
    #[error("`{0}` is not a base URL on loopback, such as `http://127.0.0.1:9000/v1`")]
    NotLoopback(String),
}

/// A vendor that runs as long as this is held.
#[derive(Debug)]
pub struct VendorProcess {
    child: Child,
    url: String,
}

impl VendorProcess {
    /// Starts `command` by the shell, and waits until it prints its base URL.
    ///
    /// # Errors
    /// See [`VendorError`].
    pub async fn start(command: &str, folder: &std::path::Path) -> Result<Self, VendorError> {
        let mut child = Command::new("sh")
            .args(["-c", command])
            .current_dir(folder)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            // Of its own, so that what the shell starts ends with it.
            .process_group(0)
            .kill_on_drop(true)
            .spawn()
            .map_err(|source| VendorError::Start {
                command: command.to_owned(),
                source,
            })?;
        let stdout = child.stdout.take();
        let mut process = Self {
            child,
            url: String::new(),
        };
        let Some(stdout) = stdout else {
            return Err(VendorError::NoUrl(command.to_owned()));
        };
        let mut lines = BufReader::new(stdout).lines();
        let address = async {
            for _ in 0..LINES {
                let line = lines.next_line().await.ok().flatten()?;
                if line.trim().starts_with("http://") {
                    return Some(line.trim().to_owned());
                }
            }
            None
        };
        let url = tokio::time::timeout(START, address).await.ok().flatten();
        process.url = url.ok_or_else(|| VendorError::NoUrl(command.to_owned()))?;
        // A pipe that nobody reads would stop it.
        tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
        Ok(process)
    }

    /// What it printed.
    pub fn url(&self) -> &str {
        &self.url
    }
}

impl Drop for VendorProcess {
    fn drop(&mut self) {
        let id = self.child.id().and_then(|id| i32::try_from(id).ok());
        if let Some(group) = id.and_then(rustix::process::Pid::from_raw) {
            let _ = rustix::process::kill_process_group(group, rustix::process::Signal::KILL);
        }
    }
}

/// Address and path of a base URL on this machine.
pub(crate) fn parse(url: &str) -> Result<(std::net::SocketAddr, String), VendorError> {
    let wrong = || VendorError::NotLoopback(url.to_owned());
    let uri: Uri = url.parse().map_err(|_| wrong())?;
    let authority = uri
        .authority()
        .filter(|_| uri.scheme_str() == Some("http"))
        .ok_or_else(wrong)?;
    let host = authority.host().trim_start_matches('[').trim_end_matches(']');
    let host = if host == "localhost" { "127.0.0.1" } else { host };
    let address: std::net::IpAddr = host.parse().map_err(|_| wrong())?;
    if !address.is_loopback() || uri.query().is_some() {
        return Err(wrong());
    }
    let port = authority.port_u16().unwrap_or(80);
    Ok(((address, port).into(), uri.path().trim_end_matches('/').to_owned()))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn only_this_machine_is_a_vendor() {
        let (address, path) = parse("http://localhost:9000/v1/").unwrap();
        assert_eq!((address.to_string().as_str(), path.as_str()), ("127.0.0.1:9000", "/v1"));
        assert!(parse("http://[::1]:9000").is_ok());
        for other in [
            "https://127.0.0.1:1",
            "http://192.168.0.1:1/v1",
            "http://example.com",
            "ftp://127.0.0.1",
            "",
        ] {
            assert!(parse(other).is_err(), "{other}");
        }
    }

    #[tokio::test]
    async fn a_vendor_ends_with_its_holder_and_says_where_it_is() {
        let here = std::path::Path::new(".");
        let vendor = VendorProcess::start("echo hello; echo http://127.0.0.1:1/v1; sleep 600", here)
            .await
            .unwrap();
        assert_eq!(vendor.url(), "http://127.0.0.1:1/v1");
        let silent = VendorProcess::start("echo nothing", here).await;
        assert!(matches!(silent, Err(VendorError::NoUrl(_))));
    }
}
