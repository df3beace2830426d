//! What one store holds, and the linker that connects a component to it.

use wasmtime::Engine;
use wasmtime::component::{Linker, ResourceTable};
use wasmtime_wasi::{WasiCtx, WasiCtxBuilder, WasiCtxView, WasiView};
use wasmtime_wasi_http::{WasiHttpCtx, WasiHttpCtxView, WasiHttpView};

use crate::egress::Hooks;
use crate::files::{FilesCtx, FilesView, GuardedFiles};
use crate::limits::{LimitMeter, Limits};
use crate::log::{ContentPipe, Log};

/// Random bytes that one call to `wasi:random` may ask for.
const MAX_RANDOM: u64 = 1 << 20;

/// The data of one store.
pub(crate) struct CallState {
    wasi: WasiCtx,
    http: WasiHttpCtx,
    table: ResourceTable,
    pub(crate) files: FilesCtx,
    pub(crate) hooks: Hooks,
    pub(crate) meter: LimitMeter,
}

/// Everything that differs between stores.
pub(crate) struct StateParts<'a> {
    pub(crate) limits: &'a Limits,
    /// Environment of the guest.
    pub(crate) environment: &'a [(String, String)],
    pub(crate) files: FilesCtx,
    pub(crate) hooks: Hooks,
    pub(crate) log: Log,
    pub(crate) content: Option<ContentPipe>,
}

impl CallState {
    pub(crate) fn new(parts: StateParts<'_>) -> Self {
        let mut wasi = WasiCtxBuilder::new();
        wasi.envs(parts.environment)
            .max_random_size(MAX_RANDOM)
            .allow_blocking_current_thread(parts.files.blocking)
            .stderr(parts.log.clone());
        match parts.content {
            Some(content) => wasi.stdout(content),
            // Only `content` writes to standard output on purpose; elsewhere it is one more log.
            None => wasi.stdout(parts.log),
        };
        let mut wasi = wasi.build();
        let mut files = parts.files;
        // What it says about blocking is said again for files that are opened by way of the guarded interface.
        files.wasi = wasi.filesystem().clone();
        let mut table = ResourceTable::new();
        table.set_max_capacity(parts.limits.resources);
        let mut http = WasiHttpCtx::new();
        http.set_field_size_limit(parts.limits.header_bytes);
        Self {
            wasi,
            http,
            table,
            files,
            hooks: parts.hooks,
            meter: LimitMeter::new(parts.limits),
        }
    }
}

impl WasiView for CallState {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        WasiCtxView {
            ctx: &mut self.wasi,
            table: &mut self.table,
        }
    }
}

impl WasiHttpView for CallState {
    fn http(&mut self) -> WasiHttpCtxView<'_> {
        WasiHttpCtxView {
            hooks: &mut self.hooks,
            table: &mut self.table,
            ctx: &mut self.http,
        }
    }
}

fn files(state: &mut CallState) -> FilesView<'_> {
    FilesView {
        ctx: &mut state.files,
        table: &mut state.table,
    }
}

/// Everything that a component can import. `wasi:sockets` is not there.
pub(crate) fn linker(engine: &Engine) -> wasmtime::Result<Linker<CallState>> {
    use wasmtime_wasi::p2::bindings::filesystem;
    let mut linker = Linker::new(engine);
    // I/O, clocks, random and standard streams: what an HTTP-only component gets; no filesystem, no sockets.
    wasmtime_wasi::p2::add_to_linker_proxy_interfaces_async(&mut linker)?;
    wasmtime_wasi_http::p2::add_only_http_to_linker_async(&mut linker)?;
    rest_of_cli(&mut linker)?;
    filesystem::preopens::add_to_linker::<_, GuardedFiles>(&mut linker, files)?;
    filesystem::types::add_to_linker::<_, GuardedFiles>(&mut linker, files)?;
    Ok(linker)
}

/// The parts of `wasi:cli` and `wasi:random` that the proxy set leaves out and Rust's, Python's and JavaScript's
/// runtimes import.
fn rest_of_cli(linker: &mut Linker<CallState>) -> wasmtime::Result<()> {
    use wasmtime_wasi::cli::{WasiCli, WasiCliView};
    use wasmtime_wasi::p2::bindings::{cli, random};
    use wasmtime_wasi::random::WasiRandom;
    cli::exit::add_to_linker::<_, WasiCli>(linker, CallState::cli)?;
    cli::environment::add_to_linker::<_, WasiCli>(linker, CallState::cli)?;
    cli::terminal_input::add_to_linker::<_, WasiCli>(linker, CallState::cli)?;
    cli::terminal_output::add_to_linker::<_, WasiCli>(linker, CallState::cli)?;
    cli::terminal_stdin::add_to_linker::<_, WasiCli>(linker, CallState::cli)?;
    cli::terminal_stdout::add_to_linker::<_, WasiCli>(linker, CallState::cli)?;
    cli::terminal_stderr::add_to_linker::<_, WasiCli>(linker, CallState::cli)?;
    random::insecure::add_to_linker::<_, WasiRandom>(linker, |state| state.wasi.random())?;
    random::insecure_seed::add_to_linker::<_, WasiRandom>(linker, |state| state.wasi.random())?;
    Ok(())
}
