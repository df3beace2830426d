//! What a component sees of the disk: one admitted file at most, and a directory of its own.
//!
//! This module *is* the `wasi:filesystem` of a sandbox: it implements every function of the interface, so a function
//! that a new version adds does not compile until somebody has decided about it here, and a version that a guest names
//! (0.2.0, 0.2.6 …) resolves to the same code. A grant root and the admitted file are resources of types that
//! wasmtime-wasi does not know: a call that is passed on by mistake traps on the type, it cannot reach a path.
//! Permissions on a real directory handle have been bypassed before (GHSA-2r75-cxrj-cmph, GHSA-4ch3-9j33-3pmj,
//! GHSA-vqjp-4c8c-hfgg); here no such handle is in the sandbox.

mod admitted;
mod arriving;
mod bytes;
mod guard;
mod held;
mod identity;
mod opened;
mod quota;
mod root;
mod stream;
mod visible;
mod watch;
mod written;

pub use admitted::{AdmittedInput, InputError};
pub use arriving::ArrivingFile;
pub use bytes::{FileBytes, Place};
pub use identity::Identity;
pub use opened::{OpenError, OpenedFile};
pub use quota::StateUse;
pub use root::{GrantRoot, Protected, RootError};
pub use watch::{ReadReport, Watch};

pub(crate) use quota::{Quota, Spending};
pub(crate) use stream::pipe_depth;
pub(crate) use visible::{FILES, FilesCtx, FilesView, GuardedFiles};
