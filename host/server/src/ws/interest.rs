//! Which uploads of its tenant a socket hears of.

use std::collections::HashSet;

use crate::notice::{Notice, What};

/// What is watched.
#[derive(Debug, Default)]
pub(super) struct Interest {
    all: bool,
    uploads: HashSet<String>,
}

impl Interest {
    /// Every upload, now and later.
    pub(super) fn watch_all(&mut self) {
        self.all = true;
    }

    /// One upload until it ends.
    pub(super) fn watch(&mut self, upload: String) {
        self.uploads.insert(upload);
    }

    /// Nothing any more.
    pub(super) fn forget_all(&mut self) {
        *self = Self::default();
    }

    /// Not this one any more; says whether it was watched by name.
    pub(super) fn forget(&mut self, upload: &str) -> bool {
        self.uploads.remove(upload)
    }

    /// Whether a notice is for this socket. The last one of an upload ends the interest in it.
    pub(super) fn takes(&mut self, notice: &Notice) -> bool {
        let ended = matches!(notice.what, What::Done { .. } | What::Failed { .. });
        let named = if ended {
            self.uploads.remove(&notice.upload)
        } else {
            self.uploads.contains(&notice.upload)
        };
        self.all || named
    }

    /// Whether this upload is watched.
    pub(super) fn covers(&self, upload: &str) -> bool {
        self.all || self.uploads.contains(upload)
    }

    /// After missed notices: uploads that are not under way any more have ended.
    pub(super) fn keep_only<'a>(&mut self, live: impl Iterator<Item = &'a str>) {
        let live: HashSet<&str> = live.collect();
        self.uploads.retain(|upload| live.contains(upload.as_str()));
    }

    /// Whether anything is watched.
    pub(super) fn any(&self) -> bool {
        self.all || !self.uploads.is_empty()
    }
}
