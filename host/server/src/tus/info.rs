//! What is known of one upload, as its session keeps it; and what follows from it.

use loadlock_gateway::{Error, File, Session};
use serde::{Deserialize, Serialize};

use super::concat::Kind;
use crate::upload_options::UploadOptions;

/// The data file of an upload's bytes.
pub(crate) const DATA: &str = "data";

/// One upload.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Info {
    /// File, part, or made of parts.
    pub(crate) kind: Kind,
    /// Bytes in all, once the client has said so.
    pub(crate) length: Option<u64>,
    /// `Upload-Metadata` as the client sent it.
    pub(crate) metadata: Option<String>,
    /// What it asks for.
    pub(crate) options: UploadOptions,
    /// How far it is.
    pub(crate) state: State,
    /// Bytes that are here.
    #[serde(skip)]
    pub(crate) offset: u64,
    /// When it goes, milliseconds since 1970.
    #[serde(skip)]
    pub(crate) expires_ms: u64,
}

/// How far an upload is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "is", rename_all = "snake_case")]
pub(crate) enum State {
    /// Bytes are missing, or they have not been stored yet.
    Open,
    /// The gateway refused the file when all bytes were there. The next request tries again.
    Failed {
        /// Its code.
        code: String,
    },
    /// A provider has it; the bytes here are gone.
    Stored {
        /// The file's id.
        file: String,
        /// Who has it.
        provider: String,
    },
    /// A part whose bytes went into another upload; the bytes here are gone.
    Joined {
        /// The final upload.
        into: String,
    },
}

impl Info {
    /// Of a session.
    ///
    /// # Errors
    /// One whose state cannot be read.
    pub(crate) fn of(session: &Session) -> Result<Self, Error> {
        let mut info: Self = session.state()?;
        info.expires_ms = session.expires_at_ms().unwrap_or(u64::MAX);
        info.offset = match (&info.state, &info.kind) {
            // Whose bytes are gone had all of them, and so has what is made of parts.
            (State::Stored { .. } | State::Joined { .. }, _) | (_, Kind::Final { .. }) => info.length.unwrap_or(0),
            _ => session.len_of(DATA).unwrap_or(0),
        };
        Ok(info)
    }

    /// Whether every byte is here.
    pub(crate) fn complete(&self) -> bool {
        self.length == Some(self.offset)
    }

    /// Whether the bytes are needed no more.
    pub(crate) fn done(&self) -> bool {
        matches!(self.state, State::Stored { .. } | State::Joined { .. })
    }

    /// Whether it is to be stored as it is.
    pub(crate) fn storable(&self) -> bool {
        self.complete() && !self.done() && self.kind != Kind::Partial
    }

    /// `Upload-Offset` as clients are told.
    ///
    /// Clients take an upload whose offset is its length for stored and send nothing more. So the last byte of a file
    /// is acknowledged when a provider has the file: until then the client is asked for it again, and sending it again
    /// tries again.
    pub(crate) fn acknowledged(&self) -> u64 {
        if self.storable() {
            self.offset.saturating_sub(1)
        } else {
            self.offset
        }
    }

    /// The state as `Loadlock-Status` says it.
    pub(crate) fn status(&self, storing: bool) -> &'static str {
        match self.state {
            _ if storing => "storing",
            State::Stored { .. } => "stored",
            State::Joined { .. } => "joined",
            State::Failed { .. } => "failed",
            State::Open if self.complete() => "received",
            State::Open => "receiving",
        }
    }

    /// Stored as this file.
    pub(crate) fn stored(&mut self, file: &File) {
        self.state = State::Stored {
            file: file.id.clone(),
            provider: file.provider.clone(),
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn info(kind: Kind, offset: u64, length: Option<u64>, state: State) -> Info {
        Info {
            kind,
            length,
            metadata: None,
            options: UploadOptions::default(),
            state,
            offset,
            expires_ms: 0,
        }
    }

    #[test]
    fn the_last_byte_is_acknowledged_when_the_file_is_stored() {
        let stored = State::Stored {
            file: "file".into(),
            provider: "local".into(),
        };
        let failed = State::Failed {
            code: "provider_failed".into(),
        };
        for (kind, offset, length, state, acknowledged) in [
            (Kind::Whole, 4, None, State::Open, 4),
            (Kind::Whole, 4, Some(5), State::Open, 4),
            (Kind::Whole, 5, Some(5), State::Open, 4),
            (Kind::Whole, 5, Some(5), failed, 4),
            (Kind::Whole, 5, Some(5), stored, 5),
            (Kind::Whole, 0, Some(0), State::Open, 0),
            (Kind::Partial, 5, Some(5), State::Open, 5),
        ] {
            let info = info(kind, offset, length, state);
            assert_eq!(info.acknowledged(), acknowledged, "{info:?}");
        }
    }
}
