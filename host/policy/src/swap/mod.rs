//! Replacing a component while it is used: whether the new one may take its place, and when the old one comes back.
//!
//! A new generation is compared with the running one ([`shrinks`]) before it is asked for anything. From then on its
//! first calls are watched ([`Trial`]): if too many of them go wrong for a reason of the component's own, the
//! generation before takes its place again, provided that what the component keeps can still be read by it
//! ([`may_return`]).

mod shrink;
mod trial;

#[cfg(test)]
mod exhaustive;

pub use shrink::{Shrinkage, SwapTerms, shrinks};
pub use trial::{CallEnd, Trial, TrialPolicy, TrialStep};

/// Whether a generation may give way to the one before without being asked. What a component keeps in its own directory
/// has a version that the component states; after a change of it, or one of which nobody knows, the older generation
/// could read nonsense. Where nothing is kept there is nothing to read.
///
/// ```
/// use loadlock_policy::swap::may_return;
/// assert!(may_return(Some("1"), Some("1"), true));
/// assert!(!may_return(Some("1"), Some("2"), true));
/// assert!(!may_return(None, None, true));
/// assert!(may_return(None, Some("2"), false));
/// ```
pub fn may_return(before: Option<&str>, after: Option<&str>, keeps: bool) -> bool {
    !keeps || (before.is_some() && before == after)
}
