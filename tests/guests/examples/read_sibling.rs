//! Tries to open, stat, list, readlink and hash other files of the grant that holds its file (setting `SIBLING`): the
//! host must show the admitted file alone; the failure reports each attempt.

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
        attacks::read_sibling(&file.path, &mut attempts);
        Err(attempts.into_failure())
    }
}

guests::provider!(Hostile);
