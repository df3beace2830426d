//! The internal form of the public contract (`loadlock:upload`), independent of its version.
//!
//! One adapter per contract version converts into these types, and every security check is made on them and nowhere
//! else: a check per version is a check that a new version forgets. Names, variants and order mirror `types.wit` and
//! `provider.wit` one to one; serialised names are those of the contract (kebab case).

mod auth;
mod check;
mod failure;
mod key;
mod profile;
mod remote;
mod role;
mod rules;

pub use auth::SignatureAlgorithm;
pub use check::{MAX_EGRESS_NEEDS, MAX_PURPOSES, MAX_TEXT_BYTES, ProfileError};
pub use failure::{Failure, FailureKind, MAX_MESSAGE_BYTES, MAX_RETRY_AFTER, Reach};
pub use key::{ContentKey, DedupKey};
pub use profile::{
    ContentKind, DeleteSemantics, EgressNeed, Operation, Profile, PurposeProfile, Retention, Treatment, VerifyMethod,
};
pub use remote::{
    ContentInfo, Deletion, MAX_REMOTE_ID_BYTES, RemoteAddress, RemoteError, RemoteFile, RemotePage, RemoteRef,
    RemoteStatus, Unusable,
};
pub use role::Role;
pub use rules::ValidationRules;
