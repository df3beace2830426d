//! Upload grants: whoever has a token lets a browser that has none upload one file.
//!
//! A grant is a session of its maker's, so it lasts, expires, counts against the tenant's sessions and is found by
//! nobody else. Its secret is known to its holder alone: a fingerprint is kept. What its holder uploads is its maker's
//! upload, and each use asks first whether the maker's credential would still be accepted.
//!
//! | module | one job |
//! |---|---|
//! | `terms` | what a grant allows, pure |
//! | `granted` | a grant that is used: once |
//! | `door` | making, listing and revoking; `PUT` |

mod door;
mod granted;
mod terms;

pub(crate) use door::{put_routes, routes};
pub(crate) use granted::{Granted, presented};
