//! The configuration and the certificate change without a restart: by SIGHUP, or because a file changed.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use loadlock::Gateway;
use loadlock::config::Config;
use loadlock_server::{Certificate, Stop};
use tokio::signal::unix::Signal;

use super::super::args::Globals;
use super::super::context::configuration;
use super::super::failure::Failure;
use super::super::terminal::Terminal;

/// How often files are looked at. Looking works where watching does not: on network file systems, and where an
/// orchestrator swaps a link above the file.
const LOOK: Duration = Duration::from_secs(2);

/// How often a terminal is looked for after a hangup.
const LOOKS: i32 = 3;

/// What is reloaded.
pub(super) struct Reload {
    globals: Globals,
    gateway: Gateway,
    certificate: Option<Certificate>,
    seen: SourceStamps,
}

/// When each file was last changed, and how long it is.
type SourceStamps = BTreeMap<PathBuf, Option<(SystemTime, u64)>>;

impl Reload {
    pub(super) fn new(globals: Globals, gateway: Gateway, certificate: Option<Certificate>) -> Self {
        let seen = look(&gateway.config());
        Self {
            globals,
            gateway,
            certificate,
            seen,
        }
    }

    pub(super) fn has_certificate(&self) -> bool {
        self.certificate.is_some()
    }

    /// Reloads whenever there is a reason, until the terminal of a server in the foreground has gone: then it is told
    /// to stop. A configuration with a mistake changes nothing and is reported.
    pub(super) async fn run(mut self, mut hangup: Signal, terminal: Terminal, stop: Stop) {
        let mut ticks = tokio::time::interval(LOOK);
        let mut hung_up = 0;
        loop {
            let asked = tokio::select! {
                _ = hangup.recv() => true,
                _ = ticks.tick() => false,
            };
            // Some systems take the terminal away only after they have said so.
            hung_up = if asked { LOOKS } else { hung_up };
            if hung_up > 0 && terminal.has_gone() {
                tracing::info!("the terminal has gone: stopping");
                stop.now.cancel();
                return;
            }
            hung_up -= i32::from(hung_up > 0);
            let now = look(&self.gateway.config());
            if !asked && now == self.seen {
                continue;
            }
            self.seen = now;
            self.reload().await;
            // Other files may count from now on: those that are new were read just now.
            let now = look(&self.gateway.config());
            self.seen.retain(|path, _| now.contains_key(path));
            for (path, stamp) in now {
                self.seen.entry(path).or_insert(stamp);
            }
        }
    }

    async fn reload(&self) {
        if let Some(certificate) = &self.certificate
            && let Err(error) = certificate.reload()
        {
            tracing::error!(%error, "the old certificate stays");
        }
        let config = match configuration(&self.globals) {
            Ok(config) => config,
            Err(Failure::Config(errors)) => {
                for error in errors {
                    tracing::error!(%error, "the configuration has a mistake; the old one stays");
                }
                return;
            }
            Err(failure) => {
                tracing::error!(?failure, "the configuration cannot be read; the old one stays");
                return;
            }
        };
        match self.gateway.reload(&config).await {
            Ok(reloaded) => {
                for waiting in &reloaded.waits {
                    tracing::warn!(
                        key = waiting.key,
                        "`{}` waits for a restart: {}",
                        waiting.key,
                        waiting.why
                    );
                }
                tracing::info!(changed = ?reloaded.changed, "configuration reloaded");
            }
            Err(error) => tracing::error!(%error, "the old configuration stays"),
        }
    }
}

fn look(config: &Config) -> SourceStamps {
    let mut files = config.protected_files();
    files.extend(config.server.tls.as_ref().map(|tls| tls.certificate.clone()));
    let stamp = |path: &PathBuf| {
        let metadata = std::fs::metadata(path).ok()?;
        Some((metadata.modified().ok()?, metadata.len()))
    };
    files
        .into_iter()
        .map(|path| {
            let stamp = stamp(&path);
            (path, stamp)
        })
        .collect()
}
