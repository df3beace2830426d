//! Recurses without end in `upload`: the host must turn the exhausted stack into a trap of this call.

use guests::Provider;
use guests::words::*;

struct Hostile;

impl Provider for Hostile {
    fn upload(_file: AdmittedFile, _options: UploadOptions) -> Result<RemoteFile, Failure> {
        let depth = std::hint::black_box(1);
        Err(guests::report(format!("depth={}", deeper(depth))))
    }
}

guests::provider!(Hostile);

#[inline(never)]
#[allow(
    unconditional_recursion,
    reason = "ends only when the counter wraps, which no stack survives"
)]
fn deeper(depth: u64) -> u64 {
    if depth == 0 {
        return 1;
    }
    // Not a tail call, and nothing on the stack in memory: it is the engine's own stack that runs out.
    deeper(depth.wrapping_add(1)).wrapping_mul(3) ^ depth
}
