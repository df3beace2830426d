//! Which grant a path falls under, as far as that can be decided without touching the disk.
//!
//! The decision here is about words; the file itself is then opened beneath the grant's root, by a handle on it, with a
//! kernel that refuses to leave it (`openat2`), and what was opened is what is checked and read. Neither replaces the
//! other: the words decide who may ask, the kernel decides what is reached.
//!
//! Text is compared byte by byte. On a file system that folds case or normalises Unicode, another spelling of a granted
//! root is not granted; another spelling beneath a root opens the same file beneath the same root, which is harmless.
//! Everything of Loadlock's own (state, spool, keys, configuration) is told apart by directory handles, not here.

mod grant;
mod link;
mod resolve;

pub use grant::{PathGrant, PathGrantError};
pub use link::{FileFacts, HardLinkRefused, HardLinks, check_links};
pub use resolve::{PathDenied, PathRequest, Requester, Resolved, resolve};
