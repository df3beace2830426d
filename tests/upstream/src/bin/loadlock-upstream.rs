//! Runs one fake until it is told to stop.
//!
//! The first line on standard output is `{"base_url": …, "origin": …, "ca_pem": …}`. Each line on standard input is a
//! command and is answered by one line: `{"push": {"operation": "create", "fault": {"answer": {"status": 503}}}}`,
//! `{"always": …}`, `{"chaos": {"seed": 1, "probability": 0.15, "faults": […]}}`, `"lift"`, `"clear"`, `"files"`,
//! `"unfinished"`, `"requests"`, `"injected"`, `{"be": "refusing"}` (`black_hole`, `there`), `"stop"`.

use std::process::ExitCode;

use clap::{Parser, ValueEnum};
use loadlock_upstream::{Chaos, Fault, Operation, Options, Presence, Site, Upstream, Vendor};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, BufReader};

#[derive(Clone, Copy, ValueEnum)]
enum Name {
    Openai,
    Kimi,
    Glm,
    Anthropic,
    Gemini,
    Azure,
    Xai,
    S3,
}

#[derive(Clone, Copy, ValueEnum)]
enum SiteName {
    Zai,
    Bigmodel,
}

/// A fake of a vendor's file API on 127.0.0.1.
#[derive(Parser)]
struct Arguments {
    /// Which vendor.
    #[arg(long)]
    vendor: Name,
    /// GLM's site.
    #[arg(long, default_value = "bigmodel")]
    site: SiteName,
    /// 0 chooses a free one.
    #[arg(long, default_value_t = 0)]
    port: u16,
    /// The accepted key; GLM: `id.secret`.
    #[arg(long, default_value = "sk-test")]
    key: String,
    /// HTTPS with a certificate of its own authority.
    #[arg(long)]
    tls: bool,
    /// Largest file in bytes, instead of the vendor's.
    #[arg(long)]
    max_bytes: Option<u64>,
    /// Most files, instead of the vendor's number.
    #[arg(long)]
    max_files: Option<usize>,
    /// How often a file that is processed is looked at before it is ready.
    #[arg(long, default_value_t = 0)]
    processing: u32,
    /// Stop when standard input ends, so that it dies with the test that started it.
    #[arg(long)]
    stop_on_eof: bool,
    /// For load tests: nothing is recorded or kept.
    #[arg(long)]
    load: bool,
}

#[derive(Deserialize)]
struct Order {
    #[serde(default)]
    operation: Option<Operation>,
    fault: Fault,
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum Command {
    Push(Order),
    Always(Order),
    Chaos(Chaos),
    Lift,
    Clear,
    Files,
    Unfinished,
    Requests,
    Injected,
    Be(Presence),
    Stop,
}

#[tokio::main]
async fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let vendor = match (arguments.vendor, arguments.site) {
        (Name::Openai, _) => Vendor::Openai,
        (Name::Kimi, _) => Vendor::Kimi,
        (Name::Anthropic, _) => Vendor::Anthropic,
        (Name::Gemini, _) => Vendor::Gemini,
        (Name::Azure, _) => Vendor::Azure,
        (Name::Xai, _) => Vendor::Xai,
        (Name::S3, _) => Vendor::S3,
        (Name::Glm, SiteName::Zai) => Vendor::Glm(Site::Zai),
        (Name::Glm, SiteName::Bigmodel) => Vendor::Glm(Site::Bigmodel),
    };
    let options = if arguments.load {
        Options::for_load(arguments.key)
    } else {
        Options::with_key(arguments.key)
    };
    let options = Options {
        port: arguments.port,
        tls: arguments.tls,
        max_bytes: arguments.max_bytes,
        max_files: arguments.max_files,
        processing: arguments.processing,
        ..options
    };
    let upstream = match Upstream::start(vendor, options).await {
        Ok(upstream) => upstream,
        Err(error) => {
            eprintln!("{error}");
            return ExitCode::FAILURE;
        }
    };
    let about = json!({
        "base_url": upstream.base_url(),
        "origin": upstream.origin(),
        "ca_pem": upstream.ca_pem(),
    });
    println!("{about}");
    tokio::select! {
        () = commands(&upstream, arguments.stop_on_eof) => {}
        _ = tokio::signal::ctrl_c() => {}
        () = terminated() => {}
    }
    upstream.stop().await;
    // A read of standard input that is still waiting must not keep the process.
    std::process::exit(0)
}

/// Ends on `"stop"`, and at the end of standard input if `until_eof`.
async fn commands(upstream: &Upstream, until_eof: bool) {
    let mut lines = BufReader::new(tokio::io::stdin()).lines();
    while let Ok(Some(line)) = lines.next_line().await {
        match serde_json::from_str(&line) {
            Ok(Command::Stop) => return,
            Ok(command) => println!("{}", obey(upstream, command).await),
            Err(error) => println!("{}", json!({ "error": error.to_string() })),
        }
    }
    if !until_eof {
        std::future::pending::<()>().await;
    }
}

async fn obey(upstream: &Upstream, command: Command) -> Value {
    let faults = upstream.faults();
    match command {
        Command::Push(order) => faults.push(order.operation, order.fault),
        Command::Always(order) => faults.always(order.operation, order.fault),
        Command::Chaos(chaos) => faults.chaos(chaos),
        Command::Lift => faults.lift(),
        Command::Clear => faults.clear(),
        Command::Unfinished => return json!(upstream.unfinished()),
        Command::Files => return json!(upstream.files().all()),
        Command::Requests => return json!(upstream.requests().all()),
        Command::Injected => return json!(faults.injected()),
        Command::Be(presence) => {
            if let Err(error) = upstream.be(presence).await {
                return json!({ "error": error.to_string() });
            }
        }
        Command::Stop => {}
    }
    json!({ "ok": true })
}

async fn terminated() {
    use tokio::signal::unix::{SignalKind, signal};
    match signal(SignalKind::terminate()) {
        Ok(mut signal) => {
            signal.recv().await;
        }
        Err(_) => std::future::pending().await,
    }
}
