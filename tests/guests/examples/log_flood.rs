//! Writes 100 MiB to standard error in `upload` and then uploads honestly: the host must discard and count what is over
//! its cap, and the upload must succeed.

use std::io::Write;

use guests::Provider;
use guests::honest;
use guests::words::*;

struct Hostile;

impl Provider for Hostile {
    fn upload(file: AdmittedFile, options: UploadOptions) -> Result<RemoteFile, Failure> {
        let line = [b'x'; 64 * 1024];
        for _ in 0..1600 {
            // A log that errors is a broken host: an ordinary guest would panic in `eprintln!`.
            if std::io::stderr().write_all(&line).is_err() {
                std::process::abort();
            }
        }
        honest::upload(&file, &options)
    }
}

guests::provider!(Hostile);
