//! Tries to open `..`, absolute names and `/proc/self/root` through every preopen: the host must refuse each; the
//! failure reports each attempt.

#[path = "../attacks/mod.rs"]
#[allow(dead_code, unused_imports, reason = "one attack of three is used here")]
mod attacks;

use guests::Provider;
use guests::report::Attempts;
use guests::words::*;
use wasip2::filesystem;

struct Hostile;

impl Provider for Hostile {
    fn upload(_file: AdmittedFile, _options: UploadOptions) -> Result<RemoteFile, Failure> {
        let mut attempts = Attempts::new();
        attacks::open_parent(&mut attempts);
        Err(attempts.into_failure())
    }
}

guests::provider!(Hostile);
