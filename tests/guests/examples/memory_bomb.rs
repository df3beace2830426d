//! Allocates and touches memory for ever in `upload`: the memory limit must refuse, and the guest then traps.

use guests::Provider;
use guests::words::*;

struct Hostile;

impl Provider for Hostile {
    fn upload(_file: AdmittedFile, _options: UploadOptions) -> Result<RemoteFile, Failure> {
        let mut hoard: Vec<Vec<u8>> = Vec::new();
        loop {
            hoard.push(std::hint::black_box(vec![0xa5; 1024 * 1024]));
        }
    }
}

guests::provider!(Hostile);
