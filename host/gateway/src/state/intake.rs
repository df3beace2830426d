//! What files come in through.

use loadlock_sandbox::validator::{ValidationRules, Validator};

use crate::admission::{Digests, Spool};
use crate::session::Sessions;

/// The validator with its rules, and where bodies lie.
pub(crate) struct Intake {
    pub(crate) validator: Validator,
    pub(crate) rules: ValidationRules,
    pub(crate) spool: Spool,
    pub(crate) sessions: Sessions,
    /// Digests of files that were read before.
    pub(crate) digests: Digests,
}
