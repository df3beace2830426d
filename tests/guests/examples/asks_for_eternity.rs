//! Is limited, and asks to wait for as long as 64 bits can say: the host caps it.

use guests::Provider;
use guests::words::*;

struct Hostile;

impl Provider for Hostile {
    fn upload(_file: AdmittedFile, _options: UploadOptions) -> Result<RemoteFile, Failure> {
        Err(Failure {
            retry_after_ms: Some(u64::MAX),
            ..guests::failure(FailureKind::RateLimited, "come back later")
        })
    }
}

guests::provider!(Hostile);
