//! The path allowlist: what may be named, what is really opened, and that both are the same.
//!
//! Each refusal is checked by its code and by the line that the log has for it.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod callers;
mod configuration;
mod kinds;
mod links;
mod own;
mod roots;
mod swapped;
mod words;

use std::path::{Path, PathBuf};

use loadlock_gateway::{Error, ErrorCode, File, Principal, Silent, Source, UploadRequest};
use loadlock_tests::{Logs, Opened};

/// An open gateway and what it logs about paths.
struct Gate {
    opened: Opened,
    logs: Logs,
}

impl Gate {
    async fn open(world: &loadlock_tests::World) -> Self {
        Self {
            opened: world.open().await,
            logs: Logs::start(),
        }
    }

    /// Uploads and checks that the decision was logged once.
    async fn upload(&self, path: impl AsRef<Path>) -> Result<File, Error> {
        self.upload_as(&self.opened.who, path).await
    }

    async fn upload_as(&self, who: &Principal, path: impl AsRef<Path>) -> Result<File, Error> {
        self.logs.take();
        let request = self.opened.request(path.as_ref());
        let outcome = self.opened.gateway.upload(who, request, &Silent).await;
        let log = self.logs.take();
        let decisions: Vec<_> = log.lines().filter(|line| line.contains("[PATH]")).collect();
        assert_eq!(decisions.len(), 1, "{}: {log}", path.as_ref().display());
        let word = if admitted(&outcome) {
            "[PATH] allowed"
        } else {
            "[PATH] refused"
        };
        assert!(
            decisions[0].contains(word),
            "{}: {}",
            path.as_ref().display(),
            decisions[0]
        );
        assert!(
            decisions[0].contains(who.subject()) && decisions[0].contains(who.tenant()),
            "{}",
            decisions[0]
        );
        outcome
    }

    /// The code that a path is refused with.
    async fn refusal(&self, path: impl AsRef<Path>) -> ErrorCode {
        match self.upload(path.as_ref()).await {
            Ok(file) => panic!("{} was uploaded as {}", path.as_ref().display(), file.filename),
            Err(error) => {
                assert!(!error.hint.is_empty());
                error.code
            }
        }
    }

    /// The bytes that were stored.
    async fn content(&self, file: &File) -> Vec<u8> {
        self.opened.content(&file.id).await.unwrap()
    }
}

/// Whether the path passed; what came after it is not the path's fault.
fn admitted(outcome: &Result<File, Error>) -> bool {
    use ErrorCode as E;
    let path = [
        E::PathNotAllowed,
        E::PathNotFound,
        E::NotARegularFile,
        E::PathNotReadable,
    ];
    !matches!(outcome, Err(error) if path.contains(&error.code))
}

/// A request for a path with no current directory, as a network door makes it.
fn network_request(path: impl Into<PathBuf>) -> UploadRequest {
    UploadRequest::from(Source::Path {
        path: path.into(),
        current_dir: None,
    })
}
