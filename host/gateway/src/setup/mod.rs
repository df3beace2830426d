//! From configuration to a running gateway: components, grants, networks, accounts.

pub(crate) mod auth;
mod ledger_trial;
mod network;
mod provider;
pub(crate) mod revoked;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use loadlock_config::{ComponentRef, ComponentSource, Config};
use loadlock_egress::connect::Resolver;
use loadlock_sandbox::{CompileOptions, EngineOptions, LoadError, Sandbox, Source};

use crate::error::{Error, ErrorCode, Result};
use crate::state::live::Environment;

pub use ledger_trial::{LedgerTrial, try_ledger};
pub(crate) use network::{Needs, network};
pub use provider::{Judged, judge};
pub(crate) use provider::{load_provider, order_of};

/// Components that are part of the program, by name.
pub type Builtins = BTreeMap<&'static str, &'static [u8]>;

/// Everything that [`crate::Gateway::open`] needs.
pub struct Setup {
    /// The configuration.
    pub config: Config,
    /// Components for `builtin:NAME`.
    pub builtins: Builtins,
    /// Program and arguments that compile untrusted components; see [`CompileOptions::child`].
    pub compiler: Option<(PathBuf, Vec<String>)>,
    /// Engine sizes.
    pub engine: EngineOptions,
    /// Looks environment variables up for credentials and keys.
    pub env: Environment,
    /// Turns the names of granted hosts into addresses; the operating system does if this is absent.
    pub resolver: Option<Arc<dyn Resolver>>,
    /// Time.
    pub clock: crate::clock::Clock,
    /// Opens the gateway to look at: nothing that an earlier process left behind is settled, delivered or cleaned.
    pub look_only: bool,
    /// Longest that a start waits for a vendor that does not answer about what an earlier process left open.
    pub patience: Duration,
    /// Called once the gateway can be asked, before what an earlier process left open is settled: that may wait for
    /// vendors, and who only wants to look need not.
    pub answering: Option<Answering>,
}

/// See [`Setup::answering`].
pub type Answering = Box<dyn FnOnce(&crate::Gateway) + Send + Sync>;

impl Setup {
    /// With the process's own environment and clock.
    pub fn new(config: Config, builtins: Builtins) -> Self {
        Self {
            config,
            builtins,
            compiler: None,
            engine: EngineOptions::default(),
            env: |name| std::env::var(name).ok().filter(|value| !value.is_empty()),
            resolver: None,
            clock: crate::clock::Clock::default(),
            look_only: false,
            patience: Duration::from_secs(10),
            answering: None,
        }
    }

    /// Starts the engines, with compiled code kept in `cache`.
    ///
    /// # Errors
    /// [`ErrorCode::Internal`] if this machine cannot run compiled WebAssembly.
    pub fn sandbox(&self, cache: Option<PathBuf>) -> Result<Sandbox> {
        let compile = CompileOptions {
            cache,
            child: self.compiler.clone(),
            ..CompileOptions::default()
        };
        Sandbox::new(&self.engine, compile)
            .map_err(|error| Error::new(ErrorCode::Internal, format!("cannot start the sandbox: {error:#}")))
    }

    /// The bytes of a configured component.
    ///
    /// # Errors
    /// [`ErrorCode::ComponentRefused`] if it is not there or too large.
    pub fn source(&self, component: &ComponentRef, sandbox: &Sandbox) -> Result<Source> {
        let source = match &component.source {
            ComponentSource::Builtin(name) => {
                let bytes = self.builtins.get(name.as_str()).ok_or_else(|| {
                    Error::new(
                        ErrorCode::ComponentRefused,
                        format!("there is no built-in component `{name}`"),
                    )
                    .hint(format!(
                        "the built-in ones are {}",
                        self.builtins
                            .keys()
                            .map(|name| format!("`{name}`"))
                            .collect::<Vec<_>>()
                            .join(", ")
                    ))
                })?;
                Source::built_in(format!("builtin:{name}"), bytes)
            }
            ComponentSource::File(path) => {
                Source::read(path, sandbox.max_component_bytes()).map_err(|error| refused(&error))?
            }
        };
        Ok(source.pinned(component.sha256.map(hex::encode)))
    }
}

/// A component that is not loaded, as a user reads it.
pub(crate) fn refused(error: &LoadError) -> Error {
    let hint = match error {
        LoadError::Read { .. } => "put the component there, or correct `component`",
        LoadError::TooLarge { .. } => "build it with optimisation and without debug information",
        LoadError::PinMismatch { .. } => {
            "if the new component is the one you want, pin its digest; `loadlock providers inspect` shows it"
        }
        LoadError::NotAComponent { .. } => "build it with `cargo build --target wasm32-wasip2`",
        LoadError::WrongWorld { .. } => "implement the role's world from `wit/`",
        LoadError::ForbiddenImports { .. } => "build it against stable WASI 0.2 and without other imports",
        LoadError::Compile { .. } | LoadError::CompileLimit { .. } => {
            "validate it with `wasm-tools validate`, or make it smaller"
        }
        LoadError::Contract { .. } => "build it against this version of `wit/`",
    };
    Error::new(ErrorCode::ComponentRefused, error.to_string()).hint(hint)
}
