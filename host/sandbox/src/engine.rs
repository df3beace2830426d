//! The engines: one with pooled slots for ordinary components, one on-demand for those too big for the pool, one epoch
//! ticker for each.

use std::sync::Arc;
use std::time::Duration;

use tracing::{info, warn};
use wasmtime::{Config, Engine, InstanceAllocationStrategy, PoolingAllocationConfig};

use crate::budget::TICK;

/// How the engines are sized.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EngineOptions {
    /// Calls at once over all components. The admission semaphore stays below the pool's slots.
    pub slots: u32,
    /// Largest linear memory of a pooled call, in bytes. A component with a larger limit runs on demand.
    pub pooled_memory_bytes: usize,
    /// Use pooled slots. Needs about 4 GiB of address space (not memory) for each; falls back to on-demand where that
    /// cannot be had.
    pub pooling: bool,
}

impl Default for EngineOptions {
    fn default() -> Self {
        Self {
            slots: 256,
            pooled_memory_bytes: 256 << 20,
            pooling: true,
        }
    }
}

/// Slots beyond the admitted calls, for long-lived instances and for stores that are being dropped.
const SPARE_SLOTS: u32 = 32;
/// Core instances, memories and tables that one pooled component may have. A Rust component has 1 to 4 instances.
const CORE_INSTANCES_PER_COMPONENT: u32 = 16;
const TABLES_PER_COMPONENT: u32 = 16;
const MEMORIES_PER_COMPONENT: u32 = 2;
/// The wasm stack, and the fiber that carries it together with the host frames of a call.
const WASM_STACK: usize = 512 << 10;
const FIBER_STACK: usize = 2 << 20;

/// The two engines of a process.
#[derive(Clone)]
pub(crate) struct Engines {
    pub(crate) pooled: Option<Engine>,
    pub(crate) on_demand: Engine,
    pub(crate) pooled_memory_bytes: usize,
}

impl Engines {
    pub(crate) fn new(options: &EngineOptions) -> wasmtime::Result<Self> {
        let on_demand = Engine::new(&base_config())?;
        tick(&on_demand);
        let pooled = if options.pooling {
            match Engine::new(&pooled_config(options)) {
                Ok(engine) => {
                    tick(&engine);
                    Some(engine)
                }
                Err(error) => {
                    // Address space is limited here (`ulimit -v`, a small container): slower, equally safe.
                    warn!(%error, "no address space for pooled sandboxes; instantiating on demand");
                    None
                }
            }
        } else {
            info!("pooled sandboxes are off; instantiating on demand");
            None
        };
        Ok(Self {
            pooled,
            on_demand,
            pooled_memory_bytes: options.pooled_memory_bytes,
        })
    }
}

/// What both engines share: everything that changes compiled code.
pub(crate) fn base_config() -> Config {
    let mut config = Config::new();
    config
        .wasm_component_model(true)
        .epoch_interruption(true)
        .max_wasm_stack(WASM_STACK)
        .async_stack_size(FIBER_STACK)
        // A stack slot is reused by another tenant's call.
        .async_stack_zeroing(true)
        .shared_memory(false)
        .wasm_memory64(false)
        .wasm_multi_memory(true);
    config
}

fn pooled_config(options: &EngineOptions) -> Config {
    let slots = options.slots + SPARE_SLOTS;
    let mut pool = PoolingAllocationConfig::new();
    pool.total_component_instances(slots)
        .total_core_instances(slots * 4)
        .total_memories(slots * 2)
        .total_tables(slots * 4)
        .total_stacks(slots)
        .max_core_instances_per_component(CORE_INSTANCES_PER_COMPONENT)
        .max_memories_per_component(MEMORIES_PER_COMPONENT)
        .max_tables_per_component(TABLES_PER_COMPONENT)
        .max_memories_per_module(MEMORIES_PER_COMPONENT)
        .max_tables_per_module(TABLES_PER_COMPONENT)
        .table_elements(100_000)
        .max_memory_size(options.pooled_memory_bytes)
        // Keep what nearly every call touches resident, so that reuse is a memset and not a page fault.
        .linear_memory_keep_resident(128 << 10)
        .table_keep_resident(16 << 10);
    let mut config = base_config();
    config.allocation_strategy(InstanceAllocationStrategy::Pooling(pool));
    config
}

/// One thread per engine advances the epoch while the engine lives; it holds a weak handle, so dropping the engine ends
/// it.
fn tick(engine: &Engine) {
    let weak = engine.weak();
    let spawned = std::thread::Builder::new()
        .name("loadlock-epoch".into())
        .spawn(move || {
            while let Some(engine) = weak.upgrade() {
                engine.increment_epoch();
                drop(engine);
                std::thread::sleep(TICK);
            }
        });
    if let Err(error) = spawned {
        // Without ticks an endless loop would never yield: better no service than an unbounded guest.
        tracing::error!(%error, "cannot start the epoch thread");
        std::process::abort();
    }
}

/// Admission to an engine: at most [`EngineOptions::slots`] calls at once.
#[derive(Clone, Debug)]
pub(crate) struct Slots(Arc<tokio::sync::Semaphore>);

impl Slots {
    pub(crate) fn new(slots: u32) -> Self {
        Self(Arc::new(tokio::sync::Semaphore::new(slots as usize)))
    }

    /// A slot, or `None` if none came free in time.
    pub(crate) async fn take(&self, wait: Duration) -> Option<tokio::sync::OwnedSemaphorePermit> {
        tokio::time::timeout(wait, self.0.clone().acquire_owned())
            .await
            .ok()
            .and_then(Result::ok)
    }
}
