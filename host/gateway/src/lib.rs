//! The pipeline of Loadlock and its durable state.
//!
//! A [`Gateway`] owns `$LOADLOCK_HOME`. Every front door authenticates a caller ([`Gateway::authenticate`]), and the
//! [`Principal`] that it gets is what every other function asks for: there is no second entry point.
//! [`Gateway::upload`] is the one road of an upload; the module `pipeline` shows its stages in order.

mod admission;
mod audit;
mod clock;
mod entrance;
mod error;
mod fault;
mod files;
mod gateway;
mod home;
mod id;
mod import;
mod limiter;
pub mod metrics;
mod pages;
mod pipeline;
mod principal;
mod progress;
mod providers;
mod reload;
mod request;
mod session;
mod setup;
mod share;
mod staged;
mod tenants;
mod together;
mod upkeep;
mod view;

pub use admission::{AdmittedFile, Body, Room, ended_early};
pub use clock::Clock;
pub use error::{Error, ErrorCode, Result};
#[cfg(feature = "fault-points")]
pub use fault::{FAULT_POINTS, MODELLED_ELSEWHERE, die};
pub use files::{Content, ListRequest};
pub use gateway::Gateway;
pub use home::Home;
pub use import::{ImportOutcome, Imported};
pub use pipeline::Settled;
pub use principal::{Door, Peer, Principal, Scope};
pub use progress::{Event, Progress, Silent};
pub use request::{Source, Target, UploadRequest};
pub use session::{DataWriter, NewSession, STAGED_BODY, Session};
pub use setup::auth::{DEFAULT_AUDIENCE, LOCAL_ISSUER, LOCAL_KEY_ID, local_key};
pub use setup::{Answering, Builtins, Environment, Judged, Setup, judge};
pub use staged::{Allotment, Staged};
pub use together::Elsewhere;
pub use tokio_util::sync::CancellationToken;
pub use upkeep::{
    BalanceSheet, Gauge, Health, NotListed, ProviderReconciled, Reconcile, Reconciled, Step, StepEnd, Unlisted, Upkeep,
    Verdict,
};
pub use view::{EligibleView, File, FilePage, Probe, ProviderView, RefusedView, RouteView};
