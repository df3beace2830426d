//! What one call into a component may use, and the counters that enforce it inside the store.

use std::time::Duration;

use wasmtime::ResourceLimiter;

/// Limits of one call. Every one is enforced; the table in `docs/explanation/sandbox.md` names the test that proves it.
///
/// ```
/// use loadlock_sandbox::Limits;
/// let limits = Limits { memory_bytes: 32 << 20, ..Limits::default() };
/// assert!(limits.memory_bytes < Limits::default().memory_bytes);
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// Linear memory in bytes, summed over all memories of the call. wasmtime's own `StoreLimits` counts each memory
    /// alone.
    pub memory_bytes: usize,
    /// Table elements, summed over all tables.
    pub table_elements: usize,
    /// Processor time: guest code and the host code that it calls, without waiting. An upload may use [`CPU_PER_BYTE`]
    /// of the file more: hashing and copying are honest work that grows with it.
    pub cpu: Duration,
    /// Time from the start of the call to its end, waiting included.
    pub wall: Duration,
    /// Bytes of standard error that are kept; more is counted and dropped, never refused.
    pub stderr_bytes: usize,
    /// Bytes that `content` may write to standard output.
    pub stdout_bytes: u64,
    /// Bytes of one set of HTTP fields, incoming or outgoing.
    pub header_bytes: usize,
    /// Bytes that one host call may hand from the guest to the host.
    pub hostcall_bytes: usize,
    /// Bytes that may be in the component's own directory, holes included, and that one call may write there; a name
    /// for each 16 KiB of it, and at least 1,000. `None`: what the disk holds, and it is not counted.
    pub state_bytes: Option<u64>,
    /// Entries in the resource table: descriptors, streams, pollables, requests.
    pub resources: usize,
    /// Calls into this component at once, and as many more that read content; further ones wait within their own
    /// `wall`.
    pub concurrency: usize,
}

/// Processor time that an upload may use for each byte of its file beyond [`Limits::cpu`]: 20 ns, which is 50 MB/s.
/// SHA-256 in a guest runs at some 250 MB/s.
pub const CPU_PER_BYTE: Duration = Duration::from_nanos(20);

impl Default for Limits {
    fn default() -> Self {
        Self {
            memory_bytes: 64 << 20,
            // A Rust component has some hundreds of function-table entries, CPython some tens of thousands.
            table_elements: 100_000,
            cpu: Duration::from_secs(10),
            wall: Duration::from_secs(600),
            stderr_bytes: 64 << 10,
            stdout_bytes: 8 << 30,
            header_bytes: 64 << 10,
            hostcall_bytes: 16 << 20,
            state_bytes: Some(1 << 30),
            resources: 1_024,
            concurrency: 8,
        }
    }
}

/// Which limit ended a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Exhausted {
    /// [`Limits::memory_bytes`].
    Memory,
    /// [`Limits::table_elements`].
    Table,
    /// [`Limits::cpu`].
    Cpu,
    /// [`Limits::wall`].
    Wall,
    /// [`Limits::resources`].
    Resources,
    /// [`Limits::hostcall_bytes`].
    HostCall,
    /// [`Limits::stdout_bytes`].
    Stdout,
    /// The wasm stack.
    Stack,
    /// [`Limits::header_bytes`].
    Headers,
}

impl Exhausted {
    /// The setting that raises the limit, and its name for a person.
    pub fn name(self) -> &'static str {
        match self {
            Self::Memory => "memory",
            Self::Table => "table elements",
            Self::Cpu => "CPU time",
            Self::Wall => "wall-clock time",
            Self::Resources => "open resources",
            Self::HostCall => "bytes in one host call",
            Self::Stdout => "bytes of content",
            Self::Stack => "stack",
            Self::Headers => "header bytes",
        }
    }
}

/// Counts memory and table elements of one store as sums.
#[derive(Debug)]
pub(crate) struct LimitMeter {
    memory_limit: usize,
    table_limit: usize,
    memory: usize,
    tables: usize,
    /// Most memory at once, in bytes.
    pub(crate) memory_peak: usize,
    /// The first limit that a growth met.
    pub(crate) refused: Option<Exhausted>,
}

impl LimitMeter {
    pub(crate) fn new(limits: &Limits) -> Self {
        Self {
            memory_limit: limits.memory_bytes,
            table_limit: limits.table_elements,
            memory: 0,
            tables: 0,
            memory_peak: 0,
            refused: None,
        }
    }
}

impl ResourceLimiter for LimitMeter {
    fn memory_growing(&mut self, current: usize, desired: usize, _maximum: Option<usize>) -> wasmtime::Result<bool> {
        let after = self.memory.saturating_add(desired.saturating_sub(current));
        if after > self.memory_limit {
            self.refused.get_or_insert(Exhausted::Memory);
            return Ok(false);
        }
        self.memory = after;
        self.memory_peak = self.memory_peak.max(after);
        Ok(true)
    }

    fn table_growing(&mut self, current: usize, desired: usize, _maximum: Option<usize>) -> wasmtime::Result<bool> {
        let after = self.tables.saturating_add(desired.saturating_sub(current));
        if after > self.table_limit {
            self.refused.get_or_insert(Exhausted::Table);
            return Ok(false);
        }
        self.tables = after;
        Ok(true)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_summed_over_memories() {
        let mut meter = LimitMeter::new(&Limits {
            memory_bytes: 100,
            ..Limits::default()
        });
        assert!(meter.memory_growing(0, 60, None).is_ok_and(|ok| ok));
        assert!(meter.memory_growing(0, 60, None).is_ok_and(|ok| !ok));
        assert_eq!(meter.refused, Some(Exhausted::Memory));
        assert!(meter.memory_growing(60, 100, None).is_ok_and(|ok| ok));
        assert_eq!(meter.memory_peak, 100);
    }

    #[test]
    fn table_elements_are_summed_over_tables() {
        let mut meter = LimitMeter::new(&Limits {
            table_elements: 10,
            ..Limits::default()
        });
        assert!(meter.table_growing(0, 6, None).is_ok_and(|ok| ok));
        assert!(meter.table_growing(0, 6, None).is_ok_and(|ok| !ok));
        assert_eq!(meter.refused, Some(Exhausted::Table));
    }
}
