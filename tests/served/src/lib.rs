//! Starts the real binary as a server and talks to it as a client would. No part of Loadlock is linked, so a suite is
//! quick to build and sees what a user sees.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

mod answer;
mod client;
mod collector;
mod events;
mod feed;
mod log;
mod mcp;
mod receiver;
mod socket;

use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use serde_json::Value;
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};

pub use answer::Answer;
pub use client::{Client, claims, form};
pub use collector::Collector;
pub use events::{Events, SentEvent};
pub use feed::{Feed, feed};
pub use log::Log;
pub use mcp::{Calling, Mcp, StdioMcp, mcp_error};
pub use receiver::{HookMessage, HookReceiver};
pub use socket::Socket;

/// A home, a folder of files and a configuration; and the binary to run with them.
pub struct Place {
    dir: TempDir,
    binary: PathBuf,
    env: Vec<(String, String)>,
}

impl Place {
    /// `binary` is `env!("CARGO_BIN_EXE_loadlock")`, `scratch` is `env!("CARGO_TARGET_TMPDIR")`: compiled components
    /// are kept there for all tests.
    pub fn new(binary: &str, scratch: &str) -> Self {
        let dir = TempDir::new().unwrap();
        for folder in ["home", "files"] {
            std::fs::create_dir(dir.path().join(folder)).unwrap();
        }
        let cache = Path::new(scratch).join("cache");
        std::fs::create_dir_all(&cache).unwrap();
        symlink(cache, dir.path().join("home/cache")).unwrap();
        let place = Self {
            dir,
            binary: binary.into(),
            env: Vec::new(),
        };
        place.configure("");
        place
    }

    /// Writes the configuration; `{files}` in it is the folder of files.
    pub fn configure(&self, toml: &str) -> &Self {
        let text = toml.replace("{files}", &self.files().display().to_string());
        std::fs::write(self.config(), text).unwrap();
        self
    }

    /// A variable of the server's environment.
    pub fn env(&mut self, name: &str, value: &str) -> &mut Self {
        self.env.push((name.into(), value.into()));
        self
    }

    pub fn config(&self) -> PathBuf {
        self.dir.path().join("loadlock.toml")
    }

    pub fn home(&self) -> PathBuf {
        self.dir.path().join("home")
    }

    pub fn files(&self) -> PathBuf {
        self.dir.path().join("files")
    }

    pub fn file(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.files().join(name);
        std::fs::write(&path, content).unwrap();
        path
    }

    /// The binary with these arguments, this home and configuration, and nothing of the surroundings.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(&self.binary);
        command
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .envs(self.env.iter().map(|(name, value)| (name, value)))
            .env("LOADLOCK_HOME", self.home())
            .env("LOADLOCK_CONFIG", self.config())
            .current_dir(self.files())
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .kill_on_drop(true);
        command
    }

    /// Runs a command to its end; answers status and standard output's JSON lines.
    pub async fn run(&self, arguments: &[&str]) -> (i32, Vec<Value>) {
        let output = self.command(arguments).arg("--json").output().await.unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        let lines = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        (output.status.code().unwrap_or(-1), lines)
    }

    /// A token of the installation's own key.
    pub async fn token(&self, tenant: &str, scopes: &[&str]) -> String {
        self.token_of("tester", tenant, scopes, "1h").await
    }

    /// A token of this subject, good for so long.
    pub async fn token_of(&self, subject: &str, tenant: &str, scopes: &[&str], ttl: &str) -> String {
        let scopes = scopes.join(",");
        let (status, lines) = self
            .run(&[
                "token",
                "issue",
                "--subject",
                subject,
                "--ttl",
                ttl,
                "--tenant",
                tenant,
                "--scope",
                &scopes,
            ])
            .await;
        assert_eq!(status, 0, "{lines:?}");
        lines[0]["token"].as_str().unwrap().to_owned()
    }

    /// Serves on a free port of loopback.
    pub async fn serve(&self) -> Served {
        self.serve_with(&[]).await
    }

    /// Serves with more arguments.
    pub async fn serve_with(&self, arguments: &[&str]) -> Served {
        let mut all = vec!["serve", "--json"];
        if !arguments.contains(&"--listen") {
            all.extend(["--listen", "127.0.0.1:0"]);
        }
        all.extend(arguments);
        let mut child = self.command(&all).stderr(Stdio::piped()).spawn().unwrap();
        let log = Log::of(child.stderr.take().unwrap());
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let line = lines.next_line().await.unwrap().expect("the server ended at start");
        let line: Value = serde_json::from_str(&line).unwrap();
        assert_eq!(line["event"], "listening", "{line}");
        let address = line["address"].as_str().unwrap().to_owned();
        Served { child, address, log }
    }
}

/// A running server; killed when dropped.
pub struct Served {
    child: Child,
    pub address: String,
    /// What it logs.
    pub log: Log,
}

impl Served {
    /// A client with this token.
    pub fn client(&self, token: &str) -> Client {
        Client::new(&self.address, Some(token))
    }

    /// A client without any.
    pub fn stranger(&self) -> Client {
        Client::new(&self.address, None)
    }

    pub fn pid(&self) -> u32 {
        self.child.id().unwrap()
    }

    pub fn signal(&self, signal: rustix::process::Signal) {
        let pid = i32::try_from(self.pid()).unwrap();
        rustix::process::kill_process(rustix::process::Pid::from_raw(pid).unwrap(), signal).unwrap();
    }

    /// SIGKILL, and waits for the end.
    pub async fn kill(mut self) {
        self.child.kill().await.unwrap();
    }

    /// SIGTERM, and waits for the end; answers the exit status.
    pub async fn stop(mut self) -> Option<i32> {
        self.signal(rustix::process::Signal::TERM);
        self.ended().await
    }

    /// Waits for the end; answers the exit status.
    pub async fn ended(&mut self) -> Option<i32> {
        self.child.wait().await.unwrap().code()
    }
}
