//! From configuration to a running gateway: components, grants, networks, accounts.

pub(crate) mod auth;
mod forward;
pub(crate) mod issuers;
pub(crate) mod jwk;
mod ledger_trial;
pub(crate) mod loader;
mod network;
mod provider;
pub(crate) mod revoked;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use loadlock_config::{ComponentRef, ComponentSource, Config};
use loadlock_egress::connect::Resolver;
use loadlock_sandbox::files::GrantRoot;
use loadlock_sandbox::{CompileOptions, EngineOptions, LoadError, Sandbox, Source};

use crate::error::{Error, ErrorCode, Result};

pub use ledger_trial::{LedgerTrial, try_ledger};
use loader::Loader;
pub use loader::{Builtins, Environment};
pub(crate) use network::{Needs, network};
pub use provider::{Judged, judge};
pub(crate) use provider::{ProviderLoading, order_of};

/// Before the name of a component of the lock.
const LOCKED: &str = "locked:";

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

    /// What components are loaded with after the start as well.
    pub(crate) fn loader(&self, sandbox: Sandbox, spool: Arc<GrantRoot>) -> Loader {
        Loader {
            sandbox,
            spool,
            env: self.env,
            builtins: self.builtins.clone(),
            resolver: self.resolver.clone(),
            clock: self.clock.clone(),
        }
    }

    /// What a start with this configuration would load by.
    pub(crate) fn of(loader: &Loader, config: &Config) -> Self {
        Self {
            env: loader.env,
            resolver: loader.resolver.clone(),
            clock: loader.clock.clone(),
            ..Self::new(config.clone(), loader.builtins.clone())
        }
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
            ComponentSource::Locked(name) => self.locked(name, component.sha256, sandbox)?,
        };
        Ok(source.pinned(component.sha256.map(hex::encode)))
    }

    /// A component of the lock, from this machine: nothing is fetched here.
    fn locked(&self, name: &str, sha256: Option<[u8; 32]>, sandbox: &Sandbox) -> Result<Source> {
        let refused = |message: String| Error::new(ErrorCode::ComponentRefused, message);
        let digest = sha256.ok_or_else(|| {
            refused(format!("`{LOCKED}{name}` is not in the lock beside the configuration")).hint(format!(
                "add it with `loadlock component add HOST/REPOSITORY --name {name}`"
            ))
        })?;
        let path = self
            .config
            .component_store()
            .join(format!("{}.wasm", hex::encode(digest)));
        if !path.exists() {
            let message = format!(
                "`{LOCKED}{name}` is locked and not on this machine: {} is missing",
                path.display()
            );
            return Err(refused(message).hint("fetch it with `loadlock component pull`"));
        }
        let mut source = Source::read(&path, sandbox.max_component_bytes()).map_err(|error| self::refused(&error))?;
        source.name = format!("{LOCKED}{name}");
        Ok(source)
    }
}

/// A component that is not loaded, as a user reads it.
pub(crate) fn refused(error: &LoadError) -> Error {
    let hint = match error {
        LoadError::Read { .. } => "put the component there, or correct `component`",
        LoadError::TooLarge { .. } => "build it with optimisation and without debug information",
        LoadError::PinMismatch { name, .. } if name.starts_with(LOCKED) => {
            "the file on this machine is damaged; fetch it again with `loadlock component pull`"
        }
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
