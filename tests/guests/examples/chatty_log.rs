//! Writes 64 KiB of log lines to standard error in `upload` and then uploads honestly: innocent, and must succeed.

use guests::Provider;
use guests::honest;
use guests::words::*;

struct Hostile;

impl Provider for Hostile {
    fn upload(file: AdmittedFile, options: UploadOptions) -> Result<RemoteFile, Failure> {
        for line in 0..1024 {
            eprintln!("{line:04} {}", "y".repeat(58));
        }
        honest::upload(&file, &options)
    }
}

guests::provider!(Hostile);
