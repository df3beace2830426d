//! What a gateway keeps of swaps in its home.

use loadlock_config::ComponentRef;

use super::kept::KeptComponents;
use super::record::{RecordedComponent, SwapRecords};
use crate::error::Result;
use crate::fault::{self, Point};
use crate::state::gateway::GatewayState;
use crate::state::generation::Generation;

impl GatewayState {
    /// The components that commands put in the place of configured ones.
    ///
    /// # Errors
    /// [`crate::ErrorCode::StateUnavailable`].
    pub(crate) fn swaps(&self) -> Result<SwapRecords> {
        SwapRecords::read(self.config.home.path())
    }

    /// The bytes of components that run.
    pub(crate) fn kept(&self) -> KeptComponents {
        KeptComponents::of(self.config.home.path())
    }

    /// Keeps over a restart what runs in the place of a configured component, and what a rollback goes to. Under
    /// the turn to change.
    ///
    /// # Errors
    /// [`crate::ErrorCode::StateUnavailable`]; then nothing has changed.
    pub(crate) fn note_swap(
        &self,
        key: &str,
        configured: &ComponentRef,
        running: &Generation,
        previous: Option<RecordedComponent>,
    ) -> Result<()> {
        let kept = self.kept();
        let mut swaps = self.swaps()?;
        // What cannot be kept is no way back.
        let is_kept = |component: &RecordedComponent| {
            component.source.starts_with("builtin:") || kept.sync(&component.sha256).is_ok()
        };
        let previous = previous.filter(is_kept);
        if !running.source.starts_with("builtin:") {
            kept.sync(&running.sha256)?;
        }
        fault::at(Point::SwapKept);
        swaps.note(key, configured, running, previous);
        swaps.write(self.config.home.path())?;
        fault::at(Point::SwapRecorded);
        Ok(())
    }
}
