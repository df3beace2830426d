//! Blocks for ever on the monotonic clock in `upload`: no CPU is used, so the wall-clock limit must end the call.

use guests::Provider;
use guests::words::*;
use wasip2::clocks::monotonic_clock;

struct Hostile;

impl Provider for Hostile {
    fn upload(_file: AdmittedFile, _options: UploadOptions) -> Result<RemoteFile, Failure> {
        monotonic_clock::subscribe_duration(u64::MAX).block();
        Err(guests::report("woke"))
    }
}

guests::provider!(Hostile);
