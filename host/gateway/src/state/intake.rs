//! What files come in through.

use loadlock_sandbox::validator::Validator;

use super::copy_turns::CopyTurns;
use super::role_slot::RoleSlot;
use crate::admission::{Digests, Spool};
use crate::session::Sessions;

/// The validator, and where bodies lie.
pub(crate) struct Intake {
    pub(crate) validator: RoleSlot<Validator>,
    pub(crate) spool: Spool,
    pub(crate) sessions: Sessions,
    /// Digests of files that were read before.
    pub(crate) digests: Digests,
    /// Copies that are being made.
    pub(crate) copy_turns: CopyTurns,
}
