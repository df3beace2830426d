//! Starting a victim and seeing its end.

use std::fs::File;
use std::os::fd::AsRawFd;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::Stdio;

use tokio::io::{AsyncBufReadExt, BufReader, Lines};
use tokio::process::{Child, ChildStdout, Command};

use crate::{Order, Said};

/// A running victim.
pub struct Victim {
    child: Child,
    lines: Lines<BufReader<ChildStdout>>,
    said: Vec<Said>,
}

/// How it ended.
#[derive(Debug)]
pub struct End {
    /// By SIGKILL, as was meant; otherwise it came to the end of its order.
    pub killed: bool,
    pub said: Vec<Said>,
}

impl Victim {
    /// Starts the program at `program`; it dies with this value.
    pub fn start(program: &Path, order: &Order, env: &[(&str, String)]) -> Self {
        Self::spawn(Command::new(program), order, env)
    }

    /// Starts it where no file may grow beyond `kib`, as on a disk that is full.
    pub fn start_cramped(program: &Path, order: &Order, kib: u32) -> Self {
        let mut shell = Command::new("sh");
        // Without the trap the signal would end it; with it the write fails.
        shell
            .args(["-c", "trap '' XFSZ; ulimit -f $(($0 * 2)); exec \"$@\""])
            .arg(kib.to_string())
            .arg(program);
        Self::spawn(shell, order, &[])
    }

    /// Starts it as a user who may write only where the world may.
    pub fn start_powerless(program: &Path, order: &Order) -> Self {
        const NOBODY: u32 = 65_534;
        // By its descriptor: the way to the program may be root's alone.
        let opened = File::open(program).unwrap();
        let mut command = Command::new(format!("/proc/self/fd/{}", opened.as_raw_fd()));
        if rustix::process::geteuid().is_root() {
            command.uid(NOBODY).gid(NOBODY);
        }
        Self::spawn(command, order, &[])
    }

    fn spawn(mut command: Command, order: &Order, env: &[(&str, String)]) -> Self {
        let mut child = command
            .arg(serde_json::to_string(order).unwrap())
            .envs(env.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::inherit())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        Self {
            child,
            lines,
            said: Vec::new(),
        }
    }

    /// Waits for the next thing that it says; `None` at its end.
    pub async fn hear(&mut self) -> Option<Said> {
        let line = self.lines.next_line().await.unwrap()?;
        let said: Said = serde_json::from_str(&line).unwrap();
        self.said.push(said.clone());
        Some(said)
    }

    /// Kills it, now.
    pub fn kill(&mut self) {
        self.child.start_kill().unwrap();
    }

    /// Waits for its end, and for all that it said before.
    pub async fn end(mut self) -> End {
        while self.hear().await.is_some() {}
        let status = self.child.wait().await.unwrap();
        let killed = status.signal() == Some(9);
        assert!(killed || status.success(), "the victim failed: {status}");
        End {
            killed,
            said: self.said,
        }
    }
}
