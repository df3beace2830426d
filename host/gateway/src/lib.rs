//! The road of an upload through Loadlock, and its durable state.
//!
//! A [`Gateway`] owns `$LOADLOCK_HOME`. Every front door authenticates a caller ([`Gateway::authenticate`]), and the
//! [`Principal`] that it gets is what every other function asks for: there is no second entry point.
//! [`Gateway::upload`] is the one road of an upload; the module `upload` shows its phases in order.
//!
//! `open` puts a gateway together, and is the only module that knows every part of it. `state` holds the parts, each
//! with its own locks; `admission`, `upload`, `recovery`, `maintenance` and `cluster` work with them; `api` is what
//! else front doors call.

mod admission;
mod api;
mod audit;
mod backup;
mod cache_file;
mod clock;
mod cluster;
mod copies;
mod error;
mod fault;
mod forward;
mod hash;
mod home;
mod id;
mod maintenance;
pub mod metrics;
mod open;
mod principal;
mod records;
mod recovery;
mod session;
mod setup;
mod staged;
mod state;
mod swap;
mod upload;
mod view;
mod webhooks;

pub use admission::{AdmittedFile, Arrival, ArrivalFeed, ArrivalWriter, Body, ended_early};
pub use api::audit_tail::{AuditTail, ChainState};
pub use api::copies::{CopyMade, CopyRequest};
pub use api::files::{Content, ListRequest};
pub use api::forward::{ForwardAnswer, ForwardBody, ForwardRequest, ForwardTarget, Forwarding};
pub use api::import::{ImportOutcome, Imported};
pub use api::progress::{Event, Progress, Silent};
pub use api::reload::{Reloaded, WaitingKey};
pub use api::request::{Source, Target, UploadRequest, check_expiry, check_idempotency_key, check_purpose};
pub use api::stage::Announced;
pub use api::webhooks::{DeadLetter, WebhookView};
pub use backup::BackupSummary;
pub use backup::restore::{restore, restore_ledger};
pub use clock::Clock;
pub use cluster::peers::Elsewhere;
pub use error::{Error, ErrorCode, Result};
#[cfg(feature = "fault-points")]
pub use fault::{FAULT_POINTS, MODELLED_ELSEWHERE, die};
pub use home::Home;
pub use loadlock_journal::Callback;
pub use maintenance::fsck::{BalanceSheet, Damaged, NotListed};
pub use maintenance::inventory::Unlisted;
pub use maintenance::reconcile::{ProviderReconciled, Reconcile, Reconciled, Step, StepEnd, Verdict};
pub use maintenance::upkeep::Upkeep;
pub use principal::{Door, Peer, Principal, Scope};
pub use recovery::pass::Settled;
pub use session::{Alone, DataWriter, InUse, NewSession, STAGED_BODY, Session};
pub use setup::auth::{DEFAULT_AUDIENCE, LOCAL_ISSUER, LOCAL_KEY_ID, local_key};
pub use setup::revoked::{revoke, revoked};
pub use setup::{Answering, Builtins, Environment, Judged, LedgerTrial, Setup, judge, try_ledger};
pub use staged::{Allotment, Staged};
pub use state::gateway::Gateway;
pub use swap::record::swapped_components;
pub use swap::{ComponentState, SwapRequest, Swapped};
pub use tokio_util::sync::CancellationToken;
pub use view::{
    CopyStatus, EgressView, EligibleView, File, FileCopy, FilePage, Gauge, Health, Probe, ProviderView, RefusedView,
    RouteView,
};
