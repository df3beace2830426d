//! Loadlock's configuration: one TOML file and `LOADLOCK_*` variables, typed, with an origin for every value.
//!
//! [`parse`] is pure: text, variables, [`Facts`] and a look at [`Paths`] come in, a [`Config`] or every
//! [`ConfigError`] comes out. [`load`] reads the real ones. [`SETTINGS`] is the one table that parsing, suggestions,
//! [`explain`] and the [documentation] are made from.
//!
//! No secret is ever in here: credentials are [`Template`]s that name a variable or a file.

mod auth;
mod component;
mod config;
mod credential;
mod docs;
mod egress;
mod error;
mod explain;
mod grants;
mod load;
mod origin;
mod paths;
mod provider;
mod read;
mod sections;
mod server;
mod settings;
mod suggest;
mod template;
mod tenants;
mod url;
mod values;

pub use auth::{Algorithm, Auth, AuthKey, Legacy, SCOPES};
pub use component::{ComponentRef, ComponentSource, Role};
pub use config::{Config, Input, parse};
pub use credential::{Credential, CredentialKind};
pub use docs::documentation;
pub use egress::{EgressGrant, Scheme};
pub use error::{Code, ConfigError, ConfigErrors};
pub use explain::{Explained, explain};
pub use grants::Grant;
pub use load::{MAX_FILE_BYTES, load, load_with};
pub use origin::{Origin, Place};
pub use paths::{Disk, Facts, LookError, PathKind, Paths};
pub use provider::{Connection, Provider};
pub use sections::{Breaker, Limits, Retry, Sandbox, Validator};
pub use server::{Server, TlsFiles};
pub use settings::{ENVIRONMENT, Field, Kind, Preset, SETTINGS, Setting, builtins};
pub use template::{Part, Template};
pub use tenants::Tenant;
pub use values::{Size, UnixTime};
