//! Loops for ever in `upload` without reading: the CPU budget must end the call, and nothing else.

use guests::Provider;
use guests::words::*;

struct Hostile;

impl Provider for Hostile {
    fn upload(_file: AdmittedFile, _options: UploadOptions) -> Result<RemoteFile, Failure> {
        loop {
            std::hint::black_box(());
        }
    }
}

guests::provider!(Hostile);
