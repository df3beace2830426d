//! From component bytes to machine code: cached, bounded, off the request path.
//!
//! Compiling hostile code is bounded neither by epochs nor by the store's limits: a few hundred kilobytes can keep
//! Cranelift busy for minutes. So a component that is not built in is compiled by a child process with an address-space
//! and a CPU limit, which is killed when its time is over. The child answers machine code on standard output.

use std::hash::{Hash, Hasher};
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use wasmtime::Engine;

use crate::engine::base_config;

/// Where and how components are compiled.
#[derive(Debug, Clone)]
pub struct CompileOptions {
    /// Directory of compiled code, readable and writable by this user alone: what lies there is executed. `None`: no
    /// cache.
    pub cache: Option<PathBuf>,
    /// Program that runs [`compile_child`], and its arguments. `None`: components from files are compiled in this
    /// process, bounded by size alone.
    pub child: Option<(PathBuf, Vec<String>)>,
    /// Largest component in bytes.
    pub max_bytes: u64,
    /// Address space of the child in bytes.
    pub memory_bytes: u64,
    /// CPU time of the child, and twice that in real time.
    pub cpu: Duration,
}

impl Default for CompileOptions {
    fn default() -> Self {
        Self {
            cache: None,
            child: None,
            // componentize-py makes components of 18 MB.
            max_bytes: 64 << 20,
            memory_bytes: 4 << 30,
            cpu: Duration::from_secs(120),
        }
    }
}

/// Why there is no machine code.
#[derive(Debug)]
pub(crate) enum CompileError {
    Failed(String),
    Limit(&'static str),
}

/// Compiled code is at most this many times its component.
const MAX_EXPANSION: u64 = 32;
/// Environment variables by which a child learns its limits.
const CHILD_MEMORY: &str = "LOADLOCK_COMPILE_MEMORY";
const CHILD_CPU: &str = "LOADLOCK_COMPILE_CPU";

/// Machine code for `bytes`, from the cache or from the compiler.
pub(crate) async fn compile(
    engine: &Engine,
    options: &CompileOptions,
    bytes: &[u8],
    sha256: &str,
    trusted: bool,
) -> Result<Vec<u8>, CompileError> {
    let entry = options
        .cache
        .as_ref()
        .map(|directory| directory.join(format!("{sha256}-{:016x}.cwasm", compatibility(engine))));
    if let Some(code) = entry.as_deref().and_then(read_entry) {
        return Ok(code);
    }
    let code = match &options.child {
        Some((program, args)) if !trusted => in_child(program, args, options, bytes).await?,
        _ => {
            let (engine, bytes) = (engine.clone(), bytes.to_vec());
            tokio::task::spawn_blocking(move || engine.precompile_component(&bytes))
                .await
                .map_err(|error| CompileError::Failed(error.to_string()))?
                .map_err(|error| CompileError::Failed(format!("{error:#}")))?
        }
    };
    if let Some(entry) = entry
        && let Err(error) = write_entry(&entry, &code)
    {
        // Only speed is lost.
        tracing::warn!(path = %entry.display(), %error, "cannot write compiled code to the cache");
    }
    Ok(code)
}

/// Everything of the engine that compiled code depends on, CPU features included.
fn compatibility(engine: &Engine) -> u64 {
    let mut hasher = std::hash::DefaultHasher::new();
    engine.precompile_compatibility_hash().hash(&mut hasher);
    hasher.finish()
}

/// A cache entry is the SHA-256 of the code, then the code: a torn or altered entry is compiled again.
fn read_entry(path: &Path) -> Option<Vec<u8>> {
    let mut file = std::fs::File::open(path).ok()?;
    let metadata = file.metadata().ok()?;
    #[cfg(unix)]
    {
        use std::os::unix::fs::MetadataExt;
        // Somebody else's file is not executed.
        if metadata.uid() != rustix::process::geteuid().as_raw() || metadata.mode() & 0o022 != 0 {
            tracing::warn!(path = %path.display(), "ignoring compiled code that others could have written");
            return None;
        }
    }
    let mut digest = [0; 64];
    file.read_exact(&mut digest).ok()?;
    let mut code = Vec::with_capacity(usize::try_from(metadata.len()).ok()?);
    file.read_to_end(&mut code).ok()?;
    (crate::digest(&code).as_bytes() == digest).then_some(code)
}

fn write_entry(path: &Path, code: &[u8]) -> std::io::Result<()> {
    use std::os::unix::fs::OpenOptionsExt;
    let temporary = path.with_extension(format!("tmp{}", std::process::id()));
    let mut file = std::fs::OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(&temporary)?;
    file.write_all(crate::digest(code).as_bytes())?;
    file.write_all(code)?;
    drop(file);
    std::fs::rename(&temporary, path)
}

async fn in_child(
    program: &Path,
    args: &[String],
    options: &CompileOptions,
    bytes: &[u8],
) -> Result<Vec<u8>, CompileError> {
    let failed =
        |error: std::io::Error| CompileError::Failed(format!("the compiler process {}: {error}", program.display()));
    let mut child = tokio::process::Command::new(program)
        .args(args)
        .env_clear()
        .env(CHILD_MEMORY, options.memory_bytes.to_string())
        .env(CHILD_CPU, options.cpu.as_secs().max(1).to_string())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .map_err(failed)?;
    let (Some(mut stdin), Some(stdout), Some(stderr)) = (child.stdin.take(), child.stdout.take(), child.stderr.take())
    else {
        return Err(CompileError::Failed("the compiler process has no pipes".into()));
    };
    let cap = (bytes.len() as u64).saturating_mul(MAX_EXPANSION).max(16 << 20);
    let work = async {
        let feed = async move {
            // A child that died says why itself.
            let _ = stdin.write_all(bytes).await;
        };
        let (mut code, mut said) = (Vec::new(), Vec::new());
        let (mut code_end, mut said_end) = (stdout.take(cap), stderr.take(64 << 10));
        let ((), read, _) = tokio::join!(feed, code_end.read_to_end(&mut code), said_end.read_to_end(&mut said));
        read.map_err(failed)?;
        let status = child.wait().await.map_err(failed)?;
        if status.success() {
            return Ok(code);
        }
        let said = String::from_utf8_lossy(&said).trim().to_owned();
        Err(match std::os::unix::process::ExitStatusExt::signal(&status) {
            Some(9 | 24) => CompileError::Limit("CPU time"),
            Some(_) => CompileError::Limit("memory"),
            None if said.contains("memory allocation") => CompileError::Limit("memory"),
            None => CompileError::Failed(said),
        })
    };
    tokio::time::timeout(options.cpu * 2, work)
        .await
        .unwrap_or(Err(CompileError::Limit("time")))
}

/// The other side: compiles standard input to standard output under the limits that the parent set. Call it first thing
/// in a program that [`CompileOptions::child`] names.
///
/// # Errors
/// A sentence for the parent, if there is no machine code.
pub fn compile_child() -> Result<(), String> {
    // A parent that is killed cannot kill its child.
    #[cfg(target_os = "linux")]
    rustix::process::set_parent_process_death_signal(Some(rustix::process::Signal::KILL))
        .map_err(|error| format!("cannot tie this process to its parent: {error}"))?;
    use rustix::process::{Resource, Rlimit, setrlimit};
    for (name, resource) in [(CHILD_MEMORY, Resource::As), (CHILD_CPU, Resource::Cpu)] {
        if let Some(limit) = std::env::var(name).ok().and_then(|value| value.parse().ok()) {
            let limit = Rlimit {
                current: Some(limit),
                maximum: Some(limit),
            };
            setrlimit(resource, limit).map_err(|error| format!("cannot set {name}: {error}"))?;
        }
    }
    let mut bytes = Vec::new();
    std::io::stdin()
        .read_to_end(&mut bytes)
        .map_err(|error| error.to_string())?;
    let engine = Engine::new(&base_config()).map_err(|error| format!("{error:#}"))?;
    let code = engine
        .precompile_component(&bytes)
        .map_err(|error| format!("{error:#}"))?;
    std::io::stdout().write_all(&code).map_err(|error| error.to_string())
}
