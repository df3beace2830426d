//! A vendor: the fake of its API in a process of its own, told what to do over its standard input.

use std::path::Path;
use std::process::Stdio;

use serde::Deserialize;
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};
use tokio::sync::Mutex;

/// The credential of every vendor.
pub(crate) const KEY: &str = "sk-chaos";

/// The access key that the fake of S3 knows; the credential is its secret.
pub(crate) const S3_KEY_ID: &str = "AKIALOADLOCKFAKE";
/// Its bucket.
pub(crate) const S3_BUCKET: &str = "files";

/// A running fake. It ends with this process.
pub(crate) struct Vendor {
    /// Name in the configuration.
    pub(crate) name: &'static str,
    /// `kimi`, `openai`, `gemini` or `s3`.
    pub(crate) kind: &'static str,
    /// What the component takes as its base URL.
    pub(crate) base_url: String,
    pipes: Mutex<(ChildStdin, Lines<BufReader<ChildStdout>>)>,
    child: Mutex<Child>,
}

/// A file that the fake holds.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Stored {
    /// The vendor's id.
    pub(crate) id: String,
    /// Size.
    pub(crate) bytes: u64,
    /// Digest of the content.
    pub(crate) sha256: String,
    /// The name in the form.
    pub(crate) filename: String,
}

impl Vendor {
    /// Starts `program`.
    pub(crate) async fn start(program: &Path, name: &'static str, kind: &'static str) -> Result<Self, String> {
        let failed = |error: std::io::Error| format!("{}: {error}", program.display());
        let mut child = Command::new(program)
            .args(["--vendor", kind, "--key", KEY])
            .args(["--load", "--stop-on-eof", "--max-files", "1000000"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .map_err(failed)?;
        let (Some(input), Some(output)) = (child.stdin.take(), child.stdout.take()) else {
            return Err("a child without pipes".into());
        };
        let mut lines = BufReader::new(output).lines();
        let first = lines.next_line().await.map_err(failed)?;
        let about: Value = first
            .as_deref()
            .and_then(|line| serde_json::from_str(line).ok())
            .ok_or_else(|| format!("the fake of {name} did not start"))?;
        Ok(Self {
            name,
            kind,
            // By a name that the harness resolves, so that it can be gone.
            base_url: about["base_url"]
                .as_str()
                .unwrap_or_default()
                .replace("127.0.0.1", &host(name)),
            pipes: Mutex::new((input, lines)),
            child: Mutex::new(child),
        })
    }

    async fn command(&self, command: &Value) -> Result<Value, String> {
        let mut pipes = self.pipes.lock().await;
        let failed = |error: std::io::Error| format!("the fake of {}: {error}", self.name);
        let line = format!("{command}\n");
        pipes.0.write_all(line.as_bytes()).await.map_err(failed)?;
        let answer = pipes.1.next_line().await.map_err(failed)?;
        let answer: Value = serde_json::from_str(&answer.unwrap_or_default())
            .map_err(|error| format!("the fake of {}: {error}", self.name))?;
        match answer.get("error") {
            Some(error) => Err(format!("the fake of {}: {error}", self.name)),
            None => Ok(answer),
        }
    }

    /// From now on a part of the requests meets one of these.
    pub(crate) async fn chaos(&self, seed: u64, probability: f64, faults: &[Value]) -> Result<(), String> {
        let chaos = json!({ "seed": seed, "probability": probability, "faults": faults });
        self.command(&json!({ "chaos": chaos })).await.map(|_| ())
    }

    /// From now on every request meets this.
    pub(crate) async fn always(&self, operation: Option<&str>, fault: &Value) -> Result<(), String> {
        let order = json!({ "operation": operation, "fault": fault });
        self.command(&json!({ "always": order })).await.map(|_| ())
    }

    /// From now on clients find this at its port: `there`, `refusing` or `black_hole`.
    pub(crate) async fn be(&self, presence: &str) -> Result<(), String> {
        self.command(&json!({ "be": presence })).await.map(|_| ())
    }

    /// Takes that back.
    pub(crate) async fn lift(&self) -> Result<(), String> {
        self.command(&json!("lift")).await.map(|_| ())
    }

    /// Keys of uploads in parts that nobody completed or ended.
    pub(crate) async fn unfinished(&self) -> Result<Vec<String>, String> {
        let keys = self.command(&json!("unfinished")).await?;
        serde_json::from_value(keys).map_err(|error| error.to_string())
    }

    /// No fault any more.
    pub(crate) async fn clear(&self) -> Result<(), String> {
        self.command(&json!("clear")).await.map(|_| ())
    }

    /// What it holds.
    pub(crate) async fn files(&self) -> Result<Vec<Stored>, String> {
        let files = self.command(&json!("files")).await?;
        serde_json::from_value(files).map_err(|error| error.to_string())
    }

    /// The faults that requests met, one name for each.
    pub(crate) async fn injected(&self) -> Result<Vec<String>, String> {
        let injected = self.command(&json!("injected")).await?;
        let all = injected.as_array().into_iter().flatten();
        Ok(all.map(|one| name_of(&one["fault"])).collect())
    }

    /// Ends it and waits until it has.
    pub(crate) async fn stop(&self) {
        let mut child = self.child.lock().await;
        let _ = child.kill().await;
    }
}

/// The name at which a vendor is reached. Names below `localhost` may carry a credential over plain http.
pub(crate) fn host(vendor: &str) -> String {
    format!("{vendor}.chaos.localhost")
}

/// `answer 503` or `reset_after`.
fn name_of(fault: &Value) -> String {
    match fault {
        Value::String(name) => name.clone(),
        Value::Object(one) => one.iter().next().map_or_else(String::new, |(name, what)| {
            what.get("status")
                .map_or_else(|| name.clone(), |status| format!("{name} {status}"))
        }),
        other => other.to_string(),
    }
}
