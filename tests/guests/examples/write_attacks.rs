//! Tries to write, truncate, create, rename, link, unlink, symlink and touch under its read-only grant: the host must
//! refuse each; the failure reports each as `name=error-code`.

#[path = "../attacks/mod.rs"]
#[allow(dead_code, unused_imports, reason = "one attack of three is used here")]
mod attacks;

use guests::Provider;
use guests::report::Attempts;
use guests::words::*;
use wasip2::filesystem;

struct Hostile;

impl Provider for Hostile {
    fn upload(file: AdmittedFile, _options: UploadOptions) -> Result<RemoteFile, Failure> {
        let mut attempts = Attempts::new();
        attacks::write_attacks(&file.path, &mut attempts);
        Err(attempts.into_failure())
    }
}

guests::provider!(Hostile);
