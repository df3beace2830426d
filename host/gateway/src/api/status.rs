//! What the vendor says about a stored file.

use std::time::Duration;

use loadlock_policy::model::{FailureKind, RemoteRef, RemoteStatus};

use crate::error::{Error, ErrorCode, Result};
use crate::state::gateway::Gateway;
use crate::view::File;

/// Longest that whoever asks for a file waits for its vendor.
const ASKING: Duration = Duration::from_secs(5);

impl Gateway {
    /// What the vendor last said about a file.
    pub fn status(&self, file: &File) -> RemoteStatus {
        self.0.providers.statuses.of(&file.provider, &file.remote_id).0
    }

    /// Why the vendor could not process a file, in its own words, if it said so.
    pub fn status_details(&self, file: &File) -> Option<String> {
        self.0.providers.statuses.of(&file.provider, &file.remote_id).1
    }

    /// Asks the vendor whether a file is still there, where it can be asked; one that does not answer says nothing.
    ///
    /// # Errors
    /// [`ErrorCode::ContentUnavailable`] if the vendor says that it is not.
    pub async fn ask_presence(&self, file: &File) -> Result<()> {
        let Ok(unit) = self.0.providers.named(&file.provider) else {
            return Ok(());
        };
        if !unit.profile.can_stat {
            return Ok(());
        }
        let remote = RemoteRef {
            id: file.remote_id.clone(),
            purpose: file.purpose.clone(),
        };
        let Ok(report) = tokio::time::timeout(ASKING, unit.component.stat(&remote)).await else {
            return Ok(());
        };
        unit.called(&report);
        match report.outcome {
            Ok(Err(failure)) if failure.kind == FailureKind::NotFound => Err(Error::new(
                ErrorCode::ContentUnavailable,
                format!("`{}`: {failure}", unit.name),
            )),
            _ => Ok(()),
        }
    }

    /// Asks the vendor about a file that it works on; one that does not answer says nothing new.
    pub async fn ask_status(&self, file: &File) {
        if self.status(file) != RemoteStatus::Processing {
            return;
        }
        let Ok(unit) = self.0.providers.named(&file.provider) else {
            return;
        };
        if !unit.profile.can_stat {
            return;
        }
        let remote = RemoteRef {
            id: file.remote_id.clone(),
            purpose: file.purpose.clone(),
        };
        let Ok(report) = tokio::time::timeout(ASKING, unit.component.stat(&remote)).await else {
            return;
        };
        unit.called(&report);
        if let Ok(Ok(described)) = &report.outcome
            && described.id == file.remote_id
        {
            let why = described.failure.as_deref();
            let statuses = &self.0.providers.statuses;
            statuses.note(&unit.name, &file.remote_id, described.status, why);
        }
    }
}
