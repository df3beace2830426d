//! What every request shares.

use loadlock_gateway::Principal;

use super::problem::Problem;
use crate::app::App;
use crate::grants::Granted;

/// Who asks, and under which grant, if that is all that they have.
pub(crate) struct TusCaller {
    pub(crate) who: Principal,
    pub(crate) granted: Option<Granted>,
}

/// The door, and the gateway behind it.
#[derive(Clone)]
pub(crate) struct Tus {
    pub(crate) app: App,
}

impl Tus {
    /// Bytes of the largest upload.
    pub(crate) fn most(&self) -> u64 {
        self.app.gateway().largest_upload()
    }

    /// Whether an upload of this length may be.
    ///
    /// # Errors
    /// 413.
    pub(crate) fn fits(&self, length: u64) -> Result<(), Problem> {
        if length > self.most() {
            return Err(Problem::too_large(format!(
                "the upload has {length} bytes; at most {} are allowed",
                self.most()
            )));
        }
        Ok(())
    }
}

/// Runs what blocks on the disk.
pub(super) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> std::io::Result<T> + Send + 'static,
) -> Result<T, Problem> {
    let result = tokio::task::spawn_blocking(work).await;
    let result = result.unwrap_or_else(|error| Err(std::io::Error::other(error)));
    result.map_err(|error| Problem::disk(&error))
}
