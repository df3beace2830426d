//! Processes that the bench starts: each says where it listens in its first line, and ends with the bench.

use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

use serde_json::Value;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};

use crate::client::Client;
use crate::{Result, failed};

/// Somebody else's program has so long to start.
const START: Duration = Duration::from_secs(120);

/// A process that listens.
pub(crate) struct Listening {
    child: Child,
    /// `127.0.0.1:PORT`.
    pub(crate) address: String,
}

impl Listening {
    /// Starts a command and reads its first line, which is JSON with an `address`.
    pub(crate) async fn start(mut command: Command) -> Result<Self> {
        let what = format!("{:?}", command.as_std().get_program());
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .map_err(failed(&what))?;
        let output = child.stdout.take().ok_or("a child without a pipe")?;
        let line = BufReader::new(output).lines().next_line().await;
        let line = line
            .map_err(failed(&what))?
            .ok_or_else(|| format!("{what} ended at its start"))?;
        let line: Value = serde_json::from_str(&line).map_err(failed(&line))?;
        let address = line["address"].as_str().unwrap_or_default().to_owned();
        Ok(Self { child, address })
    }

    /// Starts a command that listens at `address` and prints what it likes; waits until it answers a `GET` of `path`.
    pub(crate) async fn start_at(mut command: Command, address: &str, path: &str) -> Result<Self> {
        let what = format!("{:?}", command.as_std().get_program());
        let child = command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .map_err(failed(&what))?;
        let mut started = Self {
            child,
            address: address.to_owned(),
        };
        let deadline = Instant::now() + START;
        loop {
            let error = match Client::connect(address, None).await {
                Ok(mut client) => match client.get(path).await {
                    Ok(_) => return Ok(started),
                    Err(error) => error,
                },
                Err(error) => error,
            };
            if let Some(status) = started.child.try_wait().map_err(failed(&what))? {
                return Err(format!("{what} ended at its start: {status}"));
            }
            if Instant::now() > deadline {
                return Err(format!("{what} does not answer: {error}"));
            }
            // It does not say when it is ready in a way that a later version keeps.
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    /// The vendor, which answers nobody before `hold` uploads are there.
    pub(crate) async fn sink(hold: usize) -> Result<Self> {
        let mut command = this_program()?;
        command.args(["sink", "--hold", &hold.to_string()]);
        Self::start(command).await
    }

    /// The vendor behind a network, see [`crate::throttled`].
    pub(crate) async fn throttled_sink() -> Result<Self> {
        let mut command = this_program()?;
        command.args(["sink", "--throttled"]);
        Self::start(command).await
    }

    /// The vendor that takes its time with each upload.
    pub(crate) async fn slow_sink(delay: Duration) -> Result<Self> {
        let mut command = this_program()?;
        command.args(["sink", "--delay", &delay.as_millis().to_string()]);
        Self::start(command).await
    }

    /// The proxy without a sandbox.
    pub(crate) async fn proxy(upstream: &str, log: &Path) -> Result<Self> {
        let mut command = this_program()?;
        command.args(["proxy", "--upstream", upstream, "--log"]);
        command.arg(log);
        Self::start(command).await
    }

    /// A figure of `/proc/PID/status` such as `VmHWM`, in bytes.
    pub(crate) fn memory(&self, field: &str) -> Result<u64> {
        let pid = self.child.id().ok_or("the process has ended")?;
        let path = format!("/proc/{pid}/status");
        let text = std::fs::read_to_string(&path).map_err(failed(&path))?;
        let line = text
            .lines()
            .find_map(|line| line.strip_prefix(field)?.strip_prefix(':'))
            .ok_or_else(|| format!("{path} has no {field}"))?;
        let kib = line.split_whitespace().next().and_then(|n| n.parse::<u64>().ok());
        Ok(kib.ok_or_else(|| format!("{path}: {line}"))? << 10)
    }

    /// A counter of `/proc/PID/io` such as `rchar`.
    pub(crate) fn io(&self, field: &str) -> Result<u64> {
        let pid = self.child.id().ok_or("the process has ended")?;
        let path = format!("/proc/{pid}/io");
        let text = std::fs::read_to_string(&path).map_err(failed(&path))?;
        text.lines()
            .find_map(|line| line.strip_prefix(field)?.strip_prefix(": ")?.parse().ok())
            .ok_or_else(|| format!("{path} has no {field}"))
    }

    /// Forgets the most memory so far, so that `VmHWM` starts again.
    pub(crate) fn forget_peak(&self) -> Result<()> {
        let pid = self.child.id().ok_or("the process has ended")?;
        let path = format!("/proc/{pid}/clear_refs");
        std::fs::write(&path, "5").map_err(failed(&path))
    }

    /// Ends it in order and waits.
    pub(crate) async fn stop(mut self) -> Result<()> {
        if let Some(pid) = self.child.id() {
            terminate(pid)?;
        }
        self.child.wait().await.map_err(failed("wait"))?;
        Ok(())
    }

    /// Ends the only child of this process, which then ends too: a tracer keeps signals to itself.
    pub(crate) async fn stop_traced(mut self) -> Result<()> {
        let pid = self.child.id().ok_or("the tracer has ended")?;
        let path = format!("/proc/{pid}/task/{pid}/children");
        let children = std::fs::read_to_string(&path).map_err(failed(&path))?;
        let child = children.split_whitespace().next().and_then(|pid| pid.parse().ok());
        terminate(child.ok_or("the tracer has no child")?)?;
        self.child.wait().await.map_err(failed("wait"))?;
        Ok(())
    }
}

fn terminate(pid: u32) -> Result<()> {
    let pid = rustix::process::Pid::from_raw(pid.cast_signed()).ok_or("no such process")?;
    rustix::process::kill_process(pid, rustix::process::Signal::TERM).map_err(failed("kill"))
}

fn this_program() -> Result<Command> {
    std::env::current_exe()
        .map(Command::new)
        .map_err(failed("the bench's own program"))
}
