//! The pipeline of Loadlock and its durable state.
//!
//! A [`Gateway`] owns `$LOADLOCK_HOME`. Every front door authenticates a caller ([`Gateway::authenticate`]), and the [`Principal`] that it gets is what every other function asks for: there is no second
//! entry point. [`Gateway::upload`] is the one road of an upload; the module `pipeline` shows its stages in order.

mod admission;
mod clock;
mod error;
mod files;
mod gateway;
mod home;
mod id;
mod pipeline;
mod principal;
mod progress;
mod providers;
mod request;
mod setup;
mod view;

pub use admission::{AdmittedFile, Body};
pub use clock::Clock;
pub use error::{Error, ErrorCode, Result};
pub use files::{Content, ListRequest};
pub use gateway::Gateway;
pub use home::Home;
pub use pipeline::Settled;
pub use principal::{Door, Principal, Scope};
pub use progress::{Event, Progress, Silent};
pub use request::{Source, Target, UploadRequest};
pub use setup::auth::{DEFAULT_AUDIENCE, LOCAL_ISSUER, LOCAL_KEY_ID, local_key};
pub use setup::{Builtins, Setup};
pub use view::{EligibleView, File, FilePage, Probe, ProviderView, RefusedView, RouteView};
