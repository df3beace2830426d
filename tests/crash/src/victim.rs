//! Opens a gateway, does what it was told and says what was done, until it is killed.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::io::Write;
use std::sync::Mutex;

use loadlock_crash::{Order, Said, Step, Stream, copy, open, upload};
use loadlock_gateway::{Gateway, Principal, SwapRequest};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

fn main() {
    let order: Order = serde_json::from_str(&std::env::args().nth(1).unwrap()).unwrap();
    #[cfg(feature = "fault-points")]
    if let Some(home) = std::env::var_os("LOADLOCK_POWER_HOME") {
        loadlock_durable::power::adopt(std::path::Path::new(&home)).unwrap();
    }
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap()
        .block_on(run(order));
}

async fn run(order: Order) {
    mark();
    let (gateway, who) = match open(&order.config).await {
        Ok(opened) => opened,
        Err(error) => return say(&Said::refused(&error)),
    };
    say(&Said::Open);
    let (mut first, mut last) = (None, None);
    for step in order.steps {
        mark();
        match step {
            Step::Upload(one) => match upload(&gateway, &who, &one).await {
                Ok(stored) => {
                    if let Said::Stored { id, .. } = &stored {
                        first.get_or_insert(id.clone());
                        last = Some(id.clone());
                    }
                    say(&stored);
                }
                Err(error) => say(&Said::refused(&error)),
            },
            Step::Delete { id } => delete(&gateway, &who, id).await,
            Step::DeleteLast => delete(&gateway, &who, last.clone().unwrap()).await,
            Step::DeleteFirst => delete(&gateway, &who, first.clone().unwrap()).await,
            Step::Swap { name, source } => {
                let request = SwapRequest {
                    source: source.display().to_string(),
                    sha256: None,
                    accept: false,
                };
                match gateway.swap(&who, &name, request).await {
                    Ok(_) => say(&Said::Swapped),
                    Err(error) => say(&Said::refused(&error)),
                }
            }
            Step::CopyLast { to } => match copy(&gateway, &who, last.as_ref().unwrap(), &to).await {
                Ok(copied) => say(&copied),
                Err(error) => say(&Said::refused(&error)),
            },
            Step::Stream(load) => stream(&gateway, &who, load).await,
        }
    }
    #[cfg(feature = "fault-points")]
    if std::env::var_os("CRASH_AT_END").is_some() {
        loadlock_gateway::die();
    }
}

async fn delete(gateway: &Gateway, who: &Principal, id: String) {
    say(&Said::Deleting { id: id.clone() });
    match gateway.delete(who, &id).await {
        Ok(()) => say(&Said::Deleted { id }),
        Err(error) => say(&Said::refused(&error)),
    }
}

async fn stream(gateway: &Gateway, who: &Principal, load: Stream) {
    let mine = Mutex::new(Vec::new());
    let callers = (0..load.at_once).map(|caller| {
        let (load, mine) = (&load, &mine);
        async move {
            let mut random = StdRng::seed_from_u64(load.seed.wrapping_mul(1_000).wrapping_add(caller as u64));
            loop {
                let chosen = if random.random::<f64>() < 0.5 {
                    let mut mine = mine.lock().unwrap();
                    (!mine.is_empty()).then(|| {
                        let at = random.random_range(0..mine.len());
                        mine.swap_remove(at)
                    })
                } else {
                    None
                };
                if let Some(id) = chosen {
                    delete(gateway, who, id).await;
                    continue;
                }
                let provider = &load.providers[random.random_range(0..load.providers.len())];
                let path = load.files[random.random_range(0..load.files.len())].clone();
                let body = random.random::<f64>() < 0.4;
                let one = loadlock_crash::Upload {
                    provider: Some(provider.clone()),
                    path,
                    body,
                    arriving: body && random.random::<bool>(),
                    key: None,
                    given_up: false,
                };
                match upload(gateway, who, &one).await {
                    Ok(stored) => {
                        if let Said::Stored { id, .. } = &stored {
                            mine.lock().unwrap().push(id.clone());
                        }
                        say(&stored);
                    }
                    Err(error) => say(&Said::refused(&error)),
                }
            }
        }
    });
    futures::future::join_all(callers).await;
}

/// A whole line at once: whoever reads it sees it or not, but never half.
fn say(said: &Said) {
    let mut line = serde_json::to_string(said).unwrap();
    line.push('\n');
    std::io::stdout().lock().write_all(line.as_bytes()).unwrap();
}

/// Begins a step in the trace of fault points.
fn mark() {
    if let Some(trace) = std::env::var_os("LOADLOCK_FAULT_TRACE") {
        let mut file = std::fs::OpenOptions::new()
            .append(true)
            .create(true)
            .open(trace)
            .unwrap();
        writeln!(file, "=").unwrap();
    }
}
