//! Stored content against the digest of what was uploaded, on its way to whoever reads it.

use std::time::Duration;

use bytes::Bytes;
use loadlock_policy::model::{ContentKind, RemoteRef};
use loadlock_sandbox::provider::Provider;
use loadlock_sandbox::tracker::{RemoteRow, RemoteState};
use sha2::{Digest, Sha256};
use tokio::sync::mpsc::{Receiver, Sender};

use crate::error::answered;
use crate::state::gateway::GatewayState;
use crate::state::provider::ProviderUnit;
use crate::state::read_pool::ReadPlace;

/// What came through, and the last of it, which waits until the rest is known to be right.
pub(crate) struct Followed {
    last: Option<Bytes>,
    digest: Sha256,
}

/// Where content goes while it is followed.
pub(crate) enum Onward<'a> {
    /// It is only looked at.
    Nowhere,
    /// To a client, as fast as that takes it.
    Client(&'a Sender<Bytes>, &'a ReadPlace),
    /// Into memory, up to so many bytes.
    Memory(&'a mut Vec<u8>, u64),
}

impl Onward<'_> {
    /// False if nobody wants more.
    async fn take(&mut self, chunk: Bytes) -> bool {
        match self {
            Self::Nowhere => true,
            Self::Client(to, place) => place.offer(to.send(chunk)).await.is_ok(),
            Self::Memory(kept, most) => {
                kept.extend_from_slice(&chunk);
                kept.len() as u64 <= *most
            }
        }
    }
}

/// Passes content on, one chunk behind. Ends with the source, or when nobody reads any more.
pub(crate) async fn follow(mut from: Receiver<Bytes>, mut to: Onward<'_>) -> Followed {
    let mut followed = Followed {
        last: None,
        digest: Sha256::new(),
    };
    while let Some(chunk) = from.recv().await {
        followed.digest.update(&chunk);
        let ready = followed.last.replace(chunk);
        if let Some(ready) = ready
            && !to.take(ready).await
        {
            break;
        }
    }
    followed
}

impl Followed {
    /// Whether all of it has this digest.
    pub(crate) fn agrees(&self, sha256: &str) -> bool {
        hex::encode(self.digest.clone().finalize()) == sha256
    }

    /// Passes the last chunk on.
    pub(crate) async fn finish(self, to: &Sender<Bytes>) {
        if let Some(last) = self.last {
            // Whoever has gone has no use for it.
            let _ = to.send(last).await;
        }
    }
}

/// What reading a stored file shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ReadThrough {
    /// It is what was uploaded.
    Agrees,
    /// It is not.
    Differs,
    /// It could not be read, or not in time.
    Unread,
    /// Its vendor gives back something else than the bytes, or nothing.
    NotRaw,
}

impl GatewayState {
    /// Reads all of a stored file and compares it with its digest.
    pub(crate) async fn read_through(&self, unit: &ProviderUnit, row: &RemoteRow, within: Duration) -> ReadThrough {
        let raw = |purpose: &loadlock_policy::model::PurposeProfile| purpose.content == ContentKind::Raw;
        if !unit.profile.purpose(&row.key.purpose).is_some_and(raw) {
            return ReadThrough::NotRaw;
        }
        let remote = remote_of(row);
        let (sink, arriving) = Provider::content_channel();
        let reading = async { tokio::join!(unit.component.content(&remote, sink), follow(arriving, Onward::Nowhere)) };
        let Ok((report, followed)) = tokio::time::timeout(within, reading).await else {
            return ReadThrough::Unread;
        };
        unit.called(&report);
        match report.outcome {
            Ok(Ok(_)) if followed.agrees(&row.key.sha256) => ReadThrough::Agrees,
            Ok(Ok(_)) => ReadThrough::Differs,
            _ => ReadThrough::Unread,
        }
    }

    /// Takes note that a stored file is not what was uploaded: it is not given out again, and an upload of the content
    /// stores it anew.
    pub(crate) async fn damaged(&self, provider: &str, account: &str, remote_id: &str) {
        tracing::error!(%provider, %remote_id, "a stored file is not what was uploaded; upload its content again");
        let noted = self.ledger.tracker.observe(
            account.to_owned(),
            remote_id.to_owned(),
            RemoteState::Missing,
            self.clock.wall_ms(),
        );
        if let Err(error) = answered(noted.await) {
            tracing::warn!(%error, "that could not be noted in the ledger");
        }
    }
}

/// A row of the ledger as a provider is asked about it.
pub(crate) fn remote_of(row: &RemoteRow) -> RemoteRef {
    RemoteRef {
        id: row.remote_id.clone(),
        purpose: row.key.purpose.clone(),
    }
}
