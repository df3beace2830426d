//! Loadlock's configuration: one TOML file and `LOADLOCK_*` variables, typed, with an origin for every value.
//!
//! [`parse`] is pure: text, variables, [`MachineFacts`] and a look at [`Paths`] come in, a [`Config`] or every
//! [`ConfigError`] comes out. [`load`] reads the real ones. [`SETTINGS`] is the one table that parsing, suggestions,
//! [`explain`] and the [documentation] are made from.
//!
//! Values that a decision takes are policy's own types (grants, retries, rules, templates), with their defaults; this
//! crate adds where each was set. No secret is ever in here: credentials are templates that name a variable or a file.

mod auth;
mod component;
mod config;
mod credential;
mod docs;
mod egress;
mod error;
mod explain;
mod grants;
mod issuer;
mod load;
mod lock;
mod origin;
mod paths;
mod provider;
mod read;
mod sections;
mod server;
mod settings;
mod suggest;
mod tenants;
mod trust;
mod values;
mod webhooks;

pub use auth::{AuthKey, AuthSection, Legacy, SCOPES};
pub use component::{ComponentRef, ComponentSource};
pub use config::{Config, Input, explain, parse};
pub use credential::CredentialSetting;
pub use docs::documentation;
pub use egress::{Egress, EgressRule};
pub use error::{Code, ConfigError, ConfigErrors};
pub use explain::Explained;
pub use grants::Grant;
pub use issuer::IssuerKeySet;
pub use load::{MAX_FILE_BYTES, load, load_with};
pub use lock::{ComponentLock, LockedComponent};
pub use origin::{FilePosition, Provenance};
pub use paths::{DiskPaths, LookError, MachineFacts, PathKind, Paths};
pub use provider::{ConfiguredProvider, Connection};
pub use sections::{SandboxLimits, UploadLimits, ValidatorSection};
pub use server::{ServerSection, TlsPaths};
pub use settings::{ENVIRONMENT, Field, Preset, SETTINGS, Setting, SettingKind, builtins};
pub use tenants::Tenant;
pub use trust::{TrustRule, revoked_keys, trust_for};
pub use values::{Size, UnixTime, parse_sha256};
pub use webhooks::{GRANT_CALLBACK, WEBHOOK_EVENTS, Webhook};
