//! What the suites and the process that they kill share.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use std::path::{Path, PathBuf};

use loadlock_config::{MachineFacts, load_with};
use loadlock_gateway::{
    Body, CancellationToken, CopyRequest, Door, Error, Event, Gateway, Principal, Progress, Setup, Silent, Source,
    Target, UploadRequest,
};
use loadlock_sandbox::EngineOptions;
use serde::{Deserialize, Serialize};

mod books;
mod process;

#[cfg(feature = "fault-points")]
pub use books::put_in_place;
pub use books::{Books, Vendor, counts, settled};
pub use process::{End, Victim};

/// What a victim is told to do.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Order {
    /// The configuration file; the home lies beside it, as in [`loadlock_tests::World`].
    pub config: PathBuf,
    /// One after the other; the trace has a line `=` before each.
    pub steps: Vec<Step>,
}

/// One thing to do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Step {
    Upload(Upload),
    Delete {
        id: String,
    },
    /// Deletes what the upload before stored.
    DeleteLast,
    /// Deletes what the first upload stored.
    DeleteFirst,
    /// Puts another component in the place of a provider's.
    Swap {
        name: String,
        source: PathBuf,
    },
    /// Copies what the upload before stored.
    CopyLast {
        to: String,
    },
    /// Uploads and deletes until killed.
    Stream(Stream),
}

/// One upload.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Upload {
    /// None: whichever is best.
    pub provider: Option<String>,
    pub path: PathBuf,
    /// As a request body, through the spool.
    pub body: bool,
    /// And is sent on while it arrives.
    #[serde(default)]
    pub arriving: bool,
    pub key: Option<String>,
    /// The caller gives up once all bytes have gone out.
    pub given_up: bool,
}

/// Gives an upload up once all of it has gone out.
struct GivesUp {
    bytes: u64,
    cancel: CancellationToken,
}

impl Progress for GivesUp {
    fn event(&self, event: Event) {
        if matches!(event, Event::Sent { bytes } if bytes == self.bytes) {
            self.cancel.cancel();
        }
    }
}

/// A load that never ends.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stream {
    pub seed: u64,
    pub at_once: usize,
    pub providers: Vec<String>,
    pub files: Vec<PathBuf>,
}

/// What a victim says about a step, one line each, when it is durable.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Said {
    Open,
    Stored {
        id: String,
        remote_id: String,
        provider: String,
        sha256: String,
    },
    Copied {
        id: String,
        remote_id: String,
    },
    /// A delete is about to be asked for.
    Deleting {
        id: String,
    },
    Deleted {
        id: String,
    },
    Swapped,
    Refused {
        code: String,
        message: String,
    },
}

impl Said {
    pub fn refused(error: &Error) -> Self {
        Self::Refused {
            code: error.code.as_str().to_owned(),
            message: error.message.clone(),
        }
    }
}

/// Copies a file to a provider.
///
/// # Errors
/// The gateway's.
pub async fn copy(gateway: &Gateway, who: &Principal, id: &str, to: &str) -> Result<Said, Error> {
    let request = CopyRequest {
        to: to.to_owned(),
        purpose: None,
        cancel: CancellationToken::new(),
    };
    let made = gateway.copy(who, id, request, &Silent).await?;
    Ok(Said::Copied {
        id: id.to_owned(),
        remote_id: made.file.remote_id,
    })
}

/// Opens the gateway of a configuration file, as a fresh process would.
///
/// # Errors
/// The gateway's.
pub async fn open(config: &Path) -> Result<(Gateway, Principal), Error> {
    let place = config.parent().unwrap();
    let home = place.join("home");
    let facts = MachineFacts {
        cwd: place.join("files"),
        user_home: None,
        data_dir: None,
        config_dir: None,
    };
    let env = vec![("LOADLOCK_HOME".into(), home.clone().into_os_string())];
    let config = load_with(Some(config), env, &facts).unwrap_or_else(|errors| panic!("{errors}"));
    let mut setup = Setup::new(config, loadlock::builtins());
    setup.engine = EngineOptions {
        slots: 12,
        ..EngineOptions::default()
    };
    let gateway = Gateway::open(setup).await?;
    let token = loadlock_tests::token(&home, "local", "tester", "read write delete admin");
    let who = gateway.authenticate(Door::Local, Some(&token)).await?;
    Ok((gateway, who))
}

/// Carries out one upload.
///
/// # Errors
/// The gateway's.
pub async fn upload(gateway: &Gateway, who: &Principal, upload: &Upload) -> Result<Said, Error> {
    let name = upload.path.file_name().unwrap().to_string_lossy().into_owned();
    let mut writing = None;
    let source = if upload.arriving {
        let bytes = std::fs::read(&upload.path).unwrap();
        let (arrival, writer) = gateway.arrive(who, name, None, bytes.len() as u64)?;
        writing = Some((writer, bytes));
        Source::Arriving(arrival)
    } else if upload.body {
        let bytes = std::fs::read(&upload.path).unwrap();
        let chunks: Vec<_> = bytes
            .chunks(16 << 10)
            .map(|chunk| Ok(bytes::Bytes::copy_from_slice(chunk)))
            .collect();
        Source::Body(Body {
            stream: Box::pin(futures::stream::iter(chunks)),
            name,
            media_type: None,
        })
    } else {
        Source::Path {
            path: upload.path.clone(),
            current_dir: None,
        }
    };
    let request = UploadRequest {
        target: upload.provider.clone().map_or(Target::Auto, Target::Pinned),
        idempotency_key: upload.key.clone(),
        ..UploadRequest::from(source)
    };
    let gives_up = GivesUp {
        bytes: std::fs::metadata(&upload.path).unwrap().len(),
        cancel: request.cancel.clone(),
    };
    let progress: &dyn Progress = if upload.given_up { &gives_up } else { &Silent };
    let arriving = async {
        let Some((mut writer, bytes)) = writing else {
            return Ok(());
        };
        for chunk in bytes.chunks(16 << 10) {
            writer.write(bytes::Bytes::copy_from_slice(chunk)).await?;
        }
        writer.finish().await
    };
    let (file, arrived) = tokio::join!(gateway.upload(who, request, progress), arriving);
    arrived?;
    let file = file?;
    Ok(Said::Stored {
        id: file.id,
        remote_id: file.remote_id,
        provider: file.provider,
        sha256: file.sha256,
    })
}
