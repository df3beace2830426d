//! What happens after the answer, and what a crash, a cancelled call or an absent vendor left open.
//!
//! | module | one job |
//! |---|---|
//! | `deliver` | from the journal to the tracker |
//! | `remote_delete` | deletes remote files, while uploads of equal content go on |
//! | `start` | settles what is open at a start |
//! | `pass` | one pass over what is open: no vendor that does not answer holds the others up |
//! | `settle` | what became of one entry that nobody holds any more |
//! | `cancelled` | takes back uploads whose callers were told that they are cancelled |

mod cancelled;
pub(crate) mod deliver;
pub(crate) mod pass;
mod remote_delete;
mod settle;
mod start;
