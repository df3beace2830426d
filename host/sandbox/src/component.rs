//! Loading components: size, pin, inspection, compilation, types. In that order, and nothing of the component runs
//! before all of it has passed.

use std::borrow::Cow;
use std::path::Path;
use std::sync::Arc;

use loadlock_policy::model::Role;
use tokio::sync::Semaphore;
use tracing::info;
use wasmtime::Engine;
use wasmtime::component::types::ComponentItem;
use wasmtime::component::{InstancePre, Linker, ResourceType};

use crate::compile::{CompileError, CompileOptions, compile};
use crate::contract::calls::{Bind, Instantiate};
use crate::contract::{self, Contract};
use crate::engine::{EngineOptions, Engines, Slots};
use crate::error::LoadError;
use crate::inspect::{ImportVerdict, Inspection, inspect};
use crate::limits::Limits;
use crate::state::{CallState, linker};

/// The bytes of a component and where they came from.
#[derive(Debug, Clone)]
pub struct Source {
    /// For messages: `builtin:local` or a path.
    pub name: String,
    /// The binary.
    pub bytes: Cow<'static, [u8]>,
    /// SHA-256 that it must have, lower-case hexadecimal.
    pub pin: Option<String>,
    /// Built into this program: compiled in this process.
    pub built_in: bool,
}

impl Source {
    /// A component that is part of this program.
    pub fn built_in(name: impl Into<String>, bytes: &'static [u8]) -> Self {
        Self {
            name: name.into(),
            bytes: Cow::Borrowed(bytes),
            pin: None,
            built_in: true,
        }
    }

    /// Reads a component from a file of at most `max_bytes`.
    ///
    /// # Errors
    /// [`LoadError::Read`] or [`LoadError::TooLarge`].
    pub fn read(path: &Path, max_bytes: u64) -> Result<Self, LoadError> {
        let failed = |source| LoadError::Read {
            path: path.to_owned(),
            source,
        };
        let size = std::fs::metadata(path).map_err(failed)?.len();
        let name = path.display().to_string();
        if size > max_bytes {
            return Err(LoadError::TooLarge {
                name,
                size,
                limit: max_bytes,
            });
        }
        Ok(Self {
            name,
            bytes: Cow::Owned(std::fs::read(path).map_err(failed)?),
            pin: None,
            built_in: false,
        })
    }

    /// Requires this digest.
    #[must_use]
    pub fn pinned(mut self, sha256: Option<String>) -> Self {
        self.pin = sha256;
        self
    }
}

/// Engines, linkers and the compiler of a process. Cheap to clone.
#[derive(Clone)]
pub struct Sandbox(Arc<SandboxParts>);

struct SandboxParts {
    engines: Engines,
    pooled_linker: Option<Linker<CallState>>,
    on_demand_linker: Linker<CallState>,
    compile: CompileOptions,
    compilers: Semaphore,
    slots: Slots,
}

/// A component that is ready to be instantiated.
#[derive(Clone)]
pub(crate) struct Loaded {
    pub(crate) inspection: Arc<Inspection>,
    pub(crate) name: String,
    pub(crate) pre: InstancePre<CallState>,
    pub(crate) slots: Slots,
}

impl Loaded {
    /// What an interface of it is called by, in the newest version of the contract that both speak.
    pub(crate) fn bind<B: ?Sized>(
        &self,
        interface: &str,
        of: fn(&Contract) -> Bind<B>,
    ) -> Result<Instantiate<B>, LoadError> {
        let refused = |detail: String| LoadError::Contract {
            name: self.name.clone(),
            detail,
        };
        let contract = self.inspection.speaks(interface).and_then(contract::of);
        let contract = contract.ok_or_else(|| refused(format!("it does not export `{interface}`")))?;
        of(contract)(self.pre.clone()).map_err(|error| refused(format!("{error:#}")))
    }
}

impl Sandbox {
    /// Starts the engines.
    ///
    /// # Errors
    /// If the machine cannot run compiled WebAssembly.
    pub fn new(engine: &EngineOptions, compile: CompileOptions) -> Result<Self, wasmtime::Error> {
        let engines = Engines::new(engine)?;
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        Ok(Self(Arc::new(SandboxParts {
            pooled_linker: engines.pooled.as_ref().map(linker).transpose()?,
            on_demand_linker: linker(&engines.on_demand)?,
            engines,
            compile,
            compilers: Semaphore::new(cores.saturating_sub(1).max(1)),
            slots: Slots::new(engine.slots),
        })))
    }

    /// The largest component that is loaded, in bytes.
    pub fn max_component_bytes(&self) -> u64 {
        self.0.compile.max_bytes
    }

    /// Checks everything that can be known without running the component.
    ///
    /// # Errors
    /// See [`LoadError`].
    pub fn examine(&self, source: &Source, role: Role) -> Result<Inspection, LoadError> {
        let (name, size) = (source.name.clone(), source.bytes.len() as u64);
        let limit = self.0.compile.max_bytes;
        if size > limit {
            return Err(LoadError::TooLarge { name, size, limit });
        }
        if let Some(expected) = &source.pin {
            let found = crate::digest(&source.bytes);
            if !found.eq_ignore_ascii_case(expected) {
                return Err(LoadError::PinMismatch {
                    name,
                    expected: expected.clone(),
                    found,
                });
            }
        }
        let inspection = inspect(&source.bytes).map_err(|source| LoadError::NotAComponent {
            name: name.clone(),
            source,
        })?;
        if inspection.speaks(role.interface()).is_none() {
            return Err(LoadError::WrongWorld {
                name,
                expected: role,
                exports: inspection.exports,
            });
        }
        let refused: Vec<_> = inspection.refused().cloned().collect();
        if refused.is_empty() {
            Ok(inspection)
        } else {
            Err(LoadError::ForbiddenImports { name, imports: refused })
        }
    }

    /// Loads a component for a role.
    pub(crate) async fn load(&self, source: &Source, role: Role, limits: &Limits) -> Result<Loaded, LoadError> {
        let inspection = self.examine(source, role)?;
        let shared = &self.0;
        let pooled = (limits.memory_bytes <= shared.engines.pooled_memory_bytes)
            .then(|| shared.engines.pooled.as_ref().zip(shared.pooled_linker.as_ref()))
            .flatten();
        if let Some((engine, linker)) = pooled {
            match self.prepare(engine, linker, source, &inspection).await {
                Ok(pre) => return Ok(self.loaded(source, inspection, pre)),
                // More memories, tables or instances than a pooled slot has.
                Err(LoadError::Contract { detail, .. }) => {
                    info!(component = %source.name, %detail, "does not fit a pooled slot; instantiating on demand");
                }
                Err(other) => return Err(other),
            }
        }
        let pre = self
            .prepare(&shared.engines.on_demand, &shared.on_demand_linker, source, &inspection)
            .await?;
        Ok(self.loaded(source, inspection, pre))
    }

    fn loaded(&self, source: &Source, inspection: Inspection, pre: InstancePre<CallState>) -> Loaded {
        Loaded {
            inspection: Arc::new(inspection),
            name: source.name.clone(),
            pre,
            slots: self.0.slots.clone(),
        }
    }

    async fn prepare(
        &self,
        engine: &Engine,
        linker: &Linker<CallState>,
        source: &Source,
        inspection: &Inspection,
    ) -> Result<InstancePre<CallState>, LoadError> {
        let name = || source.name.clone();
        let code = {
            let _permit = self.0.compilers.acquire().await;
            compile(
                engine,
                &self.0.compile,
                &source.bytes,
                &inspection.sha256,
                source.built_in,
            )
            .await
            .map_err(|error| match error {
                CompileError::Failed(detail) => LoadError::Compile { name: name(), detail },
                CompileError::Limit(what) => LoadError::CompileLimit { name: name(), what },
            })?
        };
        let contract = |error: wasmtime::Error| LoadError::Contract {
            name: name(),
            detail: format!("{error:#}"),
        };
        // SAFETY: the code was made by this engine or by our own child from the same binary of ours, and the cache
        // holds only files that this user alone can write and whose digest agrees; wasmtime checks version and
        // configuration.
        let component = unsafe { wasmtime::component::Component::deserialize(engine, &code) }.map_err(contract)?;
        if inspection
            .imports
            .iter()
            .all(|import| import.verdict == ImportVerdict::Provided)
        {
            return linker.instantiate_pre(&component).map_err(contract);
        }
        let mut linker = linker.clone();
        for import in inspection
            .imports
            .iter()
            .filter(|import| import.verdict == ImportVerdict::Trapped)
        {
            trap(&mut linker, &component, &import.name).map_err(contract)?;
        }
        linker.instantiate_pre(&component).map_err(contract)
    }
}

/// Stands in for something that a socket would be.
struct NoSocket;

/// Satisfies one imported interface with functions that end the call.
///
/// Not `define_unknown_imports_as_traps`: that looks imports up by their exact name, so for a component built against
/// WASI 0.2.9 it would put traps in the place of every interface that is registered as 0.2.12.
fn trap(
    linker: &mut Linker<CallState>,
    component: &wasmtime::component::Component,
    import: &str,
) -> Result<(), wasmtime::Error> {
    use wasmtime_wasi::p2::{DynInputStream, DynOutputStream, DynPollable};
    let engine = linker.engine().clone();
    let component_type = component.component_type();
    let Some(found) = component_type.get_import(&engine, import) else {
        return Ok(());
    };
    let ComponentItem::ComponentInstance(interface) = found.ty else {
        return Ok(());
    };
    let mut instance = linker.instance(import)?;
    for (name, item) in interface.exports(&engine) {
        match item.ty {
            ComponentItem::ComponentFunc(_) => {
                let called = format!("{import}#{name}");
                instance.func_new(name, move |_, _, _, _| {
                    Err(wasmtime::format_err!(
                        "it called `{called}`, and there are no sockets in the sandbox"
                    ))
                })?;
            }
            ComponentItem::Resource(_) => {
                // Streams and pollables are those of `wasi:io`, or nothing that imports both would load.
                let ty = match name {
                    "input-stream" => ResourceType::host::<DynInputStream>(),
                    "output-stream" => ResourceType::host::<DynOutputStream>(),
                    "pollable" => ResourceType::host::<DynPollable>(),
                    _ => ResourceType::host::<NoSocket>(),
                };
                instance.resource(name, ty, |_, _| Ok(()))?;
            }
            ComponentItem::CoreFunc(_)
            | ComponentItem::Module(_)
            | ComponentItem::Component(_)
            | ComponentItem::ComponentInstance(_)
            | ComponentItem::Type(_) => {}
        }
    }
    Ok(())
}
